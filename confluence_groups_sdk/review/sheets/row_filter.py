"""Which memberships a sheet has: conditions such as ``access=admin``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from attrs import frozen

from ..._support.text import protect_cell
from ...errors import InputError
from ..model.sheet_row import UNKNOWN_ACCESS
from ..model.snapshot import Snapshot
from ..model.snapshot_parts import SnapshotGroup, SnapshotUser

ACCESS = ("admin", "user", "site-admin", UNKNOWN_ACCESS)
ACCOUNT_TYPES = ("app", "guest")
POSSIBLE = (
    *(f"access={each}" for each in ACCESS),
    "group=NAME",
    "group=ID",
    *(f"account_type={each}" for each in ACCOUNT_TYPES),
)


@frozen
class RowFilter:
    """Conditions on memberships; an empty set allows everything.

    Attributes:
        access: the types of access, one of which the group must give.
        group_ids: the groups.
        account_types: ``app`` and ``guest``, one of which the member must be.
    """

    access: frozenset[str] = frozenset()
    group_ids: frozenset[str] = frozenset()
    account_types: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, conditions: Iterable[str], snapshot: Snapshot) -> Self:
        """Read conditions.

        Raises:
            InputError: a condition is not understood, or names a group that the snapshot does not have.
        """
        found: dict[str, set[str]] = {"access": set(), "group": set(), "account_type": set()}
        for condition in conditions:
            name, equals, value = condition.partition("=")
            if name == "group" and value:
                found[name].add(_find_group(value, snapshot))
            elif equals and value in {"access": ACCESS, "account_type": ACCOUNT_TYPES}.get(name, ()):
                found[name].add(value)
            else:
                raise InputError(f"{condition}: give one of {', '.join(POSSIBLE)}", option="only")
        return cls(frozenset(found["access"]), frozenset(found["group"]), frozenset(found["account_type"]))

    def takes_group(self, group: SnapshotGroup) -> bool:
        """Check whether memberships of this group can match."""
        gives = {UNKNOWN_ACCESS} if group.access is None else set(group.access)
        return not (self.access and self.access.isdisjoint(gives)) and (
            not self.group_ids or group.id in self.group_ids
        )

    def takes_user(self, user: SnapshotUser) -> bool:
        """Check whether memberships of this user can match."""
        kinds = {kind for kind, applies in (("app", user.is_app), ("guest", user.is_guest)) if applies}
        return not self.account_types or not self.account_types.isdisjoint(kinds)


def find_groups(text: str, snapshot: Snapshot) -> list[SnapshotGroup]:
    """Find groups by id or exact name; names are also found as `protect_cell` writes them to a spreadsheet."""
    if group := snapshot.group(text):
        return [group]
    return [each for each in snapshot.groups if text in (each.name, protect_cell(each.name))]


def _find_group(text: str, snapshot: Snapshot) -> str:
    groups = find_groups(text, snapshot)
    if not groups:
        raise InputError(f"group={text}: the snapshot has no group with this id or name", option="only")
    if len(groups) > 1:
        ids = ", ".join(each.id for each in groups)
        raise InputError(f"group={text}: several groups have this name: give the id of one: {ids}", option="only")
    return groups[0].id
