"""Connections to PostgreSQL: a pool and single ones, with short timeouts, and errors that name the server only."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import quote

from .._support.libraries.extras import missing_extra
from .._support.redaction import forms_of, redact
from .._support.text import escape_controls
from ..errors import ConfigurationError
from .connection_pool import ConnectionPool
from .last_answer import LastAnswer

if TYPE_CHECKING:
    from psycopg import Connection

T = TypeVar("T")
CONNECT_TIMEOUT_S = 5
APPLICATION = "confluence-groups"
SCHEMA_NAME = re.compile("[a-z_][a-z0-9_]{0,62}")
PORTS = re.compile("[0-9,]*")
MAX_REASON = 300  # characters
# The server notices within 25 seconds that a host is gone, and this side that the server is.
DEFAULTS = {
    "application_name": APPLICATION,
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds; without it, data that a vanished host never got is sent again for long
}
SETTINGS = """
SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
    set_config('tcp_keepalives_count', '3', false), set_config('client_min_messages', 'warning', false),
    set_config('statement_timeout', '30s', false), set_config('idle_in_transaction_session_timeout', '60s', false),
    CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END
"""
DISCONNECTED = ("08", "57P", "25P03", "53300")  # SQLSTATE: lost; shut down or starting; idle too long; no free place
MISSING_TABLES = ("42P01", "3F000")


class UnreachableError(ConfigurationError):
    """The server cannot be reached, or the connection was lost."""


class Connections:
    """The connections of one `Postgres` to its server; ``str()`` names it without the password.

    Args:
        parsed: the parts of the address; see `parse_address`.
        schema: the schema of the tables.

    Attributes:
        heard: when the server last answered.
    """

    def __init__(self, parsed: Mapping[str, Any], schema: str) -> None:
        self.schema = schema
        self._options: dict[str, Any] = {**DEFAULTS, **parsed}
        self._secrets = forms_of([str(parsed.get(name, "")) for name in ("password", "sslpassword")])
        self._name = _name_of(parsed)
        self._statements: dict[str, bytes] = {}
        self._pool = ConnectionPool(self._open)
        self._is_closed = False
        self.heard = LastAnswer()

    def sql(self, text: str) -> bytes:
        """Return a statement with the name of the schema."""
        if text not in self._statements:
            self._statements[text] = text.replace("{schema}", self.schema).encode()
        return self._statements[text]

    def lock_key(self, kind: str, name: str = "") -> int:
        """Return the number of the advisory lock for something in this schema."""
        digest = hashlib.sha256("\0".join((APPLICATION, self.schema, kind, name)).encode()).digest()
        return int.from_bytes(digest[:8], signed=True)

    def connect(self) -> Connection[Any]:
        """Open a connection of its own, in autocommit mode.

        Raises:
            UnreachableError: the server cannot be reached.
            ConfigurationError: it refuses the connection, or `close` was called.
        """
        self._check_open()
        return self.translate(self._open)

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        """Open a connection of its own, and close it at the end; a broken one is closed without an error.

        Raises:
            UnreachableError, ConfigurationError: as for `connect`.
        """
        connection, process = self.connect(), os.getpid()
        try:
            yield connection
        finally:
            if process == os.getpid():  # a forked process would end the session of its parent
                connection.close()

    def run(self, function: Callable[[Connection[Any]], T]) -> T:
        """Call a function with a connection of the pool, in autocommit mode.

        Raises:
            UnreachableError: the server cannot be reached.
            ConfigurationError: it refuses what the function asks for, or `close` was called.
        """

        def borrow() -> T:
            with self._pool.connection() as connection:
                return function(connection)

        self._check_open()
        try:
            return self.translate(borrow)
        finally:
            if self._is_closed:  # meanwhile
                self._pool.close()

    def translate(self, function: Callable[[], T]) -> T:
        """Call a function, and raise the errors of psycopg as errors of this package, without their frames.

        Raises:
            UnreachableError: the server cannot be reached, or the connection was lost.
            ConfigurationError: the server refuses.
        """
        import psycopg

        try:
            result = function()
        except psycopg.Error as error:
            problem = self._describe(error)
        else:
            self.heard.note()
            return result
        raise problem

    def open_for_transactions(self) -> Connection[Any]:
        """Open a connection of its own for a program that manages its transactions itself, with errors of psycopg."""
        import psycopg

        return psycopg.connect(**self._options)

    def name_sessions(self, name: str) -> None:
        """Let the server show a name for the sessions that begin from now on."""
        self._options["application_name"] = name
        self._pool.close()

    def redact(self, text: str) -> str:
        """Return a text without the password."""
        return redact(self._secrets, text)

    def close(self) -> None:
        """Close the pool; single connections stay open."""
        self._is_closed = True
        self._pool.close()

    def closed_error(self) -> ConfigurationError:
        """Return the error of a use after `close`."""
        return ConfigurationError(f"{self}: it was closed")

    def _open(self) -> Connection[Any]:
        from .timed_connection import TimedConnection

        connection = TimedConnection.connect(**self._options, autocommit=True)
        try:
            connection.execute(SETTINGS)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_open(self) -> None:
        if self._is_closed:
            raise self.closed_error()

    def _describe(self, error: Exception) -> ConfigurationError:
        """Return the error of this package for one of psycopg."""
        import psycopg

        state = getattr(error, "sqlstate", None) or ""
        if state in MISSING_TABLES:
            return ConfigurationError(f"{self}: tables are missing: run confluence-groups fleet init")
        reason = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
        text = escape_controls(redact(self._secrets, " ".join(reason.split()))[:MAX_REASON]) or type(error).__name__
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and (
            not state or state.startswith(DISCONNECTED)
        )
        if lost:
            return UnreachableError(f"{self} cannot be reached: {text}")
        return ConfigurationError(f"{self}: {text}")

    def __str__(self) -> str:
        return self._name

    def __repr__(self) -> str:
        return f"Connections({self._name!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("connections are never pickled or copied: make a Postgres in each process")


def parse_address(dsn: str, schema: str) -> dict[str, Any] | ConfigurationError:
    """Return the parts of an address, or what is wrong with it or the schema, as an error without a frame."""
    if not SCHEMA_NAME.fullmatch(schema):
        return ConfigurationError("schema: use small letters, digits and underscores, at most 63, no digit first")
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ModuleNotFoundError:
        return missing_extra("postgres", "fleet needs psycopg")
    if isinstance(dsn, str):
        with suppress(psycopg.Error, UnicodeError):
            parsed = conninfo_to_dict(dsn)
            if _is_plausible(parsed):
                return parsed
    return ConfigurationError(
        "dsn: this is not the address of a PostgreSQL database, such as postgresql://user@host:5432/database"
    )


def _is_plausible(options: Mapping[str, Any]) -> bool:
    """Check that no part of a password with a plain ``/`` or ``@`` became another part of the address."""
    port, others = str(options.get("port", "")), f"{options.get('host', '')}{options.get('dbname', '')}"
    return PORTS.fullmatch(port) is not None and "@" not in others


def _name_of(options: Mapping[str, Any]) -> str:
    """Return the address of a database without its password."""
    host = str(options.get("host") or os.environ.get("PGHOST") or "local socket")
    port = f":{options['port']}" if options.get("port") else ""
    user = f"{quote(str(options['user']), safe='')}@" if options.get("user") else ""
    database = f"/{quote(str(options['dbname']), safe='')}" if options.get("dbname") else ""
    return escape_controls(f"PostgreSQL at {user}{host}{port}{database}")
