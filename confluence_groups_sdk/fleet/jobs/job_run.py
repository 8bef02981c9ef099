"""One run of a job: its lock, and what it writes, which counts only until another run begins."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..._support.clock import machine_monotonic
from ...errors import JobError, JobInUseError
from ..advisory_lock import lock_holder, try_acquire
from ..connections import Connections
from . import table

if TYPE_CHECKING:
    from psycopg import Connection

TAKE_OVER_S = 1.0  # the server needs a moment to notice that the holder of a lock is dead
RETRY_INTERVAL_S = 0.1


class JobRun:
    """One run of a job, by the process that holds its lock; `open_run` makes it.

    Every statement has the number of the run, so a run that has lost its lock changes nothing after another one began.

    Args:
        connections: the connections to the server.
        job_id: the job's id.
        number: the number of the run.
    """

    def __init__(self, connections: Connections, job_id: str, number: int) -> None:
        self._connections = connections
        self.id = job_id
        self.number = number

    def update(self, **values: Any) -> None:
        """Change columns of the job.

        Raises:
            JobInUseError: another run has begun.
        """
        self.check_is_last(self._write(values))

    def store_plan(self, decisions: str | None, **values: Any) -> bool:
        """Store the plan unless there is one; return whether it was stored.

        Args:
            decisions: the digest of a review's decisions that the plan was made from.
            values: the columns.
        """
        condition = " AND digest IS NULL AND decisions IS NOT DISTINCT FROM %(decisions)s"
        return self._write(values, condition, decisions=decisions)

    def store_snapshot(self, digest: str, content: bytes) -> None:
        """Store the snapshot unless there is one."""
        values = {"id": self.id, "run": self.number, "digest": digest}
        file = [self.id, "snapshot", "snapshot", zlib.compress(content)]

        def store(connection: Connection[Any]) -> None:
            with connection.transaction():
                if connection.execute(self._connections.sql(table.STORE_SNAPSHOT), values).rowcount:
                    connection.execute(self._connections.sql(table.ADD_FILE), file)
                    connection.execute(self._connections.sql(table.DELETE_FILES), [self.id, "progress"])

        self._connections.run(store)

    def change(self, statement: str, **values: Any) -> bool:
        """Execute a statement that names ``id`` and ``run``; return whether it changed the job."""
        return self._execute(statement, {**values, "id": self.id, "run": self.number}) > 0

    def check_is_last(self, has_changed: bool) -> None:
        """Check that a statement has changed the job.

        Raises:
            JobInUseError: it has not, because another run has begun.
        """
        if not has_changed:
            raise JobInUseError(f"{self.id}: another process has gone on with this job")

    def store_file(self, kind: str, name: str, content: bytes) -> None:
        """Store a file of the job."""
        self._execute(table.ADD_FILE, [self.id, kind, name, zlib.compress(content)])

    def delete_files(self, kind: str) -> None:
        """Delete the job's files of a kind."""
        self._execute(table.DELETE_FILES, [self.id, kind])

    def _write(self, columns: dict[str, Any], condition: str = "", **others: Any) -> bool:
        values = table.column_values(columns)
        assignments = ", ".join(f"{name} = %({name})s" for name in values)
        return self.change(
            table.UPDATE.format(assignments=assignments, schema="{schema}") + condition, **values, **others
        )

    def _execute(self, statement: str, values: Sequence[Any] | Mapping[str, Any]) -> int:
        sql = self._connections.sql(statement)
        return self._connections.run(lambda connection: connection.execute(sql, values).rowcount)


@contextmanager
def open_run(connections: Connections, job_id: str) -> Iterator[JobRun]:
    """Take the lock of a job, and begin a run.

    Raises:
        JobInUseError: another process holds the lock.
        JobError: there is no job with this id.
        ConfigurationError: the server cannot be reached, or refuses.
    """
    key, deadline = connections.lock_key("job", job_id), machine_monotonic() + TAKE_OVER_S
    with connections.connection() as connection:
        while connections.translate(lambda: try_acquire(connection, key)) is None:
            if machine_monotonic() >= deadline:
                holder = connections.translate(lambda: lock_holder(connection, key))
                raise JobInUseError(f"{job_id}: {holder} does this job: wait until it ends")
            time.sleep(RETRY_INTERVAL_S)
        sql, values = connections.sql(table.BEGIN), [table.this_process(), job_id]
        row = connections.run(lambda other: other.execute(sql, values).fetchone())
        if row is None:
            raise JobError(f"{table.storable(job_id)}: there is no job with this id")
        yield JobRun(connections, job_id, row[0])
