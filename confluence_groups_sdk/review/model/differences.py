"""The differences between two snapshots."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from .snapshot import Snapshot


@public
class DifferenceKind(StrEnum):
    """What is different."""

    JOINED = "joined"
    """The user is a member now, and was not before."""
    LEFT = "left"
    """The user was a listed member, and is not listed any more: they left, or were deactivated."""
    NEW_GROUP = "new-group"
    """The group did not exist before."""
    DELETED_GROUP = "deleted-group"
    """The group does not exist any more."""
    SELECTED_GROUP = "selected-group"
    """The group gives an access that the first snapshot asked for, and did not before: it is new, or gives more now."""
    UNSELECTED_GROUP = "unselected-group"
    """The group gave an access that the second snapshot asked for, and does not any more."""
    RENAMED_GROUP = "renamed-group"
    """The group has another name."""
    CHANGED_ACCESS = "changed-access"
    """The group gives other access."""
    CHANGED_MANAGEMENT = "changed-management"
    """Somebody else manages the group, such as an identity provider."""
    GAINED_ACCESS = "gained-access"
    """The user has a type of access through some group, and had it through none of the groups before."""
    LOST_ACCESS = "lost-access"
    """The user had a type of access through some group, and has it through none of the groups any more."""


@public
@frozen(kw_only=True)
class Difference(VersionTolerantPickle):
    """One difference between two snapshots.

    Attributes:
        kind: what is different.
        group_id: the group's id; None if a person's access is different.
        group: the group's name in the later snapshot that has it; None if a person's access is different.
        account_id: the user's account id; None if a group is different.
        name: the user's name; None if a group is different, or if the name is unknown.
        email: the user's e-mail, if they show it.
        access: the access that the group gives, or the type of access that a person gained or lost; None if it is
            unknown.
        before: the former value, such as a name; None if there is none.
        after: the present value, such as a name; None if there is none.
    """

    kind: DifferenceKind
    group_id: str | None = None
    group: str | None = None
    account_id: str | None = None
    name: str | None = None
    email: str | None = None
    access: tuple[str, ...] | None = ()
    before: str | None = None
    after: str | None = None


@public
@frozen(kw_only=True)
class NotCompared(VersionTolerantPickle):
    """A group of which something is not known in one of the snapshots.

    Attributes:
        group_id: the group's id.
        group: the group's name.
        why: what could not be compared, and why.
        is_failure: whether reading failed; otherwise the group was not asked for.
    """

    group_id: str
    group: str
    why: str
    is_failure: bool


@public
@frozen(kw_only=True)
class SnapshotDiff(VersionTolerantPickle):
    """All differences between two snapshots of a site.

    Attributes:
        before: the first snapshot.
        after: the second snapshot.
        differences: the differences: of groups, then of memberships, then of people's access.
        not_compared: the groups that could not be compared completely.
    """

    before: Snapshot
    after: Snapshot
    differences: tuple[Difference, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()

    def of(self, *kinds: DifferenceKind) -> tuple[Difference, ...]:
        """Return the differences of these kinds."""
        return tuple(each for each in self.differences if each.kind in kinds)

    @property
    def is_empty(self) -> bool:
        """Whether no difference was found; groups that could not be compared may still have some."""
        return not self.differences

    @property
    def is_complete(self) -> bool:
        """Whether every group that was asked for could be compared."""
        return not any(each.is_failure for each in self.not_compared)

    @property
    def joined(self) -> tuple[Difference, ...]:
        """The memberships that only the second snapshot has, those in new groups too."""
        return self.of(DifferenceKind.JOINED)

    @property
    def left(self) -> tuple[Difference, ...]:
        """The memberships that only the first snapshot has, those in deleted groups too."""
        return self.of(DifferenceKind.LEFT)

    @property
    def new_groups(self) -> tuple[Difference, ...]:
        """The groups that did not exist before."""
        return self.of(DifferenceKind.NEW_GROUP)

    @property
    def deleted_groups(self) -> tuple[Difference, ...]:
        """The groups that do not exist any more."""
        return self.of(DifferenceKind.DELETED_GROUP)

    @property
    def changed_access(self) -> tuple[Difference, ...]:
        """The groups that give other access."""
        return self.of(DifferenceKind.CHANGED_ACCESS)
