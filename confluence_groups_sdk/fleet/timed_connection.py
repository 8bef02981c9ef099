"""A connection of psycopg that gives up on a server that has stopped answering, which psycopg itself waits for."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

import psycopg

from .._support.clock import machine_monotonic

R = TypeVar("R")
ANSWER_TIMEOUT_S = 10.0  # longer than any statement of this package takes until the first part of its answer


class TimedConnection(psycopg.Connection[Any]):
    """A connection that closes itself if the server sends nothing for 10 seconds although it was asked.

    The timeouts of the server itself, keep-alive probes and ``tcp_user_timeout`` do not help: the host of a server that
    hangs still acknowledges what it receives.
    """

    def wait(self, gen: Generator[Any, Any, R], *arguments: Any, **options: Any) -> R:
        """Wait for the answer to a statement, as psycopg does.

        Raises:
            psycopg.OperationalError: the server does not answer.
        """
        try:
            return super().wait(_limit_silence(gen), *arguments, **options)
        except _SilentServerError:
            self.close()
            raise


class _SilentServerError(psycopg.OperationalError):
    """The server does not answer."""


def _limit_silence(gen: Generator[Any, Any, R]) -> Generator[Any, Any, R]:
    """Pass on what psycopg asks of the socket, and end if the socket is not ready for too long."""
    heard = machine_monotonic()
    try:
        asked = next(gen)
        while True:
            ready = yield asked
            now = machine_monotonic()
            if ready:
                heard = now
            elif now - heard >= ANSWER_TIMEOUT_S:
                raise _SilentServerError(f"the server has not answered for {ANSWER_TIMEOUT_S:g} seconds")
            asked = gen.send(ready)
    except StopIteration as end:
        result: R = end.value
        return result
