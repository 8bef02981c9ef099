"""Reading sheets in workbooks (.xlsx) with python-calamine.

A returned workbook comes from somebody else, and calamine trusts what it reads. So the workbook's parts are unpacked
within limits first, and calamine receives only parts that cannot make it use much more memory.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

from ..._support.libraries.extras import missing_extra
from ..sheets.workbook import MAX_UNPACKED
from .raw_sheet import RawCell, RawSheet, UnreadableSheetError, as_cell

MAX_CELLS = 4_000_000  # more than a sheet has; calamine makes a table of all cells up to the last row and column
MAX_TEXT = 256 * 1024 * 1024  # bytes of the texts of all cells together; a text is stored once and may be used often
MARKER_COLUMNS = {"group_id", "account_id"}
AS_SENT = "return the workbook as it was sent, with decisions in it"
SAVE_AS_XLSX = "save it as an Excel workbook (.xlsx)"
CELL = re.compile(rb"<(?:\w+:)?c[\s/>]")
REFERENCE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{1,3})(\d{1,9})["']""")
SHARED_TEXT = re.compile(rb"<(?:\w+:)?si\b.*?</(?:\w+:)?si\s*>", re.DOTALL)
CELL_VALUE = re.compile(rb"<(?:\w+:)?v\b[^>]*>\s*(\d{1,9})\s*<")
Table = list[list[RawCell]]


def read_workbook(name: str, data: bytes) -> RawSheet:
    """Read the worksheet with the memberships; a workbook may have other worksheets.

    Raises:
        UnreadableSheetError: the file is no such workbook, or is too large.
        ConfigurationError: python-calamine is not installed.
    """
    found = [(title, table) for title, table in _read_tables(_repack(data)) if _find_header(table) is not None]
    if len(found) != 1:
        titles = ", ".join(title for title, _ in found)
        what = f"{len(found)} worksheets have memberships ({titles}): delete the copies" if found else NO_MEMBERSHIPS
        raise UnreadableSheetError(what)
    [(_, table)] = found
    header = _find_header(table) or 0
    sheet = RawSheet(name)
    rows = [(number, row) for number, row in enumerate(table, 1) if number > header + 1]
    sheet.add_table([str(cell) for cell in table[header]], rows, header + 1)
    return sheet


NO_MEMBERSHIPS = f"no worksheet has the columns {' and '.join(sorted(MARKER_COLUMNS))}: {AS_SENT}"


def _find_header(table: Table) -> int | None:
    """Return the index of the first row that is not blank, if it has the headers of a review sheet."""
    for index, row in enumerate(table):
        names = {cell.strip().casefold() for cell in row if isinstance(cell, str)}
        if names - {""}:
            return index if MARKER_COLUMNS & names else None
    return None


def _read_tables(data: bytes) -> Iterator[tuple[str, Table]]:
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ModuleNotFoundError:
        raise missing_extra("review", "reading workbooks needs python-calamine") from None
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        for title in workbook.sheet_names:
            rows = workbook.get_sheet_by_name(title).to_python(skip_empty_area=False)
            yield title, [[as_cell(cell) for cell in row] for row in rows]
    except (CalamineError, ValueError, OSError) as error:
        raise UnreadableSheetError(f"the workbook is damaged ({error}): {AS_SENT}") from None


def _repack(data: bytes) -> bytes:
    """Return a workbook with the same parts, which are within the limits.

    Raises:
        UnreadableSheetError: they are not, or this is no workbook.
    """
    packed = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(packed, "w") as target:
            infos = source.infolist()
            _check_parts(infos)
            parts = {info.filename: source.read(info) for info in infos if not info.is_dir()}
            _check_tables(parts)
            for name, content in parts.items():
                target.writestr(zipfile.ZipInfo(name), content)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        if isinstance(error, UnreadableSheetError):
            raise
        raise UnreadableSheetError(f"the workbook is damaged ({error}): {AS_SENT}") from None
    return packed.getvalue()


def _check_parts(infos: Sequence[zipfile.ZipInfo]) -> None:
    names = [info.filename for info in infos]
    if "content.xml" in names:
        raise UnreadableSheetError(f"this is an OpenDocument file: {SAVE_AS_XLSX}")
    if "xl/workbook.bin" in names:
        raise UnreadableSheetError(f"this is a binary workbook: {SAVE_AS_XLSX}")
    if "xl/workbook.xml" not in names:
        raise UnreadableSheetError(f"this is no workbook: {AS_SENT}")
    if len(set(names)) < len(names):
        raise UnreadableSheetError(f"a part of the workbook occurs twice: {AS_SENT}")
    if any(info.flag_bits & 1 for info in infos):
        raise UnreadableSheetError("a part of the workbook is encrypted: save it without a password")
    if sum(info.file_size for info in infos) > MAX_UNPACKED:  # no part unpacks to more than it declares: see zipfile
        raise UnreadableSheetError(
            f"the workbook unpacks to more than {MAX_UNPACKED // 1024**2} MiB: split the sheet with --reviewers"
        )


def _check_tables(parts: dict[str, bytes]) -> None:
    """Check the size of each worksheet's table, and of all texts if each cell has its own copy."""
    uses = Counter[int]()
    for name, content in parts.items():
        if not name.startswith("xl/worksheets/"):
            continue
        width = height = 0
        references = REFERENCE.findall(content)
        if len(references) < len(CELL.findall(content)):
            raise UnreadableSheetError("cells have no references: open the workbook in a spreadsheet and save it again")
        for letters, digits in references:
            width, height = max(width, _column_number(letters)), max(height, int(digits))
        if width * height > MAX_CELLS:
            raise UnreadableSheetError(
                f"a worksheet has {height:,} rows and {width:,} columns: delete the rows and columns after the last "
                "membership, or split the sheet with --reviewers"
            )
        uses.update(map(int, CELL_VALUE.findall(content)))
    texts = SHARED_TEXT.findall(parts.get("xl/sharedStrings.xml", b""))
    if sum(len(text) * uses[index] for index, text in enumerate(texts)) > MAX_TEXT:
        raise UnreadableSheetError("the texts of the workbook are too long: shorten the comments")


def _column_number(letters: bytes) -> int:
    """Return the number of a column from its letters: A is 1, and AA is 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
