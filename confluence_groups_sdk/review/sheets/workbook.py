"""A sheet as an Excel workbook: reviewers can fill in their decisions, and nothing else.

All cells are texts, so that nothing runs as a formula; only ``until`` has dates. The protection has no password: it
prevents accidents, and reading the returned sheet finds edits.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from importlib import import_module
from typing import Any, TypeAlias

from attrs import frozen

from ..._support.libraries.extras import missing_extra
from ..._support.text import protect_cell
from ...errors import InputError
from ..model.decisions import Decision
from ..model.sheet_row import COLUMNS, DECISION_COLUMNS, SheetRow
from ..model.snapshot import Snapshot
from .about import About
from .rows import snapshot_day

# XlsxWriter has no py.typed, so a strict type checker of a project that vendors this package would reject its types.
Workbook: TypeAlias = Any
Worksheet: TypeAlias = Any
Format: TypeAlias = Any

MAX_ROWS = 300_000
"""The rows below the header. Excel takes 1,048,575, but reading the returned sheet takes about 3 kB of memory a row."""
MAX_UNPACKED = 256 * 1024 * 1024
"""The bytes of all parts of a workbook together, before they are compressed; reading a returned sheet takes no more."""
MAX_CELL_UNITS = 32_767
"""The UTF-16 units that a cell can have.

Source: https://support.microsoft.com/office/excel-specifications-and-limits-1672b34d-7043-467e-8e27-269d656771c3
"""
OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
"""Row by row keeps memory small: https://xlsxwriter.readthedocs.io/working_with_memory.html"""
SPLIT = "choose fewer rows with --only, write a sheet for each reviewer with --reviewers, or write CSV"
WIDTHS = {
    "group_id": 10,
    "group": 30,
    "account_id": 11,
    "name": 28,
    "email": 32,
    "account_type": 14,
    "status": 9,
    "access": 18,
    "decision": 12,
    "until": 12,
    "reviewer": 28,
    "comment": 44,
    "snapshot": 11,
}
IDS = ("group_id", "account_id")
ABOUT_WIDTHS = (26, 100)
LINE_POINTS = 15
MAX_LINES = 20
DOUBLE_ESCAPE = re.compile(r"(_x[0-9a-fA-F]{4})_(?=x[0-9a-fA-F]{4}_)")
LAST_DAY = date(9999, 12, 31)
SHEET, ABOUT = "Review", "About"
ALLOWED = {"autofilter": True, "format_columns": True, "format_rows": True}
GREY, LIGHT, BLUE, RED, AMBER = "#6B7280", "#F3F4F6", "#1F3A5F", "#FDE2E1", "#FEF3C7"


def build_workbook(snapshot: Snapshot, rows: Sequence[SheetRow], about: About) -> bytes:
    """Build the content of a workbook; the same rows give the same bytes.

    Raises:
        ConfigurationError: XlsxWriter is not installed.
        InputError: there are too many rows, a text is too long for a cell, or the workbook is too large to read back.
    """
    from zipfile import ZipFile  # few programs write workbooks

    try:
        new_workbook = import_module("xlsxwriter").Workbook
    except ModuleNotFoundError:
        raise missing_extra("review", "workbooks need XlsxWriter") from None
    if len(rows) > MAX_ROWS:
        raise InputError(f"a workbook has at most {MAX_ROWS:,} rows, and the sheet has {len(rows):,}: {SPLIT}")
    content = io.BytesIO()
    with new_workbook(content, OPTIONS) as book:
        day = snapshot_day(snapshot)
        book.set_properties(
            {"title": f"Access review {snapshot.site}", "created": datetime(day.year, day.month, day.day)}
        )
        book.set_size(2400, 1400)
        _write_review(book, snapshot, rows, day)
        _write_about(book, about)
    with ZipFile(content) as parts:
        unpacked = sum(part.file_size for part in parts.infolist())
    if unpacked > MAX_UNPACKED:
        raise InputError(
            f"the sheet is too large for a workbook ({unpacked:,} bytes; at most {MAX_UNPACKED:,} can be read back): "
            f"{SPLIT}"
        )
    return content.getvalue()


@frozen
class _Formats:
    """The formats of cells: locked ones, and unlocked ones for decisions."""

    header: Format
    fixed: Format
    id: Format
    digest: Format
    open: Format
    date: Format

    @classmethod
    def of(cls, book: Workbook) -> _Formats:
        top = {"valign": "top"}
        grey = {**top, "font_color": GREY, "font_size": 9}
        entry = {**top, "locked": False, "bg_color": "#FFFDF0", "border": 1, "border_color": "#D6D3C4"}
        return cls(
            header=book.add_format({**top, "bold": True, "font_color": "white", "bg_color": BLUE, "text_wrap": True}),
            fixed=book.add_format(top),
            id=book.add_format(grey),
            digest=book.add_format({**grey, "align": "fill"}),  # cut off at the end of the cell
            open=book.add_format({**entry, "text_wrap": True, "num_format": "@"}),
            date=book.add_format({**entry, "num_format": "yyyy-mm-dd", "align": "left"}),
        )

    def of_column(self, name: str) -> Format:
        """Return the format of a column's cells."""
        if name in ("until", "snapshot"):
            return self.date if name == "until" else self.digest
        return self.open if name in DECISION_COLUMNS else self.id if name in IDS else self.fixed


