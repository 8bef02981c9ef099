"""The cells of returned sheets: what a reviewer may write for a decision and a date, and what a spreadsheet adds."""

from __future__ import annotations

import re
from datetime import date

from ..._support.text import protect_cell, unprotect_cell
from ..model.decisions import Decision
from ..sheets.workbook import workbook_cell
from .raw_sheet import RawCell

YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]00:00(?::00(?:\.0+)?)?)?")
DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
DECISIONS = {each.value: each for each in Decision}


def unprotect(cell: str) -> str:
    """Remove the apostrophes that keep a spreadsheet from running a text as a formula, and surrounding spaces."""
    return unprotect_cell(cell.strip())


def is_same(cell: str, expected: str) -> bool:
    """Check that a cell has the expected text, as it is or as a sheet writes it."""
    return cell == expected or cell.strip() in {expected.strip(), *written_forms(expected)}


def written_forms(text: str) -> set[str]:
    """Return a text as CSV files and workbooks have it, without surrounding spaces."""
    return {protect_cell(text).strip(), workbook_cell(text).strip()}


def parse_decision(cell: str) -> Decision | None:
    """Return the decision in a cell; None for an empty cell. Case and spaces do not matter.

    Raises:
        ValueError: the cell has another word.
    """
    word = " ".join(cell.split()).casefold()
    if not word:
        return None
    if word not in DECISIONS:
        raise ValueError(f"“{cell.strip()}” is no decision: write {', '.join(DECISIONS)}, or nothing")
    return DECISIONS[word]


def parse_date(cell: RawCell) -> date | None:
    """Return the date in a cell; None for an empty cell.

    Years come first, as in 2027-03-31, or the day comes first and dots follow, as in 31.03.2027. With slashes, the day
    must be above 12 or equal to the month, so that the order is known.

    Raises:
        ValueError: the cell has no date, or one whose order is not known.
    """
    if isinstance(cell, date):
        return cell
    text = cell.strip()
    if not text:
        return None
    if found := SLASHES.fullmatch(text):
        one, other = int(found[1]), int(found[2])
        if one != other and max(one, other) <= 12:
            raise ValueError(f"“{text}” can mean two dates: write it as in 2027-03-31")
    try:
        if found := YEAR_FIRST.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := DAY_FIRST.fullmatch(text):
            return date(int(found[3]), int(found[2]), int(found[1]))
        if found := SLASHES.fullmatch(text):
            one, other, year = map(int, found.groups())
            return date(year, min(one, other), max(one, other))
    except ValueError:
        pass
    raise ValueError(f"“{text}” is not a date: write it as in 2027-03-31")
