"""Each operation's retries, scopes, ids and bodies."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from fakes import KINDS, SITE, Answers, FakeClock, call, token, wire
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk import (
    APIConnectionError,
    APIError,
    AsyncConfluenceGroups,
    BearerToken,
    ConfluenceGroups,
    KnownProblem,
    MissingScopeError,
    RateLimitError,
    RetryPolicy,
    ServerError,
)
from confluence_groups_sdk._core.api.user_lookup import NOT_SERVED
from confluence_groups_sdk.sandbox import Group, Sandbox

GROUP = {"group_id": "g"}
BOTH = {"group_id": "g", "account_id": "a"}
READS: dict[str, dict[str, Any]] = {
    "iter_members": GROUP,
    "count_members": GROUP,
    "is_member": BOTH,
    "get_group": GROUP,
    "iter_groups": {},
    "search_groups": {"query": "q"},
    "iter_memberships": {"account_id": "a"},
    "get_user": {"account_id": "a"},
    "get_users": {"account_ids": ["a", "b"]},
    "current_user": {},
}
WRITES_TO_REPEAT: dict[str, dict[str, Any]] = {"remove_member": BOTH}
WRITES_ONCE: dict[str, dict[str, Any]] = {"add_member": BOTH, "create_group": {"name": "n"}, "delete_group": GROUP}
ALL = READS | WRITES_TO_REPEAT | WRITES_ONCE
REPEATABLE = READS | WRITES_TO_REPEAT
PAGED = {"iter_members", "is_member", "iter_groups", "search_groups", "iter_memberships"}


def count_requests(kind: str, method: str, trouble: httpx.Response | Exception) -> tuple[int, APIError]:
    """Make a call that always fails in the same way; return how often it was sent, and its error."""
    answers = Answers(*[trouble] * 8)
    with pytest.raises(APIError) as caught:
        call(kind, method, answers, ALL[method], clock=FakeClock())
    return len(answers.requests), caught.value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ALL)
def test_every_rate_limited_call_is_retried(kind: str, method: str) -> None:
    times, error = count_requests(kind, method, httpx.Response(429))
    assert times == 5
    assert type(error) is RateLimitError


@pytest.mark.parametrize("method", ALL)
def test_every_call_is_retried_if_it_was_never_sent(method: str) -> None:
    times, _ = count_requests("sync", method, httpx.ConnectError("no route"))
    assert times == 5


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 500])
def test_statuses_that_a_retry_cannot_help_are_not_retried(method: str, status: int) -> None:
    if method == "get_users" and status in NOT_SERVED:
        return  # it goes on with another operation: test_user_lookup.py
    assert count_requests("sync", method, httpx.Response(status))[0] == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("trouble", [503, "timeout", "broken"])
def test_in_doubt_only_repeatable_calls_are_retried(kind: str, method: str, trouble: int | str) -> None:
    failure: dict[int | str, httpx.Response | Exception] = {
        503: httpx.Response(503),
        "timeout": httpx.ReadTimeout("late"),
        "broken": httpx.RemoteProtocolError("cut"),
    }
    times, error = count_requests(kind, method, failure[trouble])
    smaller_pages = 3 if method in PAGED and trouble != "broken" else 0
    assert times == (5 + smaller_pages if method in REPEATABLE else 1)
    assert isinstance(error, ServerError | APIConnectionError)
    assert (error.problem is KnownProblem.OUTCOME_UNKNOWN) == (method in WRITES_ONCE)


@pytest.mark.parametrize("method", WRITES_ONCE)
@pytest.mark.parametrize("answer", [httpx.Response(200, json={}), httpx.Response(201, content=b"{}")])
def test_error_for_an_undocumented_success_advises_to_look_first(method: str, answer: httpx.Response) -> None:
    if method == "add_member" and answer.status_code == 201:
        return  # the documented success; its body is ignored
    _, error = count_requests("sync", method, answer)
    assert error.problem is KnownProblem.OUTCOME_UNKNOWN
    assert "look at what is there now" in error.remedy


@pytest.mark.parametrize("method", WRITES_ONCE)
def test_a_change_that_was_never_sent_is_not_in_doubt(method: str) -> None:
    _, error = count_requests("sync", method, httpx.ConnectError("no route"))
    assert error.problem is None


@pytest.mark.parametrize("method", ALL)
def test_a_missing_scope_is_named(method: str) -> None:
    refusal = httpx.Response(401, json={"code": 401, "message": "Unauthorized; scope does not match"})
    _, error = count_requests("sync", method, refusal)
    assert type(error) is MissingScopeError
    users = ("is_member", "iter_memberships", "get_user", "get_users", "current_user")
    classic = "read:confluence-user" if method in users else "read:confluence-groups"
    assert ("write:confluence-groups" if method not in READS else classic) in error.remedy
    if method == "create_group":
        assert "read:group:confluence and write:group:confluence" in error.remedy
    if method in ("iter_members", "count_members"):
        assert "read:group:confluence and read:user:confluence" in error.remedy


# --- ids


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", [method for method in ALL if ALL[method] and method != "get_users"])
@pytest.mark.parametrize("bad", ["", " ", None, 7, "\ud800"])
def test_an_unusable_argument_sends_nothing(kind: str, method: str, bad: object) -> None:
    for name in ALL[method]:
        answers = Answers()
        with pytest.raises(ValueError, match=name):
            call(kind, method, answers, {**ALL[method], name: bad})
        assert not answers.requests


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["iter_members", "count_members", "is_member"])
@pytest.mark.parametrize("bad", [".", ".."])
def test_dots_are_rejected_in_a_path(kind: str, method: str, bad: str) -> None:
    answers = Answers()
    with pytest.raises(ValueError, match=r"group_id is '\.\.?', which leads to another address"):
        call(kind, method, answers, {**ALL[method], "group_id": bad})
    assert not answers.requests


@given(st.text(min_size=1))
def test_every_id_in_a_path_arrives_unchanged_or_raises(group_id: str) -> None:
    answers = Answers(httpx.Response(418))
    try:
        call("sync", "iter_members", answers, {"group_id": group_id})
    except ValueError:
        assert group_id.isspace() or group_id in (".", "..")
    except APIError:
        segments = answers.requests[0].url.raw_path.partition(b"?")[0].decode("ascii").split("/")
        assert [unquote(segment, errors="strict") for segment in segments[1:]] == [
            *("wiki", "rest", "api", "group", group_id, "membersByGroupId")
        ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "group_id", ["a/../b", "..%2f..", "%2e%2e", "a b+c", "a?b#c", "557058:x", "Ünïon", "a\\b", "a\nb"]
)
def test_an_id_in_a_path_is_one_segment_on_the_wire(kind: str, group_id: str, sandbox: Sandbox) -> None:
    member = next(iter(sandbox.directory.people))
    sandbox.directory.add_group(Group(group_id, "odd"), [member])
    auth = httpx.BasicAuth(*sandbox.admin)

    async def read() -> list[str]:
        async with AsyncConfluenceGroups(sandbox.url, auth=auth) as groups:
            return [user.account_id async for user in groups.iter_members(group_id=group_id)]

    if kind == "sync":
        with ConfluenceGroups(sandbox.url, auth=auth) as groups:
            found = [user.account_id for user in groups.iter_members(group_id=group_id)]
    else:
        found = asyncio.run(read())
    assert found == [member]


# --- bodies on the wire


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_is_sent_completely_and_with_its_length(kind: str) -> None:
    answer = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    async def add(address: str) -> None:
        async with AsyncConfluenceGroups(address, auth=BearerToken("the-token")) as groups:
            await groups.add_member(group_id="g", account_id="Zoë")

    with wire(answer) as (address, received):
        if kind == "sync":
            with ConfluenceGroups(address, auth=BearerToken("the-token")) as groups:
                groups.add_member(group_id="g", account_id="Zoë")
        else:
            asyncio.run(add(address))
    head, _, body = received[0].partition(b"\r\n\r\n")
    line, *headers = head.decode("ascii").split("\r\n")
    fields = dict(header.split(": ", 1) for header in headers)
    assert line == "POST /wiki/rest/api/group/userByGroupId?groupId=g HTTP/1.1"
    assert body == b'{"accountId": "Zo\\u00eb"}'
    assert fields["Content-Length"] == str(len(body))
    assert fields["Content-Type"] == "application/json"
    assert "Transfer-Encoding" not in fields


def test_a_retried_body_is_sent_completely() -> None:
    answers = Answers(httpx.Response(429), httpx.Response(201))
    call("sync", "add_member", answers, BOTH)
    assert [request.content for request in answers.requests] == [b'{"accountId": "a"}'] * 2


# --- concurrent tasks


def test_tasks_of_one_client_read_lists_concurrently(sandbox: Sandbox) -> None:
    sandbox.page_limit = 1

    async def read() -> list[list[str]]:
        async with AsyncConfluenceGroups(sandbox.url, auth=httpx.BasicAuth(*sandbox.admin)) as groups:

            async def members(group_id: str) -> list[str]:
                return [user.account_id async for user in groups.iter_members(group_id=group_id)]

            return await asyncio.gather(*map(members, list(sandbox.directory.groups) * 3))

    expected = [
        [person.account_id for person in sandbox.directory.members(group_id)]
        for group_id in list(sandbox.directory.groups) * 3
    ]
    assert asyncio.run(read()) == expected


def test_with_options_applies_to_lists() -> None:
    answers = Answers(httpx.Response(503), httpx.Response(503))
    with httpx.Client(transport=httpx.MockTransport(answers)) as http:
        groups = ConfluenceGroups(SITE, auth=token(), http_client=http, clock=FakeClock())
        with pytest.raises(ServerError):
            list(groups.with_options(retry=RetryPolicy(max_retries=1)).iter_groups(page_size=25))
    assert len(answers.requests) == 2
