"""The job of a site: a function that any engine can call again, on any host, also after a crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..._support.public import public
from ...errors import ConfigurationError
from ..connections import UnreachableError
from .applying import apply_step
from .planning import plan_step
from .requests import JobRequest
from .status import JobPhase, JobStatus
from .work import OpenClient, Work

if TYPE_CHECKING:
    from ..postgres import Postgres


@public
def site_job(shared: Postgres, open_client: OpenClient, request: JobRequest) -> JobStatus:
    """Do the job of a site as far as possible now, from wherever an earlier call or another host left it.

    It submits the request if it is new, makes the plan, stops in the phase ``waiting for approval`` until
    `JobStore.approve` was called, applies the plan with its journal, verifies it, and stores the outcome. A review
    takes the snapshot first, and stops in the phase ``waiting for decisions`` until `JobStore.decide` was called.

    Call it again after a crash, after an approval, or if the job is ``incomplete``, ``refused`` or ``failed``: the
    outcome is that of one undisturbed run. A job that is ``done`` sends nothing. What goes wrong at the site ends the
    job with a phase and an error, not with an exception.

    Args:
        shared: the database.
        open_client: is called with the site's name, where the work is done; the client is closed at the end.
        request: what to do.

    Returns:
        The job's status.

    Raises:
        JobError: another request has this id.
        JobInUseError: another process does this job.
        ConfigurationError: the database cannot be reached, or was lost. Call the function again later.
    """
    shared.jobs.submit(request)
    return _run(shared, open_client, request.id, plan_step, apply_step)


@public
def plan_job(
    shared: Postgres, open_client: OpenClient, job_id: str, *, check: Callable[[], object] | None = None
) -> JobStatus:
    """Do the first step of `site_job` for a submitted job: take the snapshot, or make the plan, unless it is there.

    The job's phase is then ``waiting for decisions``, ``waiting for approval``, ``applying`` if `apply_job` can follow,
    ``done`` if there is nothing to change, ``refused`` or ``failed``.

    Args:
        shared: the database.
        open_client: is called with the site's name, as for `site_job`.
        job_id: the job's id.
        check: is called now and then; an exception that it raises ends the run in order, and the step can be repeated.

    Raises:
        JobError: there is no job with this id.
        JobInUseError, ConfigurationError: as for `site_job`.
    """
    return _run(shared, open_client, job_id, plan_step, check=check)


@public
def apply_job(
    shared: Postgres, open_client: OpenClient, job_id: str, *, check: Callable[[], object] | None = None
) -> JobStatus:
    """Do the second step of `site_job`: apply the plan or resume it, verify it, and store the outcome.

    Without a plan, or without an approval that it needs, nothing is done.

    Args:
        shared: the database.
        open_client: is called with the site's name, as for `site_job`.
        job_id: the job's id.
        check: as for `plan_job`.

    Raises:
        JobError: there is no job with this id.
        JobInUseError, ConfigurationError: as for `site_job`.
    """
    return _run(shared, open_client, job_id, apply_step, check=check)


def _run(
    shared: Postgres,
    open_client: OpenClient,
    job_id: str,
    *steps: Callable[[Work], None],
    check: Callable[[], object] | None = None,
) -> JobStatus:
    """Do steps of a job, unless it is done, or waits for a person."""
    status = shared.jobs.get(job_id)
    if status.phase is JobPhase.DONE or status.phase.is_waiting:
        return status
    with shared.jobs.run(job_id) as run:
        try:
            request = shared.jobs.request(job_id)
        except UnreachableError:
            raise
        except ConfigurationError as error:  # a newer version of this package, on another host, can read it
            run.update(phase=JobPhase.FAILED, error=str(error), progress=None)
            return shared.jobs.get(job_id)
        work = Work(shared, run, request, open_client, check)
        steps[0](work)
        for step in steps[1:]:
            if work.status().phase is JobPhase.APPLYING:
                step(work)
        return work.status()
