"""One change, looked at before it is made: by the same guards as a plan, with as few calls as they need."""

from __future__ import annotations

from attrs import frozen

from ..client import ConfluenceGroups
from ..models import Group, User
from .changes import Action, Change, Omission
from .guards import Guards
from .live import Membership, Person, access_of_groups, members_of, person_of


@frozen(kw_only=True)
class Single:
    """One change, and what speaks for and against it.

    Attributes:
        change: what is to be done.
        group: that it is about.
        user: whom it is about.
        refusal: by a guard; None where none forbids it.
        is_member: whether the user is in the group now.
    """

    change: Change
    group: Group
    user: User
    refusal: Omission | None
    is_member: bool

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to do."""
        return self.is_member is (self.change.action is Action.ADD)


def consider(client: ConfluenceGroups, action: Action, group: Group, user: User, guards: Guards) -> Single:
    """Look at one change; the group's members are read only where it gives admin rights.

    Raises:
        APIError, IncompleteReadError: something could not be read.
    """
    people: dict[str, Person] = {user.account_id: person_of(user)}
    access = frozenset[str]() if action is Action.ADD else _access(client, group.id)
    membership = Membership(group, people, access)
    if membership.gives_admin:
        membership = Membership(group, {**members_of(client, group.id), **people}, access)
    change = Change(
        action=action,
        group_id=group.id,
        group_name=group.name,
        account_id=user.account_id,
        display_name=user.display_name or user.public_name,
        account_type=user.account_type,
    )
    verdict = guards.judge([change], {group.id: membership}, client.current_user().account_id)
    return Single(
        change=verdict.changes[0] if verdict.changes else change,
        group=group,
        user=user,
        refusal=verdict.refused[0] if verdict.refused else None,
        is_member=client.is_member(group_id=group.id, account_id=user.account_id),
    )


def _access(client: ConfluenceGroups, group_id: str) -> frozenset[str] | None:
    access = access_of_groups(client)
    return None if access is None else access.get(group_id, frozenset())
