"""From the table of jobs into the queue: submitting and approving jobs needs no DBOS."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from ..jobs.status import JobPhase, JobStatus
from .dbos_app import QUEUE, import_dbos
from .workflows import Workflows

if TYPE_CHECKING:
    from psycopg import Connection

    from ..postgres import Postgres

MAX_ENQUEUED = 100  # jobs in one round, so that a takeover need not wait for long
TRY = "SELECT pg_try_advisory_xact_lock(%s)"
ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


def enqueue_jobs(shared: Postgres, workflows: Workflows) -> int:
    """Enqueue jobs that wait for a process, up to 100 new ones; one worker at a time does it.

    Returns:
        The number of jobs that wait; 0 if another worker is enqueueing them.

    Raises:
        ConfigurationError: the server cannot be reached, or refuses.
    """
    connections = shared._connections

    def run(connection: Connection[Any]) -> int:
        with connection.transaction():
            is_first, *_ = connection.execute(TRY, [connections.lock_key("intake")]).fetchone() or (False,)
            return _enqueue_jobs(shared, workflows) if is_first else 0

    return connections.run(run)


def _enqueue_jobs(shared: Postgres, workflows: Workflows) -> int:
    waiting = shared.jobs.list(phase=JobPhase.QUEUED)
    first = [_workflow_id(job, 0) for job in waiting]
    dbos = import_dbos()
    found = dbos.DBOS.list_workflows(workflow_ids=first, load_input=False, load_output=False) if first else ()
    known = {each.workflow_id: each.status for each in found}
    missing = [job for job in waiting if known.get(_workflow_id(job, 0), ENDED[0]) in ENDED]
    for job in missing[:MAX_ENQUEUED]:
        _enqueue(shared, job, workflows, has_ended=_workflow_id(job, 0) in known)
    return len(waiting)


def _enqueue(shared: Postgres, job: JobStatus, workflows: Workflows, *, has_ended: bool) -> None:
    """Enqueue a job under the first id that no workflow has; `has_ended`: an ended workflow has the first of all."""
    dbos = import_dbos()
    workflow_id = _workflow_id(job, 0)
    if has_ended:
        for number in count(1):
            workflow_id = _workflow_id(job, number)
            status = dbos.DBOS.get_workflow_status(workflow_id)
            if status is None:
                break
            if status.status not in ENDED:
                return
        if shared.jobs.get(job.id) != job:  # it has begun, and perhaps ended, since it was listed
            return
    with dbos.SetWorkflowID(workflow_id), dbos.SetEnqueueOptions(queue_partition_key=job.site):
        dbos.DBOS.enqueue_workflow(QUEUE, workflows.of_kind(job.kind), job.id)


def _workflow_id(job: JobStatus, number: int) -> str:
    """Return the id of the workflow for the next run of a job."""
    return f"{job.id}#{job.runs + 1}" + (f".{number}" if number else "")
