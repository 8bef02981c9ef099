"""The parts of a snapshot: users, groups, and the groups that were asked for."""

from __future__ import annotations

from attrs import frozen

from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from ...models import APP_ACCOUNT, MANAGED_EXTERNALLY

ADMIN_ACCESS = frozenset({"admin", "site-admin"})


@public
@frozen(kw_only=True)
class SnapshotUser(VersionTolerantPickle):
    """A member of a group, as the server described them.

    Attributes:
        account_id: the account id.
        name: the display name, otherwise the public name; None if the server sent neither.
        email: the e-mail; None for apps, and if the user hides it.
        account_type: ``atlassian`` or ``app``; None if the server did not say.
        is_guest: whether the user is a guest of the site; None if the server did not say.
        status: ``active`` or another value; None if the server did not say.
    """

    account_id: str
    name: str | None = None
    email: str | None = None
    account_type: str | None = None
    is_guest: bool | None = None
    status: str | None = None

    @property
    def is_app(self) -> bool | None:
        """Whether this is an app instead of a person; None if the server did not say."""
        return None if self.account_type is None else self.account_type == APP_ACCOUNT


@public
@frozen(kw_only=True)
class SnapshotGroup(VersionTolerantPickle):
    """A group with its listed members.

    Attributes:
        id: the group's id.
        name: the group's name; not unique.
        type: ``group`` so far; None if the server did not say.
        managed_by: who manages the group, such as ``EXTERNAL``; None if the server did not say.
        access: the access that the group gives: ``user``, ``admin``, ``site-admin``; None if it is unknown.
        members: the account ids of the listed members, in order.
        is_complete: whether ``members`` has every listed member.
        known_by: how it is known that the list is complete, or why it is not, in words.
        read_at: when reading the members began, in ISO 8601 (UTC): the list is not older than that.
        stated_total: the number of members that the server stated; None if it stated none, as for a small group. It may
            count members who are not listed, such as deactivated ones.
        unidentified: the number of members whom the server listed without an account id; they are not in ``members``.
    """

    id: str
    name: str
    type: str | None = None
    managed_by: str | None = None
    access: tuple[str, ...] | None = ()
    members: tuple[str, ...] = ()
    is_complete: bool = True
    known_by: str
    read_at: str
    stated_total: int | None = None
    unidentified: int = 0

    @property
    def unlisted(self) -> int:
        """How many members more than the listed ones the server stated; 0 if it stated no total."""
        return max(0, (self.stated_total or 0) - len(self.members) - self.unidentified)

    @property
    def is_externally_managed(self) -> bool | None:
        """Whether an identity provider manages the members; None if the server did not say."""
        return None if self.managed_by is None else self.managed_by == MANAGED_EXTERNALLY

    @property
    def gives_admin(self) -> bool:
        """Whether the group is known to give admin rights."""
        return not ADMIN_ACCESS.isdisjoint(self.access or ())


@public
@frozen(kw_only=True)
class Selection(VersionTolerantPickle):
    """The groups that a snapshot was asked for: all groups, or the union of two lists.

    Attributes:
        all_groups: whether all groups were asked for.
        access: the types of access: every group that gives one of them was asked for.
        group_ids: the ids of groups that were asked for by id or name.
    """

    all_groups: bool = True
    access: tuple[str, ...] = ()
    group_ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.all_groups:
            return "all groups"
        named = f"{len(self.group_ids)} named group{'s' * (len(self.group_ids) != 1)}" if self.group_ids else ""
        access = f"the groups that give the access {', '.join(self.access)}" if self.access else ""
        return " and ".join(filter(None, (access, named)))
