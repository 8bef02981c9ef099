"""Sheets as text, made piece by piece, because they may be large: CSV for spreadsheets, and JSON for programs."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Iterable, Iterator

from attrs import asdict

from ..._support.text import protect_cell
from ..model.sheet_row import COLUMNS, SheetRow

HIDDEN_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def csv_pieces(rows: Iterable[SheetRow]) -> Iterator[bytes]:
    """Yield a CSV file with a byte order mark, by which Excel knows UTF-8; cells are safe from being run as formulas.

    Source: https://support.microsoft.com/office/opening-csv-utf-8-files-correctly-in-excel-8a935af5-3416-4edd-ba7e-3dfd2bc4a032
    """
    lines = _LineList()
    writer = csv.writer(lines, lineterminator="\n")
    yield codecs.BOM_UTF8
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(protect_cell(getattr(row, name)) for name in COLUMNS)
        if len(lines.texts) >= CHUNK_ROWS:
            yield lines.take()
    yield lines.take()


def json_pieces(rows: Iterable[SheetRow]) -> Iterator[bytes]:
    """Yield a JSON array with one object a line; texts are the true ones, and invisible characters are escaped."""
    separator = "[\n"
    for row in rows:
        text = json.dumps(asdict(row), ensure_ascii=False)
        yield (separator + HIDDEN_IN_JSON.sub(_escape, text)).encode()
        separator = ",\n"
    yield b"[]\n" if separator == "[\n" else b"\n]\n"


CHUNK_ROWS = 500


class _LineList:
    """Receives lines from `csv.writer`."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def write(self, text: str) -> None:
        self.texts.append(text)

    def take(self) -> bytes:
        """Return the lines received since the last call."""
        data = "".join(self.texts).encode()
        self.texts.clear()
        return data


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
