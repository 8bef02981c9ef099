"""What goes wrong at one site is that job's phase and error; the job can be run again, and nothing leaks."""

from __future__ import annotations

import base64
import re
import socket
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from databases.embedded import EmbeddedPostgres
from job_fakes import GROUPS, JOB, company, memberships, offboard, opener, rows, sync
from membership_fakes import QUICK, client, writes

from confluence_groups_sdk import ApiToken, ConfigurationError, ConfluenceGroups, JobInUseError, PermissionDeniedError
from confluence_groups_sdk.fleet import (
    JobCounts,
    JobPhase,
    JobStatus,
    OpenClient,
    Postgres,
    journal_storage,
    plan_job,
    site_job,
)
from confluence_groups_sdk.fleet.jobs import applying, work
from confluence_groups_sdk.fleet.jobs.work import Work
from confluence_groups_sdk.membership import Guards, Progress, read_journal
from confluence_groups_sdk.sandbox import Answer, Faults, Group, Sandbox

SECRET = "marker-of-a-secret"


def refuse(error: Exception) -> OpenClient:
    def open_client(_site: str) -> ConfluenceGroups:
        raise error

    return open_client


def nowhere(_site: str) -> ConfluenceGroups:
    return ConfluenceGroups("http://127.0.0.1:9", auth=ApiToken("a@example.com", SECRET), retry=QUICK)


@pytest.mark.parametrize("status", [401, 403, 500])
def test_an_error_of_the_site_ends_the_job(shared: Postgres, sandbox: Sandbox, status: int) -> None:
    request = offboard(company(sandbox)[:4], needs_approval=False)
    sandbox.answer_next(*[Answer(status, body=f"echo {sandbox.admin.token}")] * 40)
    failed = site_job(shared, opener(sandbox), request)
    assert failed.phase is JobPhase.FAILED
    assert failed.phase.can_run_again
    assert str(status) in (failed.error or "")
    assert sandbox.admin.token not in (failed.error or "")
    with Sandbox() as fresh:
        company(fresh)
        done = site_job(shared, opener(fresh), request)
    assert (done.phase, done.error, done.runs) == (JobPhase.DONE, None, 2)


@pytest.mark.parametrize(
    ("open_client", "error"),
    [
        (nowhere, "no response|connection|refused"),
        (refuse(ConfigurationError("set ACME_TOKEN")), "^set ACME_TOKEN$"),
        (refuse(KeyError(SECRET)), "^the client of the site acme cannot be opened: KeyError$"),
    ],
)
def test_a_site_that_cannot_be_reached_ends_the_job(
    shared: Postgres, sandbox: Sandbox, open_client: OpenClient, error: str
) -> None:
    request = offboard(company(sandbox)[:4], needs_approval=False)
    failed = site_job(shared, open_client, request)
    assert failed.phase is JobPhase.FAILED
    assert re.search(error, failed.error or "")
    assert SECRET not in repr(failed)
    assert site_job(shared, opener(sandbox), request).phase is JobPhase.DONE


def test_a_long_hold_says_when_the_site_accepts_calls_again(shared: Postgres, sandbox: Sandbox) -> None:
    request = offboard(company(sandbox)[:4], needs_approval=False)
    sandbox.answer_next(*[Answer(429, {"Retry-After": "3600"})] * 20)
    failed = site_job(shared, opener(sandbox), request)
    assert (failed.phase, failed.stop) == (JobPhase.FAILED, "rate_limited")
    assert failed.resume_at is not None
    assert timedelta(minutes=55) < failed.resume_at - datetime.now(UTC) <= timedelta(hours=1)


