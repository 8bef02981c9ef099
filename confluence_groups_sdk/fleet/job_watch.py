"""Which jobs of this process have reached another phase, for a program that shows what a worker does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from .._support.public import public
from .jobs import table
from .jobs.status import JobPhase, JobStatus

if TYPE_CHECKING:
    from .postgres import Postgres

OVERLAP = timedelta(minutes=1)  # a statement that began earlier may become visible later
CHANGED = f"{table.SELECT} WHERE worker = %s AND updated_at >= %s ORDER BY updated_at, id"


@public
class JobWatch:
    """Tells which jobs of this process have reached another phase since it was asked last.

    Args:
        shared: the database.

    Raises:
        ConfigurationError: the server cannot be reached or refuses, or the tables are missing.
    """

    def __init__(self, shared: Postgres) -> None:
        self._shared = shared
        self._worker = table.this_process()
        self._since = datetime.fromtimestamp(0, UTC)
        self._seen: dict[str, tuple[int, JobPhase]] = {}
        self.changes()

    def changes(self) -> list[JobStatus]:
        """Return the jobs that were begun or have reached another phase since the last call, the oldest change first.

        A phase that lasted shorter than the time between two calls does not appear.

        Raises:
            ConfigurationError: the server cannot be reached, or refuses.
        """
        self._shared._check_tables()
        connections = self._shared._connections
        sql, values = connections.sql(CHANGED), [self._worker, self._since]
        rows = connections.run(lambda connection: connection.execute(sql, values).fetchall())
        changed = []
        for job in map(table.status_of, rows):
            state = (job.runs, job.phase)
            if self._seen.get(job.id) != state and job.phase is not JobPhase.QUEUED:
                changed.append(job)
            self._seen[job.id] = state
            self._since = job.updated_at - OVERLAP
        return changed
