from __future__ import annotations

import asyncio
import copy
import enum
import pickle
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl

import httpx
import pytest
from fakes import KINDS, SITE, Answers, FakeClock, remove_member, token, wire
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk import AsyncConfluenceGroups, BearerToken, ConfluenceGroups
from confluence_groups_sdk.sandbox import Answer, Group, Sandbox

GROUP = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
ACCOUNT = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"
DONE = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"

# --- against the sandbox, which shares no code with the client


def test_a_member_is_removed(sandbox: Sandbox) -> None:
    with ConfluenceGroups(sandbox.url, auth=token_of(sandbox)) as groups:
        groups.remove_member(group_id=GROUP, account_id=ACCOUNT)
    assert not sandbox.directory.is_member(GROUP, ACCOUNT)
    assert len(sandbox.directory.members(GROUP)) == 3
    assert len(sandbox.requests) == 1, "the first request is the operation"


def test_a_task_removes_a_member(sandbox: Sandbox) -> None:
    async def remove() -> None:
        async with AsyncConfluenceGroups(sandbox.url, auth=token_of(sandbox)) as groups:
            await groups.remove_member(group_id=GROUP, account_id=ACCOUNT)

    asyncio.run(remove())
    assert not sandbox.directory.is_member(GROUP, ACCOUNT)


@pytest.mark.parametrize("suffix", ["", "/", "/wiki", "/wiki/", "/wiki/rest"])
def test_the_site_may_be_given_with_its_path(sandbox: Sandbox, suffix: str) -> None:
    with ConfluenceGroups(sandbox.url + suffix, auth=token_of(sandbox)) as groups:
        groups.remove_member(group_id=GROUP, account_id=ACCOUNT)
    assert not sandbox.directory.is_member(GROUP, ACCOUNT)


def test_calls_go_through_the_gateway(sandbox: Sandbox) -> None:
    auth = BearerToken(sandbox.access_token)
    with ConfluenceGroups.for_cloud(sandbox.cloud_id, auth=auth, gateway=sandbox.gateway) as groups:
        groups.remove_member(group_id=GROUP, account_id=ACCOUNT)
    assert not sandbox.directory.is_member(GROUP, ACCOUNT)


def test_a_client_from_the_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFLUENCE_SITE", sandbox.url)
    monkeypatch.setenv("CONFLUENCE_EMAIL", sandbox.admin.email)
    monkeypatch.setenv("CONFLUENCE_API_TOKEN", sandbox.admin.token)
    with ConfluenceGroups.from_env(timeout=3) as groups:
        groups.remove_member(group_id=GROUP, account_id=ACCOUNT)
    assert not sandbox.directory.is_member(GROUP, ACCOUNT)


def test_a_call_is_retried_after_a_429_and_a_503(sandbox: Sandbox) -> None:
    clock = FakeClock()
    sandbox.answer_next(Answer(429, {"Retry-After": "7"}), Answer(503))
    with ConfluenceGroups(sandbox.url, auth=token_of(sandbox), clock=clock) as groups:
        groups.remove_member(group_id=GROUP, account_id=ACCOUNT)
    assert clock.slept == [7, pytest.approx(4)]
    assert not sandbox.directory.is_member(GROUP, ACCOUNT)


def test_one_client_serves_many_tasks(sandbox: Sandbox) -> None:
    accounts = [person.account_id for person in sandbox.directory.members(GROUP)]

    async def remove() -> None:
        async with AsyncConfluenceGroups(sandbox.url, auth=token_of(sandbox)) as groups:
            await asyncio.gather(*(groups.remove_member(group_id=GROUP, account_id=each) for each in accounts))

    asyncio.run(remove())
    assert sandbox.directory.members(GROUP) == []


def test_one_client_serves_many_threads(sandbox: Sandbox) -> None:
    people = list(sandbox.directory.people)
    sandbox.directory.add_group(Group("big", "big"), people)
    with ConfluenceGroups(sandbox.url, auth=token_of(sandbox)) as groups, ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(groups.remove_member, group_id="big", account_id=each) for each in people * 20]
        assert [call.result() for call in calls] == [None] * len(calls)
    assert sandbox.directory.members("big") == []
    assert len(sandbox.requests) == len(calls)


def token_of(sandbox: Sandbox) -> httpx.Auth:
    return httpx.BasicAuth(*sandbox.admin)  # any httpx.Auth works


# --- on the wire


