"""Lets a task hold a lock, and do blocking work under it, without blocking the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")


class PerLoopLocks:
    """One asyncio lock for each event loop. Tasks wait for it in turn, so that only one of them needs a thread."""

    def __init__(self) -> None:
        self._locks: dict[asyncio.AbstractEventLoop, asyncio.Lock] = {}

    def for_running_loop(self) -> asyncio.Lock:
        """Return the lock of the running loop, and forget the locks of closed loops."""
        loop = asyncio.get_running_loop()
        if loop not in self._locks:
            self._locks = {each: lock for each, lock in self._locks.items() if not each.is_closed()}
        return self._locks.setdefault(loop, asyncio.Lock())


class LockThread:
    """Holds a lock for a task, in one thread.

    A lock may belong to the thread that acquired it, so the lock and all work under it use the same thread. If the task
    is cancelled, it stops waiting immediately; the thread finishes the work that it has begun, then releases the lock.

    Args:
        loop_lock: keeps out the other tasks of this event loop.
        lock: makes the lock, as a context manager.
    """

    def __init__(self, loop_lock: asyncio.Lock, lock: Callable[[], AbstractContextManager[object]]) -> None:
        self._loop_lock = loop_lock
        self._lock = lock
        self._held = ExitStack()

    async def __aenter__(self) -> Self:
        await self._loop_lock.acquire()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="token-refresh")
        try:
            await self.run(lambda: self._held.enter_context(self._lock()))
        except BaseException:
            self._release()
            self._loop_lock.release()
            raise
        return self

    async def run(self, work: Callable[..., T], *args: object) -> T:
        """Run a function in the thread; the thread finishes it even if the task is cancelled."""
        return await _wait_for(self._thread.submit(work, *args))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        released = self._release(kind, error, traceback)
        try:
            if kind is None:
                await _wait_for(released)
        finally:
            self._loop_lock.release()

    def _release(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> Future[bool | None]:
        """Release the lock after all work that the thread has begun, and end the thread."""
        released = self._thread.submit(self._held.__exit__, kind, error, traceback)
        self._thread.shutdown(wait=False)
        return released


async def _wait_for(future: Future[T]) -> T:
    """Wait for the result of another thread; cancelling the wait, or closing the loop, does not stop that thread."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def wake(_future: Future[T]) -> None:
        with suppress(RuntimeError):  # the loop is closed, so nobody waits any more
            loop.call_soon_threadsafe(lambda: None if done.done() else done.set_result(None))

    future.add_done_callback(wake)
    await done
    return future.result()
