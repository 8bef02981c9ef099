"""Compare two snapshots. Nothing is claimed that the snapshots do not show.

Whether somebody joined a group is only known if the first snapshot has all its members, and whether somebody left it
only if the second one has. A group that one of the snapshots was not asked for is neither new nor deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from attrs import define, evolve, field

from .._support.public import public
from ..errors import ReviewError
from .model.differences import Difference, DifferenceKind, NotCompared, SnapshotDiff
from .model.snapshot import Snapshot
from .model.snapshot_parts import SnapshotGroup, SnapshotUser

UNKNOWN = "unknown"


@public
def diff(before: Snapshot, after: Snapshot) -> SnapshotDiff:
    """Compare two snapshots of a site.

    Args:
        before: the first snapshot.
        after: the second snapshot.

    Raises:
        ReviewError: the snapshots are of different sites, have no group in common because they were asked for
            different ones, are in the wrong order, or overlap: then the second one may have read a group before the
            first one did.
    """
    _check_order(before, after)
    if not _can_share_groups(before, after):
        raise ReviewError("the snapshots were asked for different groups, so nothing can be compared")
    comparison = _Comparison(before, after)
    comparison.compare()
    return SnapshotDiff(
        before=before,
        after=after,
        differences=(*comparison.groups, *comparison.memberships, *_compare_people(before, after)),
        not_compared=tuple(comparison.not_compared),
    )


def _check_order(before: Snapshot, after: Snapshot) -> None:
    """Check that two snapshots of a site were taken one after the other.

    Raises:
        ReviewError: they were not, or are of different sites.
    """
    if before.site != after.site:
        raise ReviewError(f"the snapshots are of different sites: {before.site} and {after.site}")
    if before.started_at > after.started_at:
        raise ReviewError(
            f"the first snapshot ({before.started_at}) is newer than the second one ({after.started_at}): swap them"
        )
    if before.ended_at > after.started_at and before.digest != after.digest:
        raise ReviewError(
            f"the snapshots overlap: the first one ended at {before.ended_at}, after the second one began at "
            f"{after.started_at}: compare snapshots that were taken one after the other"
        )


def _can_share_groups(before: Snapshot, after: Snapshot) -> bool:
    """Check whether a group can be part of both selections."""
    one, other = before.selection, after.selection
    return (
        one.all_groups
        or other.all_groups
        or not set(one.access).isdisjoint(other.access)
        or not {group.id for group in before.groups}.isdisjoint(group.id for group in after.groups)
    )


@define
class _Comparison:
    before: Snapshot
    after: Snapshot
    groups: list[Difference] = field(factory=list)
    memberships: list[Difference] = field(factory=list)
    not_compared: list[NotCompared] = field(factory=list)

    def compare(self) -> None:
        """Compare all groups, in the order of their names."""
        old = {group.id: group for group in self.before.groups}
        new = {group.id: group for group in self.after.groups}
        named = {group_id: (group.name, group_id) for group_id, group in (old | new).items()}
        for group_id in sorted(named, key=named.__getitem__):
            if group_id not in old:
                self._compare_added(new[group_id])
            elif group_id not in new:
                self._compare_missing(old[group_id])
            else:
                self._compare_group(old[group_id], new[group_id])

    def _compare_added(self, group: SnapshotGroup) -> None:
        if self.before.selection.all_groups:
            self._add_group(DifferenceKind.NEW_GROUP, group)
            self._add_members(DifferenceKind.JOINED, group, group.members, self.after)
        elif access := _access_asked_for(group, self.before):
            self._add_group(DifferenceKind.SELECTED_GROUP, group, after=format_access(access))
        else:
            self._skip(group, "the first snapshot was not asked for this group", is_failure=False)
            return
        if not group.is_complete:
            self._skip(group, f"the second snapshot may lack members: {group.known_by}", is_failure=True)

    def _compare_missing(self, group: SnapshotGroup) -> None:
        if self.after.selection.all_groups:
            self._add_group(DifferenceKind.DELETED_GROUP, group)
            self._add_members(DifferenceKind.LEFT, group, group.members, self.before)
        elif access := _access_asked_for(group, self.after):
            self._add_group(DifferenceKind.UNSELECTED_GROUP, group, before=format_access(access))
        else:
            self._skip(group, "the second snapshot was not asked for this group", is_failure=False)
            return
        if not group.is_complete:
            self._skip(group, f"the first snapshot may lack members: {group.known_by}", is_failure=True)

    def _compare_group(self, old: SnapshotGroup, new: SnapshotGroup) -> None:
        if old.name != new.name:
            self._add_group(DifferenceKind.RENAMED_GROUP, new, before=old.name, after=new.name)
        if old.access is None or new.access is None:
            if old.access != new.access:
                self._skip(new, "the access that it gives is unknown in one of the snapshots", is_failure=True)
        elif set(old.access) != set(new.access):
            before, after = format_access(old.access), format_access(new.access)
            self._add_group(DifferenceKind.CHANGED_ACCESS, new, before=before, after=after)
        if old.managed_by and new.managed_by and old.managed_by != new.managed_by:
            self._add_group(DifferenceKind.CHANGED_MANAGEMENT, new, before=old.managed_by, after=new.managed_by)
        before_members, after_members = set(old.members), set(new.members)
        if old.is_complete:
            self._add_members(DifferenceKind.JOINED, new, after_members - before_members, self.after)
        else:
            self._skip(new, f"who joined is unknown: the first snapshot may lack members: {old.known_by}")
        if new.is_complete:
            former = evolve(old, name=new.name)
            self._add_members(DifferenceKind.LEFT, former, before_members - after_members, self.before)
        else:
            self._skip(new, f"who left is unknown: the second snapshot may lack members: {new.known_by}")

    def _add_group(
        self, kind: DifferenceKind, group: SnapshotGroup, *, before: str | None = None, after: str | None = None
    ) -> None:
        self.groups.append(
            Difference(kind=kind, group_id=group.id, group=group.name, access=group.access, before=before, after=after)
        )

    def _add_members(
        self, kind: DifferenceKind, group: SnapshotGroup, account_ids: Iterable[str], snapshot: Snapshot
    ) -> None:
        users = sorted((snapshot.users[account_id] for account_id in account_ids), key=_by_name)
        self.memberships += [
            Difference(
                kind=kind,
                group_id=group.id,
                group=group.name,
                account_id=user.account_id,
                name=user.name,
                email=user.email,
                access=group.access,
            )
            for user in users
        ]

    def _skip(self, group: SnapshotGroup, why: str, *, is_failure: bool = True) -> None:
        self.not_compared.append(NotCompared(group_id=group.id, group=group.name, why=why, is_failure=is_failure))


def format_access(access: tuple[str, ...] | None) -> str:
    """Format the access that a group gives, such as ``admin, user``; ``none`` if it gives none."""
    return UNKNOWN if access is None else ", ".join(sorted(access)) or "none"


def _access_asked_for(group: SnapshotGroup, snapshot: Snapshot) -> tuple[str, ...]:
    """Return the types of access that this group gives and by which a snapshot asked for groups."""
    return tuple(each for each in group.access or () if each in snapshot.selection.access)


def _compare_people(before: Snapshot, after: Snapshot) -> Iterator[Difference]:
    """Yield the types of access that people gained or lost; only those of which both snapshots know everything."""
    old, new = _people_with_access(before), _people_with_access(after)
    for access in sorted(old.keys() | new.keys()):
        known_before, known_after = _knows_access(before, access), _knows_access(after, access)
        if known_before and _covers_access(after, access):
            yield from _access_differences(DifferenceKind.GAINED_ACCESS, access, new[access] - old[access], after)
        if known_after and _covers_access(before, access):
            yield from _access_differences(DifferenceKind.LOST_ACCESS, access, old[access] - new[access], before)


def _access_differences(
    kind: DifferenceKind, access: str, account_ids: set[str], snapshot: Snapshot
) -> Iterator[Difference]:
    for user in sorted((snapshot.users[account_id] for account_id in account_ids), key=_by_name):
        yield Difference(kind=kind, account_id=user.account_id, name=user.name, email=user.email, access=(access,))


def _people_with_access(snapshot: Snapshot) -> defaultdict[str, set[str]]:
    """Return the account ids of the members of the groups that give each type of access."""
    people: defaultdict[str, set[str]] = defaultdict(set)
    for group in snapshot.groups:
        for access in group.access or ():
            people[access].update(group.members)
    return people


def _covers_access(snapshot: Snapshot, access: str) -> bool:
    """Check whether a snapshot was asked for every group that gives this access, and knows which groups these are."""
    asked = snapshot.selection.all_groups or access in snapshot.selection.access
    return asked and all(group.access is not None for group in snapshot.groups)


def _knows_access(snapshot: Snapshot, access: str) -> bool:
    """Check whether a snapshot has every member of every group that gives this access."""
    giving = (group for group in snapshot.groups if access in (group.access or ()))
    return _covers_access(snapshot, access) and all(group.is_complete for group in giving)


def _by_name(user: SnapshotUser) -> tuple[str, str]:
    return (user.name or "").casefold(), user.account_id
