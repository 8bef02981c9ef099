"""Jobs of a fleet on the command line: status, plan, approval, report, and what can be done about trouble."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from attrs import evolve
from databases.embedded import EmbeddedPostgres
from fleet_shell import JOB, FleetShell, command_after
from shell import Shell

from confluence_groups_sdk.cli.commands.fleet import approve
from confluence_groups_sdk.cli.rendering import job_status
from confluence_groups_sdk.fleet import JobCounts, JobPhase, JobStatus, Postgres, SiteStatus, WorkerStatus
from confluence_groups_sdk.membership import Guards, Plan
from confluence_groups_sdk.sandbox import Answer, Group

NOW = datetime(2026, 11, 29, tzinfo=UTC)
ANSI = re.compile("\x1b")
STATUS_FIELDS = {
    *("id", "site", "kind", "phase", "digest", "approved_digest", "approved_by", "approved_at", "snapshot", "counts"),
    *("progress", "summary", "error", "stop", "resume_at", "worker", "runs", "created_at", "updated_at"),
}


@pytest.fixture
def fleet(
    shell: Shell, shared: Postgres, schema: str, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> FleetShell:
    return FleetShell(shell, shared, schema, server.dsn, monkeypatch)


def test_a_job_is_looked_at_approved_and_reported(fleet: FleetShell) -> None:
    """Every command after the first is typed as the command before it has printed it."""
    request = fleet.offboard()
    fleet.work(request)
    shown = fleet.run("status")
    assert (shown.code, shown.err) == (0, "")
    assert re.search(rf"^{JOB} +waiting for approval +12 +0 +0 +12$", shown.out, re.MULTILINE)
    assert f"\nwaiting for you:\n  {JOB}: 12 changes planned\n" in shown.out

    saved = fleet.run_line(command_after(shown.out, "look at it"))
    assert (saved.code, saved.err) == (0, "")
    plan = Plan.load("2026-11-leavers-acme.json")
    assert plan == fleet.shared.jobs.plan(JOB)
    assert f"digest:    {plan.digest}\n" in saved.out
    assert fleet.run_line(command_after(saved.out, "look at it")).code == 0
    assert Path("2026-11-leavers-acme.html").exists()
    assert command_after(saved.out, "approve it") == command_after(shown.out, "approve it")

    approved = fleet.run_line(command_after(saved.out, "approve it"), answer="y\n")
    assert approved.code == 0
    assert approved.out.startswith(f"approved {JOB}: 20")
    assert approved.out.endswith(f" by {approve.this_user()}\n")
    assert "changes:   12 removals, 0 additions, in 3 groups\n" in approved.err
    assert f"approve 12 changes of {JOB} on {plan.site}? [y/n] (n): " in approved.err
    assert "note: no worker is alive; to start one: confluence-groups fleet worker fleet.toml" in approved.err

    fleet.work(request)
    done = fleet.run_line(command_after(approved.err, "next"))
    assert (done.code, done.err) == (0, "")
    assert "phase:     done\nchanges:   12 planned: 12 done, 0 failed, 0 refused, 0 left\n" in done.out
    assert "outcome:   12 REMOVED\n" in done.out
    report = fleet.run("report", JOB)
    assert (report.code, report.err) == (0, "")
    assert report.out.startswith(done.out.rstrip("\n"))
    assert f"journal:   ends with {fleet.shared.jobs.report(JOB).journal_hash}\n" in report.out
    assert len(fleet.shell.writes) == 12


def test_json_has_everything_and_what_comes_next(fleet: FleetShell) -> None:
    request = fleet.offboard()
    fleet.work(request)
    digest = fleet.shared.jobs.plan(JOB).digest
    approve_it = f"confluence-groups fleet approve {JOB} {digest} --schema {fleet.schema}"
    everything = json.loads(fleet.run("status", "--json").out)
    assert {*everything} == {"sites", "workers", "jobs"}
    (job,) = everything["jobs"]
    assert {*job} == STATUS_FIELDS | {"next"}
    assert job["next"][-1] == approve_it
    assert (job["phase"], job["counts"]["left"], job["digest"]) == ("waiting for approval", 12, digest)
    assert json.loads(fleet.run("status", JOB, "--json").out) == job
    (site,) = everything["sites"]
    assert {*site} == {"site", "address", "rate", "recent_rate", "held_until", "processes", "jobs", "points_left"}
    assert (site["site"], site["jobs"]) == ("acme", {"waiting for approval": 1})
    assert everything["workers"] == []

    left = fleet.run("report", JOB, "--json")
    assert left.code == 4
    assert left.err.splitlines()[-1] == f"approve it: {approve_it}"
    fleet.shared.jobs.approve(JOB, digest)
    fleet.work(request)
    ended = fleet.run("report", JOB, "--json", "--out", "report.json")
    found = json.loads(ended.out)
    assert (ended.code, ended.err) == (0, "")
    assert {*found} == {"job", "report"}
    assert {*found["job"]} == STATUS_FIELDS
    assert found["report"] == json.loads(Path("report.json").read_text()) == fleet.shared.jobs.report(JOB).as_json()
    assert fleet.run("report", JOB, "--out", "report.json").code == 2, "it exists"
    assert fleet.run("report", JOB, "--out", "report.json", "--force").code == 0


def test_nothing_is_approved_without_the_right_digest_and_a_yes(fleet: FleetShell) -> None:
    fleet.work(fleet.offboard())
    digest = fleet.shared.jobs.plan(JOB).digest
    nobody = fleet.run("approve", JOB, digest)
    assert (nobody.code, nobody.out) == (3, "")
    assert "refused: nobody answered: give --yes if nobody can" in nobody.err
    refused = fleet.run("approve", JOB, digest, answer="n\n")
    assert (refused.code, "the answer was no" in refused.err) == (3, True)
    for wrong in ("0" * 64, digest[:12], ""):
        ended = fleet.run("approve", JOB, wrong, "--yes")
        assert (ended.code, ended.out) == (2, "")
        assert f"error: {JOB}: its plan has another digest" in ended.err
        assert digest not in ended.err, "it must come from a plan that was looked at"
    assert fleet.shared.jobs.get(JOB).approved_digest is None


def test_who_approved_is_recorded_and_stays(fleet: FleetShell) -> None:
    fleet.work(fleet.offboard())
    digest = fleet.shared.jobs.plan(JOB).digest
    first = fleet.run("approve", JOB, digest, "--yes", "--by", "Anna \x1b[31m, 4711")
    assert (first.code, "\x1b" in first.out) == (0, False)
    assert first.err.splitlines()[-1] == f"next: confluence-groups fleet status {JOB} --schema {fleet.schema}"
    again = fleet.run("approve", JOB, digest, "--by", "Ben")
    assert (again.code, again.err) == (0, "")
    assert again.out == first.out.replace(f"approved {JOB}", f"{JOB} is approved")
    assert "Anna" in again.out


def test_a_user_without_a_name_can_approve(fleet: FleetShell, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise OSError("no user name")

    monkeypatch.setattr("getpass.getuser", fail)
    fleet.work(fleet.offboard())
    ended = fleet.run("approve", JOB, fleet.shared.jobs.plan(JOB).digest, "--yes")
    assert (ended.code, " by user " in ended.out) == (0, True)


@pytest.mark.parametrize(
    "command",
    [
        ("status", "nowhere"),
        ("plan", "nowhere", "plan.json"),
        ("approve", "nowhere", "0" * 64, "--yes"),
        ("report", "nowhere"),
        ("snapshot", "nowhere", "a.snapshot"),
        ("run-again", "nowhere"),
        ("discard-plan", "nowhere", "--yes"),
    ],
    ids=lambda command: command[0],
)
def test_an_unknown_job_is_an_error(fleet: FleetShell, command: tuple[str, ...]) -> None:
    ended = fleet.run(*command)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "error: nowhere: there is no job with this id\n"
    assert not [each for each in fleet.shell.folder.iterdir() if each.name != "home"]


def test_a_job_without_a_plan_has_none_to_show(fleet: FleetShell) -> None:
    fleet.shared.jobs.submit(fleet.offboard())
    for command in (("plan", JOB, "plan.json"), ("approve", JOB, "0" * 64)):
        ended = fleet.run(*command)
        assert (ended.code, ended.out, ended.err) == (2, "", f"error: {JOB}: there is no plan yet\n")
    assert fleet.run("discard-plan", JOB).out == f"{JOB} has no plan\n"


def test_a_job_without_a_plan_is_reported(fleet: FleetShell) -> None:
    """Its exit code is that of its phase, as for any other job."""
    request = fleet.offboard()
    fleet.shared.jobs.submit(request)
    queued = fleet.run("report", JOB)
    assert (queued.code, "phase:     queued\n" in queued.out) == (4, True)
    assert queued.err == "note: there is no plan yet\n"
    fleet.shell.sandbox.answer_next(Answer(status=401))
    fleet.work(request)
    failed = fleet.run("report", JOB, "--json")
    assert failed.code == 1
    assert json.loads(failed.out)["report"] is None
    assert "run it again: confluence-groups fleet run-again" in failed.err
    saved = fleet.run("report", JOB, "--out", "report.json")
    assert (saved.code, saved.err) == (2, f"error: {JOB}: there is no plan yet\n")
    assert not Path("report.json").exists()


def test_an_earlier_error_is_not_the_state_of_a_job_that_runs_again(fleet: FleetShell) -> None:
    fleet.shell.sandbox.answer_next(Answer(status=401))
    fleet.work(fleet.offboard())
    assert "\ntrouble:   GET " in fleet.run("status", JOB).out
    fleet.run("run-again", JOB)
    waiting = fleet.run("status", JOB).out
    assert ("\nlast time: GET " in waiting, "trouble:" in waiting) == (True, False)


def test_a_plan_without_changes_cannot_be_approved(fleet: FleetShell) -> None:
    request = fleet.offboard(guards=Guards(max_removals=1, max_fraction=1.0))
    assert fleet.work(request).phase is JobPhase.REFUSED
    shown = fleet.run("status").out
    assert "    to allow more: set guards in the job's table, give the job another name, and submit it\n" in shown
    assert "run it again:" not in shown, "the guards would refuse the same plan"
    ended = fleet.run("approve", JOB, fleet.shared.jobs.plan(JOB).digest, "--yes")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"error: {JOB}: its plan has no changes, so there is nothing to approve: the job is refused\n"
    report = fleet.run("report", JOB)
    assert (report.code, "journal:" in report.out) == (3, False)


def test_a_plan_replaces_a_file_only_on_request(fleet: FleetShell) -> None:
    fleet.work(fleet.offboard())
    Path("acme.json").write_text("precious")
    assert "acme.json exists already" in fleet.run("plan", JOB, "acme.json").err
    assert Path("acme.json").read_text() == "precious"
    assert fleet.run("plan", JOB, "acme.json", "--force").code == 0


def test_jobs_are_filtered(fleet: FleetShell) -> None:
    fleet.work(fleet.offboard())
    fleet.shared.jobs.submit(fleet.offboard(id="other/beta", site="beta"))
    beta = fleet.run("status", "--site", "beta").out
    assert (JOB in beta, "other/beta" in beta) == (False, True)
    assert re.search(r"^acme ", beta, re.MULTILINE) is None
    waiting = fleet.run("status", "--phase", "waiting for approval").out
    assert (JOB in waiting, "other/beta" in waiting) == (True, False)
    both = fleet.run("status", JOB, "--site", "acme")
    assert (both.code, both.err) == (2, "error: give either a job, or --site and --phase\n")
    assert fleet.run("status", "--phase", "nonsense").code == 2


def test_many_waiting_jobs_are_shortened(fleet: FleetShell) -> None:
    for number in range(23):
        each = fleet.offboard(id=f"leavers/{number:02}")
        fleet.shared.jobs.submit(each)
        with fleet.shared.jobs.run(each.id) as run:
            run.update(phase=JobPhase.WAITING_FOR_APPROVAL, digest="0" * 64, counts=JobCounts(planned=1, left=1))
    shown = fleet.run("status").out
    assert shown.count("approve it: ") == 20
    last = shown.splitlines()[-1]
    assert last == (
        f"  and 3 more: confluence-groups fleet status --phase 'waiting for approval' --json --schema {fleet.schema}"
    )
    assert len(json.loads(fleet.run_line(last.partition(": ")[2]).out)["jobs"]) == 23


def test_a_job_that_failed_is_run_again(fleet: FleetShell) -> None:
    request = fleet.offboard(needs_approval=False)
    fleet.shell.sandbox.answer_next(Answer(status=401))
    assert fleet.work(request).phase is JobPhase.FAILED
    shown = fleet.run("status")
    assert f"\nnot done:\n  {JOB}: failed: GET " in shown.out
    again = fleet.run_line(command_after(shown.out, "run it again"))
    assert (again.code, again.out) == (0, f"{JOB} waits for a worker\n")
    assert fleet.run("run-again", JOB).out == again.out, "it still waits"
    assert fleet.work(request).phase is JobPhase.DONE
    ended = fleet.run("run-again", JOB)
    assert (ended.code, ended.err) == (2, f"error: {JOB}: it is done, so it cannot be run again\n")


def test_several_jobs_are_run_again_and_each_problem_is_shown(fleet: FleetShell) -> None:
    fleet.shell.sandbox.answer_next(Answer(status=401))
    fleet.work(fleet.offboard())
    fleet.work(fleet.offboard(id="other"))
    ended = fleet.run("run-again", "nowhere", "other", JOB, JOB)
    assert (ended.code, ended.out) == (2, f"{JOB} waits for a worker\n")
    assert ended.err.splitlines() == [
        "error: nowhere: there is no job with this id",
        "error: other: it is still waiting for approval, so it cannot be run again",
    ]


def test_a_failed_change_gives_the_report_its_exit_code(fleet: FleetShell) -> None:
    fleet.shell.sandbox.directory.add_group(Group("odd", "Odd\x1b group"), fleet.ids[:1])
    request = fleet.offboard(1, on_drift="continue")
    fleet.work(request)
    fleet.shared.jobs.approve(JOB, fleet.shared.jobs.plan(JOB).digest)
    fleet.shell.sandbox.directory.delete_group("odd")
    assert fleet.work(request).phase is JobPhase.INCOMPLETE
    ended = fleet.run("report", JOB)
    assert ended.code == 4
    assert "\n\nFAILED remove P id-000 (id-000) from Odd\\x1b group: " in ended.out
    assert "changes:   4 planned: 3 done, 1 failed, 0 refused, 0 left\n" in ended.out
    assert not ANSI.search(ended.out + ended.err)
    assert "run it again: confluence-groups fleet run-again" in ended.err


def test_a_plan_is_discarded_before_it_was_begun(fleet: FleetShell) -> None:
    request = fleet.offboard()
    fleet.work(request)
    digest = fleet.shared.jobs.plan(JOB).digest
    kept = fleet.run("discard-plan", JOB)
    assert (kept.code, "nobody answered" in kept.err) == (3, True)
    ended = fleet.run("discard-plan", JOB, answer="y\n")
    assert ended.code == 0
    assert f"discard the plan {digest[:12]} of {JOB}, and plan it again?" in ended.err
    assert ended.out == f"discarded the plan of {JOB}: it waits for a worker, which plans it again\n"
    assert fleet.shared.jobs.get(JOB).digest is None
    fleet.work(request)
    fleet.shared.jobs.approve(JOB, fleet.shared.jobs.plan(JOB).digest)
    fleet.work(request)
    begun = fleet.run("discard-plan", JOB, "--yes")
    assert (begun.code, "the plan was begun" in begun.err) == (2, True)


def test_a_pipe_gets_plain_lines_that_are_not_cut(fleet: FleetShell) -> None:
    fleet.work(fleet.offboard())
    ended = fleet.shell.spawn("fleet", "status", "--schema", fleet.schema, settings={"COLUMNS": "80"})
    assert (ended.code, ended.err) == (0, "")
    assert not ANSI.search(ended.out)
    digest = fleet.shared.jobs.plan(JOB).digest
    assert f"approve it: confluence-groups fleet approve {JOB} {digest} --schema {fleet.schema}\n" in ended.out
    assert max(len(line) for line in ended.out.splitlines() if "confluence-groups" not in line) <= 80


def test_no_command_shows_the_password(fleet: FleetShell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of the tests accepts any password."""
    monkeypatch.delenv("CONFLUENCE_FLEET_DSN")
    fleet.work(fleet.offboard())
    digest = fleet.shared.jobs.plan(JOB).digest
    good = fleet.dsn.replace("postgres@", "postgres:marker@")
    assert good != fleet.dsn
    down = "postgresql://me:marker@127.0.0.1:1/db"
    commands = [
        ("status",),
        ("status", JOB),
        ("status", "--json"),
        ("plan", JOB, "a.json"),
        ("report", JOB),
        ("approve", JOB, digest, "--yes"),
    ]
    for command in commands:
        ended = fleet.run(*command, "--dsn", good)
        assert ended.code in (0, 4), ended.err
        assert "marker" not in ended.out + ended.err
        assert "confluence-groups fleet" not in ended.out or " --dsn DSN" in ended.out
        ended = fleet.run(*command, "--dsn", down, "--force" if command[0] == "plan" else "--help")
        assert "marker" not in ended.out + ended.err
        ended = fleet.run(*(each if each != "a.json" else "b.json" for each in command), "--dsn", down)
        assert (ended.code, ended.out) == (2, "")
        assert "PostgreSQL at me@127.0.0.1:1/db cannot be reached" in ended.err
        assert "marker" not in ended.err
    monkeypatch.setenv("CONFLUENCE_FLEET_DSN", good)
    assert "marker" not in fleet.run("status", "--help").out
    malformed = fleet.run("status", "--dsn", "postgresql://me:mar/ker@nowhere/db")
    assert (malformed.code, "ker" in malformed.err) == (2, False)


