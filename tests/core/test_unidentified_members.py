"""Members without an account id are skipped, logged and counted, and nothing depends on who they are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fakes import KINDS, SITE, WIRED, Answers, FakeClock, call, call_at, token
from raw_socket_servers import reply_with, serve

from confluence_groups_sdk import (
    ConfluenceGroups,
    IncompleteReadError,
    NotFoundError,
    ResponseValidationError,
)
from confluence_groups_sdk._core.call_metadata import current_call_metadata, record_call_metadata

GROUP = {"group_id": "some-group"}
ODD: list[Any] = [
    None,
    {},
    {"type": "unknown", "displayName": "Secret Name", "email": "secret@example.com"},
    {"accountId": None},
    {"accountId": ""},
    {"accountId": " \t"},
    {"accountId": 7},
    {"accountId": ["a"]},
    "Secret Name",
    7,
    [],
    True,
]


def serve_entries(
    entries: list[Any], *, limit: bool = True, total: dict[str, int] | None = None
) -> Callable[[httpx.Request], httpx.Response]:
    """Return a handler for one list of members."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/by-id"):
            return httpx.Response(404)
        start, size = int(request.url.params["start"]), int(request.url.params["limit"])
        body = {"results": entries[start : start + size], "start": start, **(total or {})}
        return httpx.Response(200, json={**body, **({"limit": size} if limit else {})})

    return answer


