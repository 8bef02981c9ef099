"""The memberships of a snapshot, as the rows of a returned sheet name them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..._support.text import format_count
from ..model.decisions import Key
from ..model.sheet_row import FIXED_COLUMNS
from ..model.snapshot import Snapshot
from ..sheets.rows import format_access, format_account_type
from .cells import is_same, written_forms
from .raw_sheet import RawRow

IDS = ("group_id", "account_id")
COMPARED = tuple(name for name in FIXED_COLUMNS if name not in (*IDS, "snapshot"))


class Memberships:
    """The memberships of a snapshot.

    Args:
        snapshot: the snapshot.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._groups = {group.id: group for group in snapshot.groups}
        self._members = {group.id: frozenset(group.members) for group in snapshot.groups}
        self._group_ids = _written_ids(self._groups)
        self._account_ids = _written_ids(snapshot.users)

    def __iter__(self) -> Iterator[Key]:
        """Yield all memberships, in the order of group ids and account ids."""
        for group_id in sorted(self._groups):
            for account_id in sorted(self._members[group_id]):
                yield group_id, account_id

    def __contains__(self, key: Key) -> bool:
        return key[1] in self._members.get(key[0], ())

    def describe(self, key: Key) -> str:
        """Return the names of member and group, with the member's id."""
        name = self.snapshot.users[key[1]].name
        return f"{f'{name} ({key[1]})' if name else key[1]} in {self._groups[key[0]].name}"

    def find(self, row: RawRow) -> Key | str:
        """Return the membership of a row, or why there is none."""
        given_group, given_account = row.text("group_id").strip(), row.text("account_id").strip()
        if not given_group or not given_account:
            return "the ids are missing: restore them, or remove the row"
        groups = _candidates(given_group, self._groups, self._group_ids)
        accounts = _candidates(given_account, self.snapshot.users, self._account_ids)
        found = [key for group_id in groups for account_id in accounts if (key := (group_id, account_id)) in self]
        if len(found) > 1:
            found = [key for key in found if not any(self.differences(key, row))] or found
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            return "the ids fit several memberships, because cells protect texts from being run: return a JSON sheet"
        if not groups:
            return f"the snapshot has no group with the id {given_group}: restore the id, or remove the row"
        group = self._groups[groups[0]]
        if group.is_complete:
            return f"the snapshot has no member {given_account} in {group.name}: restore the id, or remove the row"
        return (
            f"the snapshot does not list {given_account} in {group.name}, whose list is not complete; only listed "
            "members can be decided about: remove the row"
        )

    def differences(self, key: Key, row: RawRow) -> Iterator[tuple[str, str]]:
        """Yield each column of a row that was edited, with the text that it must have."""
        group, user = self._groups[key[0]], self.snapshot.users[key[1]]
        expected = {
            "group": group.name,
            "name": user.name or "",
            "email": user.email or "",
            "account_type": format_account_type(user),
            "status": user.status or "",
            "access": format_access(group),
        }
        for column in COMPARED:
            if not is_same(row.text(column), expected[column]):
                yield column, expected[column]


def describe_undecidable(snapshot: Snapshot) -> Iterator[str]:
    """Yield a sentence for each group with members that the snapshot does not list, so that nobody can decide."""
    for group in snapshot.groups:
        if not group.is_complete:
            yield (
                f"{group.name} ({group.id}): the list of members is not complete ({group.known_by}), so nobody could "
                "decide about the others"
            )
        if group.unidentified:
            members = format_count(group.unidentified, "member")
            yield f"{group.name} ({group.id}): {members} without an account id could not be decided about"


def _written_ids(ids: Iterable[str]) -> dict[str, list[str]]:
    """Return the ids that a sheet may write differently, by the text in the sheet."""
    found: dict[str, list[str]] = {}
    for each in ids:
        for written in {each.strip(), *written_forms(each)} - {each}:
            found.setdefault(written, []).append(each)
    return found


def _candidates(given: str, known: Mapping[str, object], written: Mapping[str, list[str]]) -> list[str]:
    return [*([given] if given in known else []), *written.get(given, ())]
