"""Pages that are too large for the server are asked for again with half the size."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from attrs import define, field
from fakes import KINDS, SITE, FakeClock, call, token

from confluence_groups_sdk import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ConfluenceGroups,
    RateLimitError,
    ResponseValidationError,
    RetryPolicy,
    ServerError,
    User,
)

LISTS: dict[str, dict[str, Any]] = {
    "iter_members": {"group_id": "g"},
    "iter_groups": {},
    "search_groups": {"query": "n"},
    "iter_memberships": {"account_id": "a"},
}
ONCE = RetryPolicy(max_retries=0)
TOO_LARGE: dict[str, Callable[[], httpx.Response | Exception]] = {
    "504": lambda: httpx.Response(504),
    "503": lambda: httpx.Response(503),
    "502": lambda: httpx.Response(502, text="<html>Bad gateway</html>"),
    "timeout": lambda: httpx.ReadTimeout("no answer in time"),
}


@define
class SlowServer:
    """A list that is only answered in small pages."""

    count: int = 450
    largest: int = 200  # page that it manages
    failure: Callable[[], httpx.Response | Exception] = TOO_LARGE["504"]
    fails_first: int = 0  # requests that fail in any case
    asked: list[tuple[int, int]] = field(factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/by-id"):
            return httpx.Response(200, json={"id": "g", "name": "n"})
        start, limit = int(request.url.params["start"]), int(request.url.params["limit"])
        self.asked.append((start, limit))
        if limit > self.largest or len(self.asked) <= self.fails_first:
            failure = self.failure()
            if isinstance(failure, Exception):
                raise failure
            return failure
        ids = [f"id-{number}" for number in range(self.count)][start : start + limit]
        results = [{"type": "known", "accountId": each, "id": each, "name": each} for each in ids]
        return httpx.Response(200, json={"results": results, "start": start, "limit": limit, "_links": {}})


def ids_of(items: list[Any]) -> list[str]:
    return [item.account_id if isinstance(item, User) else item.id for item in items]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", LISTS)
@pytest.mark.parametrize("failure", TOO_LARGE)
def test_the_page_size_is_halved_after_the_retries_and_kept(kind: str, method: str, failure: str) -> None:
    server, clock = SlowServer(largest=60, failure=TOO_LARGE[failure]), FakeClock()
    found = call(kind, method, server, LISTS[method], clock=clock)
    assert ids_of(found) == [f"id-{number}" for number in range(450)]
    assert server.asked == [
        *[(0, 200)] * 5,
        (0, 100),
        *((start, 50) for start in range(0, 451, 50)),
    ]
    assert clock.slept == [2, 4, 8, 16, 2, 2]


@pytest.mark.parametrize("method", LISTS)
def test_a_later_page_that_is_too_large_continues_from_the_same_start(method: str) -> None:
    server = SlowServer()

    def fail_later(request: httpx.Request) -> httpx.Response:
        server.largest = 200 if len(server.asked) < 1 else 25
        return server(request)

    assert len(call("sync", method, fail_later, LISTS[method], retry=ONCE)) == 450
    assert server.asked == [
        *((0, 200), (200, 200), (200, 100), (200, 50)),
        *((start, 25) for start in range(200, 451, 25)),
    ]


@pytest.mark.parametrize("size", [1, 24, 25])
def test_a_small_page_is_not_halved(size: int) -> None:
    server = SlowServer(largest=0)
    with pytest.raises(ServerError):
        call("sync", "iter_members", server, {"group_id": "g", "page_size": size}, retry=ONCE)
    assert server.asked == [(0, size)]


@pytest.mark.parametrize(("size", "sizes"), [(26, [26, 25]), (51, [51, 25]), (199, [199, 99, 49, 25])])
def test_the_smallest_page_has_25_entries(size: int, sizes: list[int]) -> None:
    server = SlowServer(largest=0)
    with pytest.raises(ServerError):
        call("sync", "iter_members", server, {"group_id": "g", "page_size": size}, retry=ONCE)
    assert server.asked == [(0, each) for each in sizes]


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_down_costs_three_more_attempts(kind: str) -> None:
    server, clock = SlowServer(largest=0, failure=TOO_LARGE["timeout"]), FakeClock()
    with pytest.raises(APITimeoutError):
        call(kind, "iter_members", server, LISTS["iter_members"], clock=clock)
    assert server.asked == [*[(0, 200)] * 5, (0, 100), (0, 50), (0, 25)]
    assert sum(clock.slept) == 2 + 4 + 8 + 16 + 3 * 2


def test_a_page_that_succeeds_during_the_retries_is_not_halved() -> None:
    server = SlowServer(fails_first=4)
    assert len(call("sync", "iter_members", server, LISTS["iter_members"])) == 450
    assert server.asked == [(0, 200)] * 5 + [(200, 200), (400, 200)]


def test_each_page_has_all_its_retries() -> None:
    server = SlowServer(count=60, largest=50)

    def fail_often(request: httpx.Request) -> httpx.Response:
        if server.asked[-1:] == [(0, 50)] and not failed:
            failed.append(request)
            return httpx.Response(503)
        return server(request)

    failed: list[httpx.Request] = []
    assert len(call("sync", "iter_members", fail_often, LISTS["iter_members"])) == 60
    assert failed


def respond(status: int, **headers: str) -> Callable[[], httpx.Response]:
    return lambda: httpx.Response(status, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (respond(429), RateLimitError),
        (respond(500), ServerError),
        (respond(520), ServerError),
        (respond(403), APIError),
        (respond(503, Retry_After="3600"), ServerError),
        (lambda: httpx.ConnectError("refused"), APIConnectionError),
        (lambda: httpx.ConnectTimeout("no connection"), APITimeoutError),
        (lambda: httpx.PoolTimeout("no free connection"), APITimeoutError),
        (lambda: httpx.WriteTimeout("the request was not taken"), APITimeoutError),
        (lambda: httpx.ReadError("reset"), APIConnectionError),
        (lambda: httpx.Response(200, text="<html>"), ResponseValidationError),
    ],
)
def test_other_failures_do_not_halve_the_page(
    failure: Callable[[], httpx.Response | Exception], error: type[APIError]
) -> None:
    server = SlowServer(largest=0, failure=failure)
    with pytest.raises(error):
        call("sync", "iter_members", server, LISTS["iter_members"])
    assert {limit for _, limit in server.asked} == {200}


def test_the_smaller_page_waits_as_long_as_the_server_asks() -> None:
    server, clock = SlowServer(largest=100, failure=respond(503, Retry_After="40")), FakeClock()
    call("sync", "iter_members", server, LISTS["iter_members"], retry=ONCE, clock=clock)
    assert clock.slept == [40]


def test_a_rate_limited_smaller_page_is_an_error_after_the_retries() -> None:
    failures = iter([httpx.Response(504), httpx.Response(429)])
    server = SlowServer(largest=0, failure=lambda: next(failures))
    with pytest.raises(RateLimitError):
        call("sync", "iter_members", server, LISTS["iter_members"], retry=ONCE)
    assert server.asked == [(0, 200), (0, 100)]


def test_a_rate_limited_smaller_page_has_all_its_retries() -> None:
    failures = iter([httpx.Response(504)] * 3 + [httpx.Response(429)] * 2)
    server, clock = SlowServer(fails_first=5, failure=lambda: next(failures)), FakeClock()
    retry = RetryPolicy(max_retries=2)
    assert len(call("sync", "iter_members", server, LISTS["iter_members"], retry=retry, clock=clock)) == 450
    assert server.asked[:6] == [*[(0, 200)] * 3, *[(0, 100)] * 3]
    assert clock.slept[:5] == [2, 4, 2, 2, 4], "then the rate limiter waits between pages"


@pytest.mark.parametrize("kind", KINDS)
def test_counts_and_questions_use_smaller_pages_too(kind: str) -> None:
    assert call(kind, "count_members", SlowServer(largest=30), {"group_id": "g"}) == 450
    arguments = {"group_id": "id-449", "account_id": "a"}
    assert call(kind, "is_member", SlowServer(largest=30), arguments) is True


def test_a_count_that_fails_is_not_sent_with_half_an_entry() -> None:
    server = SlowServer(largest=0)
    with pytest.raises(ServerError):
        call("sync", "count_members", server, {"group_id": "g"}, retry=ONCE)
    assert server.asked == [(0, 1)]


def test_calls_that_are_no_lists_are_not_changed() -> None:
    asked: list[httpx.URL] = []

    def fail(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(504)

    with pytest.raises(ServerError):
        call("sync", "get_group", fail, {"group_id": "g"}, retry=ONCE)
    with pytest.raises(ServerError):
        call("sync", "remove_member", fail, {"group_id": "g", "account_id": "a"}, retry=ONCE)
    assert len(asked) == 2


def test_unidentified_entries_and_repeats_keep_their_place_with_smaller_pages() -> None:
    entries: list[Any] = [{"accountId": f"id-{number}"} if number % 7 else None for number in range(450)]
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        start, limit = int(request.url.params["start"]), int(request.url.params["limit"])
        asked.append(start)
        if start >= 200 and limit > 50:
            return httpx.Response(504)
        return httpx.Response(200, content=json.dumps({"results": entries[start : start + limit], "limit": limit}))

    found = call("sync", "iter_members", answer, LISTS["iter_members"], retry=ONCE)
    assert ids_of(found) == [entry["accountId"] for entry in entries if entry]
    assert asked == [0, 200, 200, *range(200, 451, 50)]


def test_one_warning_a_client_and_operation(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.WARNING),
        httpx.Client(transport=httpx.MockTransport(SlowServer(largest=50))) as http,
        ConfluenceGroups(SITE, auth=token(), http_client=http, clock=FakeClock()) as groups,
    ):
        for copy in (groups, groups, groups.with_options(retry=ONCE)):
            assert len(list(copy.iter_members(group_id="some-group"))) == 450
        (line,) = [record.getMessage() for record in caplog.records]
        assert line.startswith("getGroupMembersByGroupId #")
        assert "some-group" not in line
        assert "a page of 200 is too large for the server (504): asking for 100" in line
        list(groups.iter_groups())
    assert len(caplog.records) == 2


def test_later_lists_of_the_client_start_with_the_size_that_worked_for_ten_minutes() -> None:
    server, clock = SlowServer(count=120, largest=60), FakeClock()
    with (
        httpx.Client(transport=httpx.MockTransport(server)) as http,
        ConfluenceGroups(SITE, auth=token(), http_client=http, clock=clock, retry=ONCE) as groups,
    ):

        def starts(**options: int) -> list[tuple[int, int]]:
            server.asked.clear()
            assert len(list(groups.with_options().iter_members(group_id="g", **options))) == 120
            return server.asked

        smaller = [(0, 50), (50, 50), (100, 50)]
        assert starts() == [(0, 200), (0, 100), *smaller]
        assert starts() == smaller
        assert starts(page_size=100) == smaller
        assert starts(page_size=40) == [(0, 40), (40, 40), (80, 40), (120, 40)]
        server.asked.clear()
        assert len(list(groups.search_groups(query="n"))) == 120
        assert server.asked == [(0, 200), (0, 100), *smaller]  # another operation
        clock.sleep(595.5)
        assert starts() == smaller
        clock.sleep(0.5)  # ten minutes after the first list was read
        assert starts() == [(0, 200), (0, 100), *smaller]
        assert starts() == smaller


def test_a_size_that_failed_too_is_not_remembered() -> None:
    server, clock = SlowServer(count=20, largest=0), FakeClock()
    with (
        httpx.Client(transport=httpx.MockTransport(server)) as http,
        ConfluenceGroups(SITE, auth=token(), http_client=http, clock=clock, retry=ONCE) as groups,
    ):
        with pytest.raises(ServerError):
            list(groups.iter_members(group_id="g"))
        server.largest = 200
        server.asked.clear()
        assert len(list(groups.iter_members(group_id="g"))) == 20
        assert server.asked == [(0, 200)]


def test_a_size_that_worked_after_a_retry_is_not_remembered() -> None:
    server, clock = SlowServer(count=20, fails_first=1), FakeClock()
    with (
        httpx.Client(transport=httpx.MockTransport(server)) as http,
        ConfluenceGroups(SITE, auth=token(), http_client=http, clock=clock) as groups,
    ):
        assert len(list(groups.iter_members(group_id="g", page_size=30))) == 20
        assert len(list(groups.iter_members(group_id="g"))) == 20
    assert server.asked == [(0, 30), (0, 30), (0, 200)]