def users(*ids: str) -> list[Any]:
    return [{"type": "known", "accountId": each} for each in ids]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_unidentified_member_is_skipped_and_logged(
    kind: str, odd: Any, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    entries = users("a", "b")
    entries.insert(place, odd)
    found = call(kind, "iter_members", serve_entries(entries), GROUP)
    assert [member.account_id for member in found] == ["a", "b"]
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert line.startswith("getGroupMembersByGroupId #")
    assert line.endswith(": 1 member without an account id skipped")
    assert not any(word in caplog.text for word in ("Secret", "secret", "some-group"))


@pytest.mark.parametrize("kind", WIRED)
def test_an_unidentified_member_is_skipped_over_sockets(kind: str) -> None:
    body = b'{"results": [null, {"accountId": "a"}, {}], "limit": 200}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with serve(reply_with(answer)) as wires:
        assert [each.account_id for each in call_at(kind, wires.address, "iter_members", GROUP)] == ["a"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limit", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 200])
def test_no_member_is_lost_around_unidentified_members(
    kind: str, limit: bool, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    entries: list[Any] = [None if number % 3 else {"accountId": f"id-{number}"} for number in range(30)]
    found = call(kind, "iter_members", serve_entries(entries, limit=limit), {**GROUP, "page_size": size})
    assert [member.account_id for member in found] == [f"id-{number}" for number in range(0, 30, 3)]
    assert "20 members without an account id skipped" in caplog.text


def test_a_group_of_unidentified_members_exists_and_is_read_to_its_end() -> None:
    assert call("sync", "iter_members", serve_entries([None] * 450), GROUP) == []
    with pytest.raises(NotFoundError):
        call("sync", "iter_members", serve_entries([]), GROUP)


@pytest.mark.parametrize("body", [{"results": [None]}, {"results": [*users("a"), None, {}]}])
def test_static_stubs_with_unidentified_members_are_complete_lists(
    body: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    found = call("sync", "iter_members", lambda _: httpx.Response(200, json=body), GROUP)
    number = sum(not entry for entry in body["results"])
    assert len(found) == len(body["results"]) - number
    assert f"{number} member" in caplog.text


@pytest.mark.parametrize(("entries", "pages"), [([None] * 200, 101), ([*users("a"), *[None] * 199], 2)])
def test_full_pages_that_repeat_unidentified_members_end_in_an_error(entries: list[Any], pages: int) -> None:
    requested: list[httpx.URL] = []

    def repeat(request: httpx.Request) -> httpx.Response:
        requested.append(request.url)
        return httpx.Response(200, json={"results": entries, "limit": 200})

    with pytest.raises(IncompleteReadError):
        call("sync", "iter_members", repeat, GROUP)
    assert len(requested) == pages


def test_a_hundred_pages_in_a_row_may_have_only_unidentified_members() -> None:
    entries = [*[None] * 100, *users("a"), *[None] * 100, *users("b")]
    found = call("sync", "iter_members", serve_entries(entries), {**GROUP, "page_size": 1})
    assert [member.account_id for member in found] == ["a", "b"]


@pytest.mark.parametrize(
    ("pages", "found", "starts", "number"),
    [
        ([["a", "b", None], ["b", None, "c"], [None]], "abc", "034", 2),
        ([["a", None, "b"], [None, "b", "c"], ["d"]], "abcd", "034", 1),
        ([["a", "b", None], [None, "c", "d"], ["b", None, None], ["e"]], "abcde", "0369", 2),
        ([[None, None, "a"], [None, "a", "b"], []], "ab", "034", 2),
        ([["a", None, None], ["a", None, None], []], "a", "03", None),
    ],
)
def test_a_page_that_starts_too_early_counts_nobody_twice(
    pages: list[list[str | None]], found: str, starts: str, number: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    bodies = [{"results": [each and {"accountId": each} for each in page], "limit": 3} for page in pages]
    answers = Answers(*(httpx.Response(200, json=body) for body in bodies))
    arguments = {**GROUP, "page_size": 3}
    if number is None:
        with pytest.raises(IncompleteReadError):
            call("sync", "iter_members", answers, arguments)
    else:
        assert "".join(each.account_id for each in call("sync", "iter_members", answers, arguments)) == found
        assert f"{number} member" in caplog.text
    assert [request.url.params["start"] for request in answers.requests] == list(starts)


# --- counts and questions


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("total", [{}, {"totalSize": 0}, {"totalSize": 5}])
@pytest.mark.parametrize("entries", [[None, *users("a", "b"), {}, None], [*users("a", "b", "c"), None, {}]])
def test_counts_include_unidentified_members(kind: str, total: dict[str, int], entries: list[Any]) -> None:
    assert call(kind, "count_members", serve_entries(entries, total=total), GROUP) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_total_that_counts_unidentified_members_is_reached(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    answers = Answers(httpx.Response(200, json={"results": [None, *users("a")], "limit": 200, "totalSize": 2}))
    assert len(call(kind, "iter_members", answers, GROUP)) == 1
    assert "total" not in caplog.text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("members", "account_id", "expected"), [(users("a"), "a", True), (users("b"), "a", False)])
def test_is_member_does_not_guess_who_an_unidentified_member_is(
    kind: str, members: list[Any], account_id: str, expected: bool
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/memberof"):
            return httpx.Response(200, json={"results": [{"id": "x", "name": "x"}], "limit": 1})  # repeats for ever
        return httpx.Response(200, json={"results": [*extra, *members], "limit": 200})

    arguments = {"group_id": "g", "account_id": account_id}
    extra: list[Any] = []
    assert call(kind, "is_member", answer, arguments) is expected
    extra.append(None)
    if expected:
        assert call(kind, "is_member", answer, arguments) is True
    else:
        with pytest.raises(IncompleteReadError):
            call(kind, "is_member", answer, arguments)


# --- what callers hear


def test_call_metadata_has_the_number() -> None:
    handler = serve_entries([None, *users("a"), {}, *users("b")])
    with (
        httpx.Client(transport=httpx.MockTransport(handler)) as http,
        ConfluenceGroups(SITE, auth=token(), http_client=http, clock=FakeClock()) as groups,
    ):
        with record_call_metadata() as heard:
            assert len(list(groups.iter_members(group_id="g", page_size=2))) == 2
        with record_call_metadata() as later:
            assert groups.count_members(group_id="g") == 4
    assert (heard.unidentified, later.unidentified) == (2, 0)
    assert current_call_metadata.get() is None


# --- groups, which nothing can be done about without an id


@pytest.mark.parametrize("method", ["iter_groups", "search_groups", "iter_memberships"])
@pytest.mark.parametrize("odd", [None, {}, {"name": "n"}, {"id": "", "name": "n"}, {"id": 7, "name": "n"}, "g"])
def test_a_group_without_an_id_is_an_error(method: str, odd: Any) -> None:
    arguments = {"search_groups": {"query": "n"}, "iter_memberships": {"account_id": "a"}}.get(method, {})
    body = {"results": [{"id": "g", "name": "n"}, odd], "limit": 200}
    with pytest.raises(ResponseValidationError, match=r"results\[1\]"):
        call("sync", method, lambda _: httpx.Response(200, json=body), arguments)
