"""Connections that threads borrow; one that cannot be opened is an error at once, and nobody waits for another's."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection

POOL_SIZE = 4  # connections that are kept for the next use
POOL_TIMEOUT_S = 2.0  # the longest wait for one of them, before another one is opened


class ConnectionPool:
    """Keeps a few open connections for the next use.

    psycopg's own pool opens connections in the background: while the server is down, callers learn only that none came
    in time, and each attempt is logged.

    Args:
        open_connection: opens a connection.
    """

    def __init__(self, open_connection: Callable[[], Connection[Any]]) -> None:
        self._open = open_connection
        self._reset()

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        """Borrow a connection that works, as far as this side knows; open one if there is none."""
        if self._process != os.getpid():
            self._reset()  # a forked process must not use its parent's
        has_place = self._places.acquire(timeout=POOL_TIMEOUT_S)
        try:
            connection = self._take() or self._open()
            try:
                yield connection
            finally:
                self._put_back(connection)
        finally:
            if has_place:
                self._places.release()

    def close(self) -> None:
        """Close the connections that nobody is using."""
        if self._process == os.getpid():
            while self._idle:
                self._idle.pop().close()

    def _reset(self) -> None:
        self._parents = getattr(self, "_idle", None)  # kept, because closing them would end the parent's sessions
        self._idle: list[Connection[Any]] = []
        self._places = threading.Semaphore(POOL_SIZE)
        self._process = os.getpid()

    def _take(self) -> Connection[Any] | None:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if not connection.closed and not has_news(connection.fileno()):
                return connection
            connection.close()

    def _put_back(self, connection: Connection[Any]) -> None:
        if connection.closed or len(self._idle) >= POOL_SIZE:
            connection.close()
        else:
            self._idle.append(connection)


def has_news(descriptor: int) -> bool:
    """Check whether the server has sent something that nobody has read, or has ended the connection."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