@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_match_the_published_curl_command(kind: str) -> None:
    auth, ids = BearerToken("the-token"), {"group_id": "<string>", "account_id": "<string>"}

    async def remove(address: str) -> None:
        async with AsyncConfluenceGroups(address, auth=auth) as groups:
            await groups.remove_member(**ids)

    with wire(DONE) as (address, received):
        if kind == "sync":
            with ConfluenceGroups(address, auth=auth) as groups:
                groups.remove_member(**ids)
        else:
            asyncio.run(remove(address))
    head, _, body = received[0].partition(b"\r\n\r\n")
    line, *headers = head.decode("ascii").split("\r\n")
    assert line == ("DELETE /wiki/rest/api/group/userByGroupId?groupId=%3Cstring%3E&accountId=%3Cstring%3E HTTP/1.1")
    fields = dict(header.split(": ", 1) for header in headers)
    assert fields["Authorization"] == "Bearer the-token"
    assert fields["Host"] == address.removeprefix("http://")
    assert fields["X-Atlassian-Token"] == "no-check"
    assert not fields["User-Agent"].startswith("Mozilla")
    assert not {"Transfer-Encoding", "Content-Length", "Content-Type", "Cookie"} & set(fields)
    assert body == b""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("given_id", "sent"),
    [
        ("557058:1e9d5a4e", "557058%3A1e9d5a4e"),
        ("two words", "two%20words"),
        ("a+b", "a%2Bb"),
        ("a&b=c#d?e", "a%26b%3Dc%23d%3Fe"),
        ("a/b", "a%2Fb"),
        ("%41", "%2541"),
        ("Dagný", "Dagn%C3%BD"),
        ("..", ".."),
    ],
)
def test_ids_are_percent_encoded(kind: str, given_id: str, sent: str) -> None:
    answers = Answers(httpx.Response(204))
    remove_member(kind, answers, group_id=given_id, account_id=given_id)
    target = b"/wiki/rest/api/group/userByGroupId?groupId=%s&accountId=%s" % (sent.encode(), sent.encode())
    assert answers.requests[0].url.raw_path == target


@given(group_id=st.text(min_size=1), account_id=st.text(min_size=1))
def test_every_id_arrives_unchanged_or_raises(group_id: str, account_id: str) -> None:
    answers = Answers(httpx.Response(204))
    try:
        remove_member("sync", answers, group_id=group_id, account_id=account_id)
    except ValueError:
        assert group_id.isspace() or account_id.isspace()
        assert not answers.requests
    else:
        query = answers.requests[0].url.query.decode("ascii")
        assert parse_qsl(query, strict_parsing=True) == [("groupId", group_id), ("accountId", account_id)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", ["", " ", "\n", None, 7, b"bytes", "\ud800"])
@pytest.mark.parametrize("name", ["group_id", "account_id"])
def test_an_unusable_id_sends_nothing(kind: str, bad: object, name: str) -> None:
    answers = Answers()
    with pytest.raises(ValueError, match=name):
        remove_member(kind, answers, **{name: bad})  # type: ignore[arg-type] # on purpose
    assert not answers.requests


class Teams(str, enum.Enum):  # noqa: UP042 - a StrEnum formats itself as its value, this one does not
    EDITORS = "c2b5"


def test_a_str_enum_is_sent_as_its_value() -> None:
    answers = Answers(httpx.Response(204))
    remove_member("sync", answers, group_id=Teams.EDITORS)
    assert answers.requests[0].url.params["groupId"] == "c2b5"


@pytest.mark.parametrize("kind", KINDS)
def test_an_id_too_long_for_an_address_sends_nothing(kind: str) -> None:
    answers = Answers()
    with pytest.raises(ValueError, match="too long"):
        remove_member(kind, answers, group_id="a" * 70_000)


def test_arguments_are_keyword_only(sandbox: Sandbox) -> None:
    with ConfluenceGroups(sandbox.url, auth=token()) as groups, pytest.raises(TypeError):
        groups.remove_member(GROUP, ACCOUNT)  # type: ignore[call-arg] # on purpose


# --- repr and pickling


@pytest.mark.parametrize("kind", [ConfluenceGroups, AsyncConfluenceGroups])
def test_repr_shows_the_address_and_pickling_is_an_error(
    kind: type[ConfluenceGroups] | type[AsyncConfluenceGroups],
) -> None:
    client = kind(SITE, auth=token())
    assert repr(client) == f"{kind.__name__}('{SITE}/wiki/rest')"
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="from_env"):
            attempt(client)
