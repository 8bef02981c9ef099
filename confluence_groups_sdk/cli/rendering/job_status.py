"""Jobs and sites of a fleet, in lines of text, in rows, and the commands that go on with a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeAlias

from ..._support.text import format_count
from ...fleet import JobPhase, JobStatus, SiteStatus, WorkerStatus
from .tables import Column

Typed: TypeAlias = Callable[..., str]
"""Returns the command line for arguments after ``fleet``."""

SITE_COLUMNS = tuple(map(Column, ("site", "calls/s", "at most", "held until", "callers", "jobs", "points needed")))
JOB_COLUMNS = tuple(map(Column, ("job", "phase", "planned", "done", "failed", "left", "now")))
WORKER_COLUMNS = tuple(map(Column, ("worker", "at once", "started")))
MAX_LISTED = 20  # jobs that wait for a person, and jobs that ended in trouble
ENDED = (JobPhase.DONE, JobPhase.INCOMPLETE, JobPhase.REFUSED, JobPhase.FAILED)


def site_row(site: SiteStatus) -> dict[str, Any]:
    """Return what the table of sites shows about one."""
    return {
        "site": site.site,
        "calls/s": f"{site.recent_rate:.1f}",
        "at most": "no limit known" if site.rate is None else f"{site.rate:.1f}",
        "held until": site.held_until and format_time(site.held_until),
        "callers": site.processes,
        "jobs": sum(site.jobs.values()),
        "points needed": site.points_left,
    }


def job_row(job: JobStatus) -> dict[str, Any]:
    """Return what the table of jobs shows about one."""
    counts = job.counts
    return {
        "job": job.id,
        "phase": job.phase.value,
        "planned": counts.planned,
        "done": counts.done,
        "failed": counts.failed + counts.refused,
        "left": counts.left,
        "now": job.progress,
    }


def worker_row(worker: WorkerStatus) -> dict[str, Any]:
    """Return what the table of workers shows about one."""
    return {"worker": worker.id, "at once": worker.at_once, "started": format_time(worker.started_at)}


def next_commands(job: JobStatus, typed: Typed) -> list[tuple[str, str]]:
    """Return the commands that a person can go on with, each with its purpose; none while nobody has to do anything."""
    if job.phase is JobPhase.WAITING_FOR_DECISIONS:
        snapshot = f"{file_name(job)}.snapshot"
        return [
            ("look at it", typed("snapshot", job.id, snapshot)),
            ("decide", typed("decide", job.id, "returned")),
        ]
    if job.phase is JobPhase.WAITING_FOR_APPROVAL:
        return [
            ("look at it", typed("plan", job.id, f"{file_name(job)}.json")),
            ("approve it", typed("approve", job.id, job.digest or "")),
        ]
    if job.phase.can_run_again:
        steps = [] if _is_refused_by_guards(job) else [("run it again", typed("run-again", job.id))]
        if job.phase is JobPhase.REFUSED and job.digest:
            steps.append(("plan it again", typed("discard-plan", job.id)))
        return steps
    return []


def _is_refused_by_guards(job: JobStatus) -> bool:
    """Check whether guards refused all changes when the plan was made."""
    return job.phase is JobPhase.REFUSED and not job.counts.planned and bool(job.counts.refused_by_plan)


def hints(job: JobStatus) -> Iterator[str]:
    """Yield what can be done about a job that is no command."""
    if _is_refused_by_guards(job):
        yield "to allow more: set guards in the job's table, give the job another name, and submit it"


def file_name(job: JobStatus) -> str:
    """Return a name for files of a job, without an ending."""
    return job.id.replace("/", "-")


def waiting_lines(jobs: Iterable[JobStatus], typed: Typed) -> Iterator[str]:
    """Yield what waits for a person, and what to type."""
    yield from _listed([job for job in jobs if job.phase.is_waiting], "waiting for you:", typed)


def trouble_lines(jobs: Iterable[JobStatus], typed: Typed) -> Iterator[str]:
    """Yield the jobs that ended without reaching their goals, why, and what to type."""
    yield from _listed([job for job in jobs if job.phase.can_run_again], "not done:", typed)


def _listed(jobs: list[JobStatus], title: str, typed: Typed) -> Iterator[str]:
    if not jobs:
        return
    yield ""
    yield title
    for job in jobs[:MAX_LISTED]:
        yield f"  {job.id}: {_describe(job)}"
        yield from (f"    {purpose}: {line}" for purpose, line in next_commands(job, typed))
        yield from (f"    {hint}" for hint in hints(job))
    if len(jobs) > MAX_LISTED:
        yield f"  and {len(jobs) - MAX_LISTED} more: {typed('status', '--phase', jobs[0].phase.value, '--json')}"


def _describe(job: JobStatus) -> str:
    if job.phase is JobPhase.WAITING_FOR_DECISIONS:
        return "the snapshot waits for decisions"
    if job.phase is JobPhase.WAITING_FOR_APPROVAL:
        refused = job.counts.refused_by_plan
        others = f", and guards refused {refused}" if refused else ""
        return f"{format_count(job.counts.planned, 'change')} planned{others}"
    return f"{job.phase.value}: {reason_of(job) or 'no reason is known'}"


def reason_of(job: JobStatus) -> str:
    """Return in one line why a job has ended in trouble; empty if it has not."""
    first, *others = (job.error or "").splitlines() or [""]
    return f"{first} {others[0].strip()}" if first.endswith(":") and others else first


def job_lines(job: JobStatus) -> Iterator[str]:
    """Yield everything that is known about a job."""
    counts = job.counts
    yield f"job:       {job.id}"
    yield f"site:      {job.site}"
    yield f"kind:      {job.kind}"
    yield f"phase:     {job.phase.value}" + (f", {job.progress}" if job.progress else "")
    if job.digest:
        numbers = (f"{getattr(counts, each)} {each}" for each in ("done", "failed", "refused", "left"))
        yield f"changes:   {counts.planned} planned: {', '.join(numbers)}"
        if counts.refused_by_plan:
            yield f"refused:   {counts.refused_by_plan} more when the plan was made"
        yield f"digest:    {job.digest}"
    if job.approved_at:
        yield f"approved:  {format_time(job.approved_at)} by {job.approved_by or 'somebody'}"
    if job.snapshot:
        yield f"snapshot:  {job.snapshot}"
    if job.summary:
        yield f"outcome:   {job.summary}"
    for line in (job.error or "").splitlines():
        yield f"{'trouble:  ' if job.phase.can_run_again else 'last time:'} {line}"
    if job.resume_at:
        yield f"resume at: {format_time(job.resume_at)}, when the site accepts calls again"
    if job.worker:
        yield f"worker:    {job.worker}, run {job.runs}"
    yield f"submitted: {format_time(job.created_at)}"
    yield f"changed:   {format_time(job.updated_at)}"


def format_time(moment: datetime) -> str:
    """Format a moment as ISO 8601 in UTC, without fractions."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
