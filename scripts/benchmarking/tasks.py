"""Measure many tasks that share a client, over httpx's transport and over aiohttp, with and without sniffio.

As a program, it runs the possible measurements in an environment with or without sniffio, and prints JSON. httpcore
looks for sniffio in each step of a call; if it is not installed, each time it searches the whole path.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from benchmarking.calls import EMAIL, GROUP_ID, PATH, TOKEN, account_ids, params
from benchmarking.figures import Figure, ratio
from benchmarking.pairs import Timings, median_ratio, time_interleaved
from benchmarking.servers import serving
from benchmarking.startup import lean_environment
from confluence_groups_sdk import ApiToken, AsyncConfluenceGroups, RateLimiter

TASKS, CALLS = 20, 400
ROUNDS = 8  # per process
PROCESSES = 3  # per environment, one after the other
OURS, HTTPX, OVER_AIOHTTP = "this package", "httpx", "this package over aiohttp"


def measure() -> Iterator[Figure]:
    """Time processes with and without sniffio in turns."""
    with serving() as url, lean_environment() as lean:
        runs = [(_run(Path(sys.executable), url), _run(lean, url)) for _ in range(PROCESSES)]
    with_sniffio = _joined([run for run, _ in runs])
    without = _joined([run for _, run in runs])
    what = f"{TASKS} tasks of remove_member"
    peer = "httpx.AsyncClient with sniffio"
    measured = with_sniffio.ratio(OVER_AIOHTTP, HTTPX)
    yield ratio(f"{what}, with [aiohttp]", peer, measured, goal=0.25)
    yield ratio(f"{what}, without", peer, with_sniffio.ratio(OURS, HTTPX))
    pairs = zip(without.seconds[HTTPX], with_sniffio.seconds[HTTPX], strict=True)
    slower = median_ratio([bare / kept for bare, kept in pairs])
    yield ratio("httpx.AsyncClient without sniffio, 20 tasks", peer, slower)
    yield ratio(f"{what}, neither [aiohttp] nor sniffio", "httpx.AsyncClient likewise", without.ratio(OURS, HTTPX))


def _run(python: Path, url: str) -> Timings:
    """Run this program with another interpreter, and return its output."""
    command = [str(python), "-m", f"{__package__}.tasks", url]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
    return Timings(json.loads(done.stdout))


def _joined(runs: list[Timings]) -> Timings:
    return Timings({name: [second for run in runs for second in run.seconds[name]] for name in runs[0].seconds})


async def shared(do: Callable[[str], Coroutine[Any, Any, object]], calls: int = CALLS) -> None:
    """Make a number of calls with tasks that each take the next one."""
    ids = itertools.islice(account_ids(), calls)

    async def work() -> None:
        for account_id in ids:
            await do(account_id)

    await asyncio.gather(*(work() for _ in range(TASKS)))


def _timed(url: str) -> Timings:
    auth = ApiToken(EMAIL, TOKEN)
    connections = {HTTPX: httpx.AsyncClient()}
    # httpx sends as many at once, too
    clients = {OURS: AsyncConfluenceGroups(url, auth=auth, rate_limiter=RateLimiter(TASKS))}
    if find_spec("aiohttp"):
        from confluence_groups_sdk import aiohttp_client

        connections[OVER_AIOHTTP] = aiohttp_client()
        clients[OVER_AIOHTTP] = AsyncConfluenceGroups(
            url, auth=auth, rate_limiter=RateLimiter(TASKS), http_client=connections[OVER_AIOHTTP]
        )
    with asyncio.Runner() as runner:
        ways = {HTTPX: partial(_delete, runner, connections[HTTPX], url)}
        ways |= {name: partial(_remove, runner, groups) for name, groups in clients.items()}
        timings = time_interleaved(ways, rounds=ROUNDS, warm_up=1)
        for groups in clients.values():
            runner.run(groups.aclose())
        for http in connections.values():
            runner.run(http.aclose())
    return timings


def _delete(runner: asyncio.Runner, http: httpx.AsyncClient, url: str) -> None:
    runner.run(shared(lambda account_id: http.delete(f"{url}{PATH}", params=params(account_id))))


def _remove(runner: asyncio.Runner, groups: AsyncConfluenceGroups) -> None:
    runner.run(shared(lambda account_id: groups.remove_member(group_id=GROUP_ID, account_id=account_id)))


if __name__ == "__main__":
    print(json.dumps(_timed(sys.argv[1]).seconds))
