"""A list that never ends stops at a limit, which the caller can set."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import httpx
import pytest
from fakes import KINDS, SITE, WIRED, FakeClock, call, call_at, token
from raw_socket_servers import SocketServer, request_on, serve

from confluence_groups_sdk import AsyncConfluenceGroups, ConfigurationError, ConfluenceGroups, IncompleteReadError
from confluence_groups_sdk.errors import InputError
from confluence_groups_sdk.membership import plan_offboarding, plan_sync

GROUP = {"group_id": "g"}
LISTS: dict[str, dict[str, Any]] = {
    "iter_members": GROUP,
    "iter_groups": {},
    "search_groups": {"query": "q"},
    "iter_memberships": {"account_id": "a"},
    "count_members": GROUP,
    "is_member": {"group_id": "wanted", "account_id": "wanted"},
}
OF_MEMBERS = ("iter_members", "count_members", "is_member")
MAX_REQUESTS = 1_000  # a client that makes more of them would go on for ever


def entry(number: int) -> dict[str, Any]:
    return {"accountId": f"id-{number}", "id": f"id-{number}", "name": "n"}


def new_ids(page: int, size: int) -> list[Any]:
    return [entry(page * size + number) for number in range(size)]


SERVERS: dict[str, Callable[[int], dict[str, Any]]] = {
    "new ids": lambda page: {"results": new_ids(page, 200), "limit": 200},
    "new ids with a link": lambda page: {"results": new_ids(page, 3), "limit": 200, "_links": {"next": "/n"}},
    "one new id a page": lambda page: {"results": new_ids(page, 1), "limit": 1},
    "a total that is never reached": lambda page: {"results": new_ids(page, 5), "limit": 200, "totalSize": 10**15},
    "empty pages between": lambda page: {"results": new_ids(page, page % 2), "limit": 200, "_links": {"next": "/n"}},
    "pages that overlap": lambda page: {"results": [entry(page), entry(page + 1)], "_links": {"next": "/n"}},
    "entries without an id between": lambda page: {
        "results": new_ids(page, 1) if page % 50 == 0 else [None] * 3,
        "limit": 3,
        "_links": {"next": "/n"},
    },
}


CASES = [
    (method, name)
    for name in SERVERS
    for method in (OF_MEMBERS[:2] if name.startswith("entries without an id") else LISTS)
    if method != "count_members" or not name.startswith(("empty", "a total"))  # one call answers it then
]


def endless(name: str) -> tuple[Callable[[httpx.Request], httpx.Response], list[httpx.Request]]:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        assert len(requests) <= MAX_REQUESTS, "the list goes on for ever"
        if request.url.path.endswith(("/by-id", "/user", "/user/current")):
            return httpx.Response(
                200, json={"id": "g", "name": "n", "accountId": request.url.params.get("accountId", "me")}
            )
        return httpx.Response(200, json={"_links": {}, **SERVERS[name](len(requests) - 1)})

    return answer, requests


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("method", "name"), CASES)
def test_an_endless_list_stops_at_the_limit(kind: str, method: str, name: str) -> None:
    handler, _ = endless(name)
    with pytest.raises(IncompleteReadError, match="max_list_items") as caught:
        call(kind, method, handler, LISTS[method], max_list_items=20)
    assert caught.value.option == "max_list_items"
    assert len(caught.value.received) <= 20
    assert len(set(caught.value.received)) == len(caught.value.received)


def test_a_limit_of_one_is_said_in_the_singular() -> None:
    with pytest.raises(IncompleteReadError, match=r"the limit is 1 entry\. If"):
        call("sync", "iter_members", endless("new ids")[0], GROUP, max_list_items=1)


@pytest.mark.parametrize("kind", WIRED)
def test_a_server_that_never_ends_a_list_is_left(kind: str) -> None:
    pages = count()

    def script(server: SocketServer, connection: Any) -> None:
        while request := request_on(connection):
            server.requests.append(request)
            body = json.dumps({"results": new_ids(next(pages), 200), "limit": 200, "_links": {"next": "/n"}}).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with serve(script) as server:
        with pytest.raises(IncompleteReadError, match="1,000 entries") as caught:
            call_at(kind, server.address, "iter_members", GROUP, max_list_items=1_000)
        assert len(server.requests) == 6
    assert caught.value.received == tuple(f"id-{number}" for number in range(1_000))


def finite(total: int, cap: int) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/by-id"):
            return httpx.Response(200, json={"id": "g", "name": "n"})
        start, limit = int(request.url.params["start"]), int(request.url.params["limit"])
        results = [entry(number) for number in range(start, min(start + limit, start + cap, total))]
        more = {"next": "/n"} if start + len(results) < total else {}
        return httpx.Response(200, json={"results": results, "limit": limit, "_links": more})

    return answer


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["iter_members", "iter_groups", "search_groups", "iter_memberships"])
@pytest.mark.parametrize("cap", [1, 7, 200])
@pytest.mark.parametrize("total", [0, 1, 150, 201])
def test_a_list_as_long_as_the_limit_is_complete(kind: str, method: str, cap: int, total: int) -> None:
    handler = finite(total, cap)
    assert len(call(kind, method, handler, LISTS[method], max_list_items=max(total, 1))) == total
    if total > 1:
        with pytest.raises(IncompleteReadError, match="max_list_items"):
            call(kind, method, handler, LISTS[method], max_list_items=total - 1)


def test_pages_without_anything_new_are_limited_too() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        assert len(requests) <= MAX_REQUESTS, "the list goes on for ever"
        seen = len(requests)
        if seen <= 500:
            return httpx.Response(200, json={"results": new_ids(seen, 1), "_links": {"next": "/n"}})
        repeated = entry(seen - 499)  # further than the one before
        return httpx.Response(200, json={"results": [repeated], "_links": {"next": "/n"}})

    requests: list[httpx.Request] = []
    with pytest.raises(IncompleteReadError, match="within 700 pages"):
        call("sync", "iter_groups", answer, {}, max_list_items=600)
    assert len(requests) == 701


def test_what_came_before_was_given() -> None:
    handler, requests = endless("new ids")
    with httpx.Client(transport=httpx.MockTransport(handler)) as http:
        members = ConfluenceGroups(SITE, auth=token(), http_client=http, max_list_items=450).iter_members(group_id="g")
        assert [next(members).account_id for _ in range(400)] == [f"id-{number}" for number in range(400)]
        with pytest.raises(IncompleteReadError, match="450"):
            next(members)
        assert list(members) == [], "the iterator has ended"
    assert len(requests) == 3


@pytest.mark.parametrize("value", [0, -1, True, 2.0, "9", None, float("inf")])
@pytest.mark.parametrize("kind", [ConfluenceGroups, AsyncConfluenceGroups])
def test_the_limit_is_a_whole_number(kind: Any, value: object) -> None:
    with pytest.raises(ConfigurationError, match="max_list_items") as caught:
        kind(SITE, auth=token(), max_list_items=value)
    assert caught.value.option == "max_list_items"


def test_other_constructors_and_copies_have_the_limit() -> None:
    handler, _ = endless("new ids")
    with httpx.Client(transport=httpx.MockTransport(handler)) as http:
        groups = ConfluenceGroups.for_cloud("c", auth=token(), http_client=http, max_list_items=3, clock=FakeClock())
        for client in (groups, groups.with_options(timeout=3)):
            with pytest.raises(IncompleteReadError, match="3 entries"):
                list(client.iter_groups())


@pytest.mark.parametrize("plan", ["sync", "offboarding"])
def test_plans_stop_too(plan: str) -> None:
    handler, _ = endless("new ids")
    planners: dict[str, Callable[..., Any]] = {
        "sync": lambda groups: plan_sync(groups, group_id="g", account_ids=["id-1"]),
        "offboarding": lambda groups: plan_offboarding(groups, account_ids=["id-1"]),
    }
    with httpx.Client(transport=httpx.MockTransport(handler)) as http:
        groups = ConfluenceGroups(SITE, auth=token(), http_client=http, max_list_items=500, clock=FakeClock())
        with pytest.raises((IncompleteReadError, InputError), match="max_list_items"):
            planners[plan](groups)
