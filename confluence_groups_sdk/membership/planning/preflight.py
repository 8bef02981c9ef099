"""A check of one change before it is made: with the guards that plans have, and only the calls that they need."""

from attrs import frozen

from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from ...client import ConfluenceGroups
from ...models import Group, User
from ..model.changes import Action, Change, SkippedChange
from ..model.guards import Guards
from .guard_evaluation import evaluate, needs_access
from .reading.access import AccessReader
from .reading.caller import read_caller
from .reading.read_errors import READ_ERRORS, concerns_site
from .snapshot import GroupSnapshot, Members, member_from_user

PAGE_SIZE = 200  # members


@public
@frozen(kw_only=True)
class Preflight(VersionTolerantPickle):
    """One change and the facts that decide about it.

    Attributes:
        change: the change.
        group: its group.
        user: its user.
        refusal: the refusal by a guard; None if the guards allow the change.
        is_member: whether the user is in the group now.
    """

    change: Change
    group: Group
    user: User
    refusal: SkippedChange | None
    is_member: bool

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to change."""
        return self.is_member is (self.change.action is Action.ADD)


@public
def check_change(client: ConfluenceGroups, action: Action, group: Group, user: User, guards: Guards) -> Preflight:
    """Check one change with the guards of plans.

    For a removal, up to 200 members of the group are read, and more until another person is among them. The access
    that the group gives is read only if there is no other person, if the caller is to be removed, or if the members
    cannot be read: they matter only if the group gives admin rights.

    Args:
        client: reads the facts.
        action: the kind of change.
        group: the group.
        user: the user to remove or add.
        guards: the guards and their overrides.

    Raises:
        APIError, IncompleteReadError: something could not be read.
    """
    change = Change(
        action=action,
        group_id=group.id,
        group_name=group.name,
        account_id=user.account_id,
        display_name=user.display_name or user.public_name,
        account_type=user.account_type,
    )
    caller = read_caller(client).account_id
    snapshot, is_member = _read_facts(client, change, group, user, caller)
    decision = evaluate(guards, [change], {group.id: snapshot}, caller)
    return Preflight(
        change=decision.changes[0] if decision.changes else change,
        group=group,
        user=user,
        refusal=decision.refused[0] if decision.refused else None,
        is_member=is_member or client.is_member(group_id=group.id, account_id=user.account_id),
    )


def _read_facts(
    client: ConfluenceGroups, change: Change, group: Group, user: User, caller: str
) -> tuple[GroupSnapshot, bool]:
    """Read the facts that the guards need, and whether the members read for this show that the user is a member."""
    alone = GroupSnapshot(group, {user.account_id: member_from_user(user)})
    if change.action is Action.ADD:
        return alone, False
    access = AccessReader(client)
    try:
        members, is_member = _read_first_members(client, group.id, user)
    except READ_ERRORS as error:
        if concerns_site(error) or (known := access.complete({group.id: alone})[group.id]).gives_admin:
            raise
        return known, False
    snapshot = GroupSnapshot(group, {**members, **alone.members})
    if not needs_access([change], {group.id: snapshot}, caller):
        return snapshot, is_member
    return access.complete({group.id: snapshot})[group.id], is_member


def _read_first_members(client: ConfluenceGroups, group_id: str, user: User) -> tuple[Members, bool]:
    """Read members of a group until the guards need no more of them, and say whether they include the user.

    Up to 200 of them are read to find the user, because most servers send so many with one call.
    """
    read: list[User] = []
    is_member = is_other_person = False
    for number, member in enumerate(client.iter_members(group_id=group_id, page_size=PAGE_SIZE), 1):
        read.append(member)
        is_member = is_member or member.account_id == user.account_id
        is_other_person = is_other_person or (member.account_id != user.account_id and not member.is_app)
        if is_other_person and (is_member or number >= PAGE_SIZE):
            break
    return Members.of(read), is_member
