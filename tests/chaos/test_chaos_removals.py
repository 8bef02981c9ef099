"""Thousands of removals while 30 % of the calls fail: afterwards exactly the intended members are left."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import pytest
from fakes import KINDS
from simulation import Failed, SimulatedClock, WatchedRateLimiter, in_tasks, in_threads

from confluence_groups_sdk import (
    APIConnectionError,
    AsyncConfluenceGroups,
    ConfluenceGroups,
    MemoryTokenStore,
    OAuth2,
    RetryPolicy,
    ServerError,
    Tokens,
)
from confluence_groups_sdk.sandbox import Faults, Group, Person, Sandbox

GROUPS = 5
STAYING = 200  # in each group
WORKERS = {"sync": 8, "async": 50}
CALLS_PER_TOKEN = 250
TICK_S = 1.0  # long, so that sleeping workers wake together and compete


class Removal(NamedTuple):
    group_id: str
    account_id: str


class Intent:
    """Groups with members to remove and members to keep."""

    def __init__(self, sandbox: Sandbox, leaving: int) -> None:
        self._directory = sandbox.directory
        people = [Person(f"id-{number}", f"P{number}", f"p{number}@example.com") for number in range(leaving + STAYING)]
        for person in people:
            self._directory.add_person(person)
        ids = [person.account_id for person in people]
        self._groups = [Group(f"group-{number}", f"group {number}") for number in range(GROUPS)]
        for group in self._groups:
            self._directory.add_group(group, ids)
        self._elsewhere = self._members_elsewhere()
        self._staying = ids[leaving:]
        self.removals = [Removal(group.id, account_id) for account_id in ids[:leaving] for group in self._groups]

    def _members_elsewhere(self) -> dict[str, list[Person]]:
        ours = {group.id for group in self._groups}
        return {each: self._directory.members(each) for each in self._directory.groups if each not in ours}

    def assert_fulfilled(self) -> None:
        for group in self._groups:
            assert [person.account_id for person in self._directory.members(group.id)] == self._staying
        assert self._members_elsewhere() == self._elsewhere


class Run(NamedTuple):
    sandbox: Sandbox
    clock: SimulatedClock
    retry: RetryPolicy

    def make(self, kind: str, removals: list[Removal]) -> list[Failed[Removal]]:
        """Make these removals through the gateway, as an app with OAuth 2.0; return those that failed."""
        tokens = MemoryTokenStore(Tokens(*self.sandbox.grant()))
        auth = OAuth2(*self.sandbox.oauth_client, tokens, authority=self.sandbox.authority, clock=self.clock)
        if kind == "sync":
            with ConfluenceGroups.for_cloud(
                self.sandbox.cloud_id,
                auth=auth,
                gateway=self.sandbox.gateway,
                retry=self.retry,
                rate_limiter=WatchedRateLimiter(self.clock),
                clock=self.clock,
            ) as groups:
                return in_threads(
                    self.clock, WORKERS[kind], removals, lambda each: groups.remove_member(**each._asdict())
                )

        async def make() -> list[Failed[Removal]]:
            async with AsyncConfluenceGroups.for_cloud(
                self.sandbox.cloud_id,
                auth=auth,
                gateway=self.sandbox.gateway,
                retry=self.retry,
                rate_limiter=WatchedRateLimiter(self.clock),
                clock=self.clock,
            ) as groups:
                return await in_tasks(
                    self.clock, WORKERS[kind], removals, lambda each: groups.remove_member(**each._asdict())
                )

        return asyncio.run(make())


@pytest.mark.parametrize("kind", KINDS)
def test_all_removals_are_made(kind: str) -> None:
    clock = SimulatedClock(TICK_S)
    faults = Faults(error_rate=0.1, drop_before=0.1, drop_after=0.1, expire_tokens_every=CALLS_PER_TOKEN, seed=4)
    with Sandbox(faults=faults, clock=clock) as sandbox:
        intent = Intent(sandbox, leaving=1_000)
        assert len(intent.removals) == 5_000
        assert Run(sandbox, clock, RetryPolicy(max_retries=12)).make(kind, intent.removals) == []
        intent.assert_fulfilled()
        seen = [request.target.partition("?")[0].rpartition("/")[2] for request in sandbox.requests]
    assert seen.count("userByGroupId") == pytest.approx(5_000 / 0.7, rel=0.05), "30 % of the calls were retried"
    assert seen.count("token") == pytest.approx(5_000 / 0.7 * 0.8 / CALLS_PER_TOKEN, abs=3), (
        "one refresh for each expiry"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_removals_that_failed_after_all_retries_can_be_sent_again(kind: str) -> None:
    clock = SimulatedClock(TICK_S)
    faults = Faults(error_rate=0.2, drop_before=0.2, drop_after=0.15, expire_tokens_every=CALLS_PER_TOKEN, seed=4)
    with Sandbox(faults=faults, clock=clock) as sandbox:
        intent = Intent(sandbox, leaving=60)
        run = Run(sandbox, clock, RetryPolicy())
        failed = run.make(kind, intent.removals)
        assert failed, "more faults than four retries can handle"
        while failed:
            assert {type(each.error) for each in failed} <= {ServerError, APIConnectionError}
            failed = run.make(kind, [each.job for each in failed])
        intent.assert_fulfilled()
