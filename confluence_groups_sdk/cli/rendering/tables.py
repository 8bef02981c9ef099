"""Output as a table, JSON or CSV, written while the rows are read."""

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

from ..._support.text import escape_controls, protect_cell
from ..options import Format, OutputOptions
from ..terminal import build_console

Row: TypeAlias = Mapping[str, Any]

TRAILING_PADDING = re.compile(r" +((?:\x1b\[0m)?)$")  # of the last column
CHUNK_ROWS = 200  # as many as a page of the API
UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")  # json escapes the rest


@frozen
class Column:
    """A column: its name, and whether tables show it."""

    name: str
    in_table: bool = True


class _Writer(Protocol):
    """Writes chunks of rows, and the end of the output if all rows could be read."""

    def write(self, rows: Sequence[Row]) -> None: ...

    def end(self) -> None: ...


def write_rows(rows: Iterable[Row], columns: Sequence[Column], output: OutputOptions) -> int:
    """Write rows as they are read, and return their number.

    If reading fails, the rows before the failure stay written; JSON then lacks its closing bracket.
    """
    writer = _build_writer(columns, output)
    written = 0
    source = iter(rows)
    while chunk := list(islice(source, CHUNK_ROWS)):
        written += len(chunk)
        writer.write(chunk)
        sys.stdout.flush()
    writer.end()
    return written


def write_one(row: Row, columns: Sequence[Column], output: OutputOptions) -> None:
    """Write one row; a table has a line for each field that is not empty."""
    if output.format is Format.TABLE:
        fields = [{"field": each.name, "value": row.get(each.name)} for each in columns]
        known = [each for each in fields if each["value"] not in (None, "")]
        write_rows(known, [Column("field"), Column("value")], output)
    elif output.format is Format.JSON:
        print(_to_json({each.name: row.get(each.name) for each in columns}))
    else:
        write_rows([row], columns, output)


def print_json(value: object) -> None:
    """Print a value as JSON, with two spaces for each level."""
    print(_to_json(value, indent=2))
    sys.stdout.flush()


def _build_writer(columns: Sequence[Column], output: OutputOptions) -> _Writer:
    if output.format is Format.JSON:
        return _JsonWriter(columns)
    return _CsvWriter(columns, raw=output.raw) if output.format is Format.CSV else _TableWriter(columns)


class _TableWriter:
    """Writes a table whose columns fit the first chunk, and grow if a later chunk needs more."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = [each for each in columns if each.in_table]
        self._widths = [cell_len(each.name) for each in self._columns]
        self._console = build_console()
        self._has_header = False

    def write(self, rows: Sequence[Row]) -> None:
        cells = [[escape_controls(_to_text(row.get(each.name))) for each in self._columns] for row in rows]
        for number, column in enumerate(zip(*cells, strict=True)):
            self._widths[number] = max(self._widths[number], *map(cell_len, column))
        self._print(cells)

    def end(self) -> None:
        if not self._has_header:
            self._print([])

    def _print(self, rows: Iterable[Sequence[str]]) -> None:
        table = Table(box=None, pad_edge=False, show_header=not self._has_header, header_style="bold")
        self._has_header = True
        for column, width in zip(self._columns, self._widths, strict=True):
            table.add_column(column.name, width=width, no_wrap=True)
        for row in rows:
            table.add_row(*map(Text, row))
        with self._console.capture() as capture:
            self._console.print(table)
        print("\n".join(TRAILING_PADDING.sub(r"\1", line) for line in capture.get().splitlines()))


class _JsonWriter:
    """Writes an array, with one object a line."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._names = [each.name for each in columns]
        self._separator = "[\n"

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            print(self._separator + _to_json({name: row.get(name) for name in self._names}), end="")
            self._separator = ",\n"

    def end(self) -> None:
        print("[]" if self._separator == "[\n" else "\n]")


class _LineFile:
    """Receives lines from `csv.writer`, and ends them with LF.

    The writer itself must end its lines with CRLF, because only then does it quote a cell with a lone CR.
    """

    def write(self, line: str) -> None:
        sys.stdout.write(line.removesuffix("\r\n") + "\n")


class _CsvWriter:
    """Writes a header line and a line for each row."""

    def __init__(self, columns: Sequence[Column], *, raw: bool) -> None:
        self._names = [each.name for each in columns]
        self._raw = raw
        self._lines = csv.writer(_LineFile())
        self._lines.writerow(self._names)

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            texts = [_to_text(row.get(name), yes="true", no="false") for name in self._names]
            self._lines.writerow(texts if self._raw else map(protect_cell, texts))

    def end(self) -> None:
        """Write nothing: CSV has no end mark."""


def _to_json(value: object, *, indent: int | None = None) -> str:
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    text = json.dumps(value, ensure_ascii=encoding != "utf8", default=str, indent=indent)
    return UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _to_text(value: object, *, yes: str = "yes", no: str = "no") -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return yes if value else no
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