def test_holds_rates_and_workers_are_in_the_tables() -> None:
    moment = datetime(2026, 11, 29, 12, 30, 1, 500, tzinfo=timezone(timedelta(hours=2)))
    site = SiteStatus(site="acme", rate=12.34, recent_rate=3.0, held_until=moment, jobs={"done": 2, "failed": 1})
    assert [*job_status.site_row(site)] == [each.name for each in job_status.SITE_COLUMNS]
    assert [*job_status.site_row(site).values()] == ["acme", "3.0", "12.3", "2026-11-29T10:30:01Z", 0, 3, 0]
    assert job_status.site_row(SiteStatus(site="acme"))["at most"] == "no limit known"
    worker = WorkerStatus(id="h-1", host="h", process=1, at_once=4, started_at=moment, seen_at=moment)
    assert [*job_status.worker_row(worker).values()] == ["h-1", 4, "2026-11-29T10:30:01Z"]


def _typed(*arguments: str) -> str:
    return shlex.join(arguments)


def test_a_reason_is_one_line() -> None:
    job = JobStatus(id="a", site="s", kind="sync", phase=JobPhase.FAILED, created_at=NOW, updated_at=NOW)
    for error, reason in ((None, ""), ("one\ntwo", "one"), ("no plan:\n  line 2: odd\nmore", "no plan: line 2: odd")):
        assert job_status.reason_of(evolve(job, error=error)) == reason
    refused = evolve(job, phase=JobPhase.REFUSED, digest="0" * 64, resume_at=NOW, snapshot="1" * 64, error="one\ntwo")
    assert [purpose for purpose, _ in job_status.next_commands(refused, _typed)] == ["run it again", "plan it again"]
    assert {"trouble:   one", "trouble:   two", f"snapshot:  {'1' * 64}"} < {*job_status.job_lines(refused)}
