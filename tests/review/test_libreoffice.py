"""Workbooks in LibreOffice: it opens, edits and saves them, and the decisions survive."""

from __future__ import annotations

import csv
import os
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import libreoffice
import pytest
from attrs import evolve
from python_calamine import CalamineWorkbook
from snapshots import group, snapshot, user

from confluence_groups_sdk._support.text import protect_cell
from confluence_groups_sdk.review import sheet_rows, write_sheet
from confluence_groups_sdk.review.model.sheet_row import COLUMNS, FIXED_COLUMNS

REQUIRED = "LIBREOFFICE_REQUIRED"
NAMES = ("=cmd|' /C calc'!A0", "שלום", "👩‍👩‍👧", "_x0041_", "1e5", "2027-03-31", "TRUE", 'say "hi", Zoë; ok')
TAKEN = snapshot(
    group("g1", *(f"a{number}" for number, _ in enumerate(NAMES)), name="@editors", access=("user",)),
    users=[user(f"a{number}", name) for number, name in enumerate(NAMES)],
)
TYPED = {
    "I2": "keep",
    "I3": "remove",
    "K3": "max@example.com",
    "L3": "left the team, says Zoë",
    "I4": "exception",
    "J4": "2027-03-31",
    "K4": "Max",
    "L4": "until the move",
    "A2": "g2",  # locked
    "M3": "0000",  # locked
}


@pytest.fixture(autouse=True)
def _need_libreoffice() -> None:
    if libreoffice.is_missing():
        reason = f"skipped: {libreoffice.NEEDED} is not installed, so LibreOffice did not open the workbook"
        if REQUIRED in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)


def fixed_cells(lines: list[list[Any]]) -> list[list[Any]]:
    return [[line[COLUMNS.index(name)] for name in FIXED_COLUMNS] for line in lines]


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_decisions_typed_in_libreoffice_survive(tmp_path: Path, ending: str) -> None:
    rows = sheet_rows(TAKEN)
    sheet, returned = tmp_path / "sheet.xlsx", tmp_path / f"returned.{ending}"
    carried = evolve(rows[-1], decision="exception", until="2027-06-30", reviewer="Kim", comment="- see =ticket")
    write_sheet(sheet, [*rows[:-1], carried], snapshot=TAKEN)
    libreoffice.edit(sheet, returned, TYPED, folder=tmp_path / "settings")
    if ending == "xlsx":
        book = CalamineWorkbook.from_path(returned)
        assert book.sheet_names == ["Review", "About"]
        lines: list[list[Any]] = book.get_sheet_by_name("Review").to_python()
        with zipfile.ZipFile(returned) as archive:
            saved = archive.read("xl/worksheets/sheet1.xml").decode()
        for kept in ("<sheetProtection", "<dataValidation ", "<autoFilter "):  # without a window, no pane is frozen
            assert kept in saved, kept
    else:
        with returned.open(encoding="utf-8-sig", newline="") as file:
            lines = [list(line) for line in csv.reader(file)]
    until = date.fromisoformat if ending == "xlsx" else str
    assert lines[0] == list(COLUMNS)
    assert fixed_cells(lines[1:]) == [[protect_cell(getattr(row, name)) for name in FIXED_COLUMNS] for row in rows]
    assert [line[8:12] for line in lines[1:4]] == [
        ["keep", "", "", ""],
        ["remove", "", "max@example.com", "left the team, says Zoë"],
        ["exception", until("2027-03-31"), "Max", "until the move"],
    ]
    assert [line[8:12] for line in lines[4:-1]] == [[""] * 4] * (len(rows) - 4)
    assert lines[-1][8:12] == ["exception", until("2027-06-30"), "Kim", "'- see =ticket"]
