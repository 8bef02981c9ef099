"""Processes that are killed at any moment of a job, and processes on two hosts: one outcome, as if undisturbed."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest
from databases.embedded import EmbeddedPostgres
from job_fakes import GROUPS, Host, company, memberships, offboard, opener, review, sent_changes, sheet, sync
from membership_fakes import people, writes

from confluence_groups_sdk import JobInUseError
from confluence_groups_sdk.fleet import JobPhase, JobRequest, Postgres, site_job
from confluence_groups_sdk.fleet.jobs.requests import request_as_text
from confluence_groups_sdk.membership import Action, Outcome, read_journal
from confluence_groups_sdk.sandbox import Sandbox

SEEDS = (1,)  # scripts/prove fleet-workers kills more
PEOPLE, LEAVERS, JOINERS = 40, 12, 6


def host_for(request: JobRequest, server: EmbeddedPostgres, schema: str, sandbox: Sandbox, folder: Path) -> Host:
    path = folder / f"{request.kind}.json"
    path.write_text(request_as_text(request), "utf-8")
    return Host(server, schema, sandbox, path)


def check_log(shared: Postgres, sandbox: Sandbox, job: str) -> None:
    """Check that nothing was sent that the journal does not know."""
    removals = {(group_id, account_id) for method, group_id, account_id in sent_changes(sandbox) if method == "DELETE"}
    if shared.jobs.get(job).digest is None or not (lines := shared.journal(shared.jobs.plan(job))).read():
        assert writes(sandbox) == []
        return
    state = read_journal(lines)
    assert removals <= state.results.keys() | state.in_doubt.keys()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["offboard", "sync"])
def test_the_outcome_is_that_of_one_undisturbed_run(
    shared: Postgres, sandbox: Sandbox, server: EmbeddedPostgres, schema: str, tmp_path: Path, kind: str, seed: int
) -> None:
    chance = random.Random(f"{kind} {seed}")
    ids = company(sandbox, PEOPLE)
    joining = people(sandbox, JOINERS, first=500)
    before = memberships(sandbox)
    request: JobRequest = offboard(ids[:LEAVERS]) if kind == "offboard" else sync([*ids[LEAVERS:], *joining])
    host = host_for(request, server, schema, sandbox, tmp_path)
    moments = 150 if kind == "offboard" else 100
    kills = 0
    for _ in range(30):
        status = shared.jobs.list()[0] if shared.jobs.list() else None
        if status is not None and status.phase is JobPhase.DONE:
            break
        if status is not None and status.phase is JobPhase.WAITING_FOR_APPROVAL:
            shared.jobs.approve(request.id, status.digest or "")
        is_last = kills >= 3
        kills += host.run(0 if is_last else chance.randint(1, moments)) is None
        if shared.jobs.list():
            check_log(shared, sandbox, request.id)
    status = shared.jobs.get(request.id)
    assert (status.phase, status.error) == (JobPhase.DONE, None)
    after = memberships(sandbox)
    gone = {(group_id, each) for group_id in GROUPS for each in before[group_id] - after[group_id]}
    new = {(group_id, each) for group_id in GROUPS for each in after[group_id] - before[group_id]}
    if kind == "offboard":
        assert (gone, new) == ({(group_id, each) for group_id in GROUPS for each in ids[:LEAVERS]}, set())
    else:
        assert (gone, new) == ({(GROUPS[0], each) for each in ids[:LEAVERS]}, {(GROUPS[0], each) for each in joining})
    report = shared.jobs.report(request.id)
    assert (report.results, report.unfinished) == ((), ())
    claimed = {(result.change.action, result.change.key): result.outcome for result in report.done_before}
    assert claimed == {(Action.REMOVE, key): Outcome.REMOVED for key in gone} | {
        (Action.ADD, key): Outcome.ADDED for key in new
    }
    assert status.counts.done == status.counts.planned == len(claimed)
    parts = [f"{len(gone)} REMOVED"] + [f"{len(new)} ADDED"] * bool(new)
    assert status.summary == ", ".join(parts)
    assert {(group, account) for method, group, account in sent_changes(sandbox) if method == "DELETE"} == gone


@pytest.mark.parametrize("seed", SEEDS)
def test_a_review_survives_kills(
    shared: Postgres, sandbox: Sandbox, server: EmbeddedPostgres, schema: str, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(f"review {seed}")
    ids = company(sandbox, PEOPLE)
    before = memberships(sandbox)
    removed = {(GROUPS[0], each) for each in ids[:8]} | {(GROUPS[1], each) for each in ids[4:9]}
    request = review()
    host = host_for(request, server, schema, sandbox, tmp_path)
    snapshots, plans, kills = set(), set(), 0
    for _ in range(30):
        kills += host.run(0 if kills >= 3 else chance.randint(1, 60)) is None
        status = shared.jobs.list()[0] if shared.jobs.list() else None
        if status is None:
            continue
        check_log(shared, sandbox, request.id)
        snapshots |= {status.snapshot} - {None}
        plans |= {status.digest} - {None}
        if status.phase is JobPhase.WAITING_FOR_DECISIONS:
            shared.jobs.decide(request.id, [sheet(shared.jobs.snapshot(request.id), tmp_path / "rita.json", removed)])
        elif status.phase is JobPhase.WAITING_FOR_APPROVAL:
            shared.jobs.approve(request.id, status.digest or "")
        elif status.phase is JobPhase.DONE:
            break
    status = shared.jobs.get(request.id)
    assert (status.phase, status.error, status.summary) == (JobPhase.DONE, None, "13 REMOVED")
    assert (len(snapshots), len(plans)) == (1, 1), "the first that is stored stays"
    gone = {(group_id, each) for group_id in GROUPS for each in before[group_id] - memberships(sandbox)[group_id]}
    assert gone == removed == {result.change.key for result in shared.jobs.report(request.id).done_before}


def test_a_second_host_is_refused_until_the_first_is_dead(
    shared: Postgres, sandbox: Sandbox, server: EmbeddedPostgres, schema: str, tmp_path: Path
) -> None:
    ids = company(sandbox)
    request = offboard(ids[:4], needs_approval=False)
    with host_for(request, server, schema, sandbox, tmp_path).start(-1) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "waiting\n"
        with pytest.raises(
            JobInUseError, match=r"^2026-11-leavers/acme: another process at 127.0.0.1 .* does this job"
        ):
            site_job(shared, opener(sandbox), request)
        assert shared.jobs.get(request.id).phase is JobPhase.APPLYING
        assert writes(sandbox) == []
        first.send_signal(signal.SIGKILL)
        done = site_job(shared, opener(sandbox), request)
    assert (done.phase, done.runs) == (JobPhase.DONE, 2)
    assert len(writes(sandbox)) == 12
