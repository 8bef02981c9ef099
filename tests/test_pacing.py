"""How many calls at once, how fast, and when all are held: against servers that count, in simulated time."""

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
from doubles import KINDS, SITE, START, Answers, FakeClock, call, token

from confluence_groups_sdk import (
    APIError,
    AsyncConfluenceGroups,
    ConfigurationError,
    ConfluenceGroups,
    Pace,
    Pacer,
    RateLimitError,
    RetryPolicy,
    _calls,
    _exchange,
    _settings,
)
from confluence_groups_sdk._headers import Limits

BOTH = {"group_id": "g", "account_id": "a"}
REFUSED = 429


@define
class World:
    """Simulated time, and workers who make calls in it, each the next one when it is done with the last."""

    server: Callable[[float], httpx.Response]
    latency: float = 0.002
    pacer: Pacer = field(factory=Pacer)
    retry: RetryPolicy = field(factory=RetryPolicy)
    time: float = 0.0
    answers: list[tuple[float, int]] = field(factory=list)  # when, and which status
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
        """Make so many calls, shared among the workers."""
        settings = _settings.Settings(
            base=f"{SITE}/wiki/rest",
            user_agent="test",
            timeout={},
            total=None,
            retry=self.retry,
            pacer=self.pacer,
            clock=self,
        )
        left = iter(range(calls))
        order = itertools.count()
        events: list[tuple[float, int, Iterator[float]]] = [
            (self.time, next(order), self._worker(left, settings)) for _ in range(workers)
        ]
        while events:
            self.time, _, worker = heapq.heappop(events)
            if (seconds := next(worker, None)) is not None:
                heapq.heappush(events, (self.time + seconds, next(order), worker))

    def _worker(self, left: Iterator[int], settings: _settings.Settings) -> Iterator[float]:
        """Make calls while there are any; yield the seconds that each step takes."""
        for _ in left:
            steps = _exchange.exchange(_calls.remove_member("g", "a"), settings)
            reply: Any = None
            try:
                while True:
                    step = steps.send(reply)
                    reply = None
                    if isinstance(step, _exchange.Wait):
                        yield step.seconds
                    elif isinstance(step, _exchange.Enter):
                        step.pacer.enter()
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
    """Lets so many calls through in a second, and refuses the rest."""

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


def test_there_is_no_rate_before_the_first_refusal() -> None:
    world = World(Bucket(10_000))
    world.work(1_000, 8)
    assert world.time == pytest.approx(1_000 / 8 * world.latency)
    assert world.pacer.snapshot().rate is None


def test_the_rate_is_nine_tenths_of_what_was_accepted_and_climbs() -> None:
    world = World(Bucket(100))
    world.work(150, 8)
    first = world.pacer.snapshot().rate
    assert first is not None
    assert 80 < first < 95
    rates = []
    for _ in range(3):
        world.time += 30
        rates.append(world.pacer.snapshot().rate or 0.0)
    assert first < rates[0] < rates[1] < rates[2]
    assert rates[1] / rates[0] < rates[2] / rates[1], "the faster, the longer nothing was refused"
    world.time += 3_600
    assert world.pacer.snapshot().rate is None


def test_a_given_rate_is_kept_from_the_first_call_on() -> None:
    world = World(Bucket(10_000), pacer=Pacer(max_rate=50))
    world.work(500, 8)
    assert world.time == pytest.approx(10, rel=0.05)
    assert world.pacer.snapshot().rate == 50


def test_a_refusal_of_a_call_from_before_the_slowdown_slows_no_further() -> None:
    pacer, clock = Pacer(), FakeClock()
    limits = Limits(retry_after=1.0)
    for _ in range(50):
        pacer.accepted(clock, limits)
    pacer.refused(clock, limits, clock.monotonic())
    found = pacer.snapshot().rate
    for _ in range(15):
        pacer.refused(clock, limits, clock.monotonic())
    assert pacer.snapshot().rate == found
    assert pacer.snapshot().refused == 16


def test_answers_that_come_after_the_refusal_count_if_they_were_sent_before_it() -> None:
    pacer, clock = Pacer(), FakeClock()
    for _ in range(10):
        pacer.accepted(clock, Limits())
    pacer.refused(clock, Limits(retry_after=1.0), clock.monotonic())
    for _ in range(10):
        pacer.accepted(clock, Limits())
    assert pacer.snapshot().rate == pytest.approx(0.9 * 20)
    clock.sleep(1.0)
    for _ in range(100):
        pacer.accepted(clock, Limits())
    assert pacer.snapshot().rate == pytest.approx(0.9 * 20), "these were sent after it"


