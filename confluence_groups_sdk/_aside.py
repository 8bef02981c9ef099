"""Work that blocks, done beside the event loop and in order, whatever becomes of the task that waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")


class Queues:
    """One queue for each event loop: its tasks wait in it, instead of each in a thread."""

    def __init__(self) -> None:
        self._queues: dict[asyncio.AbstractEventLoop, asyncio.Lock] = {}

    def of_this_loop(self) -> asyncio.Lock:
        """Return the queue of the running loop; those of closed loops are forgotten."""
        loop = asyncio.get_running_loop()
        if loop not in self._queues:
            self._queues = {each: queue for each, queue in self._queues.items() if not each.is_closed()}
        return self._queues.setdefault(loop, asyncio.Lock())


class Aside:
    """A thread that holds a lock for a task.

    All that may block is done in this one thread, since a lock may belong to the thread that took it. A task that is
    cancelled leaves at once: the thread still ends what it began, and gives the lock back as soon as it can.

    Args:
        queue: of the tasks that want the same lock.
        lock: makes what is held.
    """

    def __init__(self, queue: asyncio.Lock, lock: Callable[[], AbstractContextManager[object]]) -> None:
        self._queue = queue
        self._lock = lock
        self._held = ExitStack()

    async def __aenter__(self) -> Self:
        await self._queue.acquire()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="token-refresh")
        try:
            await self.do(lambda: self._held.enter_context(self._lock()))
        except BaseException:
            self._leave()
            self._queue.release()
            raise
        return self

    async def do(self, work: Callable[..., T], *args: object) -> T:
        """Do this in the thread, to its end even if the task is cancelled."""
        return await _outcome(self._thread.submit(work, *args))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        left = self._leave(kind, error, traceback)
        try:
            if kind is None:
                await _outcome(left)
        finally:
            self._queue.release()

    def _leave(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> Future[bool | None]:
        """Have the lock given back after all that was begun."""
        left = self._thread.submit(self._held.__exit__, kind, error, traceback)
        self._thread.shutdown(wait=False)
        return left


async def _outcome(future: Future[T]) -> T:
    """Wait for what another thread does; it goes on when nobody waits any more, not even the loop."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def tell(_future: Future[T]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            loop.call_soon_threadsafe(lambda: None if done.done() else done.set_result(None))

    future.add_done_callback(tell)
    await done
    return future.result()
