"""Simulated time for client, rate limiter and sandbox, and workers that live in it.

A sleeping worker is blocked until all workers sleep or wait for a slot of the rate limiter. Then time jumps to the
moment at which the first of them wakes. Nothing really sleeps, but events happen in order of simulated time. A call
takes only the latency of the sandbox, whose sleep represents the worker that waits for the response. While a worker
waits for anything else (bytes on the wire, the lock of a token store), time does not advance.

A sleep ends at the next whole tick, as with a coarse timer. With a long tick several workers wake together and really
compete.
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
from fakes import START

from confluence_groups_sdk import RateLimiter

MAX_IN_FLIGHT = 8  # fewer than tasks, so that they wait for a slot; httpx is slow with many connections, too
HANG_TIMEOUT_S = 120  # real seconds; a worker that does not wake in this time never will

T = TypeVar("T")


class Failed(NamedTuple, Generic[T]):
    """A job that ended in an error."""

    job: T
    error: Exception


class SimulatedClock:
    """A clock whose time jumps to the next event, with seeded random numbers."""

    def __init__(self, tick: float = 0.001, seed: int = 0) -> None:
        self.rate_limiter = RateLimiter()  # besides this clock, workers wait for each other only here
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
        self._sleep_until_woken(seconds, woken.set)
        assert woken.wait(HANG_TIMEOUT_S), "time does not advance"

    async def async_sleep(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        self._sleep_until_woken(seconds, lambda: loop.call_soon_threadsafe(woken.set_result, None))
        await asyncio.wait_for(woken, HANG_TIMEOUT_S)

    def begin(self, workers: int) -> None:
        self._workers = workers

    def end(self) -> None:
        """Note that a worker has finished."""
        with self._lock:
            self._workers -= 1
        self.look()

    def _sleep_until_woken(self, seconds: float, wake: Callable[[], object]) -> None:
        with self._lock:
            moment = math.ceil((self._time + seconds) / self._tick - 1e-6) * self._tick
            heapq.heappush(self._sleepers, (max(moment, self._time), next(self._order), wake))
        self.look()

    def look(self) -> None:
        """Let time jump if all workers wait; call it when a worker begins to wait or finishes."""
        with self._lock:
            if not self._sleepers or len(self._sleepers) + len(self.rate_limiter._waiting) < self._workers:
                return
            self._time = self._sleepers[0][0]
            while self._sleepers and self._sleepers[0][0] <= self._time:
                heapq.heappop(self._sleepers)[2]()


class WatchedRateLimiter(RateLimiter):
    """A rate limiter that tells the clock when a worker begins to wait for a slot."""

    def __init__(self, clock: SimulatedClock, max_in_flight: int = MAX_IN_FLIGHT) -> None:
        super().__init__(max_in_flight)
        self._look = clock.look
        clock.rate_limiter = self

    def _acquire_or_wait(self, wake: Callable[[], object]) -> bool:
        taken = super()._acquire_or_wait(wake)
        if not taken:
            self._look()
        return taken


def in_threads(clock: SimulatedClock, workers: int, jobs: Iterable[T], do: Callable[[T], object]) -> list[Failed[T]]:
    """Do all jobs in this number of threads; return those that failed."""
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
        thread.join(HANG_TIMEOUT_S)
        assert not thread.is_alive(), "a worker hangs"
    return failed


async def in_tasks(
    clock: SimulatedClock, workers: int, jobs: Iterable[T], do: Callable[[T], Awaitable[object]]
) -> list[Failed[T]]:
    """Do all jobs in this number of tasks; return those that failed."""
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
        patch.setitem(sys.modules, "sniffio", None)  # otherwise httpcore tries to import it many times for each call
        async with asyncio.timeout(HANG_TIMEOUT_S):
            await asyncio.gather(*(work() for _ in range(workers)))
    return failed
