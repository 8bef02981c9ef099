"""From the table of jobs into the queue: submitting and approving jobs needs no DBOS."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from ..jobs.status import JobPhase, JobStatus
from .dbos_app import QUEUE, import_dbos
from .workflows import Workflows

if TYPE_CHECKING:
    from ..postgres import Postgres

MAX_ENQUEUED = 100  # jobs in one round, so that a takeover need not wait for long
ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


def enqueue_jobs(shared: Postgres, workflows: Workflows) -> int:
    """Enqueue jobs that wait for a process, up to 100 new ones; each is enqueued once, whichever worker does it.

    Returns:
        The number of jobs that wait.

    Raises:
        ConfigurationError: the server cannot be reached, or refuses.
    """
    waiting = shared.jobs.list(phase=JobPhase.QUEUED)
    first = {_workflow_id(job, 0): job for job in waiting}
    dbos = import_dbos()
    known = {
        each.workflow_id: each.status
        for each in (
            dbos.DBOS.list_workflows(workflow_ids=list(first), load_input=False, load_output=False) if first else ()
        )
    }
    missing = [job for workflow_id, job in first.items() if known.get(workflow_id, ENDED[0]) in ENDED]
    for job in missing[:MAX_ENQUEUED]:
        _enqueue(shared, job, workflows)
    return len(waiting)


def _enqueue(shared: Postgres, job: JobStatus, workflows: Workflows) -> None:
    """Enqueue a job under the first id that no ended workflow has; an id that is taken changes nothing."""
    dbos = import_dbos()
    for number in count():
        workflow_id = _workflow_id(job, number)
        status = dbos.DBOS.get_workflow_status(workflow_id)
        if status is None or status.status not in ENDED:
            break
    is_still_waiting = not number or shared.jobs.get(job.id) == job  # or it has begun and ended since it was listed
    if status is None and is_still_waiting:
        with dbos.SetWorkflowID(workflow_id), dbos.SetEnqueueOptions(queue_partition_key=job.site):
            dbos.DBOS.enqueue_workflow(QUEUE, workflows.of_kind(job.kind), job.id)


def _workflow_id(job: JobStatus, number: int) -> str:
    """Return the id of the workflow for the next run of a job."""
    return f"{job.id}#{job.runs + 1}" + (f".{number}" if number else "")
