"""Ends the calls of a client that is closed: wakes its threads, interrupts its tasks, and shuts down its connections.

Closing an httpx client does not wake a thread that waits for a response. So this module keeps the sockets of new
connections.
"""

from __future__ import annotations

import socket
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from ..._support.clock import Clock, SystemClock, Waker
from ..._support.libraries.http import httpx
from ...errors import ClientClosedError

if TYPE_CHECKING:
    import asyncio

    from ..._support.libraries.http_core import httpcore
    from ..limits.acquirable import Acquirable

CLOSED_UNSENT = "the client was closed: nothing was sent"
CLOSING_THREAD = "confluence-groups-close"

T = TypeVar("T")


class InterruptedByClosingError(Exception):
    """The client was closed before a step of a call had ended."""


class AttemptTimeoutError(Exception):
    """An attempt has taken too long."""


class Closing:
    """The state of a client that can be closed, with the threads, tasks and sockets to end then; copies share it.

    Threads register before they check whether the client is closed, and `close` does it in the opposite order, so no
    thread is left waiting. A signal handler may call `close` at any time.

    Args:
        closed: whether the client is closed already.
    """

    def __init__(self, *, closed: bool = False) -> None:
        self.closed = closed
        self._wakers: dict[object, Callable[[], object]] = {}
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.RLock()  # reentrant because of signal handlers

    @property
    def waiting(self) -> int:
        """The number of threads and tasks to be woken by `close`."""
        return len(self._wakers)

    def close(self) -> None:
        """End all calls."""
        self.closed = True
        for wake in list(self._wakers.values()):
            wake()
        with self._lock:
            sockets = list(self._sockets)
        for each in sockets:
            _shut_down(each)

    # --- threads

    def sleep(self, clock: Clock, seconds: float) -> None:
        """Block this thread for some seconds, or until the client is closed; a caller's clock is not interrupted."""
        if not isinstance(clock, SystemClock) or type(clock).sleep is not SystemClock.sleep:
            clock.sleep(seconds)
            return
        waker = Waker()
        with self._register(waker.wake):
            clock.wait(waker, seconds)

    def acquire(self, source: Acquirable) -> bool:
        """Block this thread until something is granted to it; return False if the client is closed first."""
        waker = Waker()
        with self._register(waker.wake):
            return source.acquire(waker)

    @contextmanager
    def _register(self, wake: Callable[[], object]) -> Iterator[None]:
        key = object()
        self._wakers[key] = wake
        try:
            if self.closed:
                wake()
            yield
        finally:
            del self._wakers[key]

    # --- connections

    def add_connection(self, stream: httpcore.NetworkStream) -> None:
        """Keep a new connection's socket, to be shut down by `close`.

        Raises:
            httpx.ConnectError: the client is closed, and now so is the connection.
        """
        with self._lock:
            self._sockets.add(stream.get_extra_info("socket"))
        if self.closed:
            stream.close()
            raise httpx.ConnectError(CLOSED_UNSENT)

    # --- tasks

    async def run_until_closed(
        self, function: Callable[..., Awaitable[T]], *arguments: Any, timeout_s: float | None = None
    ) -> T:
        """Await a function; interrupt it if the client is closed, or after some seconds.

        Raises:
            InterruptedByClosingError: the client was closed before the function had ended.
            AttemptTimeoutError: the time was over before.
        """
        import asyncio  # synchronous programs never load it

        try:
            async with asyncio.timeout(timeout_s) as scope:
                self._wakers[scope] = partial(_expire, scope, asyncio.get_running_loop())
                try:
                    return await function(*arguments)
                finally:
                    del self._wakers[scope]
        except TimeoutError:
            if not scope.expired():
                raise
        raise InterruptedByClosingError if self.closed else AttemptTimeoutError


def close_client(client: httpx.Client) -> None:
    """Close an httpx client.

    A signal handler may have interrupted this thread inside httpcore, whose lock is not reentrant. The handler must not
    wait for that lock, so a thread does, which ends as soon as the interrupted code has released it.
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] == "httpcore":
            with suppress(RuntimeError):  # the interpreter is ending
                threading.Thread(target=client.close, name=CLOSING_THREAD).start()
            return
        frame = frame.f_back
    client.close()


def _shut_down(connected: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        # Not by the method of an SSLSocket, which would also take the TLS state from the thread that reads.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


def _expire(scope: asyncio.Timeout, loop: asyncio.AbstractEventLoop) -> None:
    """End a scope now, from any thread."""
    import asyncio

    try:
        here = asyncio.get_running_loop() is loop
    except RuntimeError:
        here = False
    with suppress(RuntimeError):  # that event loop is closed, or the scope has ended
        if here:
            scope.reschedule(loop.time())
        else:
            loop.call_soon_threadsafe(_expire, scope, loop)


def call_after_closing() -> ClientClosedError:
    """Return the error for a call that is begun after closing; one begun before gets a plain APIConnectionError."""
    return ClientClosedError("the client was closed before the call")
