"""Sheets from writing to reading: a sheet that can be written can be read again, and nobody decides for themselves."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path

import pytest
from attrs import evolve
from review_fakes import csv_bytes, group, rows_of, snapshot

from confluence_groups_sdk import InputError
from confluence_groups_sdk._support.text import FORMULA_STARTS
from confluence_groups_sdk.review import Snapshot, SnapshotUser, read_decisions, sheet_rows, write_sheet
from confluence_groups_sdk.review.decisions import workbook as reading
from confluence_groups_sdk.review.decisions.reading import parse_decisions
from confluence_groups_sdk.review.model.sheet_row import COLUMNS
from confluence_groups_sdk.review.sheets import workbook as writing

TODAY = date(2026, 12, 1)
ESCAPES = "_x005F_x0041_"


def person(account_id: str, name: str | None, email: str | None = None) -> SnapshotUser:
    return SnapshotUser(account_id=account_id, name=name, email=email, account_type="atlassian", is_guest=False)


@pytest.mark.parametrize("suffix", ["xlsx", "csv", "json"])
def test_names_and_ids_that_look_like_escapes_of_workbooks_are_not_edits(tmp_path: Path, suffix: str) -> None:
    users = [person(ESCAPES, f"={ESCAPES}"), person("b", "_x000D_x0041_x0042_")]
    taken = snapshot(group("_xABCD_x0041_", "b", ESCAPES, name=f"x{ESCAPES}"), users=users)
    path = tmp_path / f"s.{suffix}"
    write_sheet(path, [evolve(row, decision="keep", reviewer="Rita") for row in sheet_rows(taken)], snapshot=taken)
    assert [each.account_id for each in read_decisions(taken, [path]).decided] == sorted([ESCAPES, "b"])


def test_every_workbook_that_is_written_is_within_the_limits_of_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (writing.MAX_ROWS + 1) * len(COLUMNS) <= reading.MAX_CELLS
    taken, path = snapshot(), tmp_path / "s.xlsx"
    write_sheet(path, sheet_rows(taken), snapshot=taken)
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        size = sum(info.file_size for info in archive.infolist())
    monkeypatch.setattr(writing, "MAX_UNPACKED", size)
    write_sheet(path, sheet_rows(taken), snapshot=taken)
    monkeypatch.setattr(writing, "MAX_UNPACKED", size - 1)
    with pytest.raises(InputError, match="too large for a workbook"):
        write_sheet(path, sheet_rows(taken), snapshot=taken)


@pytest.mark.parametrize(
    "reviewer",
    [
        "Max Muster <max@example.com>",
        "Max (max@example.com)",
        "Muster, Max",
        "MUSTER Max",
        "Rita & Max Muster",
        "Rita and max muster",
        "Rita/Max Muster",
        "Rita\nMax Muster",
        "mailto:max@example.com",
        "Max\u200b Muster",
        "Max\u00ad Muster",
        "“Max Muster”",
        "Max Muster.",
        "@Max Muster",
        "5b10:max",
        "Max Muster (5b10:max)",
        "max+review@example.com",
        "Max M\u00fcster-Muster <max@example.com>, Rita",
    ],
)
def test_nobody_decides_about_their_own_access_by_writing_their_name_differently(reviewer: str) -> None:
    taken = one_member(person("5b10:max", "Max Muster", "max@example.com"))
    assert_own(taken, reviewer)


@pytest.mark.parametrize("name", ["Max\u200f Muster", "=Max Muster", ESCAPES, "O\u2019Brien, Max", "and", "李小龙"])
def test_nobody_decides_about_their_own_access_by_a_name_as_a_sheet_has_it(name: str, tmp_path: Path) -> None:
    taken, path = one_member(person("5b10:max", name)), tmp_path / "s.xlsx"
    write_sheet(path, [evolve(row, decision="keep", reviewer=name) for row in sheet_rows(taken)], snapshot=taken)
    with pytest.raises(InputError, match="decides about their own access"):
        read_decisions(taken, [path])
    assert_own(taken, name)


@pytest.mark.parametrize(
    "reviewer",
    ["Max Mustermann", "Rita", "maxi@example.com", "rita@example.com (for Max)", "Muster", "Max", "Rita and Kim", "x"],
)
def test_others_may_decide(reviewer: str) -> None:
    taken = one_member(person("5b10:max", "Max Muster", "max@example.com"))
    rows = rows_of(taken, {("g1", "5b10:max"): {"decision": "keep", "reviewer": reviewer}})
    [decided] = parse_decisions(taken, {"s.csv": csv_bytes(rows)}, today=TODAY).decided
    assert (decided.reviewer, decided.is_own) == (reviewer, False)


def one_member(member: SnapshotUser) -> Snapshot:
    return snapshot(group("g1", member.account_id), users=[member])


def assert_own(taken: Snapshot, reviewer: str) -> None:
    [member] = taken.users
    rows = rows_of(taken, {("g1", member): {"decision": "keep", "reviewer": reviewer}})
    with pytest.raises(InputError, match="decides about their own access"):
        parse_decisions(taken, {"s.csv": csv_bytes(rows)}, today=TODAY)


def test_a_member_who_hides_their_email_is_found_by_their_name_in_it() -> None:
    assert_own(one_member(person("5b10:max", "Max Muster")), "muster.max@example.org")
    assert_own(one_member(person("5b10:max", "Muster, Max")), "Rita; max_muster+review@example.org")


@pytest.mark.parametrize("text", ["x;=cmd|' /C calc'!A0;", "x; +1", '";"=1+1";"', "=1;-1;@x", "a;\uff1db"])
@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_no_cell_runs_in_a_spreadsheet_that_separates_cells_by_semicolons(
    tmp_path: Path, text: str, suffix: str
) -> None:
    taken, path = one_member(person("5b10:max", text)), tmp_path / f"s.{suffix}"
    rows = [evolve(row, decision="keep", reviewer="Rita", comment=text) for row in sheet_rows(taken)]
    write_sheet(path, rows, snapshot=taken)
    if suffix == "csv":
        lines = path.read_text("utf-8-sig").splitlines()
        cells = [cell.strip(' "') for line in lines for cell in line.split(";")]
        assert not [cell for cell in cells if cell.startswith(FORMULA_STARTS)]
    [decided] = read_decisions(taken, [path]).decided
    assert decided.comment == text


def test_a_file_of_another_kind_is_one_problem() -> None:
    for data in (b"<?xml version='1.0'?>\n<office/>", b"%PDF-1.7 and, more", b"name;mail\nMax;max@example.com\n"):
        with pytest.raises(InputError) as caught:
            parse_decisions(snapshot(), {"s.csv": data}, today=TODAY)
        assert caught.value.problems == (
            "s.csv: line 1: these are not the columns of a review sheet: return the sheet as it was sent, with "
            "decisions in it",
        )
