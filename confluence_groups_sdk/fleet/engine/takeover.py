"""Taking over from dead workers: their sessions are ended, so that locks are free, and their workflows are resumed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..._support.log import logger
from ..connections import Connections
from .dbos_app import QUEUE, import_dbos
from .worker_table import END_SESSIONS, FORGET, LOCK_DEAD, MARK, session_name

if TYPE_CHECKING:
    from psycopg import Connection

MAX_LISTED = 1000
MAX_DEATHS = 100  # of workers during one job, which then ends: it may be the reason
COUNT_DEATH = """
UPDATE {schema}.jobs SET deaths = deaths + 1, updated_at = now() WHERE id = ANY(%s) RETURNING id, deaths
"""
END_JOBS = """
UPDATE {schema}.jobs SET phase = 'failed', runs = runs + 1, progress = NULL, error = %s, updated_at = now()
WHERE id = ANY(%s) AND phase IN ('queued', 'planning', 'applying', 'verifying')
"""


def take_over(connections: Connections, worker: str, *, by_heartbeat: bool) -> list[str]:
    """Resume the workflows of all workers that have ended or whose heartbeat has stopped.

    The rows of these workers are locked meanwhile, so one survivor does this, and a slow worker that comes back learns
    of it with its next heartbeat. If the survivor also dies, nothing is lost: the next one does it again.

    Args:
        connections: the connections to the server.
        worker: the id of this worker.
        by_heartbeat: whether a missing heartbeat counts; otherwise, only workers that have ended in order.

    Returns:
        The ids of the workflows.

    Raises:
        ConfigurationError: the server cannot be reached, or refuses.
    """

    def run(connection: Connection[Any]) -> list[str]:
        with connection.transaction():
            values = {"worker": worker, "by_heartbeat": by_heartbeat}
            rows = connection.execute(connections.sql(LOCK_DEAD), values).fetchall()
            dead = [each for each, _ in rows]
            died = {each for each, has_ended in rows if not has_ended}
            pending = _pending_workflows(dead) if dead else {}
            if owners := sorted({*pending.values()}):
                connection.execute(END_SESSIONS.encode(), [[session_name(each) for each in owners]])
                count_deaths(connections, connection, [each for each, owner in pending.items() if owner in died])
                import_dbos().DBOS.resume_workflows(list(pending), queue_name=QUEUE)
                connection.execute(connections.sql(MARK), [owners])
                logger.warning("took over %d jobs of %s", len(pending), ", ".join(owners))
            connection.execute(connections.sql(FORGET), [[each for each in dead if each not in owners]])
        return list(pending)

    return connections.run(run)


def count_deaths(connections: Connections, connection: Connection[Any], workflows: Iterable[str]) -> None:
    """Count that a worker died during the jobs of workflows, and end the jobs during which too many died.

    The workflows of these jobs are also resumed, and end at once.
    """
    jobs = [each.rpartition("#")[0] for each in workflows]
    counted = connection.execute(connections.sql(COUNT_DEATH), [jobs]).fetchall()
    if fatal := [job for job, deaths in counted if deaths >= MAX_DEATHS]:
        error = f"{MAX_DEATHS} workers died while they did this job: look at their logs, then run it again"
        connection.execute(connections.sql(END_JOBS), [error, fatal])
        logger.error("%s: %s", ", ".join(fatal), error)


def _pending_workflows(workers: list[str]) -> dict[str, str]:
    """Return the workflows that these workers have begun and not ended, with their workers."""
    found = import_dbos().DBOS.list_workflows(
        status="PENDING",
        executor_id=workers,
        queue_name=QUEUE,
        limit=MAX_LISTED,
        load_input=False,
        load_output=False,
    )
    return {each.workflow_id: each.executor_id or "" for each in found}
