"""Many tasks that share a client, through httpx's own transport and through aiohttp, with sniffio and without.

Run as a program, in an environment that has sniffio or has not, it times what it can there and prints JSON: httpcore
looks for sniffio with each step of a call, and looks through the whole path where it is not installed.
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

from confluence_groups_sdk import ApiToken, AsyncConfluenceGroups, Pacer

from .calls import EMAIL, GROUP_ID, PATH, TOKEN, account_ids, params
from .figures import Figure, ratio
from .pairs import Timings, interleaved, ratio_of
from .servers import serving
from .startup import lean_environment

TASKS, CALLS = 20, 400
ROUNDS = 8  # in one process
PROCESSES = 3  # of each kind, one after the other
OURS, HTTPX, OVER_AIOHTTP = "this package", "httpx", "this package over aiohttp"


def measure() -> Iterator[Figure]:
    """Time processes with and without sniffio, by turns."""
    with serving() as url, lean_environment() as lean:
        runs = [(_run(Path(sys.executable), url), _run(lean, url)) for _ in range(PROCESSES)]
    with_sniffio = _joined([run for run, _ in runs])
    without = _joined([run for _, run in runs])
    what = f"{TASKS} tasks of remove_member"
    peer = "httpx.AsyncClient with sniffio"
    yield ratio(
        f"{what}, with [aiohttp]",
        peer,
        with_sniffio.ratio(OVER_AIOHTTP, HTTPX),
        goal=0.25,
        short=f"{TASKS} tasks, with `[aiohttp]`",
    )
    yield ratio(f"{what}, without", peer, with_sniffio.ratio(OURS, HTTPX), short=f"{TASKS} tasks, without")
    slower = ratio_of(
        [bare / kept for bare, kept in zip(without.seconds[HTTPX], with_sniffio.seconds[HTTPX], strict=True)]
    )
    yield ratio("httpx.AsyncClient without sniffio, 20 tasks", peer, slower)
    yield ratio(f"{what}, neither [aiohttp] nor sniffio", "httpx.AsyncClient likewise", without.ratio(OURS, HTTPX))


def _run(python: Path, url: str) -> Timings:
    """Run this program with another interpreter, and return what it printed."""
    command = [str(python), "-m", f"{__package__}.tasks", url]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
    return Timings(json.loads(done.stdout))


def _joined(runs: list[Timings]) -> Timings:
    return Timings({name: [second for run in runs for second in run.seconds[name]] for name in runs[0].seconds})


async def shared(do: Callable[[str], Coroutine[Any, Any, object]], calls: int = CALLS) -> None:
    """Make so many calls by tasks that take the next one each."""
    ids = itertools.islice(account_ids(), calls)

    async def work() -> None:
        for account_id in ids:
            await do(account_id)

    await asyncio.gather(*(work() for _ in range(TASKS)))


def _timed(url: str) -> Timings:
    auth = ApiToken(EMAIL, TOKEN)
    connections = {HTTPX: httpx.AsyncClient()}
    clients = {OURS: AsyncConfluenceGroups(url, auth=auth, pacer=Pacer(TASKS))}  # httpx sends as many at once, too
    if find_spec("aiohttp"):
        from confluence_groups_sdk import aiohttp_client

        connections[OVER_AIOHTTP] = aiohttp_client()
        clients[OVER_AIOHTTP] = AsyncConfluenceGroups(
            url, auth=auth, pacer=Pacer(TASKS), http_client=connections[OVER_AIOHTTP]
        )
    with asyncio.Runner() as runner:
        ways = {HTTPX: partial(_delete, runner, connections[HTTPX], url)}
        ways |= {name: partial(_remove, runner, groups) for name, groups in clients.items()}
        timings = interleaved(ways, rounds=ROUNDS, warm_up=1)
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
