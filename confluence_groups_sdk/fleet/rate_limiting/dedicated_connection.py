"""One connection of psycopg, for the thread that asks for turns."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...errors import ConfigurationError
from ..connection_pool import has_news
from .database import DatabaseDownError

if TYPE_CHECKING:
    from psycopg import Connection

    from ..last_answer import LastAnswer

_ABANDONED: list[object] = []  # of the parent of a forked process: closing one here would end it there


class DedicatedConnection:
    """A `Database` over one connection, which is opened by the first call, and again after a failure.

    Args:
        connect: opens a connection in autocommit mode.
        server: the server's name, without a password.
        schema: the schema of the tables.
        heard: notes that the server has answered, on this connection or another.
        unreachable: what ``connect`` raises if the server cannot be reached, in addition to psycopg's errors.
    """

    def __init__(
        self,
        connect: Callable[[], Connection[Any]],
        *,
        server: str,
        schema: str,
        heard: LastAnswer,
        unreachable: tuple[type[Exception], ...] = (),
    ) -> None:
        self._connect = connect
        self._server = server
        self._schema = schema
        self._heard = heard
        self._unreachable = unreachable
        self._connection: Connection[Any] | None = None
        self._process = os.getpid()

    @property
    def server(self) -> str:
        return self._server

    def execute(self, function: str, arguments: Sequence[Any]) -> tuple[Any, ...]:
        import psycopg

        try:
            return self._execute(function, arguments)
        except self._unreachable as error:
            self.close()
            problem: Exception = DatabaseDownError(str(error))
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self.close()
            reason = error.diag.message_primary  # of a server that had time to say it
            problem = DatabaseDownError(
                f"{self._server}: {reason}" if reason else f"the connection to {self._server} was lost"
            )
        except psycopg.Error as error:
            reason = error.diag.message_primary or type(error).__name__
            problem = ConfigurationError(f"{self._server}: {reason}: run confluence-groups fleet init")
        raise problem

    def _execute(self, function: str, arguments: Sequence[Any]) -> tuple[Any, ...]:
        statement = f"SELECT * FROM {self._schema}.{function}({', '.join(['%s'] * len(arguments))})"  # noqa: S608
        row: tuple[Any, ...] | None = self._open().execute(statement.encode(), arguments).fetchone()
        assert row is not None, "functions of the schema return one row"
        self._heard.note()
        return row

    def has_answered(self) -> bool:
        connection = self._connection
        try:
            return connection is not None and has_news(connection.fileno())
        except Exception:  # the other thread has just closed it
            return False

    def was_heard_within(self, seconds: float) -> bool:
        return self._heard.is_within(seconds)

    def close(self) -> None:
        self._abandon_parents()
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it is broken already
                connection.close()

    def _open(self) -> Connection[Any]:
        self._abandon_parents()
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        return self._connection

    def _abandon_parents(self) -> None:
        if self._process != os.getpid():
            _ABANDONED.append(self._connection)
            self._connection, self._process = None, os.getpid()
