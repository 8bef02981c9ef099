"""Sheets from writing to reading: a sheet that can be written can be read again, and nobody decides for themselves."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path

import pytest
from attrs import evolve
from review_fakes import group, snapshot

from confluence_groups_sdk import InputError
from confluence_groups_sdk.review import SnapshotUser, read_decisions, sheet_rows, write_sheet
from confluence_groups_sdk.review.decisions import workbook as reading
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
