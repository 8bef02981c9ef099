"""The commands decide, evidence and verify, on the sandbox, and killed at every step."""

from __future__ import annotations

import json
import signal
import zipfile
from collections.abc import Mapping
from pathlib import Path

import forked
import killed_command
import pytest
from review_fakes import csv_bytes, rows_of, save, xlsx_bytes
from review_runs import OTHER, TEAM, decide, members, prepare
from shell import Result, Shell

from confluence_groups_sdk.membership import Plan
from confluence_groups_sdk.review import Snapshot, verify_evidence
from confluence_groups_sdk.sandbox import Faults

SELECTION = ("--group", TEAM, "--group", OTHER)


@pytest.fixture
def ids(shell: Shell) -> list[str]:
    return prepare(shell.sandbox)


def return_sheets(decided: Mapping[tuple[str, str], Mapping[str, str]]) -> None:
    """Fill in a CSV sheet for one group and a workbook for the other."""
    rows = rows_of(Snapshot.load("q4.snapshot"), decided)
    save(Path(), "returned/team.csv", csv_bytes(row for row in rows if row["group_id"] == TEAM))
    save(Path(), "returned/other.xlsx", xlsx_bytes([row for row in rows if row["group_id"] == OTHER]))


def next_command(result: Result, start: str) -> list[str]:
    """Return the arguments of a command that a command prints as a next step."""
    [line] = [line for line in (result.out + result.err).splitlines() if line.startswith(start)]
    return line.partition("confluence-groups ")[2].split()


def test_a_review_from_the_snapshot_to_verified_evidence(shell: Shell, ids: list[str]) -> None:
    assert shell.run("review", "snapshot", *SELECTION, "--out", "q4.snapshot").code == 0
    return_sheets(decide(ids))
    decided = shell.run(
        "review", "decide", "q4.snapshot", "returned/team.csv", "returned/other.xlsx", "--plan", "q4.plan.json"
    )
    assert decided.code == 0, decided.err
    assert "2 sheets: 12 keep, 2 remove, 1 exception, 0 undecided" in decided.out
    assert "saved as q4.plan.json and q4.decisions.json; nothing was removed" in decided.out
    assert ids[0] in members(shell.sandbox, TEAM)
    assert shell.run(*next_command(decided, "approve it:")).code == 0
    assert shell.run(*next_command(decided, "apply it:"), "--yes").code == 0
    assert shell.run(*next_command(decided, "look again:"), *SELECTION).code == 0
    proved = shell.run(*next_command(decided, "prove it:"))
    assert proved.code == 0, proved.err
    assert "counts:    12 keep, 2 remove, 1 exception, 0 undecided, 2 removed" in proved.out
    verified = shell.run(*next_command(proved, "next:"))
    assert (verified.code, verified.err) == (0, "")
    assert "evidence.zip is verified: nothing was changed, and its parts agree" in verified.out
    report = json.loads(shell.run("review", "verify", "evidence.zip", "-o", "json").out)
    assert (report["is_verified"], report["counts"]["removed"]) == (True, 2)
    again = shell.run("review", "evidence", "q4.snapshot", "--sheets", "returned", "--plan", "q4.plan.json")
    assert "evidence.zip exists already" in again.err


def test_undecided_rows_are_listed(shell: Shell, ids: list[str]) -> None:
    shell.run("review", "snapshot", *SELECTION, "--out", "q4.snapshot")
    return_sheets({(OTHER, ids[0]): {"decision": "keep"}})
    decided = shell.run("review", "decide", "q4.snapshot", "returned", "--plan", "q4.plan.json")
    assert decided.code == 0
    assert "2 sheets: 1 keep, 0 remove, 0 exception, 14 undecided" in decided.out
    assert "P id-011" in decided.out
    rows = shell.run("review", "decide", "q4.snapshot", "returned", "--plan", "new.plan.json", "-o", "json")
    assert len(json.loads(rows.out)) == 14
    proved = shell.run(*next_command(decided, "prove it:"))
    assert proved.code == 0, proved.err
    assert "open:      14 memberships are undecided" in proved.out


def test_bad_sheets_end_with_2_and_every_problem(shell: Shell, ids: list[str]) -> None:
    shell.run("review", "snapshot", *SELECTION, "--out", "q4.snapshot")
    bad = {(TEAM, each): {"decision": "keep", "reviewer": each} for each in ids}
    return_sheets(bad | {(OTHER, ids[0]): {"decision": "perhaps"}})
    refused = shell.run("review", "decide", "q4.snapshot", "returned", "--plan", "q4.plan.json")
    assert refused.code == 2
    assert "error: the sheets cannot be used (13 problems):" in refused.err
    assert "other.xlsx: row 2, column decision: “perhaps” is no decision" in refused.err
    assert refused.err.count("decides about their own access: let somebody else decide") == 12
    assert "option: --allow-own-access" in refused.err
    assert not Path("q4.plan.json").exists()
    shell.run("review", "decide", "q4.snapshot", "returned", "--problems", "problems.json")
    assert len(json.loads(Path("problems.json").read_text("utf-8"))["problems"]) == 13


def test_guards_refuse_with_3(shell: Shell, ids: list[str]) -> None:
    shell.run("review", "snapshot", *SELECTION, "--out", "q4.snapshot")
    return_sheets(decide(ids))
    decided = shell.run(
        "review", "decide", "q4.snapshot", "returned", "--protect-account", ids[0], "--plan", "q4.plan.json"
    )
    assert decided.code == 3
    assert len(Plan.load("q4.plan.json").refused) == 1


