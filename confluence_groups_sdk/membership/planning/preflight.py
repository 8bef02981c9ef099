"""A check of one change before it is made: with the guards that plans have, and only the calls that they need."""

from attrs import frozen

from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from ...client import ConfluenceGroups
from ...models import Group, User
from ..model.changes import Action, Change, SkippedChange
from ..model.guards import Guards
from .guard_evaluation import evaluate
from .snapshot import GroupSnapshot, Member, member_from_user, read_access, read_members


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
    """Check one change with the guards of plans; the group's members are read only if it gives admin rights.

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
    decision = evaluate(
        guards, [change], {group.id: _snapshot(client, action, group, user)}, client.current_user().account_id
    )
    return Preflight(
        change=decision.changes[0] if decision.changes else change,
        group=group,
        user=user,
        refusal=decision.refused[0] if decision.refused else None,
        is_member=client.is_member(group_id=group.id, account_id=user.account_id),
    )


def _snapshot(client: ConfluenceGroups, action: Action, group: Group, user: User) -> GroupSnapshot:
    """Read what the guards need: the access for a removal, and all members if the group gives admin rights."""
    members: dict[str, Member] = {user.account_id: member_from_user(user)}
    access = frozenset[str]() if action is Action.ADD else _read_access_of(client, group.id)
    snapshot = GroupSnapshot(group, members, access)
    if not snapshot.gives_admin:
        return snapshot
    listed = read_members(client, group.id)
    return GroupSnapshot(group, {**listed, **members}, access, unidentified=listed.unidentified)


def _read_access_of(client: ConfluenceGroups, group_id: str) -> frozenset[str] | None:
    access = read_access(client)
    return None if access is None else access.get(group_id, frozenset())
