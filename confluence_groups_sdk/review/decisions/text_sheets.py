"""Reading sheets in text files: CSV, as spreadsheets write it, and JSON."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator

from ..._support.strict_json import ShapeError, parse_strict
from ..model.sheet_row import COLUMNS
from .raw_sheet import AS_SENT, RawRow, RawSheet, UnreadableSheetError

DELIMITERS = ",;\t"
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
SAVE_AS_UTF8 = "save it as “CSV UTF-8” in the spreadsheet"


def read_csv(name: str, data: bytes) -> RawSheet:
    """Read a CSV file: UTF-8 with or without a byte order mark, with commas, semicolons or tabs between cells.

    Raises:
        UnreadableSheetError: the file has another encoding, or no headers.
    """
    sheet = RawSheet(name, unit="line")
    text, delimiter, before = _decode(data), "", 0
    if text[:4].casefold() == "sep=":  # Excel writes and reads this line
        delimiter, before = text[4:5], 1
        text = text.partition("\n")[2]
    first = next((line for line in io.StringIO(text, newline="") if line.strip(f"{DELIMITERS} \r\n")), "")
    records = _records(sheet, text, delimiter if delimiter in set(DELIMITERS) else _find_delimiter(first), before)
    for number, header in records:
        if any(cell.strip() for cell in header):
            sheet.add_table(header, records, number)
            return sheet
    if not sheet.problems:
        raise UnreadableSheetError(f"it has no headers: {AS_SENT}")
    return sheet


def _decode(data: bytes) -> str:
    if data.startswith(UTF_16):
        raise UnreadableSheetError(f"this is UTF-16, not UTF-8: {SAVE_AS_UTF8}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableSheetError(f"line {line}: this is not UTF-8: {SAVE_AS_UTF8}") from None


def _find_delimiter(header: str) -> str:
    """Return the delimiter that separates the most known columns."""
    return max(
        DELIMITERS, key=lambda each: len({cell.strip('" \r\n').casefold() for cell in header.split(each)} & {*COLUMNS})
    )


def _records(sheet: RawSheet, text: str, delimiter: str, before: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the first line and the cells of each record; note where the text stops being CSV.

    Args:
        sheet: notes the problem.
        text: the text.
        delimiter: the character between two cells.
        before: the number of lines before the text.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = before + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            sheet.problems.append(
                f"{sheet.place(line)}: not valid CSV from here on ({error}): look for a quote that is not closed"
            )
            return
        yield line, cells


def read_json(name: str, data: bytes) -> RawSheet:
    """Read a JSON file: a list of objects, one for each row.

    Raises:
        UnreadableSheetError: the file is no such list.
    """
    try:
        items = parse_strict(data)
    except ShapeError as error:
        raise UnreadableSheetError(f"{error}: {AS_SENT}") from None
    if not isinstance(items, list):
        raise UnreadableSheetError(f"it must be a list of rows: {AS_SENT}")
    sheet = RawSheet(name)
    for number, item in enumerate(items, 1):
        problems = list(_check_object(item))
        sheet.problems += [f"{sheet.place(number)}{problem}" for problem in problems]
        if not problems:
            sheet.rows.append(RawRow(number, {column: cell or "" for column, cell in item.items()}))
    return sheet


def _check_object(item: object) -> Iterator[str]:
    """Yield what is wrong with an object."""
    if not isinstance(item, dict):
        yield ": it must be an object"
        return
    for column in COLUMNS:
        if column not in item:
            yield f", column {column}: it is missing: add it again, or fill in a new sheet"
        elif not isinstance(item[column], str | None):
            yield f", column {column}: it must be a text in quotes"
    yield from (
        f", column {name}: a review sheet has no such column: remove it" for name in item if name not in COLUMNS
    )
