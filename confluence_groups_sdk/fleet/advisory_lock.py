"""Advisory locks of PostgreSQL: the server frees them when the connection of their holder ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._support.clock import machine_monotonic

if TYPE_CHECKING:
    from psycopg import Connection

TRY = "SELECT pg_try_advisory_lock(%s), pg_backend_pid()"
WAIT = "SELECT pg_advisory_lock(%s), pg_backend_pid()"
WAIT_S = 5.0  # of one statement: a silent server counts as unreachable after 10 seconds
SET_TIMEOUT = "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', '0', false)"
HOLDER = """
SELECT activity.usename, host(activity.client_addr), activity.pid, activity.backend_start
FROM pg_locks AS locks JOIN pg_stat_activity AS activity USING (pid)
WHERE locks.locktype = 'advisory' AND locks.granted AND locks.objsubid = 1
    AND locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND locks.classid::bigint = (%(key)s::bigint >> 32) & 4294967295
    AND locks.objid::bigint = %(key)s::bigint & 4294967295
"""


def try_acquire(connection: Connection[Any], key: int) -> int | None:
    """Acquire a lock without waiting, and return the id of the server's process that holds it; None if it is taken."""
    is_acquired, process = connection.execute(TRY, [key]).fetchone() or (False, 0)
    return process if is_acquired else None


def acquire(connection: Connection[Any], key: int, timeout_s: float) -> int | None:
    """Wait for a lock, and return the id of the server's process that holds it; None if it was not free in time."""
    from psycopg.errors import LockNotAvailable

    deadline = machine_monotonic() + timeout_s
    while True:
        wait_s = max(0.001, min(WAIT_S, deadline - machine_monotonic()))
        connection.execute(SET_TIMEOUT, [f"{wait_s * 1000:.0f}"])
        try:
            _, process = connection.execute(WAIT, [key]).fetchone() or ("", 0)
        except LockNotAvailable:
            if machine_monotonic() >= deadline:
                return None
        else:
            return process


def lock_holder(connection: Connection[Any], key: int) -> str:
    """Return who holds a lock, in words."""
    row = connection.execute(HOLDER, {"key": key}).fetchone()
    if row is None:
        return "another process"
    user, address, process, since = row
    host = f" at {address}" if address else ""
    connected = f", connected since {since:%Y-%m-%d %H:%M}" if since else ""  # hidden from other roles
    return f"another process{host} (user {user}, process {process} of the server{connected})"
