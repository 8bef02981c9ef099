"""The first step of a job: the plan; the first one that is stored stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...client import ConfluenceGroups
from ...errors import PlanError
from ...membership import Plan, plan_offboarding, plan_sync
from ...review import plan_decisions
from . import table
from .requests import OffboardRequest, People, PeopleFile, ReviewRequest, SyncRequest
from .reviewing import ensure_snapshot
from .status import JobCounts, JobPhase
from .work import Work


def plan_step(work: Work) -> None:
    """Make the plan unless there is one, and decide what follows: a decision, an approval, applying, or nothing."""
    status = work.status()
    if status.phase is JobPhase.DONE:
        return
    with work.ending_in_trouble():
        if status.digest is None:
            if status.phase is JobPhase.WAITING_FOR_DECISIONS:
                return
            work.enter(JobPhase.PLANNING)
            if not _make_plan(work):
                return
        _decide_what_follows(work, work.jobs.plan(work.run.id))


def _make_plan(work: Work) -> bool:
    """Make and store the plan; return whether there is one, which a review may not have yet."""
    with work.client() as client:
        if isinstance(work.request, ReviewRequest) and not ensure_snapshot(work, client):
            return False
        while True:
            decisions = work.jobs.decided(work.run.id)[0]
            plan = _plan(work, client)
            if work.run.store_plan(decisions, **plan_columns(plan)) or work.status().digest is not None:
                return True
            work.run.check_is_last(work.jobs.decided(work.run.id)[0] != decisions)  # somebody has just decided again


def plan_columns(plan: Plan) -> dict[str, Any]:
    """Return the columns of a plan that nobody has applied yet."""
    counts = JobCounts(planned=len(plan.changes), left=len(plan.changes), refused_by_plan=len(plan.refused))
    return {"plan": json.dumps(plan.as_json(), separators=(",", ":")), "digest": plan.digest, "counts": counts}


def _plan(work: Work, client: ConfluenceGroups) -> Plan:
    request, on_progress = work.request, work.report_progress
    if isinstance(request, ReviewRequest):
        snapshot, decisions = work.jobs.snapshot(request.id), work.jobs.decisions(request.id)
        return plan_decisions(client, snapshot, decisions, guards=request.guards, on_progress=on_progress)
    with _people(request.people) as people:
        if isinstance(request, OffboardRequest):
            return plan_offboarding(
                client,
                account_ids=people,
                keep_groups=request.keep_groups,
                reason=request.reason,
                guards=request.guards,
                on_progress=on_progress,
            )
        return _plan_sync(client, request, people, work)


def _plan_sync(client: ConfluenceGroups, request: SyncRequest, people: list[str | Path], work: Work) -> Plan:
    return plan_sync(
        client,
        group_id=request.group,
        account_ids=people,
        mode=request.mode,
        allow_empty=request.allow_empty,
        reason=request.reason,
        guards=request.guards,
        on_progress=work.report_progress,
    )


@contextmanager
def _people(given: People) -> Iterator[list[str | Path]]:
    """Return the people as planners take them, with files in a folder that only this user can read."""
    with TemporaryDirectory() as folder:
        people: list[str | Path] = []
        for number, each in enumerate(given):
            if isinstance(each, PeopleFile):
                path = Path(folder, str(number), each.name)
                path.parent.mkdir()
                path.write_bytes(each.content)
                people.append(path)
            else:
                people.append(each)
        yield people


def _decide_what_follows(work: Work, plan: Plan) -> None:
    """Give the job the phase that follows from its plan."""
    if work.status().digest != plan.digest:
        raise PlanError(f"the stored plan was replaced: its digest is {plan.digest}. Discard it, or submit another job")
    if plan.changes:
        work.run.check_is_last(work.run.change(table.FOLLOW_PLAN, needs_approval=work.request.needs_approval))
    elif plan.refused:
        why = f"a guard refused every change, the first because {plan.refused[0].why}"
        work.enter(JobPhase.REFUSED, error=why)
    else:
        work.enter(JobPhase.DONE, summary="nothing to do")
