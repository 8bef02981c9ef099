"""Advisory locks of PostgreSQL: the server frees them when the connection of their holder ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection

TRY = "SELECT pg_try_advisory_lock(%s), pg_backend_pid()"
WAIT = "SELECT pg_advisory_lock(%s)"
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


def acquire(connection: Connection[Any], key: int, timeout_s: float) -> bool:
    """Wait for a lock, and return whether it was acquired in time."""
    from psycopg.errors import LockNotAvailable

    connection.execute(SET_TIMEOUT, [f"{timeout_s * 1000:.0f}"])
    try:
        connection.execute(WAIT, [key])
    except LockNotAvailable:
        return False
    return True


def lock_holder(connection: Connection[Any], key: int) -> str:
    """Return who holds a lock, in words."""
    row = connection.execute(HOLDER, {"key": key}).fetchone()
    if row is None:
        return "another process"
    user, address, process, since = row
    host = f" at {address}" if address else ""
    return (
        f"another process{host} (user {user}, process {process} of the server, connected since {since:%Y-%m-%d %H:%M})"
    )
