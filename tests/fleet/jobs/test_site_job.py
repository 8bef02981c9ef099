"""The job of a site: what each call does, what it stores, and how troubles end it."""

from __future__ import annotations

import pytest
from databases.embedded import EmbeddedPostgres
from job_fakes import GROUPS, JOB, company, memberships, offboard, opener, rows, sync
from membership_fakes import writes

from confluence_groups_sdk.fleet import JobCounts, JobPhase, Postgres, apply_job, plan_job, site_job
from confluence_groups_sdk.membership import Outcome
from confluence_groups_sdk.sandbox import Sandbox


def test_a_job_waits_for_approval_and_is_done_after_it(shared: Postgres, sandbox: Sandbox) -> None:
    ids = company(sandbox)
    request = offboard(ids[:4])
    waiting = site_job(shared, opener(sandbox), request)
    assert waiting.phase is JobPhase.WAITING_FOR_APPROVAL
    assert waiting.counts == JobCounts(planned=12, left=12)
    assert writes(sandbox) == []
    assert site_job(shared, opener(sandbox), request) == waiting
    assert waiting.digest == shared.jobs.plan(JOB).digest
    approved = shared.jobs.approve(JOB, waiting.digest, by="ann")
    assert (approved.phase, approved.approved_by) == (JobPhase.QUEUED, "ann")
    assert shared.jobs.approve(JOB, waiting.digest, by="ben") == approved
    done = site_job(shared, opener(sandbox), request)
    assert (done.phase, done.error, done.stop, done.progress) == (JobPhase.DONE, None, None, None)
    assert done.counts == JobCounts(planned=12, done=12)
    assert done.summary == "12 REMOVED"
    assert memberships(sandbox) == {group_id: set(ids[4:]) for group_id in GROUPS}
    assert len(writes(sandbox)) == 12
    seen = len(sandbox.requests)
    assert site_job(shared, opener(sandbox), request) == done
    assert len(sandbox.requests) == seen
    report = shared.jobs.report(JOB)
    assert report.counts_before == {Outcome.REMOVED: 12}
    assert report.already_complete


def test_a_job_without_approval_runs_to_its_end(shared: Postgres, sandbox: Sandbox) -> None:
    ids = company(sandbox)
    done = site_job(shared, opener(sandbox), sync(ids[5:], needs_approval=False))
    assert done.phase is JobPhase.DONE
    assert memberships(sandbox)[GROUPS[0]] == set(ids[5:])


def test_the_steps_can_be_called_alone(shared: Postgres, sandbox: Sandbox) -> None:
    ids = company(sandbox)
    assert shared.jobs.submit(offboard(ids[:4], needs_approval=False))
    assert apply_job(shared, opener(sandbox), JOB).phase is JobPhase.QUEUED
    assert plan_job(shared, opener(sandbox), JOB).phase is JobPhase.APPLYING
    assert plan_job(shared, opener(sandbox), JOB).phase is JobPhase.APPLYING
    assert apply_job(shared, opener(sandbox), JOB).phase is JobPhase.DONE
    assert plan_job(shared, opener(sandbox), JOB).phase is JobPhase.DONE
    assert apply_job(shared, opener(sandbox), JOB).phase is JobPhase.DONE
    assert len(writes(sandbox)) == 12


@pytest.mark.parametrize("phase", ["queued", "planning", "applying", "failed", "incomplete"])
def test_no_phase_takes_the_place_of_an_approval(
    shared: Postgres, sandbox: Sandbox, server: EmbeddedPostgres, schema: str, phase: str
) -> None:
    request = offboard(company(sandbox)[:4])
    site_job(shared, opener(sandbox), request)
    rows(server, f"UPDATE {schema}.jobs SET phase = '{phase}'")
    assert apply_job(shared, opener(sandbox), JOB).phase == phase
    assert site_job(shared, opener(sandbox), request).phase is JobPhase.WAITING_FOR_APPROVAL
    rows(server, f"UPDATE {schema}.jobs SET phase = '{phase}', approved_digest = '{'a' * 64}'")
    refused = apply_job(shared, opener(sandbox), JOB)
    assert (refused.phase, "not the approved plan" in (refused.error or "")) == (JobPhase.REFUSED, True)
    assert writes(sandbox) == []