def _write_review(book: Workbook, snapshot: Snapshot, rows: Sequence[SheetRow], day: date) -> None:
    sheet = book.add_worksheet(SHEET)
    formats = _Formats.of(book)
    for column, name in enumerate(COLUMNS):
        sheet.set_column(column, column, WIDTHS[name], formats.fixed)
        sheet.write_string(0, column, name, formats.header)
    for number, row in enumerate(rows, 1):
        _set_height(sheet, number, row.comment, WIDTHS["comment"])
        for column, name in enumerate(COLUMNS):
            _write_cell(sheet, number, column, getattr(row, name), formats.of_column(name), is_date=name == "until")
    sheet.freeze_panes(1, COLUMNS.index("email"))  # a reviewer on a small screen still sees the group and the name
    sheet.autofilter(0, 0, len(rows), len(COLUMNS) - 1)
    sheet.protect("", ALLOWED)
    if rows:
        _add_rules(book, sheet, len(rows), day)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_footer(f"&LSnapshot {snapshot.digest[:16]}&RPage &P of &N")


def _set_height(sheet: Worksheet, row: int, text: str, width: int) -> None:
    """Make a row high enough for a text that wraps: LibreOffice does not do it when it opens a workbook."""
    if len(text) > (line := width * 9 // 10):
        sheet.set_row(row, LINE_POINTS * min(MAX_LINES, -(-len(text) // line)))


def _write_cell(sheet: Worksheet, row: int, column: int, text: str, style: Format, *, is_date: bool) -> None:
    if not text:
        sheet.write_blank(row, column, None, style)
    elif is_date and (day := _parse_day(text)):
        sheet.write_datetime(row, column, day, style)
    else:
        shown = workbook_cell(text)
        if len(shown) > MAX_CELL_UNITS // 2 and len(shown.encode("utf-16-le")) > 2 * MAX_CELL_UNITS:
            raise InputError(
                f"row {row + 1}: the {COLUMNS[column]} is too long for a workbook, whose cells have at most "
                f"{MAX_CELL_UNITS:,} characters: write CSV or JSON"
            )
        sheet.write_string(row, column, shown, style)


def workbook_cell(text: str) -> str:
    """Return a text as a workbook's cells have it: as in `protect_cell`, and without texts that files cannot have.

    Files escape characters as ``_x000D_``, and this form itself as ``_x005F_x000D_`` (ECMA-376, part 1, 22.9.2.19).
    XlsxWriter overlooks the second of two such texts that share an underscore.
    """
    return DOUBLE_ESCAPE.sub(r"\1\\x5f", protect_cell(text))


def _parse_day(text: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), time())
    except ValueError:
        return None


def _add_rules(book: Workbook, sheet: Worksheet, last: int, day: date) -> None:
    """Let the decision cells take only what they are for, and colour decisions."""
    decision, until = COLUMNS.index("decision"), COLUMNS.index("until")
    sheet.data_validation(
        *(1, decision, last, decision),
        {
            "validate": "list",
            "source": [each.value for each in Decision],
            "input_title": "Decision",
            "input_message": "keep: still needed. remove: leaves the group. exception: stays until a date. "
            "Your own access: leave it empty.",
            "error_title": "Decision",
            "error_message": "Choose keep, remove or exception.",
        },
    )
    sheet.data_validation(
        *(1, until, last, until),
        {
            "validate": "date",
            "criteria": "between",
            "minimum": day,
            "maximum": LAST_DAY,
            "input_title": "Only for exceptions",
            "input_message": f"The last day, such as {day.year + 1}-03-31.",
            "error_title": "Last day of the exception",
            "error_message": f"Enter a date such as {day.year + 1}-03-31, not before {day}.",
        },
    )
    letter = chr(ord("A") + decision)
    for value, color in ((Decision.REMOVE, RED), (Decision.EXCEPTION, AMBER)):
        rule = {"type": "formula", "criteria": f'=${letter}2="{value}"', "format": book.add_format({"bg_color": color})}
        sheet.conditional_format(1, decision, last, until, rule)


def _write_about(book: Workbook, about: About) -> None:
    sheet = book.add_worksheet(ABOUT)
    wrapped = {"text_wrap": True, "valign": "top"}
    bold, plain = book.add_format({**wrapped, "bold": True}), book.add_format(wrapped)
    title = book.add_format({"bold": True, "font_size": 15})
    heading = book.add_format({"bold": True, "font_size": 12, "bg_color": LIGHT})
    for column, (width, style) in enumerate(zip(ABOUT_WIDTHS, (bold, plain), strict=True)):
        sheet.set_column(column, column, width, style)
    sheet.write_string(0, 0, workbook_cell(about.title), title)
    line = 2
    for part in about.parts:
        sheet.write_string(line, 0, part.title, heading)
        sheet.write_blank(line, 1, None, heading)
        for name, text in part.lines:
            line += 1
            _set_height(sheet, line, text, ABOUT_WIDTHS[1])
            sheet.write_string(line, 0, workbook_cell(name), bold)
            sheet.write_string(line, 1, workbook_cell(text)[: MAX_CELL_UNITS // 2], plain)
        line += 2
    sheet.protect("", {"format_columns": True, "format_rows": True})
    sheet.set_paper(9)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
