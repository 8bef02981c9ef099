"""Rate limiters that keep their schedule elsewhere: asking for a place is a step of a call."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest
from fakes import KINDS, SITE, Answers, FakeClock, call, token

from confluence_groups_sdk import APIConnectionError, AsyncConfluenceGroups, ConfluenceGroups, RateLimiter
from confluence_groups_sdk._core.limits.rate_limiter import PendingReservation, Reservation
from confluence_groups_sdk._support.clock import Clock, Waker

BOTH = {"group_id": "g", "account_id": "a"}


class RemoteReservation(PendingReservation):
    """A place that is granted when `granted` is set."""

    __slots__ = ("asked_by", "granted", "waiting")

    def __init__(self, *, granted: bool) -> None:
        super().__init__(1.0, 0.0, 0)
        self.asked_by = ""
        self.granted = granted
        self.waiting = threading.Event()

    def acquire(self, waker: Waker | None = None) -> bool:
        self.asked_by = "a thread"
        self.waiting.set()
        return self.granted or not (waker or Waker()).wait(10)

    async def acquire_async(self) -> None:
        self.asked_by = "a task"
        self.waiting.set()
        if not self.granted:
            await asyncio.Event().wait()


class RemoteLimiter(RateLimiter):
    """Grants a place three seconds later."""

    def __init__(self, *, granted: bool = True) -> None:
        super().__init__()
        self.pending = RemoteReservation(granted=granted)
        self.released: list[Reservation] = []

    def reserve(self, clock: Clock, earlier: Reservation | None) -> Reservation:
        if earlier is None:
            return self.pending
        assert clock.monotonic() == (0.0 if earlier is self.pending else 3.0)
        return Reservation(3.0 if earlier is self.pending else 0.0, 0.0, 0)

    def release_reservation(self, reservation: Reservation) -> None:
        self.released.append(reservation)


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_asks_for_its_place_and_waits_for_it(kind: str) -> None:
    limiter, clock = RemoteLimiter(), FakeClock()
    call(kind, "remove_member", Answers(httpx.Response(204)), BOTH, rate_limiter=limiter, clock=clock)
    assert limiter.pending.asked_by == {"sync": "a thread", "async": "a task"}[kind]
    assert clock.slept == [3.0]
    assert limiter.released == []


@pytest.mark.parametrize("kind", KINDS)
def test_closing_ends_the_asking_and_releases_the_place(kind: str) -> None:
    limiter, answers = RemoteLimiter(granted=False), Answers()
    options: dict[str, Any] = {"auth": token(), "rate_limiter": limiter}
    transport = httpx.MockTransport(answers)
    if kind == "sync":
        groups = ConfluenceGroups(SITE, http_client=httpx.Client(transport=transport), **options)

        def close() -> None:
            limiter.pending.waiting.wait(10)
            groups.close()

        closer = threading.Thread(target=close)
        closer.start()
        with pytest.raises(APIConnectionError, match="closed"):
            groups.remove_member(**BOTH)
        closer.join()
    else:

        async def close_while_asking() -> None:
            groups = AsyncConfluenceGroups(SITE, http_client=httpx.AsyncClient(transport=transport), **options)
            task = asyncio.create_task(groups.remove_member(**BOTH))
            while not limiter.pending.waiting.is_set():
                await asyncio.sleep(0)
            await groups.aclose()
            with pytest.raises(APIConnectionError, match="closed"):
                await task

        asyncio.run(close_while_asking())
    assert limiter.released == [limiter.pending]
    assert answers.requests == []
    assert limiter.snapshot().in_flight == 0