def test_what_came_slowly_before_a_burst_does_not_count() -> None:
    pacer, clock = Pacer(), FakeClock()
    for _ in range(4):
        pacer.accepted(clock, Limits())
        clock.sleep(1.0)
    for _ in range(20):
        pacer.accepted(clock, Limits())
    pacer.refused(clock, Limits(retry_after=1.0), clock.monotonic())
    assert pacer.snapshot().rate == pytest.approx(0.9 * 20)


def test_a_refusal_of_a_copy_of_the_request_counts_and_one_of_another_request_does_not() -> None:
    class Copying(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            answer = yield httpx.Request("POST", "https://auth.example.com/token", headers=request.headers)
            assert answer.status_code == REFUSED
            yield httpx.Request(request.method, str(request.url), headers=request.headers)

    pacer = Pacer()
    answers = Answers(httpx.Response(REFUSED), httpx.Response(REFUSED))
    with pytest.raises(RateLimitError):
        call("sync", "remove_member", answers, BOTH, auth=Copying(), pacer=pacer, retry=RetryPolicy(max_retries=0))
    assert pacer.snapshot().refused == 1
    assert len(answers.requests) == 2


@pytest.mark.parametrize("idle", [31.0, 600.0])
def test_time_in_which_nothing_was_asked_does_not_count(idle: float) -> None:
    world = World(Bucket(100))
    world.work(1, 1)
    world.time += idle
    begun = world.time
    world.work(3_000, 8)
    assert world.time - begun < 1.10 * 3_000 / 100


def test_a_refusal_of_the_very_first_call_says_nothing_about_the_rate() -> None:
    answers = iter([httpx.Response(REFUSED)])
    world = World(lambda _: next(answers, None) or httpx.Response(204))
    world.work(1_000, 8)
    assert world.time < 70


def test_no_refusal_more_than_halves_the_rate() -> None:
    pacer, clock = Pacer(max_rate=80), FakeClock()
    pacer.accepted(clock, Limits())
    for expected in (40, 20, 10):
        pacer.refused(clock, Limits(), clock.monotonic())
        clock.sleep(1)
        rate = pacer.snapshot().rate
        assert rate is not None
        assert expected <= rate < expected * 1.1


@pytest.mark.parametrize("kind", ["task", "hold"])
def test_a_turn_that_is_not_used_is_not_lost_to_others(kind: str) -> None:
    async def work() -> float:
        pacer = Pacer(max_rate=0.5)
        handler = httpx.MockTransport(lambda _: httpx.Response(204))
        async with httpx.AsyncClient(transport=handler) as http:
            groups = AsyncConfluenceGroups(SITE, auth=token(), http_client=http, pacer=pacer, clock=Still())
            await groups.remove_member(**BOTH)
            for _ in range(10):
                waiting = [asyncio.create_task(groups.remove_member(**BOTH)) for _ in range(8)]
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                for each in waiting:
                    each.cancel()
                await asyncio.gather(*waiting, return_exceptions=True)
        assert pacer.snapshot().in_flight == 0
        return pacer.turn(Still(), None).seconds

    class Still(FakeClock):
        async def async_sleep(self, seconds: float) -> None:
            del seconds
            await asyncio.Event().wait()

    if kind == "task":
        assert asyncio.run(work()) <= 2
        return
    pacer, clock = Pacer(max_rate=1), FakeClock()
    turns = [pacer.turn(clock, None) for _ in range(5)]
    pacer.refused(clock, Limits(retry_after=10), 0)
    pacer.give_back(turns[-1])  # of before the hold: nobody waits for it any more
    assert pacer.turn(clock, None).seconds == pytest.approx(10)


# --- holding all calls


def test_too_many_calls_at_once_are_no_spent_quota() -> None:
    burst = {"RateLimit-Reason": "confluence-burst-based", "X-RateLimit-Remaining": "40000"}
    answers = Answers(
        httpx.Response(REFUSED, headers={**burst, "X-RateLimit-Reset": "2027-01-15T08:50:00Z"}), httpx.Response(204)
    )
    clock = FakeClock()
    call("sync", "remove_member", answers, BOTH, clock=clock)
    assert clock.slept == [2]


def test_nothing_left_and_a_reset_are_a_spent_quota_whatever_the_reason() -> None:
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2027-01-15T08:00:30Z", "Retry-After": "5"}
    answers = Answers(httpx.Response(REFUSED, headers=spent), httpx.Response(204))
    clock, pacer = FakeClock(), Pacer()
    call("sync", "remove_member", answers, BOTH, clock=clock, pacer=pacer)
    assert sum(clock.slept) == pytest.approx(30)
    assert pacer.snapshot().rate is None


def test_nothing_left_without_a_reset_holds_nobody() -> None:
    answers = Answers(httpx.Response(204, headers={"X-RateLimit-Remaining": "0"}), httpx.Response(204))
    clock, pacer = FakeClock(), Pacer()
    for _ in range(2):
        call("sync", "remove_member", answers, BOTH, clock=clock, pacer=pacer)
    assert clock.slept == []


def test_a_shorter_hold_does_not_end_a_longer_one() -> None:
    pacer, clock = Pacer(), FakeClock()
    pacer.refused(clock, Limits(retry_after=30), 0)
    pacer.refused(clock, Limits(retry_after=1), 0)
    assert pacer.held_for(clock) == 30


@pytest.mark.parametrize("retries", [0, 4])
def test_the_call_that_meets_a_spent_quota_says_what_the_server_said_and_when_it_is_over(retries: int) -> None:
    quota = {"RateLimit-Reason": "quota", "X-RateLimit-Reset": "2027-01-15T08:30:00Z", "atl-request-id": "r-1"}
    answers = Answers(httpx.Response(REFUSED, headers=quota, json={"message": "spent"}))
    clock = FakeClock()
    with pytest.raises(RateLimitError, match="spent") as caught:
        call("sync", "remove_member", answers, BOTH, clock=clock, retry=RetryPolicy(max_retries=retries))
    assert caught.value.retry_after == pytest.approx(1800)
    assert caught.value.request_id == "r-1"
    assert clock.slept == []


def test_a_call_that_waits_for_its_turn_sees_a_long_hold_that_begins_meanwhile() -> None:
    class Meanwhile(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            pacer.refused(self, Limits(quota=True, retry_after=500), 0)

    pacer, clock = Pacer(max_rate=1), Meanwhile()
    answers = Answers(httpx.Response(204))
    call("sync", "remove_member", answers, BOTH, clock=clock, pacer=pacer)
    with pytest.raises(RateLimitError, match="not sent"):
        call("sync", "remove_member", answers, BOTH, clock=clock, pacer=pacer)
    assert clock.slept == [1]
    assert pacer.snapshot().in_flight == 0


def test_a_long_hold_is_raised_though_all_places_are_taken() -> None:
    pacer, clock = Pacer(max_in_flight=1), FakeClock()
    pacer.enter()
    pacer.refused(clock, Limits(quota=True, retry_after=500), 0)
    with pytest.raises(RateLimitError, match="not sent"):
        call("sync", "remove_member", Answers(), BOTH, clock=clock, pacer=pacer)


def test_a_log_handler_may_ask_for_a_snapshot() -> None:
    pacer, seen = Pacer(), []

    class Asking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            del record
            answer = threading.Thread(target=lambda: seen.append(pacer.snapshot().refused))
            answer.start()
            answer.join(timeout=10)

    logger, handler = logging.getLogger("confluence_groups_sdk"), Asking()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        pacer.refused(FakeClock(), Limits(retry_after=1), 0)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    assert seen == [1, 1]


def test_answers_of_another_server_teach_nothing() -> None:
    class Refreshing(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            del request  # what is answered in its place is handed on, as a refresh that fails is
            yield httpx.Request("POST", "https://auth.example.com/oauth/token")

    pacer = Pacer()
    answers = Answers(httpx.Response(REFUSED, headers={"Retry-After": "3600"}))
    with pytest.raises(RateLimitError):
        call("sync", "remove_member", answers, BOTH, pacer=pacer, auth=Refreshing())
    assert pacer.snapshot() == Pace(rate=None, held_until=None, in_flight=0, refused=0, points=0)


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
    assert world.pacer.snapshot().rate is None, "a quota says nothing about the rate"


def test_a_hold_that_is_too_long_is_raised_at_once_and_unsent() -> None:
    quota = {"RateLimit-Reason": "quota", "Retry-After": "1847"}
    answers = Answers(httpx.Response(REFUSED, headers=quota), httpx.Response(204))
    clock, pacer = FakeClock(), Pacer()
    with pytest.raises(RateLimitError) as first:
        call("sync", "remove_member", answers, BOTH, clock=clock, pacer=pacer)
    assert first.value.retry_after == 1847
    for kind in KINDS:
        clock.sleep(100)
        with pytest.raises(RateLimitError, match="not sent") as later:
            call(kind, "get_user", answers, {"account_id": "a"}, clock=clock, pacer=pacer)
        assert later.value.retry_after == pytest.approx(1847 - clock.monotonic())
        assert later.value.status_code == REFUSED
    assert len(answers.requests) == 1
    clock.sleep(1847)
    call("sync", "remove_member", answers, BOTH, clock=clock, pacer=pacer)
    assert len(answers.requests) == 2


def test_an_answer_that_says_that_nothing_is_left_holds_the_next_call() -> None:
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2027-01-15T08:00:30Z"}
    answers = Answers(httpx.Response(204, headers=spent), httpx.Response(204))
    clock, pacer = FakeClock(), Pacer()
    call("sync", "remove_member", answers, BOTH, clock=clock, pacer=pacer)
    assert pacer.snapshot().held_until == pytest.approx(START + 30)
    call("sync", "remove_member", answers, BOTH, clock=clock, pacer=pacer)
    assert clock.slept == [30]
    assert pacer.snapshot().held_until is None


def test_a_quota_that_names_no_time_holds_for_a_minute() -> None:
    answers = Answers(httpx.Response(REFUSED, headers={"RateLimit-Reason": "quota"}), httpx.Response(204))
    clock = FakeClock()
    call("sync", "remove_member", answers, BOTH, clock=clock)
    assert sum(clock.slept) == pytest.approx(60)


def test_a_refusal_without_any_header_is_waited_out() -> None:
    gateway = {"X-Failure-Category": "FAILURE CLIENT RATE LIMITED", "X-Ratelimit-Limit": "360000"}
    answers = Answers(httpx.Response(REFUSED, headers={**gateway, "X-Ratelimit-Remaining": "0"}), httpx.Response(204))
    clock = FakeClock()
    call("sync", "remove_member", answers, BOTH, clock=clock)
    assert clock.slept == [2]


# --- how many at once


def test_no_more_threads_at_once_than_there_are_places() -> None:
    under_way, most = 0, 0
    lock, full = threading.Lock(), threading.Barrier(3)

    def handler(_: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        full.wait(timeout=30)  # three are under way: all places are taken
        with lock:
            under_way -= 1
        return httpx.Response(204)

    pacer = Pacer(max_in_flight=3)
    with httpx.Client(transport=httpx.MockTransport(handler)) as http:
        groups = ConfluenceGroups(SITE, auth=token(), http_client=http, pacer=pacer)
        threads = [threading.Thread(target=groups.remove_member, kwargs=BOTH) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
    assert most == 3
    assert pacer.snapshot() == Pace(rate=None, held_until=None, in_flight=0, refused=0, points=12)


def test_no_more_tasks_at_once_than_there_are_places() -> None:
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
            groups = AsyncConfluenceGroups(SITE, auth=token(), http_client=http, pacer=pacer)
            await asyncio.gather(*(groups.remove_member(**BOTH) for _ in range(20)))

    pacer = Pacer(max_in_flight=3)
    asyncio.run(work())
    assert most == 3
    assert pacer.snapshot().in_flight == 0


def test_a_cancelled_task_gives_its_place_back_wherever_it_waits() -> None:
    async def work() -> int:
        pacer = Pacer(max_in_flight=1)
        started, never = asyncio.Event(), asyncio.Event()

        async def handler(_: httpx.Request) -> httpx.Response:
            started.set()
            await never.wait()
            return httpx.Response(204)

        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as http:
            groups = AsyncConfluenceGroups(SITE, auth=token(), http_client=http, pacer=pacer)
            under_way = asyncio.create_task(groups.remove_member(**BOTH))
            await started.wait()
            waiting = [asyncio.create_task(groups.remove_member(**BOTH)) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            under_way.cancel()
            await asyncio.sleep(0)
            waiting[1].cancel()  # its place was given to it just now
            never.set()
            await asyncio.gather(under_way, *waiting, return_exceptions=True)
            assert not waiting[2].cancelled()
            await waiting[2]
        return pacer.snapshot().in_flight

    assert asyncio.run(asyncio.wait_for(work(), timeout=30)) == 0


def test_a_place_goes_past_a_task_whose_loop_is_closed() -> None:
    pacer = Pacer(max_in_flight=1)
    pacer.enter()
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(pacer.enter_async())
    loop.run_until_complete(asyncio.sleep(0))
    waiting._log_destroy_pending = False  # type: ignore[attr-defined] # it is left alone on purpose
    loop.close()
    pacer.leave()
    pacer.enter()
    pacer.leave()
    assert pacer.snapshot().in_flight == 0


def test_a_child_process_starts_with_all_places_free() -> None:
    pacer = Pacer(max_in_flight=1)
    pacer.enter()
    child = os.fork()
    if child == 0:
        pacer.enter()  # would wait for ever, were the parent's call counted
        os._exit(0 if pacer.snapshot().in_flight == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert pacer.snapshot().in_flight == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("failure", [httpx.ReadError("cut"), ZeroDivisionError()])
def test_a_place_is_given_back_when_a_call_fails(kind: str, failure: Exception) -> None:
    pacer = Pacer(max_in_flight=1)
    for _ in range(2):
        with pytest.raises((APIError, ZeroDivisionError)):
            call(kind, "add_member", Answers(failure), BOTH, pacer=pacer)
    assert pacer.snapshot().in_flight == 0


# --- one for all, and what it tells


def test_copies_of_a_client_and_other_clients_share_a_pacer() -> None:
    pacer = Pacer()
    quota = {"RateLimit-Reason": "quota", "Retry-After": "1847"}
    answers = Answers(httpx.Response(REFUSED, headers=quota))
    with httpx.Client(transport=httpx.MockTransport(answers)) as http:
        one = ConfluenceGroups(SITE, auth=token(), http_client=http, clock=FakeClock())
        other = ConfluenceGroups(SITE, auth=token(), http_client=http, clock=FakeClock(), pacer=pacer)
        copy = one.with_options(timeout=3)
        with pytest.raises(RateLimitError):
            one.remove_member(**BOTH)
        with pytest.raises(RateLimitError, match="not sent"):
            copy.remove_member(**BOTH)
        assert pacer.snapshot().refused == 0
        with pytest.raises(IndexError):
            other.remove_member(**BOTH)  # is sent: another pacer, so another site
    assert len(answers.requests) == 2


def test_points_are_counted_as_atlassian_counts_them() -> None:
    pacer = Pacer()
    page = {"results": [{"accountId": f"a{number}"} for number in range(200)]}
    answers = Answers(
        httpx.Response(204),
        httpx.Response(200, json=page),
        httpx.Response(200, json={"results": []}),
        httpx.Response(201),
        httpx.Response(200, json={"id": "g", "name": "n"}),
    )
    call("sync", "remove_member", answers, BOTH, pacer=pacer)
    assert pacer.snapshot().points == 1
    call("sync", "iter_members", answers, {"group_id": "g"}, pacer=pacer)
    assert pacer.snapshot().points == 1 + 401 + 1
    call("sync", "add_member", answers, BOTH, pacer=pacer)
    call("sync", "get_group", answers, {"group_id": "g"}, pacer=pacer)
    assert pacer.snapshot().points == 403 + 1 + 3
    created = Answers(httpx.Response(201, json={"id": "g", "name": "n"}), httpx.Response(404))
    call("sync", "create_group", created, {"name": "n"}, pacer=pacer)
    with pytest.raises(APIError):
        call("sync", "get_group", created, {"group_id": "g"}, pacer=pacer)
    assert pacer.snapshot().points == 407 + 1 + 1


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, None, "8"])
def test_a_number_of_places_that_makes_no_sense_is_refused(bad: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_in_flight"):
        Pacer(max_in_flight=bad)


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), True, "8"])
def test_a_rate_that_makes_no_sense_is_refused(bad: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_rate"):
        Pacer(max_rate=bad)


@pytest.mark.parametrize("kind", [ConfluenceGroups, AsyncConfluenceGroups])
def test_only_a_pacer_will_do(kind: type[ConfluenceGroups] | type[AsyncConfluenceGroups]) -> None:
    with pytest.raises(TypeError, match="pacer must be a Pacer, not int"):
        kind(SITE, auth=token(), pacer=16)  # type: ignore[arg-type] # that is the point
