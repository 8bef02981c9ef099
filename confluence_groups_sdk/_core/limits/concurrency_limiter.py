"""Limit how many calls run at once, across threads and the tasks of any event loop."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable

from ..._support.clock import Waker


class ConcurrencyLimiter:
    """A number of slots, given out in the order in which they were asked for.

    anyio's `CapacityLimiter` does the same within one event loop; this one also serves threads.

    Args:
        max_in_flight: the number of slots.
    """

    def __init__(self, max_in_flight: int) -> None:
        self._max_in_flight = max_in_flight
        self._reset()
        _LIMITERS.add(self)

    def _reset(self) -> None:
        """Free all slots: at the start, and in a child process, which has none of the parent's threads."""
        self._lock = threading.RLock()  # reentrant: a log handler or signal handler may ask for a snapshot
        self._in_flight = 0
        self._waiting: deque[Callable[[], object]] = deque()

    def try_acquire(self) -> bool:
        """Take a slot if one is free and nobody waits for one; return whether it was taken."""
        with self._lock:
            if self._in_flight < self._max_in_flight and not self._waiting:
                self._in_flight += 1
                return True
            return False

    def acquire(self, waker: Waker | None = None) -> bool:
        """Take a slot; block this thread until one is free.

        Args:
            waker: wake it to end the waiting.

        Returns:
            Whether a slot was taken; always, unless the waker was woken.
        """
        waker = waker or Waker()
        if self._acquire_or_wait(waker.wake):
            return True
        try:
            waker.wait()
        except BaseException:
            self._give_up(waker.wake)
            raise
        return not self._leave(waker.wake)

    async def acquire_async(self) -> None:
        """Take a slot; suspend this task until one is free."""
        import asyncio  # synchronous programs never load it

        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def settle() -> None:
            if not future.done():
                future.set_result(None)

        def wake() -> None:
            loop.call_soon_threadsafe(settle)

        if self._acquire_or_wait(wake):
            return
        try:
            await future
        except BaseException:
            self._give_up(wake)
            raise

    def release(self) -> None:
        """Pass the slot to the caller that has waited longest, or free it."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._in_flight = max(0, self._in_flight - 1)
                    return
                wake = self._waiting.popleft()
            try:
                wake()
            except RuntimeError:
                continue  # that task's event loop is closed: it no longer waits
            return

    def _acquire_or_wait(self, wake: Callable[[], object]) -> bool:
        """Take a slot, or join the queue; return whether a slot was taken."""
        with self._lock:
            if self.try_acquire():
                return True
            self._waiting.append(wake)
            return False

    def _give_up(self, wake: Callable[[], object]) -> None:
        """Leave the queue; if the slot was granted just now, pass it on."""
        if not self._leave(wake):
            self.release()

    def _leave(self, wake: Callable[[], object]) -> bool:
        """Leave the queue; return whether the caller was still in it, so that no slot was granted."""
        with self._lock:
            waiting = wake in self._waiting
            if waiting:
                self._waiting.remove(wake)
            return waiting


_LIMITERS: weakref.WeakSet[ConcurrencyLimiter] = weakref.WeakSet()


def _reset_all() -> None:
    for limiter in list(_LIMITERS):
        limiter._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
