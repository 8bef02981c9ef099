"""The review of a site: snapshot, decisions, plan, approval, applying; it goes on where it was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from job_fakes import GROUPS, JOB, company, memberships, offboard, opener, review, sheet
from membership_fakes import writes

from confluence_groups_sdk import InputError, JobError
from confluence_groups_sdk.fleet import JobPhase, Postgres, apply_job, plan_job, site_job
from confluence_groups_sdk.fleet.jobs import planning
from confluence_groups_sdk.fleet.jobs.reviewing import PROGRESS
from confluence_groups_sdk.fleet.jobs.work import Work
from confluence_groups_sdk.membership import Outcome, Plan, Progress
from confluence_groups_sdk.review import plan_decisions
from confluence_groups_sdk.sandbox import Sandbox

REVIEW = "review/acme"


@pytest.fixture
def ids(sandbox: Sandbox) -> list[str]:
    return company(sandbox)


def test_a_review_from_snapshot_to_report(shared: Postgres, sandbox: Sandbox, ids: list[str], tmp_path: Path) -> None:
    waiting = site_job(shared, opener(sandbox), review())
    assert waiting.phase is JobPhase.WAITING_FOR_DECISIONS
    seen = len(sandbox.requests)
    assert site_job(shared, opener(sandbox), review()) == waiting
    assert len(sandbox.requests) == seen
    snapshot = shared.jobs.snapshot(REVIEW)
    assert snapshot.digest == waiting.snapshot
    assert {group.id: set(group.members) for group in snapshot.groups} == memberships(sandbox)
    removed = {(GROUPS[0], ids[0]), (GROUPS[2], ids[1])}
    decisions = shared.jobs.decide(REVIEW, [sheet(snapshot, tmp_path / "rita.json", removed)], by="ann")
    assert shared.jobs.decisions(REVIEW) == decisions
    assert shared.jobs.get(REVIEW).phase is JobPhase.QUEUED
    planned = site_job(shared, opener(sandbox), review())
    assert planned.phase is JobPhase.WAITING_FOR_APPROVAL
    assert {change.key for change in shared.jobs.plan(REVIEW).changes} == removed
    assert writes(sandbox) == []
    shared.jobs.approve(REVIEW, planned.digest or "")
    done = site_job(shared, opener(sandbox), review())
    assert (done.phase, done.summary) == (JobPhase.DONE, "2 REMOVED")
    assert {result.change.key for result in shared.jobs.report(REVIEW).done_before} == removed
    assert shared.jobs.report(REVIEW).counts_before == {Outcome.REMOVED: 2}


def test_decisions_can_change_until_there_is_a_plan(
    shared: Postgres, sandbox: Sandbox, ids: list[str], tmp_path: Path
) -> None:
    site_job(shared, opener(sandbox), review(needs_approval=False))
    snapshot = shared.jobs.snapshot(REVIEW)
    first = sheet(snapshot, tmp_path / "first.json", [(GROUPS[0], ids[0])])
    second = sheet(snapshot, tmp_path / "second.json", [(GROUPS[0], ids[1])])
    shared.jobs.decide(REVIEW, [first])
    shared.jobs.decide(REVIEW, [second])
    assert plan_job(shared, opener(sandbox), REVIEW).phase is JobPhase.APPLYING
    assert [change.account_id for change in shared.jobs.plan(REVIEW).changes] == [ids[1]]
    assert shared.jobs.decide(REVIEW, [second]) == shared.jobs.decisions(REVIEW)
    with pytest.raises(JobError, match=rf"discard-plan {REVIEW} or JobStore\.discard_plan, then decide again$"):
        shared.jobs.decide(REVIEW, [first])
    assert apply_job(shared, opener(sandbox), REVIEW).phase is JobPhase.DONE
    with pytest.raises(JobError, match=r"begun, so it cannot be discarded: submit another review to decide again$"):
        shared.jobs.decide(REVIEW, [first])
    with pytest.raises(JobError, match="the plan was begun"):
        shared.jobs.discard_plan(REVIEW)


def test_other_decisions_can_follow_a_discarded_plan(
    shared: Postgres, sandbox: Sandbox, ids: list[str], tmp_path: Path
) -> None:
    """A worker must not make the same plan again before the other sheets are there."""
    site_job(shared, opener(sandbox), review())
    snapshot = shared.jobs.snapshot(REVIEW)
    shared.jobs.decide(REVIEW, [sheet(snapshot, tmp_path / "first.json", [])])
    assert site_job(shared, opener(sandbox), review()).phase is JobPhase.DONE, "nobody is removed"
    assert shared.jobs.discard_plan(REVIEW).phase is JobPhase.WAITING_FOR_DECISIONS
    assert site_job(shared, opener(sandbox), review()).phase is JobPhase.WAITING_FOR_DECISIONS
    with pytest.raises(JobError, match="nothing was decided yet"):
        shared.jobs.decisions(REVIEW)
    shared.jobs.decide(REVIEW, [sheet(snapshot, tmp_path / "second.json", [(GROUPS[0], ids[1])])])
    assert site_job(shared, opener(sandbox), review()).phase is JobPhase.WAITING_FOR_APPROVAL


def test_decisions_during_planning_win(
    shared: Postgres, sandbox: Sandbox, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site_job(shared, opener(sandbox), review())
    snapshot = shared.jobs.snapshot(REVIEW)
    shared.jobs.decide(REVIEW, [sheet(snapshot, tmp_path / "first.json", [(GROUPS[0], ids[0])])])
    waiting = [sheet(snapshot, tmp_path / "second.json", [(GROUPS[0], ids[1])])]

    def plan(*arguments: Any, **options: Any) -> Plan:
        made = plan_decisions(*arguments, **options)
        if waiting:
            shared.jobs.decide(REVIEW, [waiting.pop()])
        return made

    monkeypatch.setattr(planning, "plan_decisions", plan)
    assert site_job(shared, opener(sandbox), review()).phase is JobPhase.WAITING_FOR_APPROVAL
    assert [change.account_id for change in shared.jobs.plan(REVIEW).changes] == [ids[1]]


def test_an_interrupted_snapshot_goes_on_elsewhere(
    shared: Postgres, sandbox: Sandbox, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_work: Work, progress: Progress) -> None:
        if progress.done == 2:
            raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Work, "report_progress", interrupt)
        with pytest.raises(SystemExit):
            site_job(shared, opener(sandbox), review())
    assert list(shared.jobs.files(REVIEW, PROGRESS)) == [PROGRESS]
    before = len(sandbox.requests)
    assert site_job(shared, opener(sandbox), review()).phase is JobPhase.WAITING_FOR_DECISIONS
    read = [seen.target for seen in sandbox.requests[before:] if "membersByGroupId" in seen.target]
    assert len([target for target in read if any(group_id in target for group_id in GROUPS)]) == 1
    assert shared.jobs.files(REVIEW, PROGRESS) == {}
    assert {group.id: set(group.members) for group in shared.jobs.snapshot(REVIEW).groups} == memberships(sandbox)
    assert len(ids) == 30


@pytest.mark.usefixtures("ids")
def test_progress_that_cannot_be_used_is_dropped(shared: Postgres, sandbox: Sandbox) -> None:
    shared.jobs.submit(review())
    with shared.jobs.run(REVIEW) as run:
        run.store_file(PROGRESS, PROGRESS, b"something else\n")
    failed = site_job(shared, opener(sandbox), review())
    assert failed.phase is JobPhase.FAILED
    assert site_job(shared, opener(sandbox), review()).phase is JobPhase.WAITING_FOR_DECISIONS


def test_decisions_need_a_review_and_its_snapshot(
    shared: Postgres, sandbox: Sandbox, ids: list[str], tmp_path: Path
) -> None:
    shared.jobs.submit(offboard(ids[:1]))
    shared.jobs.submit(review())
    for job, problem in ((JOB, "this job is no review"), (REVIEW, "there is no snapshot yet")):
        with pytest.raises(JobError, match=problem):
            shared.jobs.decide(job, [tmp_path / "missing.csv"])
    with pytest.raises(JobError, match="nothing was decided yet"):
        shared.jobs.decisions(REVIEW)
    site_job(shared, opener(sandbox), review())
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(InputError, match=r"missing\.csv: the file cannot be read"):
        shared.jobs.decide(REVIEW, [tmp_path / "bad.csv", tmp_path / "missing.csv"])
    assert shared.jobs.get(REVIEW).phase is JobPhase.WAITING_FOR_DECISIONS
