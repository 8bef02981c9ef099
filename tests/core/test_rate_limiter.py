"""Concurrency, rate and holds, with simulated servers in simulated time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import os
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

import httpx
import pytest
from attrs import define, field
from fakes import KINDS, SITE, START, Answers, FakeClock, call, token

from confluence_groups_sdk import (
    APIError,
    AsyncConfluenceGroups,
    ConfigurationError,
    ConfluenceGroups,
    RateLimiter,
    RateLimitError,
    RateLimiterStatus,
    RetryPolicy,
)
from confluence_groups_sdk._core import exchange
from confluence_groups_sdk._core.api import operations
from confluence_groups_sdk._core.config import ClientConfig
from confluence_groups_sdk._core.responses.rate_limit_headers import RateLimitInfo

BOTH = {"group_id": "g", "account_id": "a"}
REFUSED = 429


@define
class World:
    """Simulated time, and workers that make one call after another in it."""

    server: Callable[[float], httpx.Response]
    latency: float = 0.002
    rate_limiter: RateLimiter = field(factory=RateLimiter)
    retry: RetryPolicy = field(factory=RetryPolicy)
    time: float = 0.0
    answers: list[tuple[float, int]] = field(factory=list)  # time and status
    errors: list[APIError] = field(factory=list)

    def now(self) -> float:
        return START + self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"time is simulated, nobody sleeps for {seconds} s")

    async def async_sleep(self, seconds: float) -> None:
        raise AssertionError(f"time is simulated, nobody sleeps for {seconds} s")

    def random(self) -> float:
        return 0.5

    def work(self, calls: int, workers: int) -> None:
        """Make a number of calls, shared among the workers."""
        config = ClientConfig(
            base=f"{SITE}/wiki/rest",
            user_agent="test",
            timeout={},
            total_timeout_s=None,
            retry=self.retry,
            rate_limiter=self.rate_limiter,
            clock=self,
        )
        left = iter(range(calls))
        order = itertools.count()
        events: list[tuple[float, int, Iterator[float]]] = [
            (self.time, next(order), self._worker(left, config)) for _ in range(workers)
        ]
        while events:
            self.time, _, worker = heapq.heappop(events)
            if (seconds := next(worker, None)) is not None:
                heapq.heappush(events, (self.time + seconds, next(order), worker))

    def _worker(self, left: Iterator[int], config: ClientConfig) -> Iterator[float]:
        """Make calls while any are left; yield the duration of each step in seconds."""
        for _ in left:
            steps = exchange.exchange(operations.remove_member("g", "a"), config)
            reply: Any = None
            try:
                while True:
                    step = steps.send(reply)
                    reply = None
                    if isinstance(step, exchange.Wait):
                        yield step.seconds
                    elif isinstance(step, exchange.Acquire):
                        step.source.acquire()
                    else:
                        yield self.latency
                        reply = self.server(self.time)
                        reply.request = step
                        self.answers.append((self.time, reply.status_code))
            except StopIteration:
                pass
            except APIError as error:
                self.errors.append(error)

    def share_refused(self, since: int = 0) -> float:
        later = self.answers[since:]
        return sum(status == REFUSED for _, status in later) / len(later)


@define
class Bucket:
    """A token bucket: accepts a number of calls per second, and answers 429 to the rest."""

    rate: float
    headers: dict[str, str] = field(factory=lambda: {"Retry-After": "1"})
    left: float = field(init=False)
    asked: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.left = self.rate

    def __call__(self, now: float) -> httpx.Response:
        self.left = min(self.rate, self.left + (now - self.asked) * self.rate)
        self.asked = now
        if self.left < 1:
            return httpx.Response(REFUSED, headers=self.headers)
        self.left -= 1
        return httpx.Response(204)


# --- finding the rate


@pytest.mark.parametrize("rate", [5, 20, 100])
@pytest.mark.parametrize("workers", [8, 16])
@pytest.mark.parametrize("headers", [{"Retry-After": "1"}, {"Retry-After": "1", "RateLimit-Reason": "burst"}, {}])
@pytest.mark.parametrize("begun", [0.0, 0.4, 0.99])
def test_the_rate_is_found(rate: int, workers: int, headers: dict[str, str], begun: float) -> None:
    world = World(Bucket(rate, headers), time=begun)
    world.work(2_000, workers)
    assert not world.errors
    assert world.time - begun < 1.10 * 2_000 / rate
    assert world.share_refused() < 0.02
    count = len(world.answers)
    world.work(2_000, workers)
    assert world.share_refused(count) < 0.01


def test_there_is_no_rate_limit_before_the_first_429() -> None:
    world = World(Bucket(10_000))
    world.work(1_000, 8)
    assert world.time == pytest.approx(1_000 / 8 * world.latency)
    assert world.rate_limiter.snapshot().rate is None


def test_the_rate_drops_to_90_percent_of_the_accepted_rate_and_climbs() -> None:
    world = World(Bucket(100))
    world.work(150, 8)
    first = world.rate_limiter.snapshot().rate
    assert first is not None
    assert 80 < first < 95
    rates = []
    for _ in range(3):
        world.time += 30
        rates.append(world.rate_limiter.snapshot().rate or 0.0)
    assert first < rates[0] < rates[1] < rates[2]
    assert rates[1] / rates[0] < rates[2] / rates[1], "it climbs faster while nothing is refused"
    world.time += 3_600
    assert world.rate_limiter.snapshot().rate is None


def test_max_rate_applies_from_the_first_call() -> None:
    world = World(Bucket(10_000), rate_limiter=RateLimiter(max_rate=50))
    world.work(500, 8)
    assert world.time == pytest.approx(10, rel=0.05)
    assert world.rate_limiter.snapshot().rate == 50


def test_a_429_for_a_call_sent_before_the_slowdown_slows_no_further() -> None:
    rate_limiter, clock = RateLimiter(), FakeClock()
    limits = RateLimitInfo(retry_after=1.0)
    for _ in range(50):
        rate_limiter.record_accepted(clock, limits)
    rate_limiter.record_rate_limited(clock, limits, clock.monotonic())
    found = rate_limiter.snapshot().rate
    for _ in range(15):
        rate_limiter.record_rate_limited(clock, limits, clock.monotonic())
    assert rate_limiter.snapshot().rate == found
    assert rate_limiter.snapshot().refused == 16


def test_responses_to_calls_sent_before_the_429_count_as_accepted() -> None:
    rate_limiter, clock = RateLimiter(), FakeClock()
    for _ in range(10):
        rate_limiter.record_accepted(clock, RateLimitInfo())
    rate_limiter.record_rate_limited(clock, RateLimitInfo(retry_after=1.0), clock.monotonic())
    for _ in range(10):
        rate_limiter.record_accepted(clock, RateLimitInfo())
    assert rate_limiter.snapshot().rate == pytest.approx(0.9 * 20)
    clock.sleep(1.0)
    for _ in range(100):
        rate_limiter.record_accepted(clock, RateLimitInfo())
    assert rate_limiter.snapshot().rate == pytest.approx(0.9 * 20), "these were sent after it"


def test_slow_calls_before_a_burst_do_not_lower_the_rate() -> None:
    rate_limiter, clock = RateLimiter(), FakeClock()
    for _ in range(4):
        rate_limiter.record_accepted(clock, RateLimitInfo())
        clock.sleep(1.0)
    for _ in range(20):
        rate_limiter.record_accepted(clock, RateLimitInfo())
    rate_limiter.record_rate_limited(clock, RateLimitInfo(retry_after=1.0), clock.monotonic())
    assert rate_limiter.snapshot().rate == pytest.approx(0.9 * 20)


def test_only_responses_to_the_request_or_its_copy_change_the_rate() -> None:
    class CopyingAuth(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            answer = yield httpx.Request("POST", "https://auth.example.com/token", headers=request.headers)
            assert answer.status_code == REFUSED
            yield httpx.Request(request.method, str(request.url), headers=request.headers)

    rate_limiter = RateLimiter()
    answers = Answers(httpx.Response(REFUSED), httpx.Response(REFUSED))
    with pytest.raises(RateLimitError):
        call(
            "sync",
            "remove_member",
            answers,
            BOTH,
            auth=CopyingAuth(),
            rate_limiter=rate_limiter,
            retry=RetryPolicy(max_retries=0),
        )
    assert rate_limiter.snapshot().refused == 1
    assert len(answers.requests) == 2


@pytest.mark.parametrize("idle", [31.0, 600.0])
def test_idle_time_does_not_lower_the_rate(idle: float) -> None:
    world = World(Bucket(100))
    world.work(1, 1)
    world.time += idle
    begun = world.time
    world.work(3_000, 8)
    assert world.time - begun < 1.10 * 3_000 / 100


def test_a_429_for_the_first_call_sets_the_fallback_rate() -> None:
    answers = iter([httpx.Response(REFUSED)])
    world = World(lambda _: next(answers, None) or httpx.Response(204))
    world.work(1_000, 8)
    assert world.time < 70


def test_one_429_never_more_than_halves_the_rate() -> None:
    rate_limiter, clock = RateLimiter(max_rate=80), FakeClock()
    rate_limiter.record_accepted(clock, RateLimitInfo())
    for expected in (40, 20, 10):
        rate_limiter.record_rate_limited(clock, RateLimitInfo(), clock.monotonic())
        clock.sleep(1)
        rate = rate_limiter.snapshot().rate
        assert rate is not None
        assert expected <= rate < expected * 1.1


@pytest.mark.parametrize("kind", ["task", "hold"])
def test_an_unused_reservation_is_released(kind: str) -> None:
    async def work() -> float:
        rate_limiter = RateLimiter(max_rate=0.5)
        handler = httpx.MockTransport(lambda _: httpx.Response(204))
        async with httpx.AsyncClient(transport=handler) as http:
            groups = AsyncConfluenceGroups(
                SITE, auth=token(), http_client=http, rate_limiter=rate_limiter, clock=MotionlessClock()
            )
            await groups.remove_member(**BOTH)
            for _ in range(10):
                waiting = [asyncio.create_task(groups.remove_member(**BOTH)) for _ in range(8)]
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                for each in waiting:
                    each.cancel()
                await asyncio.gather(*waiting, return_exceptions=True)
        assert rate_limiter.snapshot().in_flight == 0
        return rate_limiter.reserve(MotionlessClock(), None).delay_s

    class MotionlessClock(FakeClock):
        async def async_sleep(self, seconds: float) -> None:
            del seconds
            await asyncio.Event().wait()

    if kind == "task":
        assert asyncio.run(work()) <= 2
        return
    rate_limiter, clock = RateLimiter(max_rate=1), FakeClock()
    turns = [rate_limiter.reserve(clock, None) for _ in range(5)]
    rate_limiter.record_rate_limited(clock, RateLimitInfo(retry_after=10), 0)
    rate_limiter.release_reservation(turns[-1])  # from before the hold, so no call waits for it
    assert rate_limiter.reserve(clock, None).delay_s == pytest.approx(10)


# --- holding all calls


def test_a_burst_is_not_a_spent_quota() -> None:
    burst = {"RateLimit-Reason": "confluence-burst-based", "X-RateLimit-Remaining": "40000"}
    answers = Answers(
        httpx.Response(REFUSED, headers={**burst, "X-RateLimit-Reset": "2027-01-15T08:50:00Z"}), httpx.Response(204)
    )
    clock = FakeClock()
    call("sync", "remove_member", answers, BOTH, clock=clock)
    assert clock.slept == [2]


def test_remaining_0_with_a_reset_is_a_spent_quota() -> None:
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2027-01-15T08:00:30Z", "Retry-After": "5"}
    answers = Answers(httpx.Response(REFUSED, headers=spent), httpx.Response(204))
    clock, rate_limiter = FakeClock(), RateLimiter()
    call("sync", "remove_member", answers, BOTH, clock=clock, rate_limiter=rate_limiter)
    assert sum(clock.slept) == pytest.approx(30)
    assert rate_limiter.snapshot().rate is None


def test_remaining_0_without_a_reset_holds_no_calls() -> None:
    answers = Answers(httpx.Response(204, headers={"X-RateLimit-Remaining": "0"}), httpx.Response(204))
    clock, rate_limiter = FakeClock(), RateLimiter()
    for _ in range(2):
        call("sync", "remove_member", answers, BOTH, clock=clock, rate_limiter=rate_limiter)
    assert clock.slept == []


def test_a_shorter_hold_does_not_end_a_longer_one() -> None:
    rate_limiter, clock = RateLimiter(), FakeClock()
    rate_limiter.record_rate_limited(clock, RateLimitInfo(retry_after=30), 0)
    rate_limiter.record_rate_limited(clock, RateLimitInfo(retry_after=1), 0)
    assert rate_limiter.seconds_held(clock) == 30


@pytest.mark.parametrize("retries", [0, 4])
def test_a_call_that_meets_a_spent_quota_has_the_servers_message_and_retry_after(retries: int) -> None:
    quota = {"RateLimit-Reason": "quota", "X-RateLimit-Reset": "2027-01-15T08:30:00Z", "atl-request-id": "r-1"}
    answers = Answers(httpx.Response(REFUSED, headers=quota, json={"message": "spent"}))
    clock = FakeClock()
    with pytest.raises(RateLimitError, match="spent") as caught:
        call("sync", "remove_member", answers, BOTH, clock=clock, retry=RetryPolicy(max_retries=retries))
    assert caught.value.retry_after == pytest.approx(1800)
    assert caught.value.request_id == "r-1"
    assert clock.slept == []


def test_a_waiting_call_raises_when_a_long_hold_begins() -> None:
    class InterruptedClock(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            rate_limiter.record_rate_limited(self, RateLimitInfo(quota=True, retry_after=500), 0)

    rate_limiter, clock = RateLimiter(max_rate=1), InterruptedClock()
    answers = Answers(httpx.Response(204))
    call("sync", "remove_member", answers, BOTH, clock=clock, rate_limiter=rate_limiter)
    with pytest.raises(RateLimitError, match="not sent"):
        call("sync", "remove_member", answers, BOTH, clock=clock, rate_limiter=rate_limiter)
    assert clock.slept == [1]
    assert rate_limiter.snapshot().in_flight == 0


def test_a_long_hold_is_raised_although_all_slots_are_taken() -> None:
    rate_limiter, clock = RateLimiter(max_in_flight=1), FakeClock()
    rate_limiter.acquire()
    rate_limiter.record_rate_limited(clock, RateLimitInfo(quota=True, retry_after=500), 0)
    with pytest.raises(RateLimitError, match="not sent"):
        call("sync", "remove_member", Answers(), BOTH, clock=clock, rate_limiter=rate_limiter)


def test_a_log_handler_may_ask_for_a_snapshot() -> None:
    rate_limiter, seen = RateLimiter(), []

    class AskingHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            del record
            answer = threading.Thread(target=lambda: seen.append(rate_limiter.snapshot().refused))
            answer.start()
            answer.join(timeout=10)

    logger, handler = logging.getLogger("confluence_groups_sdk"), AskingHandler()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        rate_limiter.record_rate_limited(FakeClock(), RateLimitInfo(retry_after=1), 0)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    assert seen == [1, 1]


def test_responses_of_another_server_are_ignored() -> None:
    class RefreshingAuth(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            del request  # returns another response instead, as a failed refresh does
            yield httpx.Request("POST", "https://auth.example.com/oauth/token")

    rate_limiter = RateLimiter()
    answers = Answers(httpx.Response(REFUSED, headers={"Retry-After": "3600"}))
    with pytest.raises(RateLimitError):
        call("sync", "remove_member", answers, BOTH, rate_limiter=rate_limiter, auth=RefreshingAuth())
    assert rate_limiter.snapshot() == RateLimiterStatus(rate=None, held_until=None, in_flight=0, refused=0, points=0)


@pytest.mark.parametrize(
    "headers",
    [
        {"RateLimit-Reason": "confluence-quota-global-based", "X-RateLimit-Reset": "2027-01-15T08:00:40Z"},
        {"RateLimit-Reason": "conf-global-based", "X-RateLimit-Reset": "2027-01-15T08:00:40+00:00"},
        {"RateLimit-Reason": "confluence-quota-tenant-based", "RateLimit": '"tenant-app-quota";r=0;t=40'},
        {"RateLimit-Reason": "quota", "Retry-After": "40"},
    ],
)
def test_a_spent_quota_holds_all_calls_until_the_reset(headers: dict[str, str]) -> None:
    def server(now: float) -> httpx.Response:
        return httpx.Response(REFUSED, headers=headers) if now < 40 else httpx.Response(204)

    world = World(server)
    world.work(100, 8)
    assert not world.errors
    assert [when for when, status in world.answers if status == REFUSED] == [world.latency] * 8
    assert min(when for when, status in world.answers if status == 204) >= 40
    assert world.rate_limiter.snapshot().rate is None, "a quota says nothing about the rate"


def test_a_long_hold_is_raised_immediately_without_sending() -> None:
    quota = {"RateLimit-Reason": "quota", "Retry-After": "1847"}
    answers = Answers(httpx.Response(REFUSED, headers=quota), httpx.Response(204))
    clock, rate_limiter = FakeClock(), RateLimiter()
    with pytest.raises(RateLimitError) as first:
        call("sync", "remove_member", answers, BOTH, clock=clock, rate_limiter=rate_limiter)
    assert first.value.retry_after == 1847
    for kind in KINDS:
        clock.sleep(100)
        with pytest.raises(RateLimitError, match="not sent") as later:
            call(kind, "get_user", answers, {"account_id": "a"}, clock=clock, rate_limiter=rate_limiter)
        assert later.value.retry_after == pytest.approx(1847 - clock.monotonic())
        assert later.value.status_code == REFUSED
    assert len(answers.requests) == 1
    clock.sleep(1847)
    call("sync", "remove_member", answers, BOTH, clock=clock, rate_limiter=rate_limiter)
    assert len(answers.requests) == 2


def test_a_response_with_remaining_0_holds_the_next_call() -> None:
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2027-01-15T08:00:30Z"}
    answers = Answers(httpx.Response(204, headers=spent), httpx.Response(204))
    clock, rate_limiter = FakeClock(), RateLimiter()
    call("sync", "remove_member", answers, BOTH, clock=clock, rate_limiter=rate_limiter)
    assert rate_limiter.snapshot().held_until == pytest.approx(START + 30)
    call("sync", "remove_member", answers, BOTH, clock=clock, rate_limiter=rate_limiter)
    assert clock.slept == [30]
    assert rate_limiter.snapshot().held_until is None


def test_a_spent_quota_without_a_reset_holds_for_a_minute() -> None:
    answers = Answers(httpx.Response(REFUSED, headers={"RateLimit-Reason": "quota"}), httpx.Response(204))
    clock = FakeClock()
    call("sync", "remove_member", answers, BOTH, clock=clock)
    assert sum(clock.slept) == pytest.approx(60)


def test_a_429_without_headers_is_retried() -> None:
    gateway = {"X-Failure-Category": "FAILURE CLIENT RATE LIMITED", "X-Ratelimit-Limit": "360000"}
    answers = Answers(httpx.Response(REFUSED, headers={**gateway, "X-Ratelimit-Remaining": "0"}), httpx.Response(204))
    clock = FakeClock()
    call("sync", "remove_member", answers, BOTH, clock=clock)
    assert clock.slept == [2]


# --- concurrency


def test_threads_never_exceed_max_in_flight() -> None:
    under_way, most = 0, 0
    lock, full = threading.Lock(), threading.Barrier(3)

    def handler(_: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        full.wait(timeout=30)  # three are under way: all slots are taken
        with lock:
            under_way -= 1
        return httpx.Response(204)

    rate_limiter = RateLimiter(max_in_flight=3)
    with httpx.Client(transport=httpx.MockTransport(handler)) as http:
        groups = ConfluenceGroups(SITE, auth=token(), http_client=http, rate_limiter=rate_limiter)
        threads = [threading.Thread(target=groups.remove_member, kwargs=BOTH) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
    assert most == 3
    assert rate_limiter.snapshot() == RateLimiterStatus(
        rate=None, held_until=None, in_flight=0, refused=0, points=12, responses=12
    )


def test_tasks_never_exceed_max_in_flight() -> None:
    under_way, most = 0, 0

    async def handler(_: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _turn in range(5):
            await asyncio.sleep(0)
        under_way -= 1
        return httpx.Response(204)

    async def work() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as http:
            groups = AsyncConfluenceGroups(SITE, auth=token(), http_client=http, rate_limiter=rate_limiter)
            await asyncio.gather(*(groups.remove_member(**BOTH) for _ in range(20)))

    rate_limiter = RateLimiter(max_in_flight=3)
    asyncio.run(work())
    assert most == 3
    assert rate_limiter.snapshot().in_flight == 0


def test_a_cancelled_task_releases_its_slot() -> None:
    async def work() -> int:
        rate_limiter = RateLimiter(max_in_flight=1)
        started, never = asyncio.Event(), asyncio.Event()

        async def handler(_: httpx.Request) -> httpx.Response:
            started.set()
            await never.wait()
            return httpx.Response(204)

        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as http:
            groups = AsyncConfluenceGroups(SITE, auth=token(), http_client=http, rate_limiter=rate_limiter)
            under_way = asyncio.create_task(groups.remove_member(**BOTH))
            await started.wait()
            waiting = [asyncio.create_task(groups.remove_member(**BOTH)) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            under_way.cancel()
            await asyncio.sleep(0)
            waiting[1].cancel()  # it was granted its slot just now
            never.set()
            await asyncio.gather(under_way, *waiting, return_exceptions=True)
            assert not waiting[2].cancelled()
            await waiting[2]
        return rate_limiter.snapshot().in_flight

    assert asyncio.run(asyncio.wait_for(work(), timeout=30)) == 0


def test_a_slot_skips_a_task_whose_event_loop_is_closed() -> None:
    rate_limiter = RateLimiter(max_in_flight=1)
    rate_limiter.acquire()
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(rate_limiter.acquire_async())
    loop.run_until_complete(asyncio.sleep(0))
    waiting._log_destroy_pending = False  # type: ignore[attr-defined] # abandoned on purpose
    loop.close()
    rate_limiter.release()
    rate_limiter.acquire()
    rate_limiter.release()
    assert rate_limiter.snapshot().in_flight == 0


def test_a_child_process_starts_with_all_slots_free() -> None:
    rate_limiter = RateLimiter(max_in_flight=1)
    rate_limiter.acquire()
    child = os.fork()
    if child == 0:
        rate_limiter.acquire()  # would block forever if the child counted the parent's call
        os._exit(0 if rate_limiter.snapshot().in_flight == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert rate_limiter.snapshot().in_flight == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("failure", [httpx.ReadError("cut"), ZeroDivisionError()])
def test_a_failed_call_releases_its_slot(kind: str, failure: Exception) -> None:
    rate_limiter = RateLimiter(max_in_flight=1)
    for _ in range(2):
        with pytest.raises((APIError, ZeroDivisionError)):
            call(kind, "add_member", Answers(failure), BOTH, rate_limiter=rate_limiter)
    assert rate_limiter.snapshot().in_flight == 0


# --- sharing and snapshots


def test_copies_and_other_clients_share_a_rate_limiter() -> None:
    rate_limiter = RateLimiter()
    quota = {"RateLimit-Reason": "quota", "Retry-After": "1847"}
    answers = Answers(httpx.Response(REFUSED, headers=quota))
    with httpx.Client(transport=httpx.MockTransport(answers)) as http:
        one = ConfluenceGroups(SITE, auth=token(), http_client=http, clock=FakeClock())
        other = ConfluenceGroups(SITE, auth=token(), http_client=http, clock=FakeClock(), rate_limiter=rate_limiter)
        copy = one.with_options(timeout=3)
        with pytest.raises(RateLimitError):
            one.remove_member(**BOTH)
        with pytest.raises(RateLimitError, match="not sent"):
            copy.remove_member(**BOTH)
        assert rate_limiter.snapshot().refused == 0
        with pytest.raises(IndexError):
            other.remove_member(**BOTH)  # sent, because this client has another rate limiter
    assert len(answers.requests) == 2


def test_points_are_counted_as_atlassian_counts_them() -> None:
    rate_limiter = RateLimiter()
    page = {"results": [{"accountId": f"a{number}"} for number in range(200)]}
    answers = Answers(
        httpx.Response(204),
        httpx.Response(200, json=page),
        httpx.Response(200, json={"results": []}),
        httpx.Response(201),
        httpx.Response(200, json={"id": "g", "name": "n"}),
    )
    call("sync", "remove_member", answers, BOTH, rate_limiter=rate_limiter)
    assert rate_limiter.snapshot().points == 1
    call("sync", "iter_members", answers, {"group_id": "g"}, rate_limiter=rate_limiter)
    assert rate_limiter.snapshot().points == 1 + 401 + 1
    call("sync", "add_member", answers, BOTH, rate_limiter=rate_limiter)
    call("sync", "get_group", answers, {"group_id": "g"}, rate_limiter=rate_limiter)
    assert rate_limiter.snapshot().points == 403 + 1 + 3
    created = Answers(httpx.Response(201, json={"id": "g", "name": "n"}), httpx.Response(404))
    call("sync", "create_group", created, {"name": "n"}, rate_limiter=rate_limiter)
    with pytest.raises(APIError):
        call("sync", "get_group", created, {"group_id": "g"}, rate_limiter=rate_limiter)
    assert rate_limiter.snapshot().points == 407 + 1 + 1


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, None, "8"])
def test_a_malformed_max_in_flight_is_an_error(bad: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_in_flight"):
        RateLimiter(max_in_flight=bad)


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), True, "8"])
def test_a_malformed_max_rate_is_an_error(bad: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_rate"):
        RateLimiter(max_rate=bad)


@pytest.mark.parametrize("kind", [ConfluenceGroups, AsyncConfluenceGroups])
def test_a_rate_limiter_of_another_type_is_a_type_error(
    kind: type[ConfluenceGroups] | type[AsyncConfluenceGroups],
) -> None:
    with pytest.raises(TypeError, match="rate_limiter must be a RateLimiter, not int"):
        kind(SITE, auth=token(), rate_limiter=16)  # type: ignore[arg-type] # on purpose
