"""OAuth 2.0 tokens in PostgreSQL, for the processes of all hosts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from attrs import asdict, evolve

from .._support.clock import Clock, SystemClock, machine_monotonic
from .._support.log import logger
from ..auth.token_store import Tokens
from ..errors import ConfigurationError
from .advisory_lock import acquire, lock_holder
from .connections import Connections, UnreachableError

if TYPE_CHECKING:
    from psycopg import Connection

LOCK_TIMEOUT_S = 120.0  # longer than another process needs for a refresh
RECONNECT_TIMEOUT_S = 15.0  # a rotated token that is not saved is lost, so a restart of the server is waited for
RETRY_INTERVAL_S = 0.2
CLOCK_STEP_S = 10.0  # clocks that differ by less are taken as the same
READ_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8"
READ_PROCESS = "SELECT pg_backend_pid()"
LOAD = "SELECT revision, is_sealed, tokens FROM {schema}.tokens WHERE name = %s"
REPLACE = """
INSERT INTO {schema}.tokens AS stored (name, revision, is_sealed, tokens) VALUES (%s, 1, %s, %s)
ON CONFLICT (name) DO UPDATE SET revision = stored.revision + 1, is_sealed = excluded.is_sealed,
    tokens = excluded.tokens, saved_at = now()
"""
COMPARE_AND_SET = """
UPDATE {schema}.tokens SET revision = revision + 1, is_sealed = %s, tokens = %s, saved_at = now()
WHERE name = %s AND revision = %s
"""

T = TypeVar("T")
Seal = tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]


class PostgresTokenStore:
    """A `TokenStore` in a table; `Postgres.token_store` makes it.

    A refresh holds an advisory lock on a connection of its own, so the server frees it as soon as the process dies. New
    tokens are committed before `save` returns. Tokens that were loaded under the lock are replaced only if nobody else
    has replaced them meanwhile. The time of their expiry is kept by the server's clock, so the clocks of hosts may
    differ.

    Args:
        connections: the connections to the server.
        check: checks the tables before their first use.
        name: the name of the tokens.
        seal: two functions of the program: one encrypts bytes before they are stored, the other decrypts them.
        clock: the clock of this host.
    """

    def __init__(
        self,
        connections: Connections,
        check: Callable[[], object],
        name: str,
        seal: Seal | None = None,
        clock: Clock = SystemClock(),
    ) -> None:
        self._connections = connections
        self._check = check
        self._name = name
        self._seal = seal
        self._clock = clock
        self._local = threading.local()  # of the thread that has the lock: its connection, the revision it loaded

    def load(self) -> Tokens | None:
        """Return the tokens that were saved last, None if there are none.

        Raises:
            ConfigurationError: the server cannot be reached for 15 seconds, or the tokens are malformed or sealed in
                another way.
        """
        self._check()
        row, lead = self._retry(lambda: self._run(self._fetch))
        if self._held is not None:
            self._local.revision = row[0] if row else None
        if row is None:
            return None
        loaded = self._open(row[1], row[2])
        if isinstance(loaded, str):
            del row
            raise ConfigurationError(f"{self}: {loaded}")
        return evolve(loaded, expires_at=loaded.expires_at - lead)

    def save(self, tokens: Tokens) -> None:
        """Replace the tokens, and return when they are committed.

        Raises:
            ConfigurationError: the server cannot be reached for 15 seconds, or another process has replaced the tokens
                that were loaded under the lock.
        """
        problem = self._try_to_save(tokens)
        del tokens
        if problem is not None:
            raise problem.with_traceback(None)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep out all threads and processes, on any host, that use the same tokens.

        Raises:
            ConfigurationError: the server cannot be reached for 15 seconds, or somebody has held the lock for two
                minutes.
        """
        self._check()
        with ExitStack() as held:
            self._local.connection, self._local.revision = self._retry(lambda: self._acquire(held)), None
            try:
                yield
            finally:
                self._local.connection = None

    def _try_to_save(self, tokens: Tokens) -> ConfigurationError | None:
        """Save the tokens and return None, or return the error, whose frames would lead to the tokens."""
        try:
            self._check()
            lead = self._retry(lambda: self._run(self._measure_lead))
            data = json.dumps({**asdict(tokens), "expires_at": tokens.expires_at + lead}).encode("ascii")
            if self._seal:
                data = self._encrypt(data)
            is_saved = self._retry(lambda: self._run(lambda connection: self._store(connection, data)))
            if not is_saved and self.load() != tokens:  # they may have been saved although the connection broke
                return ConfigurationError(f"{self}: another process has replaced the tokens meanwhile: try again")
        except ConfigurationError as error:
            return error
        return None

    @property
    def _held(self) -> Connection[Any] | None:
        """The connection of the lock, if this thread has it."""
        return getattr(self._local, "connection", None)

    def _run(self, function: Callable[[Connection[Any]], T]) -> T:
        """Use the connection of the lock, so that a refresh needs only one; another if it is lost."""
        held = self._held
        if held is None or held.closed:
            return self._connections.run(function)
        return self._connections.translate(lambda: function(held))

    def _retry(self, use: Callable[[], T]) -> T:
        """Use the server; wait for it if it cannot be reached, because a restart should end no run."""
        deadline = machine_monotonic() + RECONNECT_TIMEOUT_S
        while True:
            try:
                return use()
            except UnreachableError as error:
                if machine_monotonic() >= deadline:
                    raise
                logger.warning("%s. The tokens wait for it", error)
                time.sleep(RETRY_INTERVAL_S)

    def _acquire(self, held: ExitStack) -> Connection[Any]:
        """Take the lock, and return its connection, which stays open with ``held``."""
        key = self._connections.lock_key("tokens", self._name)
        with ExitStack() as opened:
            connection = opened.enter_context(self._connections.connection())
            process = self._connections.translate(lambda: acquire(connection, key, LOCK_TIMEOUT_S))
            if process is None:
                holder = self._connections.translate(lambda: lock_holder(connection, key))
                raise ConfigurationError(f"{self}: {holder} keeps it locked: see which, and end it")
            if self._connections.translate(lambda: connection.execute(READ_PROCESS).fetchone()) != (process,):
                raise ConfigurationError(
                    f"{self._connections}: another connection was used: locks need a direct connection, or a "
                    "connection pooler in session mode"
                )
            held.push(opened.pop_all())
        return connection

    def _measure_lead(self, connection: Connection[Any]) -> float:
        """Return by how many seconds the server's clock is ahead of this host's, 0 if they agree."""
        (now,) = connection.execute(READ_CLOCK).fetchone() or (self._clock.now(),)
        return CLOCK_STEP_S * round((now - self._clock.now()) / CLOCK_STEP_S)

    def _store(self, connection: Connection[Any], data: bytes) -> bool:
        """Replace the tokens, and return whether they were still those that this thread loaded under the lock."""
        revision = None if self._held is None else self._local.revision
        if revision is None:
            connection.execute(self._connections.sql(REPLACE), [self._name, self._seal is not None, data])
            return True
        values = [self._seal is not None, data, self._name, revision]
        return connection.execute(self._connections.sql(COMPARE_AND_SET), values).rowcount == 1

    def _fetch(self, connection: Connection[Any]) -> tuple[tuple[int, bool, bytes] | None, float]:
        """Return the row, and the server's lead."""
        row: tuple[int, bool, bytes] | None
        row = connection.execute(self._connections.sql(LOAD), [self._name]).fetchone()
        return row, self._measure_lead(connection)

    def _encrypt(self, data: bytes) -> bytes:
        assert self._seal is not None, "the caller checks"
        try:
            return bytes(memoryview(self._seal[0](data)))  # bytes(5) would be five zeros
        except Exception as error:  # of the program's function
            name = type(error).__name__
        raise ConfigurationError(f"{self}: the function that encrypts raised {name}")

    def _open(self, is_sealed: bool, data: bytes) -> Tokens | str:
        """Return the tokens in a row, or what is wrong with it, so that no frame of an error has its content."""
        if is_sealed and self._seal is None:
            return "the tokens are sealed: give the functions that seal them"
        if not is_sealed and self._seal is not None:
            return "the tokens are not sealed: let the user consent again, or save them once more with the seal"
        if self._seal is not None:
            try:
                data = bytes(memoryview(self._seal[1](data)))
            except Exception as error:  # of the program's function
                return f"the function that decrypts raised {type(error).__name__}"
        try:
            return Tokens(**json.loads(data))
        except (ValueError, TypeError, RecursionError):  # a ConfigurationError is a ValueError
            if is_sealed:
                return "what was decrypted is no tokens: use the key with which they were encrypted"
            return "the row does not hold tokens: remove it, and let the user consent again"

    def __str__(self) -> str:
        return f"tokens {self._name!r} in {self._connections}"

    def __repr__(self) -> str:
        return f"PostgresTokenStore({self._name!r}, {str(self._connections)!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("token stores are never pickled or copied: make a Postgres in each process")
