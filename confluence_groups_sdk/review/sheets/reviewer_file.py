"""Reading the CSV file that says who reviews what."""

from __future__ import annotations

import csv
import io
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import evolve, field, frozen

from ..._support.public import public
from ..._support.text import escape_controls, format_count, protect_cell
from ...errors import InputError
from ..decisions.own_access import is_own_access
from ..model.snapshot import Snapshot
from .reviewer_map import ReviewerMap

GROUP_HEADERS = ("groupid", "group", "groupname")
ACCOUNT_HEADERS = ("accountid", "account", "user", "member", "email", "mail")
REVIEWER_HEADERS = ("reviewer",)
DELIMITERS = ",;\t"
HELP = "the first row must have the headers group and reviewer, and optionally account"


@frozen
class _Columns:
    """The column numbers of each field."""

    group: Sequence[int]
    account: Sequence[int]
    reviewer: int


@public
def read_reviewers(source: str | os.PathLike[str], snapshot: Snapshot) -> ReviewerMap:
    """Read who reviews what from a CSV file with the columns ``group``, ``reviewer`` and, optionally, ``account``.

    A row with a group names the reviewer of the group, a row with an account that of the person in all groups, and a
    row with both that of one membership. Groups are given by id or exact name, and accounts by id or by the e-mail that
    the person shows. The file is UTF-8, or UTF-16 with a byte order mark, with commas, semicolons or tabs between
    cells; blank lines and columns with other headers are ignored.

    If the snapshot has all groups of the site, a group or account that it does not have is a problem; otherwise a note
    of the map names it. A note also names each reviewer who would decide about their own access.

    Args:
        source: the path of the file.
        snapshot: the groups and people.

    Raises:
        InputError: the file cannot be read, or has bad rows; the error names all of them with their lines.
    """
    name = os.path.basename(os.fspath(source))
    records = _read_records(source, name)
    header_line, header = next(records, (0, []))
    columns = _find_columns(name, header_line, header)
    reader = _MapReader.of(snapshot)
    for line, cells in records:
        if any(map(str.strip, cells[len(header) :])):
            reader.problems.append((line, "there are more cells than headers"))
        else:
            reader.read(line, cells, columns)
    if not (reader.found or reader.problems or reader.unknown):
        raise InputError(f"{name}: there is no row below the headers")
    if not snapshot.selection.all_groups:
        notes, problems = reader.unknown, reader.problems
    else:
        notes, problems = [], sorted(reader.problems + reader.unknown)
    if problems:
        count = format_count(len({line for line, _ in problems}), "bad row")
        raise InputError(f"{name}: {count}:", problems=tuple(f"line {line}: {what}" for line, what in problems))
    found = reader.build([f"{name}: line {line}: {escape_controls(what)}" for line, what in notes])
    own = [f"{name}: {escape_controls(note)}" for note in _find_own_access(found, snapshot)]
    return evolve(found, notes=(*found.notes, *own))


def _find_own_access(reviewers: ReviewerMap, snapshot: Snapshot) -> Iterator[str]:
    """Yield a sentence for each membership whose reviewer is the member."""
    for group in snapshot.groups:
        for account_id in group.members:
            reviewer = reviewers.reviewer_of(group.id, account_id)
            if reviewer and is_own_access(snapshot.users[account_id], reviewer):
                yield (
                    f"{reviewer} would decide about their own access in {group.name}: name somebody else in a row with "
                    f"group {group.id}, account {account_id} and reviewer"
                )


