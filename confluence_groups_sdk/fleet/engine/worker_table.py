"""The workers of a fleet in a table, with their heartbeats by the clock of the database."""

from __future__ import annotations

import os
import secrets
import socket
from typing import TYPE_CHECKING, Any

from ..._support.text import escape_controls
from ..connections import Connections

if TYPE_CHECKING:
    from psycopg import Connection

BEAT_INTERVAL_S = 1.0
DEAD_AFTER_S = 5.0
FORGET_AFTER = "1 day"
MAX_HOST = 30  # characters, so that the name of a session fits PostgreSQL's limit of 63
READ_OWN = "SELECT taken_over_at IS NOT NULL FROM {schema}.workers WHERE id = %s FOR UPDATE"
BEAT = """
INSERT INTO {schema}.workers (id, host, process, at_once) VALUES (%s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp(), taken_over_at = NULL
"""
SHARE_NUMBER = "UPDATE {schema}.workers SET at_once = %(at_once)s WHERE at_once <> %(at_once)s"
END = "UPDATE {schema}.workers SET ended_at = clock_timestamp() WHERE id = %s"
LOCK_DEAD = f"""
SELECT id, ended_at IS NOT NULL FROM {{schema}}.workers
WHERE id <> %(worker)s AND (
    ended_at IS NOT NULL
    OR (%(by_heartbeat)s AND seen_at < clock_timestamp() - interval '{DEAD_AFTER_S} seconds')
)
ORDER BY id FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - a number
MARK = "UPDATE {schema}.workers SET taken_over_at = clock_timestamp() WHERE id = ANY(%s) AND taken_over_at IS NULL"
FORGET = f"""
DELETE FROM {{schema}}.workers
WHERE id = ANY(%s) AND coalesce(ended_at, seen_at) < clock_timestamp() - interval '{FORGET_AFTER}'
"""  # noqa: S608 - a number
END_SESSIONS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name = ANY(%s) AND usename = current_user AND datname = current_database()
"""


def new_worker_id() -> str:
    """Return a name for this process that none has had before, and that says where it runs."""
    host = escape_controls(socket.gethostname())[:MAX_HOST].encode("ascii", "replace").decode()
    return f"{host}-{os.getpid()}-{secrets.token_hex(3)}"


def session_name(worker: str) -> str:
    """Return the name of a worker's sessions at the server."""
    return f"confluence-groups {worker}"


class WorkerTable:
    """The table of workers, as one of them uses it.

    Args:
        connections: the connections to the server.
        worker: the id of this worker.
        at_once: the number of jobs that it does at once.
    """

    def __init__(self, connections: Connections, worker: str, at_once: int) -> None:
        self._connections = connections
        self._worker = worker
        self._has_begun = False
        self._at_once = at_once
        self._row = [worker, socket.gethostname(), os.getpid(), at_once]

    def beat(self) -> bool:
        """Record that this worker lives; return whether another one has taken over from it meanwhile.

        Raises:
            ConfigurationError: the server cannot be reached, or refuses.
        """
        sql = self._connections.sql

        def run(connection: Connection[Any]) -> bool:
            with connection.transaction():
                row = connection.execute(sql(READ_OWN), [self._worker]).fetchone()
                connection.execute(sql(BEAT), self._row)
            return row[0] if row else self._has_begun

        was_taken_over = self._connections.run(run)
        self._has_begun = True
        return was_taken_over

    def share_number(self) -> int:
        """Record that all workers now do as many jobs at once as this one; return how many had another number.

        Raises:
            ConfigurationError: the server cannot be reached, or refuses.
        """
        sql, values = self._connections.sql(SHARE_NUMBER), {"at_once": self._at_once}
        return self._connections.run(lambda connection: connection.execute(sql, values).rowcount)

    def end(self) -> None:
        """Record that this worker has ended, so that others need not wait before they go on with its jobs."""
        sql = self._connections.sql(END)
        self._connections.run(lambda connection: connection.execute(sql, [self._worker]))
