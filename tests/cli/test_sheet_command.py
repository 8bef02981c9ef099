"""``review sheet``: which files it writes, what it prints, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path

import pytest
from attrs import evolve
from python_calamine import CalamineWorkbook
from shell import Result, Shell

from confluence_groups_sdk.review import DecidedMembership, Decision, Decisions, Snapshot, SnapshotGroup, SnapshotUser
from confluence_groups_sdk.review.model.sheet_row import COLUMNS

NOW = "2026-11-29T12:00:00Z"


def group(group_id: str, *members: str, access: tuple[str, ...] = (), complete: bool = True) -> SnapshotGroup:
    known = "the list ended" if complete else "403: you may not list the members"
    return SnapshotGroup(
        id=group_id, name=f"team {group_id}", access=access, members=members, is_complete=complete, known_by=known,
        read_at=NOW,
    )  # fmt: skip


TAKEN = Snapshot(
    site="example.atlassian.net",
    taken_by="a1",
    started_at=NOW,
    ended_at=NOW,
    groups=(group("g1", "a1", "b2", access=("admin",)), group("g2", "a1"), group("g3", "b2", complete=False)),
    users={
        "a1": SnapshotUser(account_id="a1", name="Zoë", email="zoe@example.com", account_type="atlassian"),
        "b2": SnapshotUser(account_id="b2", name="=bot", account_type="app"),
    },
)


@pytest.fixture
def reviewed(shell: Shell) -> Shell:
    TAKEN.save(shell.folder / "q4.snapshot")
    return shell


def sheet(shell: Shell, *arguments: str) -> Result:
    return shell.run("review", "sheet", "q4.snapshot", *arguments)


def test_csv_goes_to_standard_output_with_a_byte_order_mark(reviewed: Shell) -> None:
    result = sheet(reviewed, "--csv")
    assert result.code == 0
    assert result.out.startswith(
        "\ufeffgroup_id,group,account_id,name,email,account_type,status,access,decision,until,"
    )
    rows = list(csv.DictReader(io.StringIO(result.out.removeprefix("\ufeff"))))
    assert [(row["group_id"], row["name"]) for row in rows] == [
        ("g1", "'=bot"),
        ("g1", "Zoë"),
        ("g2", "Zoë"),
        ("g3", "'=bot"),
    ]
    assert "note: team g3 may have more members: 403: you may not list the members" in result.err
    assert "then: confluence-groups review decide q4.snapshot returned/*.csv --plan q4.plan.json" in result.err
    spawned = reviewed.spawn("review", "sheet", "q4.snapshot", "--csv", settings={"PYTHONIOENCODING": "ascii"})
    assert spawned.out == result.out


def test_json_goes_to_standard_output(reviewed: Shell) -> None:
    result = sheet(reviewed, "--json", "--by", "user", "--only", "access=admin")
    assert [(row["account_id"], row["name"]) for row in json.loads(result.out)] == [("b2", "=bot"), ("a1", "Zoë")]
    assert tuple(json.loads(result.out)[0]) == COLUMNS


def test_the_ending_of_a_file_stands_for_its_format(reviewed: Shell) -> None:
    for name in ("q4.xlsx", "q4.csv", "q4.json", "q4.html"):
        result = sheet(reviewed, "--out", name)
        assert (result.code, result.out) == (0, "")
        assert result.err.startswith(f"wrote {name}: 4 memberships\n")
    assert CalamineWorkbook.from_path("q4.xlsx").sheet_names == ["Review", "About"]
    assert Path("q4.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    refused = sheet(reviewed, "--out", "q4.csv")
    assert refused.code == 2
    assert "q4.csv exists already" in refused.err
    assert sheet(reviewed, "--out", "q4.csv", "--force").code == 0


def test_each_reviewer_gets_a_file(reviewed: Shell) -> None:
    reviewed.csv("team g1,max@example.com", "g2,kim", name="map.csv", header="group,reviewer")
    result = sheet(reviewed, "--xlsx", "--reviewers", "map.csv", "--out", "sheets")
    assert result.code == 0
    folder = Path("sheets")
    assert sorted(each.name for each in folder.iterdir()) == ["kim.xlsx", "max@example.com.xlsx", "unassigned.xlsx"]
    assert f"wrote {folder / 'max@example.com.xlsx'}: 2 memberships for max@example.com" in result.err
    assert f"wrote {folder / 'unassigned.xlsx'}: 1 membership that nobody reviews" in result.err
    assert "note: no reviewer is named for team g3" in result.err
    reviewed.csv("nobody,kim", name="map.csv", header="group,reviewer")
    refused = sheet(reviewed, "--xlsx", "--reviewers", "map.csv", "--out", "more")
    assert refused.code == 2
    assert "line 2: the snapshot has no group with this id or exact name: nobody" in refused.err
    assert not Path("more").exists()


def test_exceptions_of_the_last_review_are_filled_in(reviewed: Shell) -> None:
    kept = DecidedMembership(
        group_id="g2", account_id="a1", decision=Decision.EXCEPTION, reviewer="Max", until=date(2027, 1, 31),
        sheet="q3.csv", line=2,
    )  # fmt: skip
    Decisions(snapshot="0" * 64, site=TAKEN.site, decided=(kept,)).save("q3.decisions.json")
    rows = json.loads(sheet(reviewed, "--json", "--previous", "q3.decisions.json", "--only", "group=g2").out)
    assert [(row["decision"], row["until"], row["reviewer"]) for row in rows] == [("exception", "2027-01-31", "Max")]


def test_the_page_shows_changes_since_a_snapshot(reviewed: Shell) -> None:
    Snapshot(site=TAKEN.site, taken_by="a1", started_at="2026-08-29T12:00:00Z", ended_at="2026-08-29T12:00:00Z").save(
        "q3"
    )
    assert sheet(reviewed, "--out", "q4.html", "--since", "q3").code == 0
    assert "Changes since the last review" in Path("q4.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "give the format of the sheet: one of --xlsx, --csv, --json, --html"),
        (["--csv", "--json"], "give only one of --xlsx, --csv, --json, --html"),
        (["--xlsx"], "--xlsx needs a file: give it with --out"),
        (["--html"], "--html needs a file: give it with --out"),
        (["--out", "q4.ods"], "q4.ods: the name must end in .xlsx, .csv, .json, .html"),
        (["--csv", "--since", "q4.snapshot"], "only pages show changes: give --html, or leave --since out"),
        (["--csv", "--only", "access=owner"], "access=owner: give one of access=admin, access=user"),
        (["--csv", "--reviewers", "map.csv"], "a sheet for each reviewer needs a folder: give it with --out"),
        (["--reviewers", "map.csv", "--out", "sheets"], "give the format of the sheet: one of --xlsx"),
    ],
)
def test_usage_that_cannot_be_meant_is_refused(reviewed: Shell, arguments: list[str], problem: str) -> None:
    result = sheet(reviewed, *arguments)
    assert result.code == 2
    assert problem in result.err
    assert result.out == ""


def test_no_match_is_an_empty_sheet_with_a_note(reviewed: Shell) -> None:
    result = sheet(reviewed, "--csv", "--only", "account_type=guest")
    assert result.code == 0
    assert len(result.out.splitlines()) == 1
    assert "note: no membership matches account_type=guest" in result.err


def test_reviewers_of_their_own_access_are_named_before_the_sheets_are_sent(reviewed: Shell) -> None:
    reviewed.csv("team g1,zoe@example.com", "g2,Zoë", "g3,zoe@example.com", name="map.csv", header="group,reviewer")
    result = sheet(reviewed, "--csv", "--reviewers", "map.csv", "--out", "sheets")
    assert (
        "note: map.csv: zoe@example.com would decide about their own access in team g1: name somebody else in a row "
        "with group g1, account a1 and reviewer" in result.err
    )
    assert "note: map.csv: Zoë would decide about their own access in team g2" in result.err
    assert "access in team g3" not in result.err


def test_groups_whose_access_is_unknown_are_not_left_out_silently(shell: Shell) -> None:
    unknown = evolve(group("g4", "a1"), access=None)
    evolve(TAKEN, groups=(*TAKEN.groups, unknown), digest="").save(shell.folder / "q4.snapshot")
    result = sheet(shell, "--csv", "--only", "access=admin")
    note = "note: 1 group with unknown access is left out: add --only access=unknown, because it may give any access"
    assert note in result.err
    assert "is left out" not in sheet(shell, "--csv", "--only", "access=admin", "--only", "access=unknown").err
    assert "is left out" not in sheet(shell, "--csv", "--only", "account_type=app").err


def test_the_next_step_can_be_pasted_into_a_shell(reviewed: Shell) -> None:
    TAKEN.save(reviewed.folder / "our q4.snapshot")
    result = reviewed.run("review", "sheet", "our q4.snapshot", "--csv")
    assert "review decide 'our q4.snapshot' returned/*.csv --plan 'our q4.plan.json'" in result.err
    page = reviewed.run("review", "sheet", "our q4.snapshot", "--html", "--out", "q.html")
    assert "review sheet 'our q4.snapshot' --xlsx --out 'our q4.xlsx'" in page.err


def test_a_sheet_does_not_replace_the_files_it_is_made_from(reviewed: Shell) -> None:
    before = Path("q4.snapshot").read_bytes()
    refused = sheet(reviewed, "--json", "--out", "./q4.snapshot", "--force")
    assert refused.code == 2
    assert "is read by this command" in refused.err
    assert Path("q4.snapshot").read_bytes() == before
