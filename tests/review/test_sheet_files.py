"""Sheets as files: they give every row back, and nothing in them runs as a formula."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
import sys
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from attrs import astuple, evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook
from snapshots import group, snapshot, user

from confluence_groups_sdk import ConfigurationError, InputError
from confluence_groups_sdk._support.text import protect_cell
from confluence_groups_sdk.review import (
    ReviewerMap,
    SheetFormat,
    SheetRow,
    sheet_rows,
    write_reviewer_sheets,
    write_sheet,
)
from confluence_groups_sdk.review.model.sheet_row import COLUMNS
from confluence_groups_sdk.review.sheets import workbook
from confluence_groups_sdk.review.sheets.about import describe_sheet
from confluence_groups_sdk.review.sheets.text_sheets import csv_pieces, json_pieces

HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\uff1dHYPERLINK()",
    " =1",
    "\t=1",
    'say "hi"',
    "a,b;c",
    "line\r\nbreak\rlone",
    "שלום \u202egnp.exe",
    "👩‍👩‍👧 🇩🇪",
    "_x0041_",
    "_x005F_x0041_x000D_",
    "http://example.com/",
    "  spaces  ",
    "12",
    "1e5",
    "TRUE",
    "2027-03-31",
    "\ud800",
    "\x00\x1f",
    "\ufffe\uffff",
    "é" * 5000,
)
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=12) | st.text(alphabet="=+-@'_x0041\r\n\t \"<&", max_size=12)
TAKEN = snapshot(
    group("g1", "ada", "bea", name="editors", access=("user",)),
    group("g2", "ada", name="=admins", access=None, failure="403: you may not list the members"),
    users=[user("ada", "Ada", status="active")],
)
EXCEPTION = {"decision": "exception", "until": "2027-03-31", "reviewer": "Max", "comment": "until the move"}


def row(*texts: str) -> SheetRow:
    names = ("group", "name", "email", "account_type", "status", "access", "reviewer", "comment")
    return SheetRow(group_id="g1", account_id="557058:a", snapshot="0" * 64, **dict(zip(names, texts, strict=True)))


ROWS = st.lists(st.builds(row, *[TEXTS] * 8), max_size=3)


def shown(rows: list[SheetRow]) -> list[tuple[str, ...]]:
    return [COLUMNS, *(tuple(map(protect_cell, astuple(each))) for each in rows)]


def read_workbook(content: bytes, sheet: str = "Review") -> list[tuple[Any, ...]]:
    found = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_name(sheet)
    return [tuple(each) for each in found.to_python()]


def written(tmp_path: Path, rows: list[SheetRow], ending: str) -> bytes:
    file = tmp_path / f"sheet.{ending}"
    write_sheet(file, rows, snapshot=TAKEN)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return file.read_bytes()


@given(ROWS)
def test_csv_gives_every_row_back_on_a_line_of_its_own(rows: list[SheetRow]) -> None:
    data = b"".join(csv_pieces(rows))
    text = data.decode("utf-8-sig")
    assert data.startswith(b"\xef\xbb\xbf")
    assert [tuple(each) for each in csv.reader(io.StringIO(text, newline=""), strict=True)] == shown(rows)
    assert len(text.splitlines()) == len(rows) + 1
    assert text.endswith("\n")
    assert "\r" not in text


@given(ROWS)
def test_json_gives_the_true_texts_back_and_shows_what_is_invisible(rows: list[SheetRow]) -> None:
    data = b"".join(json_pieces(rows))
    assert [SheetRow(**each) for each in json.loads(data)] == rows
    assert "\u202e" not in data.decode()


@settings(max_examples=20)
@given(ROWS)
@example([row(*HOSTILE[:8]), row(*HOSTILE[8:16]), row(*HOSTILE[-8:])])
def test_a_workbook_gives_every_row_back_as_texts(rows: list[SheetRow]) -> None:
    content = workbook.build_workbook(TAKEN, rows, describe_sheet(TAKEN, rows))
    assert read_workbook(content) == [tuple(map(workbook.workbook_cell, each)) for each in shown(rows)]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "<hyperlink" not in sheet


def test_cells_that_a_spreadsheet_would_run_begin_with_an_apostrophe(tmp_path: Path) -> None:
    rows = sheet_rows(TAKEN)
    assert "'=admins" in written(tmp_path, rows, "csv").decode("utf-8-sig")
    assert "'=admins" in str(read_workbook(written(tmp_path, rows, "xlsx")))
    assert '"=admins"' in written(tmp_path, rows, "json").decode()


def test_a_workbook_takes_decisions_and_nothing_else(tmp_path: Path) -> None:
    rows = [evolve(each, **EXCEPTION) for each in sheet_rows(TAKEN)[:1]] + sheet_rows(TAKEN)[1:]
    content = written(tmp_path, rows, "xlsx")
    assert read_workbook(content)[1][8:12] == ("exception", date(2027, 3, 31), "Max", "until the move")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        styles = archive.read("xl/styles.xml").decode()
    protection = sheet.partition("<sheetProtection ")[2].partition("/>")[0]
    assert 'sheet="1"' in protection
    assert 'autoFilter="0"' in protection  # 0 allows it
    assert "password" not in protection
    assert '<pane xSplit="4" ySplit="1" topLeftCell="E2" activePane="bottomRight" state="frozen"/>' in sheet
    assert 'prompt="keep: still needed. remove: leaves the group.' in sheet
    assert '<autoFilter ref="A1:M4"/>' in sheet
    assert '<formula1>"keep,remove,exception"</formula1>' in sheet
    assert 'type="date"' in sheet
    assert unlocked_columns(sheet, styles) == {2: set("IJKL"), 3: set("IJKL"), 4: set("IJKL")}


def unlocked_columns(sheet: str, styles: str) -> dict[int, set[str]]:
    """Return the columns with unlocked cells, by row."""
    formats = re.findall(r"<xf [^>]*?(?:/>|>.*?</xf>)", styles.partition("<cellXfs")[2].partition("</cellXfs>")[0])
    found: dict[int, set[str]] = {}
    for column, number, style in re.findall(r'<c r="([A-Z]+)(\d+)"(?: s="(\d+)")?', sheet):
        if 'locked="0"' in formats[int(style or 0)]:
            found.setdefault(int(number), set()).add(column)
    return found


def test_a_workbook_says_what_it_is_and_what_it_cannot_show(tmp_path: Path) -> None:
    lines = read_workbook(written(tmp_path, sheet_rows(TAKEN), "xlsx"), "About")
    text = "\n".join("\t".join(map(str, line)) for line in lines)
    assert f"Snapshot (SHA-256)\t{TAKEN.digest}" in text
    assert "Site\texample.atlassian.net" in text
    assert "'=admins\tnot all members are known: 403: you may not list the members" in text
    assert "Enter the last day of an exception" in text
    for limit in TAKEN.limits:
        assert f"{limit.text} Source: {limit.source}" in text


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    rows = sheet_rows(TAKEN)
    for each in SheetFormat:
        assert written(tmp_path, rows, each.value) == written(tmp_path, rows, each.value)


def test_a_workbook_refuses_what_it_cannot_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = evolve(sheet_rows(TAKEN)[0], comment="👍" * 16_384)
    with pytest.raises(InputError, match="row 2: the comment is too long for a workbook"):
        written(tmp_path, [long], "xlsx")
    fits = evolve(long, comment="👍" * 16_383)
    assert read_workbook(written(tmp_path, [fits], "xlsx"))[1][11] == fits.comment
    monkeypatch.setattr(workbook, "MAX_ROWS", 2)
    with pytest.raises(InputError, match="at most 2 rows, and the sheet has 3"):
        written(tmp_path, sheet_rows(TAKEN), "xlsx")


def test_a_sheet_without_rows_can_be_written(tmp_path: Path) -> None:
    assert written(tmp_path, [], "csv").decode("utf-8-sig") == ",".join(COLUMNS) + "\n"
    assert written(tmp_path, [], "json") == b"[]\n"
    assert read_workbook(written(tmp_path, [], "xlsx")) == [COLUMNS]
    assert b"<html" in written(tmp_path, [], "html")


@pytest.mark.parametrize(
    ("write", "problem"),
    [
        (lambda folder: write_sheet(folder / "sheet.txt", [], snapshot=TAKEN), "must end in .xlsx, .csv, .json, .html"),
        (lambda folder: write_sheet(folder / "s", [], snapshot=TAKEN, format="pdf"), "there is no format pdf"),
        (lambda folder: write_sheet(folder / "no" / "s.csv", [], snapshot=TAKEN), "the sheet cannot be written"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, write: Callable[[Path], None], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        write(tmp_path)


@pytest.mark.parametrize(("ending", "package"), [("xlsx", "xlsxwriter"), ("html", "jinja2")])
def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigurationError, match=r"pip install 'confluence-groups-sdk\[review\]'"):
        written(tmp_path, [], ending)


def test_each_reviewer_gets_a_file(tmp_path: Path) -> None:
    reviewers = ReviewerMap(groups={"g1": "max/müller"})
    rows = sheet_rows(TAKEN, reviewers=reviewers)
    files = write_reviewer_sheets(tmp_path / "sheets", rows, snapshot=TAKEN, reviewers=reviewers)
    assert {who: file.name for who, file in files.items()} == {"max/müller": "max-müller.xlsx", "": "unassigned.xlsx"}
    assert [each[10] for each in read_workbook(files["max/müller"].read_bytes())] == ["reviewer", *["max/müller"] * 2]
    assert [each[1] for each in read_workbook(files[""].read_bytes())] == ["group", "'=admins"]
    assert "Reviewer\tmax/müller" in str(
        ["\t".join(map(str, line)) for line in read_workbook(files["max/müller"].read_bytes(), "About")]
    ).replace("\\t", "\t")


def test_files_of_reviewers_are_not_replaced_unasked(tmp_path: Path) -> None:
    reviewers = ReviewerMap(groups={"g1": "max", "g2": "kim"})
    rows = sheet_rows(TAKEN)

    def write(folder: Path, *, replace: bool = False) -> None:
        write_reviewer_sheets(folder, rows, snapshot=TAKEN, reviewers=reviewers, format="csv", replace=replace)

    (tmp_path / "max.csv").write_text("filled in")
    with pytest.raises(InputError, match=r"has such files already: max.csv"):
        write(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["max.csv"]
    write(tmp_path, replace=True)
    assert "filled in" not in (tmp_path / "max.csv").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="this is not a folder"):
        write(tmp_path / "max.csv")
    with pytest.raises(InputError, match="sheets cannot be written here"):
        write(tmp_path / "no" / "sheets")
