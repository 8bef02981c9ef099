"""Simulated time that client, pacer and sandbox share, and workers who live in it.

Whoever sleeps is blocked for good, until all workers are: asleep, or waiting for a place in the pacer. Only then does
time jump, to the moment when the first of them is to wake. So nothing really sleeps, and still everything happens in
the order of its time: a call takes no time beyond the latency of the sandbox, whose sleep stands for the worker that
waits for the answer; while one worker waits for anything else (an answer on the wire, the lock of a token store), time
stands still.

A sleep ends at the next whole tick, as with a coarse timer. With a long tick several workers wake together, and run
against each other for real.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import random
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable
from queue import Empty, SimpleQueue
from typing import Generic, NamedTuple, TypeVar

import pytest
from doubles import START

from confluence_groups_sdk import Pacer

PLACES = 8  # in the pacer: fewer than tasks, so that they wait for one; httpx, too, is slow with many connections
PATIENCE = 120  # real seconds; whoever is not woken by then never would be

T = TypeVar("T")


class Failed(NamedTuple, Generic[T]):
    """A job that ended in an error."""

    job: T
    error: Exception


class SimulatedClock:
    """Time that jumps to the next thing that happens, and chance from a seed."""

    def __init__(self, tick: float = 0.001, seed: int = 0) -> None:
        self.pacer = Pacer()  # the only place, beside this clock, where workers wait for each other
        self._tick = tick
        self._chance = random.Random(seed)
        self._time = 0.0
        self._workers = 0
        self._sleepers: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._lock = threading.Lock()

    def now(self) -> float:
        return START + self._time

    def monotonic(self) -> float:
        return self._time

    def random(self) -> float:
        return self._chance.random()

    def sleep(self, seconds: float) -> None:
        woken = threading.Event()
        self._lie_down(seconds, woken.set)
        assert woken.wait(PATIENCE), "time stands still"

    async def async_sleep(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        self._lie_down(seconds, lambda: loop.call_soon_threadsafe(woken.set_result, None))
        await asyncio.wait_for(woken, PATIENCE)

    def begin(self, workers: int) -> None:
        self._workers = workers

    def end(self) -> None:
        """One worker less."""
        with self._lock:
            self._workers -= 1
        self.look()

    def _lie_down(self, seconds: float, wake: Callable[[], object]) -> None:
        with self._lock:
            moment = math.ceil((self._time + seconds) / self._tick - 1e-6) * self._tick
            heapq.heappush(self._sleepers, (max(moment, self._time), next(self._order), wake))
        self.look()

    def look(self) -> None:
        """Let time jump if everybody waits. To be called by whoever begins to wait, and by whoever leaves."""
        with self._lock:
            if not self._sleepers or len(self._sleepers) + len(self.pacer._waiting) < self._workers:
                return
            self._time = self._sleepers[0][0]
            while self._sleepers and self._sleepers[0][0] <= self._time:
                heapq.heappop(self._sleepers)[2]()


class WatchedPacer(Pacer):
    """A pacer that tells the clock when somebody begins to wait for a place."""

    def __init__(self, clock: SimulatedClock, max_in_flight: int = PLACES) -> None:
        super().__init__(max_in_flight)
        self._look = clock.look
        clock.pacer = self

    def _take_or_wait(self, wake: Callable[[], object]) -> bool:
        taken = super()._take_or_wait(wake)
        if not taken:
            self._look()
        return taken


def in_threads(clock: SimulatedClock, workers: int, jobs: Iterable[T], do: Callable[[T], object]) -> list[Failed[T]]:
    """Do all jobs in so many threads; return those that failed."""
    left: SimpleQueue[T] = SimpleQueue()
    for job in jobs:
        left.put(job)
    failed: list[Failed[T]] = []

    def work() -> None:
        try:
            while True:
                job = left.get_nowait()
                try:
                    do(job)
                except Exception as error:
                    failed.append(Failed(job, error))
        except Empty:
            pass
        finally:
            clock.end()

    clock.begin(workers)
    threads = [threading.Thread(target=work, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a worker hangs"
    return failed


async def in_tasks(
    clock: SimulatedClock, workers: int, jobs: Iterable[T], do: Callable[[T], Awaitable[object]]
) -> list[Failed[T]]:
    """Do all jobs in so many tasks; return those that failed."""
    left = iter(list(jobs))
    failed: list[Failed[T]] = []

    async def work() -> None:
        try:
            for job in left:
                try:
                    await do(job)
                except Exception as error:
                    failed.append(Failed(job, error))
        finally:
            clock.end()

    clock.begin(workers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "sniffio", None)  # else httpcore looks for it many times a call, slowly and in vain
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(work() for _ in range(workers)))
    return failed
