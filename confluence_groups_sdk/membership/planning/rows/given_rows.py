"""What a caller gives to a planner: rows or accounts, from Python or from CSV files, with the bad ones among them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from ...._support.validation import is_text
from ....errors import InputError
from ..resolver import NO_PLAN
from .account_cell import PLAIN_ID, Column, identify
from .csv_reader import scan_file
from .row import Row, build_bad_rows_error

Rows: TypeAlias = "str | os.PathLike[str] | Iterable[Row | tuple[str, str] | tuple[str, str, str]]"
Accounts: TypeAlias = (
    "os.PathLike[str] | Iterable[str | Row | tuple[str, str | None] | os.PathLike[str]]"  # pairs are account and reason
)
Position: TypeAlias = tuple[int, int]  # the number of the item, and the line in its file


class GivenRow(NamedTuple):
    """A row, the place where it was given, such as ``line 7``, and its position among all rows."""

    row: Row
    place: str
    position: Position


class GivenRows:
    """The rows that a caller gives.

    Attributes:
        rows: the usable rows, except those that need no more than an account id.
        account_ids: the account ids of all other rows, without reasons. There may be a million.
        problems: the bad rows found so far: their positions, and what is wrong with them.
        unreadable: what the rows name and cannot be read: the position of the first such row, and what is wrong.
        cause: the error that led to the first of these; None if there is none.
        empty_files: the names of the files without a row.
        file: the name of the file, if all rows come from one.
        size: the number of rows; repeated account ids count once.
        notes: remarks about the files for the reader of the plan.
    """

    def __init__(self) -> None:
        self.rows: list[GivenRow] = []
        self.account_ids: dict[str, str | None] = {}
        self.problems: list[tuple[Position, str]] = []
        self.unreadable: list[tuple[Position, str]] = []
        self.cause: Exception | None = None
        self.empty_files: list[str] = []
        self.file: str | None = None
        self.size = 0
        self.notes: list[str] = []

    @staticmethod
    def row_of(account_id: str) -> GivenRow:
        """Return one of the account ids as a row, which comes before the others."""
        return GivenRow(Row("", account_id), "account_ids", (0, 0))

    def note_problem(self, given: GivenRow, what: str) -> None:
        """Note what is wrong with a row."""
        self.problems.append((given.position, f"{given.place}: {what}"))

    def raise_problems(
        self, before: Sequence[str] = (), after: Sequence[str] = (), cause: Exception | None = None
    ) -> None:
        """Raise one error if there are bad rows or other problems.

        Args:
            before: other problems, which come first.
            after: other problems, which come last.
            cause: the error that led to the first of these.

        Raises:
            InputError: there are; the error lists all of them, the rows in the order in which they were given.
        """
        rows = [what for _, what in sorted([*self.problems, *self.unreadable], key=lambda problem: problem[0])]
        if not (before or rows or after):
            return
        if self.file is not None and not (before or after or self.unreadable):
            raise build_bad_rows_error(self.file, [(line, what) for (_, line), what in self.problems])
        title = NO_PLAN if self.file is None else f"{self.file}: {NO_PLAN}"
        raise InputError(title, problems=(*before, *rows, *after)) from cause or self.cause

    def add_file(
        self,
        path: str | os.PathLike[str],
        number: int,
        *,
        with_groups: bool,
        allow_empty: bool = False,
        prefix: str = "",
    ) -> None:
        """Add the rows of a CSV file.

        Raises:
            InputError: the file cannot be read, has no suitable headers, or has no rows.
        """
        content = scan_file(path, with_groups=with_groups, allow_empty=allow_empty)
        for row in content.rows:
            line = row.line or 0
            self.rows.append(GivenRow(row, f"{prefix}line {line}", (number, line)))
        self.problems += [((number, each.line), f"{prefix}{each}") for each in content.problems]
        self.size += len(content.rows)
        self.notes += content.notes
        if not content.rows and not content.problems:
            self.empty_files.append(content.name)

    def add_item(self, row: Row | str, number: int, place: str) -> None:
        """Add one row from Python, or note what is wrong with it."""
        self.size += 1
        if isinstance(row, Row):
            position = (number, row.line or 0)
            self.rows.append(GivenRow(row, place if row.line is None else f"line {row.line}", position))
        else:
            self.problems.append(((number, 0), row))


def read_given_rows(rows: Rows) -> GivenRows:
    """Read rows of groups and accounts.

    Raises:
        InputError: a file is unusable as a whole.
    """
    given = GivenRows()
    if isinstance(rows, str | os.PathLike):
        given.file = os.path.basename(os.fspath(rows))
        given.add_file(rows, 0, with_groups=True)
        return given
    for number, item in enumerate(rows, 1):
        row = _check_row(item)
        given.add_item(row if isinstance(row, Row) else f"row {number}: {row}", number, f"row {number}")
    return given


def read_given_accounts(accounts: Accounts, *, allow_empty: bool = False) -> GivenRows:
    """Read accounts, each given alone, with a reason, as a row, or in a CSV file.

    Args:
        accounts: the accounts.
        allow_empty: whether a file may have no row below its headers.

    Raises:
        TypeError: one string was given instead of a list.
        InputError: a file is unusable as a whole.
    """
    if isinstance(accounts, str):
        raise TypeError("give a list of ids, not one string")
    items: list[Any] = [accounts] if isinstance(accounts, os.PathLike) else list(accounts)
    given = GivenRows()
    files = [os.path.basename(os.fspath(each)) for each in items if isinstance(each, os.PathLike)]
    given.file = files[0] if len(items) == len(files) == 1 else None
    for number, item in _items_to_read(given, items):
        if isinstance(item, os.PathLike):
            prefix = f"{os.path.basename(os.fspath(item))}: " if len(files) > 1 else ""
            given.add_file(item, number, with_groups=False, allow_empty=allow_empty, prefix=prefix)
        else:
            row = _check_account(item)
            given.add_item(row if isinstance(row, Row) else f"item {number}: {row}", number, "account_ids")
    return given


def _items_to_read(given: GivenRows, items: list[Any]) -> list[tuple[int, Any]]:
    """Keep the items that are account ids as Confluence writes them, and return the others with their numbers."""
    texts = items if set(map(type, items)) <= {str} else [item for item in items if isinstance(item, str)]
    given.account_ids = dict.fromkeys(filter(PLAIN_ID.fullmatch, texts))
    given.size = len(given.account_ids)
    if given.size == len(items):
        return []
    plain = given.account_ids
    return [(number, item) for number, item in enumerate(items, 1) if not isinstance(item, str) or item not in plain]


def _check_row(given: Row | tuple[str, ...]) -> Row | str:
    """Return the row, or what is wrong with it."""
    texts = given[:3] if isinstance(given, tuple | list) else ()
    if not 2 <= len(texts) <= 3 or not all(map(is_filled, texts[:2])):
        return "give a group and an account, both strings that are not empty"
    reason = texts[2] if len(texts) == 3 else None
    if reason is not None and not isinstance(reason, str):
        return "the reason must be a string"
    row = given if isinstance(given, Row) else Row(texts[0], texts[1])
    return _read_account(row._replace(group=row.group.strip(), reason=reason or None))


def _check_account(given: Any) -> Row | str:
    """Return the row of an account, or what is wrong with it."""
    if isinstance(given, Row):
        if not is_filled(given.account):
            return "give a row with an account"
        return _read_account(given._replace(reason=given.reason or None))
    account, reason = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
    if not is_filled(account):
        return "give a string that is not empty"
    if reason is not None and not isinstance(reason, str):
        return "the reason must be a string"
    return _read_account(Row("", account, reason or None))


def _read_account(row: Row) -> Row | str:
    """Return the row with its account as Confluence knows it, or what is wrong with it."""
    person = identify([(row.account, Column.ANY)])
    if isinstance(person, str):
        return person
    return row._replace(account=person.account, given=row.given or person.given)


def is_filled(value: object) -> bool:
    """Check for a string that is more than spaces."""
    return is_text(value) and not value.isspace()


def join_reasons(reasons: Iterable[str | None]) -> str | None:
    """Join the reasons of several rows about one person, each once."""
    return "; ".join(dict.fromkeys(each for each in reasons if each)) or None
