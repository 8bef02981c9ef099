"""The journal of a plan in PostgreSQL: any host can go on with it, one at a time."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

from .._support.clock import machine_monotonic
from .._support.log import logger
from ..errors import ConfigurationError, JournalError
from .advisory_lock import lock_holder, try_acquire
from .connections import Connections, UnreachableError

if TYPE_CHECKING:
    from psycopg import Connection

RECONNECT_TIMEOUT_S = 20.0  # a restart of the server takes less
RETRY_INTERVAL_S = 0.1
TAKE_OVER_S = 1.0  # the server needs a moment to notice that the holder of a lock is dead
READ = "SELECT line FROM {schema}.journal_lines WHERE plan = %s AND number > %s ORDER BY number"
BEGIN = "INSERT INTO {schema}.journals (plan) VALUES (%s) ON CONFLICT DO NOTHING"
# One statement for each line. Without the first part, a commit waits until it and all before it are on disk.
ADD = """
WITH lazy AS (SELECT set_config('synchronous_commit', 'off', true) WHERE %(is_lazy)s)
INSERT INTO {schema}.journal_lines (plan, number, line)
SELECT %(plan)s, %(number)s, %(line)s FROM (SELECT count(*) FROM lazy) AS ready
WHERE pg_backend_pid() = %(process)s
"""
SYNC = "UPDATE {schema}.journals SET synced_at = now() WHERE plan = %s AND pg_backend_pid() = %s"


class _OvertakenError(ConfigurationError):
    """Another run has gone on with the journal."""


class PostgresJournal:
    """A `JournalStorage` in a table; `Postgres.journal` makes it.

    The lock and all lines go through one connection, so only the holder of the lock can add lines. If the connection
    breaks, the next line waits up to 20 seconds for a new one, takes the lock again, and adds the lines that were not
    committed; unless another run has gone on meanwhile.

    Args:
        connections: the connections to the server.
        check: checks the tables before their first use.
        plan: the plan's digest.
    """

    def __init__(self, connections: Connections, check: Callable[[], object], plan: str) -> None:
        self._connections = connections
        self._check = check
        self._plan = plan
        self._key = connections.lock_key("journal", plan)
        self._connection: Connection[Any] | None = None
        self._process = 0  # of the server, for this connection
        self._held = ExitStack()
        self._number = 0  # of the last line
        self._pending: deque[bytes] = deque()  # the last lines: those that may not be on the server's disk yet
        self._hash = hashlib.sha256()  # of all lines

    def read(self) -> bytes:
        """Return all lines; no bytes if there are none.

        Raises:
            ConfigurationError: the server cannot be reached, or refuses.
        """
        self._check()
        if self._connection is None:
            lines = self._connections.run(lambda connection: self._fetch(connection, after=0))
        else:
            held = self._connection
            lines = self._connections.translate(lambda: self._fetch(held, after=0))
            self._number, self._pending, self._hash = len(lines), deque(), hashlib.sha256(b"".join(lines))
        return b"".join(lines)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep out all other runs of the plan, on any host.

        Raises:
            JournalError: another run holds the lock.
            ConfigurationError: the server cannot be reached, or refuses.
        """
        self._check()
        if self._connection is not None:
            raise JournalError(f"{self}: this program applies the plan already: wait until it ends")
        try:
            if not self._take_lock(machine_monotonic() + TAKE_OVER_S):
                raise JournalError(f"{self}: {self._describe_holder()} applies this plan: wait until it ends")
            yield
        finally:
            self._drop_connection()

    def append(self, line: bytes, *, sync: bool) -> None:
        """Add a line at the end.

        Raises:
            ConnectionError: the server cannot be reached, or another run has the lock.
            OSError: the server refuses the line.
        """
        if line:
            self._number += 1
            self._pending.append(line)
            self._hash.update(line)
        try:
            try:
                self._add(line, sync=sync)
            except UnreachableError as error:
                logger.warning("%s. The journal waits for it", error)
                self._reconnect(error)
        except (UnreachableError, _OvertakenError) as error:
            raise ConnectionError(f"lost its connection ({error})") from None
        except ConfigurationError as error:
            raise OSError(0, str(error)) from None
        if sync:
            self._pending.clear()

    def find_damage(self) -> str | None:
        """Compare the lines in the table with those that were read and added under the lock."""
        try:
            self.append(b"", sync=True)
            stored = self._connections.run(lambda connection: self._fetch(connection, after=0))
        except OSError as error:  # a ConnectionError, too
            return error.strerror or str(error)
        except ConfigurationError as error:
            return f"cannot be read any more ({error})"
        return None if hashlib.sha256(b"".join(stored)).digest() == self._hash.digest() else "was edited"

    def _add(self, line: bytes, *, sync: bool) -> None:
        connection = self._connection
        if connection is None:
            raise UnreachableError(f"{self._connections}: the connection was lost")
        values = {"is_lazy": not sync, "plan": self._plan, "number": self._number, "line": line}

        def execute() -> int:
            if not line:
                done = connection.execute(self._connections.sql(SYNC), [self._plan, self._process]).rowcount
                return done if self._number else 1
            if self._number == 1:
                connection.execute(self._connections.sql(BEGIN), [self._plan])
            return connection.execute(self._connections.sql(ADD), {**values, "process": self._process}).rowcount

        if self._connections.translate(execute) != 1:
            raise UnreachableError(
                f"{self._connections}: another connection was used: journals need a direct connection, or a connection "
                "pooler in session mode"
            )

    def _reconnect(self, lost: UnreachableError) -> None:
        """Connect again, take the lock, and add the lines that were not committed.

        Raises:
            UnreachableError: that is not possible in time.
            _OvertakenError: another run has gone on with the journal.
            ConfigurationError: the server refuses.
        """
        deadline = machine_monotonic() + RECONNECT_TIMEOUT_S
        while True:
            self._drop_connection()
            try:
                if not self._take_lock(deadline):
                    raise UnreachableError(f"{self._describe_holder()} has its lock")
                self._add_missing()
            except UnreachableError as error:
                lost = error
            else:
                logger.warning("%s: connected again; the journal is whole", self._connections)
                return
            if machine_monotonic() >= deadline:
                self._drop_connection()
                raise lost
            time.sleep(RETRY_INTERVAL_S)

    def _take_lock(self, deadline: float) -> bool:
        """Connect and take the lock; return whether that was possible in time."""
        connection = self._held.enter_context(self._connections.connection())
        self._connection = connection
        while True:
            process = self._connections.translate(lambda: try_acquire(connection, self._key))
            if process is not None:
                self._process = process
                return True
            if machine_monotonic() >= deadline:
                return False
            time.sleep(RETRY_INTERVAL_S)

    def _add_missing(self) -> None:
        connection, first = self._connection, self._number - len(self._pending)
        assert connection is not None, "it holds the lock"
        stored = self._connections.translate(lambda: self._fetch(connection, after=first))
        if stored != list(self._pending)[: len(stored)]:
            raise _OvertakenError("another run has gone on with it meanwhile")
        missing = list(self._pending)[len(stored) :]
        self._connections.translate(lambda: self._add_all(connection, missing, first + len(stored)))

    def _add_all(self, connection: Connection[Any], lines: Sequence[bytes], number: int) -> None:
        with connection.transaction():
            connection.execute(self._connections.sql(BEGIN), [self._plan])
            for line in lines:
                number += 1
                values = {"is_lazy": False, "plan": self._plan, "number": number, "line": line}
                connection.execute(self._connections.sql(ADD), {**values, "process": self._process})
            connection.execute(self._connections.sql(SYNC), [self._plan, self._process])

    def _fetch(self, connection: Connection[Any], *, after: int) -> list[bytes]:
        rows = connection.execute(self._connections.sql(READ), [self._plan, after])
        return [bytes(line) for (line,) in rows]

    def _describe_holder(self) -> str:
        with suppress(ConfigurationError):
            return self._connections.run(lambda connection: lock_holder(connection, self._key))
        return "another process"

    def _drop_connection(self) -> None:
        self._connection = None
        with suppress(OSError):
            self._held.close()

    def __str__(self) -> str:
        return f"journal of plan {self._plan[:12]} in {self._connections}"

    def __repr__(self) -> str:
        return f"PostgresJournal({self._plan!r}, {str(self._connections)!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("journals are never pickled or copied: make a Postgres in each process")
