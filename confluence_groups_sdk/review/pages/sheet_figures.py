"""What the page of a sheet says first: totals, people and groups to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from attrs import frozen

from ..model.sheet_row import SheetRow
from ..model.snapshot import Snapshot
from ..model.snapshot_parts import ADMIN_ACCESS, SnapshotGroup, SnapshotUser

ACTIVE = "active"
MAX_PEOPLE = 20
SMALL = 1
"""The number of members up to which a group is small."""


@frozen
class Person:
    """A member of groups of the sheet.

    Attributes:
        user: the user.
        groups: their groups.
    """

    user: SnapshotUser
    groups: Sequence[SnapshotGroup]

    @property
    def admin_groups(self) -> list[SnapshotGroup]:
        """The groups by which they are admins."""
        return [group for group in self.groups if group.gives_admin]

    @property
    def access(self) -> set[str]:
        """The types of access that they have by these groups."""
        return {each for group in self.groups for each in group.access or ()}

    @property
    def is_admin(self) -> bool:
        """Whether one of the groups is known to give admin rights."""
        return not ADMIN_ACCESS.isdisjoint(self.access)


@frozen
class Figures:
    """The groups and people of a sheet.

    Attributes:
        size: the number of memberships.
        is_whole: whether the sheet has every membership of the snapshot, so that groups without members belong to it.
        groups: the groups of the sheet, in the order of their names.
        people: the members in the order of their names.
    """

    size: int
    is_whole: bool
    groups: Sequence[SnapshotGroup]
    people: Sequence[Person]

    @classmethod
    def of(cls, snapshot: Snapshot, rows: Sequence[SheetRow]) -> Self:
        """Find the groups and people of a sheet."""
        is_whole = len(rows) == sum(len(group.members) for group in snapshot.groups)
        by_id = {group.id: group for group in snapshot.groups}
        used = by_id.keys() if is_whole else {row.group_id for row in rows}
        groups = sorted((by_id[each] for each in used), key=lambda group: (group.name.casefold(), group.id))
        of_person: dict[str, list[SnapshotGroup]] = {}
        for row in rows:
            of_person.setdefault(row.account_id, []).append(by_id[row.group_id])
        people = [Person(snapshot.users[account_id], each) for account_id, each in of_person.items()]
        people.sort(key=lambda person: ((person.user.name or "").casefold(), person.user.account_id))
        return cls(len(rows), is_whole, groups, people)

    @property
    def incomplete(self) -> list[SnapshotGroup]:
        """The groups that may have members who are not listed."""
        return [group for group in self.groups if not group.is_complete or group.unidentified]

    @property
    def unknown(self) -> list[SnapshotGroup]:
        """The groups of which it is unknown which access they give."""
        return [group for group in self.groups if group.access is None]

    @property
    def external(self) -> list[SnapshotGroup]:
        """The groups whose members are managed outside of Confluence."""
        return [group for group in self.groups if group.is_externally_managed]

    @property
    def small(self) -> list[SnapshotGroup]:
        """The groups with one member or none; incomplete ones may have more."""
        return [group for group in self.groups if len(group.members) <= SMALL]

    @property
    def noted(self) -> list[SnapshotGroup]:
        """The groups to look at, in the order of their names."""
        ids = {group.id for groups in (self.incomplete, self.unknown, self.external, self.small) for group in groups}
        return [group for group in self.groups if group.id in ids]

    @property
    def admins(self) -> list[Person]:
        """The people who are admins by a group."""
        return [person for person in self.people if person.is_admin]

    @property
    def guests(self) -> list[Person]:
        """The guests of the site."""
        return [person for person in self.people if person.user.is_guest]

    @property
    def apps(self) -> list[Person]:
        """The apps."""
        return [person for person in self.people if person.user.is_app]

    @property
    def inactive(self) -> list[Person]:
        """The accounts with a status other than ``active``."""
        return [person for person in self.people if person.user.status not in (None, ACTIVE)]

    @property
    def others(self) -> list[Person]:
        """Guests, apps and accounts that are not active, in the order of their names."""
        chosen = {person.user.account_id for each in (self.guests, self.apps, self.inactive) for person in each}
        return [person for person in self.people if person.user.account_id in chosen]

    @property
    def busiest(self) -> list[Person]:
        """The members of most groups, at most `MAX_PEOPLE`, admins first among equals."""
        ordered = sorted(self.people, key=lambda person: (-len(person.groups), not person.is_admin))
        return [person for person in ordered[:MAX_PEOPLE] if len(person.groups) > 1]


def group_runs(rows: Sequence[SheetRow]) -> tuple[str, Mapping[tuple[str, ...], list[SheetRow]]]:
    """Return the column by which rows are together, ``group_id`` or ``account_id``, and the rows of each value.

    Rows that are together in neither way are brought together by group.
    """
    by = "account_id" if _runs(rows, "account_id") < _runs(rows, "group_id") else "group_id"
    found: dict[tuple[str, ...], list[SheetRow]] = {}
    for row in rows:
        found.setdefault((getattr(row, by),), []).append(row)
    return by, found


def _runs(rows: Iterable[SheetRow], name: str) -> int:
    before, runs = None, 0
    for row in rows:
        value = getattr(row, name)
        runs += value != before
        before = value
    return runs
