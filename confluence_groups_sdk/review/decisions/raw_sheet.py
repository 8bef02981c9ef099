"""A returned sheet before its rows are checked against the snapshot: rows of cells by column, each with its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TypeAlias

from attrs import define, field, frozen

from ...errors import InputError
from ..model.sheet_row import COLUMNS

RawCell: TypeAlias = "str | date"
SHEET_MARKS = {"group_id", "account_id", "snapshot"}
AS_SENT = "return the sheet as it was sent, with decisions in it"


class UnreadableSheetError(InputError):
    """A sheet cannot be read at all; the message says why and what to do, without the file's name."""


@frozen
class RawRow:
    """A row of a sheet that is not blank.

    Attributes:
        line: the line of a text file, the row of a workbook, or the number of a JSON object, from 1.
        cells: the cells by column. Only workbooks have dates; all other cells are texts.
    """

    line: int
    cells: Mapping[str, RawCell]

    def text(self, column: str) -> str:
        """Return a cell as a text; dates are in ISO 8601."""
        cell = self.cells.get(column, "")
        return cell if isinstance(cell, str) else cell.isoformat()


@define
class RawSheet:
    """The rows of one file.

    Attributes:
        name: the file's name, without its folder.
        unit: the name of a row's place: ``line`` or ``row``.
        rows: the rows.
        problems: what is wrong with the file, one line each, with its place.
        has_own_access: whether one of these is that reviewers decide about their own access.
    """

    name: str
    unit: str = "row"
    rows: list[RawRow] = field(factory=list)
    problems: list[str] = field(factory=list)
    has_own_access: bool = False

    def place(self, line: int) -> str:
        """Return the place of a row, for messages."""
        return f"{self.name}: {self.unit} {line}"

    def add_table(self, header: Sequence[str], records: Iterable[tuple[int, Sequence[RawCell]]], line: int) -> None:
        """Add the rows of a table, and note what is wrong with its columns.

        Args:
            header: the headers.
            records: the line and the cells of each row below the headers.
            line: the line of the headers.
        """
        names = [" ".join(cell.split()).casefold() for cell in header]
        if problems := _check_columns(names):
            self.problems += [f"{self.place(line)}: {problem}" for problem in problems]
            return
        width = len(names)
        for number, cells in records:
            if all(_is_blank(cell) for cell in cells):
                continue
            if any(not _is_blank(cell) for cell in cells[width:]):
                self.problems.append(f"{self.place(number)}: there are more cells than headers: remove the others")
                continue
            named = {name: cell for name, cell in zip(names, cells, strict=False) if name}
            if any(not name and not _is_blank(cell) for name, cell in zip(names, cells, strict=False)):
                self.problems.append(f"{self.place(number)}: a cell has no header: remove its column")
                continue
            self.rows.append(RawRow(number, named))


def _check_columns(names: Sequence[str]) -> list[str]:
    """Return what is wrong with the headers."""
    if SHEET_MARKS.isdisjoint(names):
        return [f"these are not the columns of a review sheet: {AS_SENT}"]
    problems = [
        f"column {name}: it is missing: add it again, or fill in a new sheet" for name in COLUMNS if name not in names
    ]
    filled = [name for name in names if name]
    for name in dict.fromkeys(filled):
        if name not in COLUMNS:
            problems.append(f"column {name}: a review sheet has no such column: remove it")
        elif filled.count(name) > 1:
            problems.append(f"column {name}: it occurs {filled.count(name)} times: remove the others")
    return problems


def _is_blank(cell: RawCell) -> bool:
    return isinstance(cell, str) and not cell.strip()


def as_cell(value: object) -> RawCell:
    """Return the value of a workbook's cell as a text or a date."""
    if isinstance(value, datetime):
        return value.date() if value.time() == datetime.min.time() else value.isoformat()
    if isinstance(value, str | date):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)
