"""Measure one call and many: remove a member with this package, with its dependencies, and with its peers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx

from benchmarking.figures import Figure, ratio
from benchmarking.pairs import time_interleaved
from benchmarking.servers import serving
from confluence_groups_sdk import ApiToken, ConfluenceGroups
from confluence_groups_sdk._generated import AuthenticatedClient
from confluence_groups_sdk._generated.api.group import remove_member_from_group_by_group_id as generated

EMAIL = "me@example.com"
TOKEN = "t" * 192  # the length of Atlassian's
PATH = "/wiki/rest/api/group/userByGroupId"
GROUP_ID = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
OURS, HTTPX, GENERATED, ATLASSIAN = "this package", "httpx", "the generated client alone", "atlassian-python-api"

ROUNDS, TIMES = 60, 40
THREADS, IN_THREADS = 8, 200

Remove = Callable[[str], object]


def measure() -> Iterator[Figure]:
    """Time sequential calls, and calls from threads that share a client."""
    with serving() as url, removers(url) as ways:
        timings = time_interleaved(ways, rounds=ROUNDS, times=TIMES, warm_up=50)
    what, short = "one remove_member, connection kept alive", "time of one `remove_member`"
    yield ratio(what, "httpx.Client.delete(url, params=...)", timings.ratio(OURS, HTTPX), goal=0.80, short=short)
    yield ratio("the same", GENERATED, timings.ratio(OURS, GENERATED))
    yield ratio("the same", ATLASSIAN, timings.ratio(OURS, ATLASSIAN), goal=0.55)
    yield Figure("the same", timings.median(OURS) * 1e6, "µs")
    with serving() as url, removers_in_threads(url, THREADS, IN_THREADS) as ways:
        timings = time_interleaved(ways, rounds=ROUNDS // 4, warm_up=1)
    yield ratio(f"{THREADS} threads, one client", "httpx.Client, shared likewise", timings.ratio(OURS, HTTPX))


def account_ids() -> Iterator[str]:
    """Yield account ids that never repeat, so that nothing can be cached."""
    return (f"557058:1e9d5a4e-2f1a-4a0b-9d7c-{number:012x}" for number in itertools.count())


def params(account_id: str) -> dict[str, str]:
    """Return the query of a removal."""
    return {"groupId": GROUP_ID, "accountId": account_id}


@contextmanager
def removers(url: str) -> Iterator[dict[str, Callable[[], object]]]:
    """Yield functions that each remove the next member, by client name."""
    from atlassian import Confluence

    with ExitStack() as stack:
        groups = stack.enter_context(ConfluenceGroups(url, auth=ApiToken(EMAIL, TOKEN)))
        http = stack.enter_context(httpx.Client())
        bare = AuthenticatedClient(base_url=f"{url}/wiki/rest", token=TOKEN)
        stack.enter_context(bare)
        peer: Any = Confluence  # atlassian-python-api has no types
        atlassian = peer(url=f"{url}/wiki", username=EMAIL, password=TOKEN, cloud=True)
        stack.callback(atlassian.close)
        ways: dict[str, Remove] = {
            OURS: lambda account_id: groups.remove_member(group_id=GROUP_ID, account_id=account_id),
            HTTPX: lambda account_id: http.delete(f"{url}{PATH}", params=params(account_id)),
            GENERATED: lambda account_id: generated.sync_detailed(
                client=bare, group_id=GROUP_ID, account_id=account_id
            ),
            ATLASSIAN: lambda account_id: atlassian.delete("rest/api/group/userByGroupId", params=params(account_id)),
        }
        ids = account_ids()
        yield {name: _next(way, ids) for name, way in ways.items()}


def _next(way: Remove, ids: Iterator[str]) -> Callable[[], object]:
    return lambda: way(next(ids))


@contextmanager
def removers_in_threads(url: str, workers: int, calls: int) -> Iterator[dict[str, Callable[[], object]]]:
    """Yield functions that remove many members from threads that share a client, by client name."""
    with (
        ThreadPoolExecutor(workers) as pool,
        ConfluenceGroups(url, auth=ApiToken(EMAIL, TOKEN)) as groups,
        httpx.Client() as http,
    ):
        ids = account_ids()

        def all_through(remove: Remove) -> object:
            return list(pool.map(remove, itertools.islice(ids, calls)))

        yield {
            OURS: lambda: all_through(lambda each: groups.remove_member(group_id=GROUP_ID, account_id=each)),
            HTTPX: lambda: all_through(lambda each: http.delete(f"{url}{PATH}", params=params(each))),
        }
