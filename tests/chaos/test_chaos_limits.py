"""A server whose only errors are rate limits: over real HTTP, in simulated time."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import pytest
from fakes import KINDS, START
from simulation import MAX_IN_FLIGHT, Failed, SimulatedClock, WatchedRateLimiter, in_tasks, in_threads

from confluence_groups_sdk import ApiToken, AsyncConfluenceGroups, ConfluenceGroups, RateLimitError, RetryPolicy
from confluence_groups_sdk.sandbox import Faults, Sandbox

EDITORS = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
NO_MEMBER = "5d53f3cbc6b9320d9ea5bdc2"
WORKERS = {"sync": 8, "async": 50}
LATENCY_S = 0.02
HOUR_S = 3600
PATIENT = RetryPolicy(max_retry_after=HOUR_S)


class World(NamedTuple):
    sandbox: Sandbox
    clock: SimulatedClock
    rate_limiter: WatchedRateLimiter

    def call(self, kind: str, calls: int, retry: RetryPolicy) -> list[Failed[dict[str, str]]]:
        """Make this number of calls with a new client and the same rate limiter; return those that failed."""
        workers, jobs = WORKERS[kind], [{"group_id": EDITORS, "account_id": NO_MEMBER}] * calls
        auth = ApiToken(*self.sandbox.admin)
        if kind == "sync":
            with ConfluenceGroups(
                self.sandbox.url, auth=auth, retry=retry, rate_limiter=self.rate_limiter, clock=self.clock
            ) as groups:
                return in_threads(self.clock, workers, jobs, lambda job: groups.remove_member(**job))

        async def make() -> list[Failed[dict[str, str]]]:
            async with AsyncConfluenceGroups(
                self.sandbox.url, auth=auth, retry=retry, rate_limiter=self.rate_limiter, clock=self.clock
            ) as groups:
                return await in_tasks(self.clock, workers, jobs, lambda job: groups.remove_member(**job))

        return asyncio.run(make())


def make_world(faults: Faults) -> World:
    clock = SimulatedClock()
    return World(Sandbox(faults=faults, clock=clock), clock, WatchedRateLimiter(clock))


@pytest.mark.parametrize("kind", KINDS)
def test_few_calls_are_rate_limited(kind: str) -> None:
    rate = 100
    world = make_world(Faults(rate_limit=rate, latency=LATENCY_S))
    with world.sandbox:
        sent = 0
        for calls, most in ((2_000, 0.02), (1_000, 0.01)):
            assert world.call(kind, calls, RetryPolicy()) == []
            refused = len(world.sandbox.requests) - sent - calls
            sent = len(world.sandbox.requests)
            assert refused / (calls + refused) < most
    assert world.clock.monotonic() < 1.1 * 3_000 / rate
    assert world.rate_limiter.snapshot().refused == sent - 3_000 > 0, "the limit was reached"


@pytest.mark.parametrize("kind", KINDS)
def test_a_spent_quota_holds_all_calls_until_it_is_renewed(kind: str) -> None:
    world = make_world(Faults(quota=200, latency=LATENCY_S))
    with world.sandbox:
        assert world.call(kind, 500, PATIENT) == []
        refused = len(world.sandbox.requests) - 500
    assert 0 < refused <= 2 * MAX_IN_FLIGHT, "in two hours, the calls that were running"
    assert 2 * HOUR_S < world.clock.monotonic() < 2 * HOUR_S + 60
    assert world.rate_limiter.snapshot().rate is None, "a quota says nothing about the rate"


@pytest.mark.parametrize("kind", KINDS)
def test_a_hold_beyond_max_retry_after_raises_until_it_is_over(kind: str) -> None:
    world = make_world(Faults(quota=200, latency=LATENCY_S))
    with world.sandbox:
        failed = world.call(kind, 300, RetryPolicy())
        assert len(failed) == 100
        assert {type(each.error) for each in failed} == {RateLimitError}
        assert len(world.sandbox.requests) <= 200 + MAX_IN_FLIGHT, "the others were not sent"
        assert world.rate_limiter.snapshot().held_until == pytest.approx(START + HOUR_S, abs=1)
        world.clock.begin(1)
        world.clock.sleep(HOUR_S)
        assert world.call(kind, 100, RetryPolicy()) == []
