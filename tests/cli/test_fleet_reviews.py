"""A review of a fleet on the command line: snapshot, sheets, decisions, and what follows."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from databases.embedded import EmbeddedPostgres
from fleet_shell import GROUPS, REVIEW, FleetShell, command_after
from shell import Shell

from confluence_groups_sdk.fleet import JobPhase, Postgres
from confluence_groups_sdk.review import Snapshot


@pytest.fixture
def fleet(
    shell: Shell, shared: Postgres, schema: str, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> FleetShell:
    return FleetShell(shell, shared, schema, server.dsn, monkeypatch)


def fill_in(sheet: Path, removed: str, target: Path) -> None:
    """Decide to remove a person from all groups, and to keep all others."""
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    header = next(number for number, row in enumerate(rows) if "decision" in row)
    decision, account, reviewer = map(rows[header].index, ("decision", "account_id", "reviewer"))
    for row in rows[header + 1 :]:
        row[reviewer] = "Ada"
        row[decision] = "remove" if row[account] == removed else "keep"
    target.parent.mkdir(exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def test_a_review_goes_from_snapshot_to_report(fleet: FleetShell) -> None:
    request = fleet.review()
    fleet.work(request)
    shown = fleet.run("status")
    assert f"waiting for you:\n  {REVIEW}: the snapshot waits for decisions\n" in shown.out
    taken = fleet.run_line(command_after(shown.out, "look at it"))
    assert (taken.code, taken.err) == (0, "")
    snapshot = Snapshot.load("q4-acme.snapshot")
    assert [group.id for group in snapshot.groups] == list(GROUPS)
    assert f"saved as q4-acme.snapshot: 3 groups of {snapshot.site}, digest {snapshot.digest}\n" in taken.out
    assert command_after(taken.out, "next").startswith("confluence-groups review sheet q4-acme.snapshot --xlsx ")
    assert command_after(taken.out, "then") == command_after(shown.out, "decide")

    assert fleet.shell.run("review", "sheet", "q4-acme.snapshot", "--csv", "--out", "sheet.csv").code == 0
    fill_in(Path("sheet.csv"), fleet.ids[0], Path("returned", "sheet.csv"))
    decided = fleet.run_line(command_after(taken.out, "then"))
    assert decided.code == 0, decided.err
    assert decided.out == "1 sheet: 87 keep, 3 remove, 0 exception, 0 undecided\n"
    assert f"\nstored the decisions of {REVIEW}; nothing was removed\n" in decided.err
    assert fleet.work(request).phase is JobPhase.WAITING_FOR_APPROVAL
    assert fleet.run_line(command_after(fleet.run("status").out, "approve it"), answer="y\n").code == 0
    assert fleet.work(request).phase is JobPhase.DONE
    report = fleet.run("report", REVIEW)
    assert (report.code, f"snapshot:  {snapshot.digest}\n" in report.out) == (0, True)
    assert len(fleet.shell.writes) == 3


def test_problems_of_sheets_are_listed_and_nothing_is_stored(fleet: FleetShell) -> None:
    fleet.work(fleet.review())
    Path("odd.csv").write_text("precious\n")
    ended = fleet.run("decide", REVIEW, "odd.csv")
    assert (ended.code, ended.out) == (2, "")
    assert "odd.csv" in ended.err
    as_json = fleet.run("decide", REVIEW, "odd.csv", "-o", "json", "--problems", "problems.json")
    assert as_json.code == 2
    assert json.loads(as_json.out)["problems"] == json.loads(Path("problems.json").read_text())["problems"]
    assert fleet.run("decide", REVIEW, "odd.csv", "--problems", "odd.csv", "--force").code == 2
    assert Path("odd.csv").read_text() == "precious\n"
    Path("empty").mkdir()
    assert fleet.run("decide", REVIEW, "empty").err == "error: empty: the folder has no sheets\n"
    assert fleet.shared.jobs.get(REVIEW).phase is JobPhase.WAITING_FOR_DECISIONS


def test_undecided_memberships_are_listed(fleet: FleetShell) -> None:
    fleet.work(fleet.review())
    fleet.shared.jobs.snapshot(REVIEW).save("a.snapshot")
    fleet.shell.run("review", "sheet", "a.snapshot", "--csv", "--out", "a.csv")
    ended = fleet.run("decide", REVIEW, "a.csv")
    assert ended.code == 0
    assert "1 sheet: 0 keep, 0 remove, 0 exception, 90 undecided\n\nundecided:\n" in ended.out
    assert "and 70 more: -o csv lists all of them\n" in ended.out
    assert (
        "\nnote: 90 memberships are undecided and stay; to decide about them later: confluence-groups fleet "
        in ended.err
    )
    assert f" discard-plan {REVIEW} --schema {fleet.schema}, and decide again\n" in ended.err
    assert len(json.loads(fleet.run("decide", REVIEW, "a.csv", "-o", "json").out)) == 90


def test_another_kind_of_job_has_no_snapshot(fleet: FleetShell) -> None:
    fleet.work(fleet.offboard(id=REVIEW))
    Path("a.csv").write_text("")
    for command in (("snapshot", REVIEW, "a.snapshot"), ("decide", REVIEW, "a.csv")):
        ended = fleet.run(*command)
        assert (ended.code, ended.out, ended.err) == (2, "", f"error: {REVIEW}: this job is no review\n")
    assert not Path("a.snapshot").exists()


def test_other_sheets_can_follow_a_discarded_plan(fleet: FleetShell) -> None:
    request = fleet.review()
    fleet.work(request)
    fleet.shared.jobs.snapshot(REVIEW).save("a.snapshot")
    fleet.shell.run("review", "sheet", "a.snapshot", "--csv", "--out", "a.csv")
    assert fleet.run("decide", REVIEW, "a.csv").code == 0
    assert fleet.work(request).phase is JobPhase.DONE
    fill_in(Path("a.csv"), fleet.ids[0], Path("returned", "a.csv"))
    late = fleet.run("decide", REVIEW, "returned")
    assert (late.code, late.out) == (2, "")
    assert late.err == (
        f"error: {REVIEW}: there is a plan from other decisions. Discard it first, with confluence-groups fleet "
        f"discard-plan {REVIEW} or JobStore.discard_plan, then decide again\n"
    )
    discarded = fleet.run("discard-plan", REVIEW, "--yes")
    assert (discarded.code, discarded.out) == (
        0,
        f"discarded the plan of {REVIEW}, and the decisions that it was made from: decide again\n",
    )
    assert fleet.run_line(command_after(fleet.run("status").out, "decide")).code == 0
    assert fleet.work(request).phase is JobPhase.WAITING_FOR_APPROVAL
