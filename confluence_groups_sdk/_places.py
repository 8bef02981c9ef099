"""At most so many calls at once, for threads and for the tasks of any event loop."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable


class Places:
    """A number of places, given out in the order in which they were asked for.

    Args:
        max_in_flight: how many there are.
    """

    def __init__(self, max_in_flight: int) -> None:
        self._max_in_flight = max_in_flight
        self._begin()
        ALL.add(self)

    def _begin(self) -> None:
        """Nobody is under way: at the start, and in a child process, where the parent's threads are not."""
        self._lock = threading.RLock()  # a log handler or a signal's may ask for a snapshot
        self._in_flight = 0
        self._waiting: deque[Callable[[], object]] = deque()

    def enter(self) -> None:
        """Take a place among the calls under way; block this thread until there is one."""
        if self._take():
            return
        event = threading.Event()
        if self._take_or_wait(event.set):
            return
        try:
            event.wait()
        except BaseException:
            self._give_up(event.set)
            raise

    async def enter_async(self) -> None:
        """Take a place among the calls under way; suspend this task until there is one."""
        if self._take():
            return
        import asyncio  # loaded by whoever runs tasks

        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def settle() -> None:
            if not future.done():
                future.set_result(None)

        def wake() -> None:
            loop.call_soon_threadsafe(settle)

        if self._take_or_wait(wake):
            return
        try:
            await future
        except BaseException:
            self._give_up(wake)
            raise

    def leave(self) -> None:
        """Give the place back, to whoever has waited longest."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._in_flight = max(0, self._in_flight - 1)
                    return
                wake = self._waiting.popleft()
            try:
                wake()
            except RuntimeError:
                continue  # the event loop of that task is closed: it waits no more
            return

    def _take(self) -> bool:
        with self._lock:
            free = self._in_flight < self._max_in_flight and not self._waiting
            self._in_flight += free
            return free

    def _take_or_wait(self, wake: Callable[[], object]) -> bool:
        with self._lock:
            if self._in_flight < self._max_in_flight and not self._waiting:
                self._in_flight += 1
                return True
            self._waiting.append(wake)
            return False

    def _give_up(self, wake: Callable[[], object]) -> None:
        """Wait no more; where the place was given just now, pass it on."""
        with self._lock:
            waiting = wake in self._waiting
            if waiting:
                self._waiting.remove(wake)
        if not waiting:
            self.leave()


ALL: weakref.WeakSet[Places] = weakref.WeakSet()


def _in_a_child() -> None:
    for places in list(ALL):
        places._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_a_child)