def when(phase: str, act: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Act once, when a run reports this phase."""
    report, waiting = Work.report_progress, [act]

    def watched(work: Work, progress: Progress) -> None:
        if progress.phase == phase and progress.done and waiting:
            waiting.pop()()
        report(work, progress)

    monkeypatch.setattr(Work, "report_progress", watched)


def test_figures_of_a_running_job_are_those_of_its_journal(
    shared: Postgres, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = offboard(company(sandbox, 60), needs_approval=False)
    monkeypatch.setattr(work, "PROGRESS_INTERVAL_S", 0.0)
    report, seen = Work.report_progress, list[tuple[Progress, JobStatus]]()

    def watched(run: Work, progress: Progress) -> None:
        report(run, progress)
        if run.status().digest:
            seen.append((progress, run.status()))
        if progress.phase == "removing" and progress.done >= 30 and run.run.number == 1:
            raise SystemExit  # calls that have begun are recorded in the journal, and the row stays as it is

    monkeypatch.setattr(Work, "report_progress", watched)
    with pytest.raises(SystemExit):
        site_job(shared, opener(sandbox), request)
    recorded, first = len(read_journal(shared.journal(shared.jobs.plan(JOB))).results), len(seen)
    assert site_job(shared, opener(sandbox), request).counts == JobCounts(planned=180, done=180)
    assert seen[first][1].counts.done == recorded >= seen[first - 1][1].counts.done >= 30
    figures = [job.counts.done for _, job in seen]
    assert figures == sorted(figures)
    for progress, job in seen:
        assert job.counts.planned == job.counts.done + job.counts.left == 180
        if progress.phase == "removing":
            assert job.counts.done >= progress.done
            left = f", {job.counts.left} left" if job.counts.left else ""
            assert job.summary == f"{job.counts.done} REMOVED{left}"


def test_an_error_while_applying_leaves_the_job_incomplete(
    shared: Postgres, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = company(sandbox)
    request = offboard(ids[:20], needs_approval=False)
    when("removing", lambda: sandbox.answer_next(*[Answer(403)] * 8), monkeypatch)
    stopped = site_job(shared, opener(sandbox), request)
    assert (stopped.phase, stopped.stop) == (JobPhase.INCOMPLETE, "fatal_error")
    assert "403" in (stopped.error or "")
    counts = stopped.counts
    assert counts.planned == counts.done + counts.failed + counts.left == 60
    assert 0 < counts.done < 60
    sandbox.answer_next()
    done = stopped
    for _ in range(3):  # answers that are left
        done = site_job(shared, opener(sandbox), request)
    assert (done.phase, done.counts, done.summary) == (JobPhase.DONE, JobCounts(planned=60, done=60), "60 REMOVED")
    assert memberships(sandbox) == {group_id: set(ids[20:]) for group_id in GROUPS}


def test_a_spent_quota_stops_the_job_which_can_be_resumed(
    shared: Postgres, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = offboard(company(sandbox)[:20], needs_approval=False)

    def spend() -> None:
        sandbox.faults = Faults(quota=1)

    when("removing", spend, monkeypatch)
    stopped = site_job(shared, opener(sandbox), request)
    assert (stopped.phase, stopped.stop) == (JobPhase.INCOMPLETE, "rate_limited")
    assert stopped.resume_at is not None
    sandbox.faults = Faults()
    assert site_job(shared, opener(sandbox), request).phase is JobPhase.DONE


def test_unusable_input_lists_all_problems(shared: Postgres, sandbox: Sandbox) -> None:
    company(sandbox)
    failed = site_job(shared, opener(sandbox), sync(["nobody@example.com", "no-one@example.com"]))
    assert failed.phase is JobPhase.FAILED
    assert "nobody@example.com" in (failed.error or "")
    assert "no-one@example.com" in (failed.error or "")


def test_a_guard_that_refuses_everything_refuses_the_job(shared: Postgres, sandbox: Sandbox) -> None:
    ids = company(sandbox)
    guards = Guards(protected_accounts=ids[:2])
    refused = site_job(shared, opener(sandbox), offboard(ids[:2], guards=guards, needs_approval=False))
    assert refused.phase is JobPhase.REFUSED
    assert (refused.counts.planned, refused.counts.refused_by_plan) == (0, 6)
    assert "a guard refused every change" in (refused.error or "")
    assert writes(sandbox) == []


def test_nothing_to_do_is_done(shared: Postgres, sandbox: Sandbox) -> None:
    done = site_job(shared, opener(sandbox), sync(company(sandbox)))
    assert (done.phase, done.summary, done.counts) == (JobPhase.DONE, "nothing to do", JobCounts())
    assert shared.jobs.report("sync/acme").unfinished == ()


def test_drift_refuses_the_job_until_it_is_planned_again(shared: Postgres, sandbox: Sandbox) -> None:
    ids = company(sandbox)
    request = sync(ids[4:])
    old = site_job(shared, opener(sandbox), request).digest or ""
    shared.jobs.approve(request.id, old)
    sandbox.directory.remove_member(GROUPS[0], ids[9])
    refused = site_job(shared, opener(sandbox), request)
    assert refused.phase is JobPhase.REFUSED
    assert "memberships have changed" in (refused.error or "")
    assert writes(sandbox) == []
    again = shared.jobs.discard_plan(request.id)
    assert (again.phase, again.digest, again.approved_digest, again.error) == (JobPhase.QUEUED, None, None, None)
    new = site_job(shared, opener(sandbox), request)
    assert new.phase is JobPhase.WAITING_FOR_APPROVAL
    assert new.digest != old
    with pytest.raises(ValueError, match=f"this is not the digest of the job's plan, which is {new.digest}"):
        shared.jobs.approve(request.id, old)
    assert site_job(shared, opener(sandbox), request).phase is JobPhase.WAITING_FOR_APPROVAL
    shared.jobs.approve(request.id, new.digest or "")
    assert site_job(shared, opener(sandbox), request).phase is JobPhase.DONE
    with pytest.raises(ValueError, match="the plan was begun: submit another job for what is left"):
        shared.jobs.discard_plan(request.id)


def test_a_plan_that_was_replaced_in_the_table_is_not_applied(
    shared: Postgres, sandbox: Sandbox, server: EmbeddedPostgres, schema: str
) -> None:
    ids = company(sandbox)
    request, other = sync(ids[4:]), sync(ids[1:], id="other")
    approved = site_job(shared, opener(sandbox), request).digest or ""
    shared.jobs.approve(request.id, approved)
    site_job(shared, opener(sandbox), other)
    column = f"UPDATE {schema}.jobs SET plan = (SELECT plan FROM {schema}.jobs WHERE id = 'other')"
    rows(server, f"{column} WHERE id = '{request.id}'")
    refused = site_job(shared, opener(sandbox), request)
    assert refused.phase is JobPhase.REFUSED
    assert "the stored plan was replaced" in (refused.error or "")
    rows(server, f"UPDATE {schema}.jobs SET phase = 'applying' WHERE id = '{request.id}'")
    rows(server, f"UPDATE {schema}.jobs SET plan = replace(plan, 'P id-000', 'P id-00X') WHERE id = '{request.id}'")
    refused = site_job(shared, opener(sandbox), request)
    assert (refused.phase, "edited" in (refused.error or "")) == (JobPhase.REFUSED, True)
    assert writes(sandbox) == []


def test_an_edited_plan_can_be_discarded_unless_the_job_was_begun(
    shared: Postgres, sandbox: Sandbox, server: EmbeddedPostgres, schema: str
) -> None:
    """The journal that counts is that of the digest, and not that of the text in the table."""
    ids = company(sandbox)
    request, other = sync(ids[4:]), sync(ids[1:], id="other")
    site_job(shared, opener(sandbox), other)
    edit = f"UPDATE {schema}.jobs SET plan = replace(plan, 'P id-000', 'P id-00X') WHERE id = '{request.id}'"
    replace = f"UPDATE {schema}.jobs SET plan = (SELECT plan FROM {schema}.jobs WHERE id = 'other')"
    site_job(shared, opener(sandbox), request)
    rows(server, edit)
    assert shared.jobs.discard_plan(request.id).phase is JobPhase.QUEUED
    planned = site_job(shared, opener(sandbox), request)
    shared.jobs.approve(request.id, planned.digest or "")
    assert site_job(shared, opener(sandbox), request).phase is JobPhase.DONE
    rows(server, f"{replace} WHERE id = '{request.id}'")
    with pytest.raises(ValueError, match="the plan was begun"):
        shared.jobs.discard_plan(request.id)


def test_a_job_of_a_newer_version_ends_and_waits_for_nobody(
    shared: Postgres, sandbox: Sandbox, server: EmbeddedPostgres, schema: str
) -> None:
    """An older worker that took it would keep newer ones from it."""
    request = offboard(company(sandbox)[:4])
    shared.jobs.submit(request)
    rows(server, f"""UPDATE {schema}.jobs SET request = replace(request, '{{"guards"', '{{"new":1,"guards"')""")
    failed = plan_job(shared, opener(sandbox), request.id)
    assert (failed.phase, "a newer version of this package stored it" in (failed.error or "")) == (
        JobPhase.FAILED,
        True,
    )
    rows(server, f"""UPDATE {schema}.jobs SET request = replace(request, '{{"new":1,', '{{')""")
    shared.jobs.queue_again(request.id)
    assert plan_job(shared, opener(sandbox), request.id).phase is JobPhase.WAITING_FOR_APPROVAL


def test_changes_that_do_not_show_are_not_done(
    shared: Postgres, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run was killed after its last change, and before it verified; somebody has reversed a change since."""
    ids = company(sandbox)
    request = offboard(ids[:4], needs_approval=False)

    def killed(*_: object) -> Any:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(applying, "outcome_columns", killed)
        with pytest.raises(SystemExit):
            site_job(shared, opener(sandbox), request)
    sandbox.directory.add_member(GROUPS[0], ids[0])
    seen = len(writes(sandbox))
    sandbox.answer_next(*[Answer(403)] * 8)
    failed = site_job(shared, opener(sandbox), request)
    assert failed.phase is JobPhase.FAILED
    assert failed.counts == JobCounts(planned=12, done=12), "the figures are those of the journal"
    for _ in range(8):
        with client(sandbox) as groups, suppress(PermissionDeniedError):
            groups.current_user()
    incomplete = site_job(shared, opener(sandbox), request)
    assert (incomplete.phase, incomplete.summary) == (JobPhase.INCOMPLETE, "12 REMOVED, 1 not visible")
    assert incomplete.error == "1 change made but not visible in the groups"
    sandbox.directory.remove_member(GROUPS[0], ids[0])
    assert site_job(shared, opener(sandbox), request).phase is JobPhase.DONE
    assert len(writes(sandbox)) == seen


def test_a_lost_database_ends_the_call_and_the_next_one_goes_on(
    shared: Postgres, sandbox: Sandbox, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(journal_storage, "RECONNECT_TIMEOUT_S", 0.3)
    ids = company(sandbox)
    request = offboard(ids[:20], needs_approval=False)
    with monkeypatch.context() as patch:
        when("removing", server.stop, patch)
        try:
            with pytest.raises(ConfigurationError, match=r"postgres@127\.0\.0\.1") as caught:
                site_job(shared, opener(sandbox), request)
        finally:
            server.start()
    (recovered,) = tmp_path.glob("*.recovered.journal")
    assert f"{recovered} on {socket.gethostname()}" in str(caught.value)
    assert shared.jobs.get(request.id).phase is JobPhase.APPLYING
    done = site_job(shared, opener(sandbox), request)
    assert (done.phase, done.summary) == (JobPhase.DONE, "60 REMOVED")
    assert memberships(sandbox) == {group_id: set(ids[20:]) for group_id in GROUPS}


def test_a_job_whose_journal_was_lost_says_where_the_copy_is(
    shared: Postgres,
    sandbox: Sandbox,
    server: EmbeddedPostgres,
    schema: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    """The database itself is there, so the job can say it."""
    monkeypatch.chdir(tmp_path)
    request = offboard(company(sandbox)[:20], needs_approval=False)
    edit = f"DELETE FROM {schema}.journal_lines WHERE number > 1"
    with monkeypatch.context() as patch:
        when("removing", lambda: rows(server, edit), patch)
        with pytest.raises(ConfigurationError, match="Run the job again"):
            site_job(shared, opener(sandbox), request)
    (recovered,) = tmp_path.glob("*.recovered.journal")
    assert f"{recovered} on {socket.gethostname()}" in (shared.jobs.get(request.id).error or "")


def test_a_run_that_was_overtaken_changes_nothing(
    shared: Postgres, sandbox: Sandbox, server: EmbeddedPostgres, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends the connection that has the job's lock; another host goes on while the plan is made."""
    ids = company(sandbox)
    request = offboard(ids[:4])
    plans = []

    def overtake() -> None:
        rows(server, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        sandbox.directory.add_group(Group("team-d", "Another"), ids[:1])
        with Postgres(server.dsn, schema=schema) as other:
            plans.append(site_job(other, opener(sandbox), request))

    when("reading", overtake, monkeypatch)
    with pytest.raises(JobInUseError, match="another process has gone on with this job"):
        site_job(shared, opener(sandbox), request)
    assert plans[0].phase is JobPhase.WAITING_FOR_APPROVAL
    assert shared.jobs.get(request.id) == plans[0]


def test_a_journal_in_use_is_a_job_in_use(
    shared: Postgres, sandbox: Sandbox, server: EmbeddedPostgres, schema: str
) -> None:
    request = offboard(company(sandbox)[:4])
    digest = site_job(shared, opener(sandbox), request).digest or ""
    shared.jobs.approve(request.id, digest)
    with Postgres(server.dsn, schema=schema) as other, other.journal(digest).lock():
        with pytest.raises(JobInUseError, match="applies this plan"):
            site_job(shared, opener(sandbox), request)
        assert writes(sandbox) == []
    assert site_job(shared, opener(sandbox), request).phase is JobPhase.DONE


def test_no_table_has_a_credential(shared: Postgres, sandbox: Sandbox, server: EmbeddedPostgres, schema: str) -> None:
    ids, token = company(sandbox), sandbox.admin.token
    sandbox.answer_next(*[Answer(403, body=f"<p>{token}</p>")] * 3)
    site_job(shared, opener(sandbox), offboard(ids[:2], needs_approval=False))
    site_job(shared, opener(sandbox), offboard(ids[:2], needs_approval=False))
    site_job(shared, opener(sandbox), sync(ids[3:], needs_approval=False))
    assert {each.phase for each in shared.jobs.list()} <= {JobPhase.DONE, JobPhase.FAILED}
    content = everything(server, schema)
    assert JOB.encode() in content
    basic = base64.b64encode(f"{sandbox.admin.email}:{token}".encode())
    for secret in (token.encode(), basic, base64.b64encode(token.encode()), token.encode().hex().encode()):
        assert secret not in content


def everything(server: EmbeddedPostgres, schema: str) -> bytes:
    """Return the content of all columns of all tables."""
    parts: list[bytes] = []
    with psycopg.connect(server.dsn) as connection:
        query = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema = %s"
        for name in connection.execute(query, [schema]).fetchall():
            for row in connection.execute(".".join(name).join(("SELECT * FROM ", "")).encode()):
                for value in row:
                    data = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                    parts.append(zlib.decompress(data) if data.startswith(b"x\x9c") else data)
    return b"\0".join(parts)
