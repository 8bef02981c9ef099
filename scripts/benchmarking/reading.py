"""Read the members of a large group through the client, and compare with `json.loads` of the same pages."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from benchmarking.figures import Figure, ratio
from benchmarking.pairs import time_interleaved
from confluence_groups_sdk import ApiToken, ConfluenceGroups

MEMBERS, ROUNDS = 100_000, 8
SITE = "https://your-domain.atlassian.net"
PAGE = 200
GROUP_ID = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
API = "/wiki/rest/api/"
GROUP = {"id": GROUP_ID, "name": "everybody", "type": "group", "managedBy": "ADMINS"}
CALLER = {"accountId": "557058:caller", "accountType": "atlassian", "displayName": "Ada Okafor"}


def measure() -> Iterator[Figure]:
    """Time reading a large group, and measure its memory."""
    ready = pages(MEMBERS)
    ways = {"read": lambda: read_all(ready), "loads": lambda: loads_all(ready), "fetched": lambda: fetch_all(ready)}
    timings = time_interleaved(ways, rounds=ROUNDS, warm_up=1)
    fetched = timings.ratio("fetched", "loads").median
    yield ratio(
        f"iter_members over {MEMBERS:,}",
        "json.loads of the same pages",
        timings.ratio("read", "loads"),
        goal=3,
        note=f"{fetched:.2f} x of it httpx, without a network",
    )
    peak = peak_bytes(lambda: read_all(ready))
    yield Figure("its memory at the peak", peak / 1e6, "MB", goal=20)
    yield Figure("the same", peak / MEMBERS, "B a member", goal=150)


def account_id(number: int) -> str:
    """Return an account id as a new string, in no order by its number."""
    return f"712020:{number * 2_654_435_761 % 2**32:08x}-47d3-4f6a-9e1b-{number:012x}"


def user(number: int) -> dict[str, Any]:
    """Return a user in the shape of live responses."""
    account = account_id(number)
    return {
        "type": "known",
        "accountId": account,
        "accountType": "atlassian",
        "email": f"person.{number}@example.com",
        "publicName": f"Person {number}",
        "profilePicture": {"path": f"/wiki/aa-avatar/{account}", "width": 48, "height": 48, "isDefault": False},
        "displayName": f"Person {number}",
        "isExternalCollaborator": False,
        "isGuest": False,
        "locale": "en_US",
        "accountStatus": "active",
        "_expandable": {"operations": "", "personalSpace": ""},
        "_links": {"self": f"{SITE}/wiki/rest/api/user?accountId={account}"},
    }


def pages(count: int) -> list[bytes]:
    """Return the pages of a group with a number of members."""
    return [_page(range(start, min(start + PAGE, count)), start) for start in range(0, count, PAGE)]


def loads_all(ready: Sequence[bytes]) -> int:
    """Parse all pages without keeping them; return the number of their results."""
    return sum(len(json.loads(page)["results"]) for page in ready)


def read_all(ready: Sequence[bytes]) -> int:
    """Read all members through the client without keeping them; return their number."""
    with client(ready) as groups:
        return sum(1 for _ in groups.iter_members(group_id=GROUP_ID, page_size=PAGE))


def fetch_all(ready: Sequence[bytes]) -> int:
    """Fetch all pages with httpx alone, to measure the cost of the in-memory transport; return their number."""
    url = f"{SITE}{API}group/{GROUP_ID}/membersByGroupId"
    with httpx.Client(transport=transport(ready)) as http:
        return sum(
            bool(http.get(url, params={"start": index * PAGE, "limit": PAGE}).content) for index in range(len(ready))
        )


@contextmanager
def client(ready: Sequence[bytes]) -> Iterator[ConfluenceGroups]:
    """Yield a client for a site that responds from memory with these pages and with any user."""
    with (
        httpx.Client(transport=transport(ready)) as http,
        ConfluenceGroups(SITE, auth=ApiToken("me@example.com", "token"), http_client=http) as groups,
    ):
        yield groups


def transport(ready: Sequence[bytes]) -> httpx.MockTransport:
    """Return a transport that responds with these pages, and with an empty page after them."""
    end = _page(range(0), len(ready) * PAGE)
    no_groups = {"results": [], "limit": PAGE, "size": 0, "_links": {}}
    answers = {"group/by-id": GROUP, "group": no_groups, "user/memberof": no_groups, "user/current": CALLER}

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix(API)
        if path.endswith("/membersByGroupId"):
            index = -(-int(request.url.params["start"]) // PAGE)  # rounded up: the last page may not be full
            return httpx.Response(200, content=ready[index] if index < len(ready) else end)
        if path == "user":
            person = {"accountId": request.url.params["accountId"], "accountType": "atlassian", "displayName": "New"}
            return httpx.Response(200, json=person)
        if path == "user/bulk":
            people = [
                {"accountId": each, "accountType": "atlassian", "displayName": "New"}
                for each in request.url.params.get_list("accountId")
            ]
            return httpx.Response(200, json={**no_groups, "results": people, "size": len(people)})
        return httpx.Response(200, json=answers[path])

    return httpx.MockTransport(answer)


def peak_bytes(do: Callable[[], object]) -> int:
    """Return the peak of the bytes that a function holds beyond those held before, which are not traced."""
    tracemalloc.start()
    try:
        do()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _page(numbers: range, start: int) -> bytes:
    body = {
        "results": [user(number) for number in numbers],
        "start": start,
        "limit": PAGE,
        "size": len(numbers),
        "_links": {"base": f"{SITE}/wiki", "context": "/wiki"},
    }
    return json.dumps(body, separators=(",", ":")).encode()
