"""Output as a table, JSON or CSV, written while it is read."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol, TypeAlias

from attrs import frozen
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from .options import Format, Showing
from .terminal import cleaned, console

Row: TypeAlias = Mapping[str, Any]

PADDING = re.compile(r" +((?:\x1b\[0m)?)$")  # of the last column
CHUNK = 200  # rows, as many as a page has
STARTS_OF_FORMULAS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and the same in full width
HIDDEN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")  # json escapes all below


@frozen
class Column:
    """A column: its name, and whether tables have it."""

    name: str
    in_table: bool = True


class _Writer(Protocol):
    """Writes chunks of rows, and what comes behind the last one when all went well."""

    def write(self, rows: Sequence[Row]) -> None: ...

    def end(self) -> None: ...


def write_rows(rows: Iterable[Row], columns: Sequence[Column], showing: Showing) -> int:
    """Write rows as they come, and return how many there were.

    What fails on the way leaves what was written before; of JSON, the end is missing then.
    """
    writer = _writer(columns, showing)
    written = 0
    source = iter(rows)
    while chunk := list(islice(source, CHUNK)):
        written += len(chunk)
        writer.write(chunk)
        sys.stdout.flush()
    writer.end()
    return written


def write_one(row: Row, columns: Sequence[Column], showing: Showing) -> None:
    """Write one thing: in a table, a line for each of its fields."""
    if showing.output is Format.TABLE:
        fields = [{"field": each.name, "value": row.get(each.name)} for each in columns]
        known = [each for each in fields if each["value"] not in (None, "")]
        write_rows(known, [Column("field"), Column("value")], showing)
    elif showing.output is Format.JSON:
        print(_json({each.name: row.get(each.name) for each in columns}))
    else:
        write_rows([row], columns, showing)


def _writer(columns: Sequence[Column], showing: Showing) -> _Writer:
    if showing.output is Format.JSON:
        return _Json(columns)
    return _Csv(columns, raw=showing.raw) if showing.output is Format.CSV else _Table(columns)


class _Table:
    """Columns are as wide as the first chunk needs them, and grow where a later one has more."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = [each for each in columns if each.in_table]
        self._widths = [cell_len(each.name) for each in self._columns]
        self._console = console()
        self._begun = False

    def write(self, rows: Sequence[Row]) -> None:
        cells = [[cleaned(_text(row.get(each.name))) for each in self._columns] for row in rows]
        for number, column in enumerate(zip(*cells, strict=True)):
            self._widths[number] = max(self._widths[number], *map(cell_len, column))
        self._print(cells)

    def end(self) -> None:
        if not self._begun:
            self._print([])

    def _print(self, rows: Iterable[Sequence[str]]) -> None:
        table = Table(box=None, pad_edge=False, show_header=not self._begun, header_style="bold")
        self._begun = True
        for column, width in zip(self._columns, self._widths, strict=True):
            table.add_column(column.name, width=width, no_wrap=True)
        for row in rows:
            table.add_row(*map(Text, row))
        with self._console.capture() as capture:
            self._console.print(table)
        print("\n".join(PADDING.sub(r"\1", line) for line in capture.get().splitlines()))


class _Json:
    """An array, an object a line."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._names = [each.name for each in columns]
        self._before = "[\n"

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            print(self._before + _json({name: row.get(name) for name in self._names}), end="")
            self._before = ",\n"

    def end(self) -> None:
        print("[]" if self._before == "[\n" else "\n]")


class _Lines:
    """Where csv writes to, a line at a time. It quotes a cell with a lone CR only where its own lines end in CRLF."""

    def write(self, line: str) -> None:
        sys.stdout.write(line.removesuffix("\r\n") + "\n")


class _Csv:
    """Lines under a line of names."""

    def __init__(self, columns: Sequence[Column], *, raw: bool) -> None:
        self._names = [each.name for each in columns]
        self._raw = raw
        self._lines = csv.writer(_Lines())
        self._lines.writerow(self._names)

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            texts = [_text(row.get(name), yes="true", no="false") for name in self._names]
            self._lines.writerow(texts if self._raw else map(protected, texts))

    def end(self) -> None:
        """There is nothing behind the last line."""


def protected(text: str) -> str:
    """Return the text of a cell that no spreadsheet takes for a formula, and no terminal for a command."""
    shown = cleaned(text)
    return f"'{shown}" if shown.lstrip().startswith(STARTS_OF_FORMULAS) else shown


def _json(value: object) -> str:
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    text = json.dumps(value, ensure_ascii=encoding != "utf8", default=str)
    return HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _text(value: object, *, yes: str = "yes", no: str = "no") -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return yes if value else no
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
