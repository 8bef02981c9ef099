"""One of the processes: remove members with threads or tasks, and print how that went as JSON."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from attrs import asdict, field, frozen

from benchmarking.calls import EMAIL, GROUP_ID, TOKEN, account_ids
from confluence_groups_sdk import ApiToken, AsyncConfluenceGroups, ConfluenceGroups, RateLimiter
from confluence_groups_sdk.fleet import Postgres
from confluence_groups_sdk.fleet.rate_limiting.database import Database
from confluence_groups_sdk.fleet.rate_limiting.shared_rate_limiter import SharedRateLimiter

TICK_S = 0.001
USED_BY_CALLS = ("reserve", "release_reservation", "record_accepted", "record_rate_limited")


@frozen
class Work:
    """What a process is to do.

    Attributes:
        url: the site.
        dsn: the database; None for a rate limiter of its own.
        calls: the number of removals.
        workers: threads, or tasks.
        delay: seconds after the others until it begins.
        tasks: whether to use the asynchronous client.
    """

    url: str
    dsn: str | None
    calls: int
    workers: int = 8
    delay: float = 0.0
    tasks: bool = False

    def as_json(self) -> str:
        """Return it as an argument of this module."""
        return json.dumps(asdict(self))


@frozen
class Timed:
    """A database that notes how long each call takes."""

    database: Database
    seconds: list[float] = field(factory=list)

    @property
    def server(self) -> str:
        """The name of the server."""
        return self.database.server

    def execute(self, function: str, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """Call a function."""
        begun = time.perf_counter()
        try:
            return self.database.execute(function, arguments)
        finally:
            self.seconds.append(time.perf_counter() - begun)

    def has_answered(self) -> bool:
        """Check for an unread answer."""
        return self.database.has_answered()

    def was_heard_within(self, seconds: float) -> bool:
        """Check for a recent answer."""
        return self.database.was_heard_within(seconds)

    def close(self) -> None:
        """Close the connection."""
        self.database.close()


def main() -> None:
    """Say that it is ready, wait for a line, and do the work."""
    work = Work(**json.loads(sys.argv[1]))
    database = None if work.dsn is None else Timed(Postgres(work.dsn)._open_rate_database())
    limiter = RateLimiter() if database is None else SharedRateLimiter(database, work.url)
    ids = itertools.islice(account_ids(), work.calls)
    print("ready", flush=True)
    sys.stdin.readline()
    time.sleep(work.delay)
    done: dict[str, Any] = {"trips": database.seconds if database else []}
    if work.tasks:
        done |= asyncio.run(remove_in_tasks(work, limiter, ids))
    else:
        remove(work, limiter, ids)
    print(json.dumps({"ended": time.time(), **done}), flush=True)


def remove(work: Work, limiter: RateLimiter, ids: Iterator[str]) -> None:
    """Remove members with threads."""
    with (
        ConfluenceGroups(work.url, auth=ApiToken(EMAIL, TOKEN), rate_limiter=limiter) as groups,
        ThreadPoolExecutor(work.workers) as pool,
    ):
        list(pool.map(lambda each: groups.remove_member(group_id=GROUP_ID, account_id=each), ids))


async def remove_in_tasks(work: Work, limiter: RateLimiter, ids: Iterator[str]) -> dict[str, float]:
    """Remove members with tasks; return the longest time for which anything, or the limiter alone, blocked the loop."""
    blocked = 0.0

    async def tick() -> None:
        nonlocal blocked
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(TICK_S)
            blocked = max(blocked, time.perf_counter() - begun - TICK_S)

    async with AsyncConfluenceGroups(work.url, auth=ApiToken(EMAIL, TOKEN), rate_limiter=limiter) as groups:

        async def remove_some() -> None:
            for each in ids:
                await groups.remove_member(group_id=GROUP_ID, account_id=each)

        await groups.remove_member(group_id=GROUP_ID, account_id=next(ids))  # loads what calls need
        gc.freeze()  # a full collection of all that is loaded takes 40 ms and more, with any rate limiter
        in_limiter = time_methods(limiter)
        ticking = asyncio.create_task(tick())
        await asyncio.gather(*(remove_some() for _ in range(work.workers)))
        ticking.cancel()
    return {"blocked": blocked, "in_limiter": max(in_limiter)}


def time_methods(limiter: RateLimiter) -> list[float]:
    """Return a list that gets the seconds of each use of the rate limiter."""
    seconds: list[float] = []

    def timed(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                seconds.append(time.perf_counter() - begun)

        return call

    for name in USED_BY_CALLS:
        vars(limiter)[name] = timed(getattr(limiter, name))
    return seconds


if __name__ == "__main__":
    main()