def test_changed_evidence_ends_with_2_and_names_the_part(shell: Shell, ids: list[str]) -> None:
    shell.run("review", "snapshot", *SELECTION, "--out", "q4.snapshot")
    return_sheets({(OTHER, ids[0]): {"decision": "keep"}})
    decided = shell.run("review", "decide", "q4.snapshot", "returned", "--plan", "q4.plan.json")
    shell.run(*next_command(decided, "prove it:"))
    evidence = Path("evidence.zip")
    evidence.write_bytes(evidence.read_bytes().replace(b"id-005@example.com", b"id-006@example.com", 1))
    verified = shell.run("review", "verify", "evidence.zip")
    assert verified.code == 2
    assert "error: evidence.zip is not verified" in verified.err
    assert "sheets/team.csv: its content was changed" in verified.err
    assert shell.run("review", "verify", "evidence.zip", "-o", "csv").code == 2
    assert shell.run("review", "verify", "none.zip").code == 2


# --- killed


def run_killed(*arguments: str, sync: int) -> int:
    """Run a command that kills itself before it flushes data to disk for the n-th time."""
    return forked.run(killed_command.run_until_sync, str(sync), *arguments).returncode


def run_until_done(*arguments: str, file: Path) -> int:
    """Run a command again and again, killed a little later each time, and return the number of kills."""
    for sync in range(1, 40):
        code = run_killed(*arguments, sync=sync)
        if code != -signal.SIGKILL:
            assert code in (0, 5), code
            return sync - 1
        if file.exists():
            return sync
    raise AssertionError("never finished")


def test_a_review_that_is_killed_at_every_step_is_verified(shell: Shell, ids: list[str]) -> None:
    sheets = ("returned/team.csv", "returned/other.xlsx")
    decided = decide(ids) | {(TEAM, each): {"decision": "remove"} for each in ids[:5]}
    assert shell.run("review", "snapshot", *SELECTION, "--out", "q4.snapshot").code == 0
    return_sheets(decided)
    assert (
        run_until_done("review", "decide", "q4.snapshot", *sheets, "--plan", "q4.plan.json", file=Path("q4.plan.json"))
        > 2
    )
    shell.sandbox.faults = Faults(error_rate=0.1, drop_after=0.1, seed=1)
    kills = 0
    for sync in (2, 3, 4):
        kills += run_killed("apply", "q4.plan.json", "--yes", sync=sync) == -signal.SIGKILL
    assert kills > 1
    shell.sandbox.faults = Faults()
    unfinished = shell.run("review", "snapshot", *SELECTION, "--out", "early.snapshot")
    assert unfinished.code == 0
    early = (
        "review",
        "evidence",
        "q4.snapshot",
        "--sheets",
        *sheets,
        "--plan",
        "q4.plan.json",
        "--journal",
        "q4.plan.journal",
    )
    written = shell.run(*early, "--after", "early.snapshot", "--out", "early.zip")
    assert written.code == 0, written.err
    assert verify_evidence("early.zip").is_verified
    assert shell.run("apply", "q4.plan.json", "--yes").code in (0, 5)
    assert shell.run("review", "snapshot", *SELECTION, "--out", "after.snapshot").code == 0
    late = (*early, "--after", "after.snapshot")
    run_until_done(*late, file=Path("evidence.zip"))
    report = verify_evidence("evidence.zip")
    assert report.is_verified
    assert report.counts["remove"] == 5
    assert sum(report.counts.get(state, 0) for state in ("removed", "no longer a member")) == 5
    with zipfile.ZipFile("evidence.zip") as archive:
        assert archive.testzip() is None


def test_a_command_does_not_write_two_results_to_one_file_or_over_what_it_reads(shell: Shell, ids: list[str]) -> None:
    assert shell.run("review", "snapshot", *SELECTION, "--out", "q4.snapshot").code == 0
    return_sheets(decide(ids))
    before = {each: each.read_bytes() for each in (Path("q4.snapshot"), Path("returned/team.csv"))}
    for options, problem in (
        (["--plan", "q4.json", "--decisions", "./q4.json"], "q4.json is named twice: give another name"),
        (["--plan", "q4.snapshot"], "q4.snapshot is read by this command: give another name"),
        (["--plan", "q4.json", "--decisions", "returned/team.csv"], "team.csv is read by this command"),
    ):
        refused = shell.run("review", "decide", "q4.snapshot", "returned", *options, "--force")
        assert refused.code == 2
        assert problem in refused.err
    assert {each: each.read_bytes() for each in before} == before
    assert not Path("q4.json").exists()


def test_the_later_snapshot_reads_the_same_groups(shell: Shell, ids: list[str]) -> None:
    assert shell.run("review", "snapshot", "--group", TEAM, "--access", "admin", "--out", "q4.snapshot").code == 0
    rows = rows_of(Snapshot.load("q4.snapshot"), {(TEAM, ids[0]): {"decision": "remove"}})
    save(Path(), "returned/team.csv", csv_bytes(rows))
    decided = shell.run("review", "decide", "q4.snapshot", "returned", "--plan", "q4.plan.json")
    assert next_command(decided, "look again:")[2:] == [
        *("--access", "admin", "--group", TEAM, "--out", "q4-after.snapshot"),
    ]
