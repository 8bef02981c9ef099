"""A row of groups and accounts, the bad rows of a file, and the error that lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...._support.public import public
from ...._support.text import format_count
from ....errors import InputError


@public
class Row(NamedTuple):
    """The request of one row.

    Attributes:
        group: the group's id or exact name.
        account: the account's id or e-mail.
        reason: why the change is made; None if the row has no reason.
        line: the line of the file at which the row starts; None if the row comes from no file.
        by_name: whether the group comes from a column of names, so that it cannot be an id.
        given: the cell of the account, if the account is only a part of it; None if it is all of it.
        others: other account ids and e-mails in the row, which must belong to the same person.
        names: the names in the row, for comparison with the account's name; also e-mails from columns of names.
    """

    group: str
    account: str
    reason: str | None = None
    line: int | None = None
    by_name: bool = False
    given: str | None = None
    others: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class Problem(NamedTuple):
    """A bad row: its line, and what is wrong with it."""

    line: int
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}"


class RowFile(NamedTuple):
    """The content of a CSV file.

    Attributes:
        name: the file's name.
        rows: the usable rows.
        problems: the bad rows.
        notes: remarks about the file for the reader of the plan.
    """

    name: str
    rows: list[Row]
    problems: list[Problem]
    notes: list[str]


def build_bad_rows_error(name: str, problems: Sequence[tuple[int, str]]) -> InputError:
    """Build the error that names all bad rows of a file in their order, from their lines and what is wrong."""
    count = format_count(len({line for line, _ in problems}), "bad row")
    lines = tuple(what for _, what in sorted(problems, key=lambda problem: problem[0]))
    return InputError(f"{name}: {count}, so no plan was made:", problems=lines)