@frozen
class _MapReader:
    """Collects what the rows of a file say.

    Attributes:
        groups: the ids of the snapshot's groups, by id, name, and name as in a spreadsheet.
        accounts: the account ids of the snapshot's users, by account id and by e-mail in lower case.
        found: the reviewers by group id and account id, either of which may be empty.
        lines: the line of each of these.
        problems: the bad rows.
        unknown: the rows with groups or accounts that the snapshot does not have.
    """

    groups: Mapping[str, set[str]]
    accounts: Mapping[str, set[str]]
    found: dict[tuple[str, str], str] = field(factory=dict)
    lines: dict[tuple[str, str], int] = field(factory=dict)
    problems: list[tuple[int, str]] = field(factory=list)
    unknown: list[tuple[int, str]] = field(factory=list)

    @classmethod
    def of(cls, snapshot: Snapshot) -> _MapReader:
        groups: defaultdict[str, set[str]] = defaultdict(set)
        for group in snapshot.groups:
            for text in {group.name, protect_cell(group.name)}:
                groups[text.strip()].add(group.id)
        groups.update({group.id: {group.id} for group in snapshot.groups})
        accounts: defaultdict[str, set[str]] = defaultdict(set)
        for user in snapshot.users.values():
            if user.email:
                accounts[user.email.casefold()].add(user.account_id)
        accounts.update({account_id: {account_id} for account_id in snapshot.users})
        return cls(groups, accounts)

    def read(self, line: int, cells: Sequence[str], columns: _Columns) -> None:
        """Take in a row, or note what is wrong with it."""
        groups = _texts(cells, columns.group)
        accounts = _texts(cells, columns.account)
        reviewer = " ".join(_texts(cells, [columns.reviewer]))
        if not reviewer:
            self.problems.append((line, "the reviewer is missing"))
        elif not reviewer.isprintable():
            self.problems.append((line, f"the reviewer contains a control character: {reviewer}"))
        elif not groups and not accounts:
            self.problems.append((line, "the group is missing"))
        else:
            group_id = self._find(line, "group", groups, self.groups, "id or exact name")
            account_id = self._find(line, "account", accounts, self.accounts, "id or e-mail")
            if group_id is not None and account_id is not None:
                self._add(line, (group_id, account_id), reviewer)

    def build(self, notes: Iterable[str]) -> ReviewerMap:
        """Build the map; reviewers that differ only in upper and lower case are the same."""
        spelling: dict[str, str] = {}
        for reviewer in self.found.values():
            spelling.setdefault(reviewer.casefold(), reviewer)
        found = {key: spelling[reviewer.casefold()] for key, reviewer in self.found.items()}
        return ReviewerMap(
            groups={group: reviewer for (group, account), reviewer in found.items() if not account},
            users={account: reviewer for (group, account), reviewer in found.items() if not group},
            memberships={key: reviewer for key, reviewer in found.items() if all(key)},
            notes=tuple(notes),
        )

    def _find(self, line: int, what: str, texts: Sequence[str], known: Mapping[str, set[str]], how: str) -> str | None:
        """Return the one id that the cells stand for; empty without cells, None if there is none."""
        ids: set[str] = set()
        for text in texts:
            matching = known.get(text) or known.get(text.casefold() if what == "account" else text)
            if not matching:
                self.unknown.append((line, f"the snapshot has no {what} with this {how}: {text}"))
                return None
            if len(matching) > 1:
                self.problems.append(
                    (line, f"several {what}s match {text}: give the id: {', '.join(sorted(matching))}")
                )
                return None
            ids |= matching
        if len(ids) > 1:
            self.problems.append((line, f"the cells name different {what}s: {', '.join(texts)}"))
            return None
        return ids.pop() if ids else ""

    def _add(self, line: int, key: tuple[str, str], reviewer: str) -> None:
        if self.found.setdefault(key, reviewer).casefold() != reviewer.casefold():
            first = self.lines[key]
            self.problems.append((line, f"the reviewer is {reviewer}, and in line {first} it is {self.found[key]}"))
        self.lines.setdefault(key, line)


def _read_records(source: str | os.PathLike[str], name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the first line and the cells of each record that is not blank.

    Raises:
        InputError: the file cannot be read.
    """
    text = _read_text(source, name)
    start, delimiter = 0, ""
    if text[:4].lower() == "sep=":  # Excel's line with the delimiter
        first, _, text = text.partition("\n")
        start, delimiter = 1, first[4:5]
    if delimiter not in (*DELIMITERS,):
        header = next((line for line in text.splitlines() if line.strip(DELIMITERS + " ")), "")
        delimiter = max(DELIMITERS, key=re.sub(r'"[^"]*"', "", header).count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = start + 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                yield line, cells
            line = start + reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{name}: line {line}: this is not CSV ({error}): look for a quote that is not closed"
        ) from None


def _read_text(source: str | os.PathLike[str], name: str) -> str:
    try:
        with open(source, "rb") as file:
            data = file.read()
    except OSError as error:
        raise InputError(f"{name}: the file cannot be read ({error.strerror or error})") from None
    try:
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeError:
        raise InputError(f"{name}: this is not UTF-8: save it as “CSV UTF-8” in the spreadsheet") from None


def _find_columns(name: str, line: int, header: Sequence[str]) -> _Columns:
    if not header:
        raise InputError(f"{name}: the file is empty: {HELP}")
    plain = [re.sub(r"[\W_]", "", cell).casefold() for cell in header]

    def columns_of(headers: Sequence[str]) -> list[int]:
        return [index for each in headers for index, cell in enumerate(plain) if cell == each]

    group, account, reviewer = map(columns_of, (GROUP_HEADERS, ACCOUNT_HEADERS, REVIEWER_HEADERS))
    if len(reviewer) > 1:
        raise InputError(f"{name}: line {line}: the header reviewer occurs twice")
    if not reviewer or not (group or account):
        shown = ", ".join(cell.strip() for cell in header if cell.strip())[:200]
        raise InputError(f"{name}: line {line}: {HELP}; it has: {shown}")
    return _Columns(group, account, reviewer[0])


def _texts(cells: Sequence[str], columns: Iterable[int]) -> list[str]:
    """Return the cells of these columns that are not empty."""
    return [text for column in columns if column < len(cells) and (text := cells[column].strip())]
