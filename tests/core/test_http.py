"""The httpx client that calls are sent with, and the generated client that sends through it."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
from typing import Any

import httpx
import pytest
from fakes import KINDS, SITE, WIRED, Answers, FakeClock, call_at, remove_member, token, wire
from raw_socket_servers import SocketServer, request_on, serve

from confluence_groups_sdk import (
    APIConnectionError,
    APIStatusError,
    AsyncConfluenceGroups,
    BearerToken,
    ConfigurationError,
    ConfluenceGroups,
    RetryPolicy,
    ServerError,
    Timeout,
)
from confluence_groups_sdk._generated.api.group import remove_member_from_group_by_group_id as generated
from confluence_groups_sdk.sandbox import Answer, Sandbox

GROUP = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
ACCOUNT = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"
BOUND_S = 20


def token_of(sandbox: Sandbox) -> httpx.Auth:
    return httpx.BasicAuth(*sandbox.admin)


def test_an_http_client_of_the_wrong_type_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"httpx\.Client"):
        ConfluenceGroups(SITE, auth=token(), http_client=httpx.AsyncClient())  # type: ignore[arg-type] # on purpose
    with httpx.Client() as http, pytest.raises(TypeError, match=r"httpx\.AsyncClient"):
        AsyncConfluenceGroups(SITE, auth=token(), http_client=http)  # type: ignore[arg-type] # on purpose


def test_credentials_of_the_wrong_type_are_a_type_error() -> None:
    with pytest.raises(TypeError, match="ApiToken") as caught:
        ConfluenceGroups(SITE, auth=("me@example.com", "some-token"))  # type: ignore[arg-type] # on purpose
    assert "some-token" not in str(caught.value)


def test_the_callers_client_stays_open_and_its_defaults_are_not_used() -> None:
    answers = Answers(httpx.Response(302, headers={"Location": "/elsewhere"}))
    with httpx.Client(
        transport=httpx.MockTransport(answers),
        auth=("somebody", "else"),
        base_url="https://elsewhere.example.com",
        timeout=1,
        follow_redirects=True,
        cookies={"session": "1"},
        params={"extra": "1"},
    ) as http:
        with (
            ConfluenceGroups(SITE, auth=BearerToken("ours"), http_client=http, timeout=9) as groups,
            pytest.raises(APIStatusError),
        ):
            groups.remove_member(group_id="g", account_id="a")
        assert not http.is_closed
    (request,) = answers.requests
    assert str(request.url) == f"{SITE}/wiki/rest/api/group/userByGroupId?groupId=g&accountId=a"
    assert request.headers["Authorization"] == "Bearer ours"
    assert request.extensions["timeout"] == httpx.Timeout(9).as_dict()
    assert "Cookie" not in request.headers


def test_a_class_that_replaces_httpx_client_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class WatchedClient(httpx.Client):
        """A replacement like those that tools for watching requests install."""

    monkeypatch.setattr(httpx, "Client", WatchedClient)
    with ConfluenceGroups("http://127.0.0.1:9", auth=token()) as groups:
        assert type(groups._session.http.client) is WatchedClient


def test_cookies_are_neither_kept_nor_sent() -> None:
    answer = b"HTTP/1.1 204 No Content\r\nSet-Cookie: session=1; Path=/\r\nConnection: close\r\n\r\n"
    with wire(answer, answer, answer) as (address, received), ConfluenceGroups(address, auth=token()) as groups:
        groups.remove_member(group_id="g", account_id="a")
        groups.remove_member(group_id="g", account_id="a")
        generated.sync_detailed(client=groups.raw, group_id="g", account_id="a")
        assert not groups._session.http.client.cookies.jar, "cookies are not kept"
    assert len(received) == 3
    assert not [data for data in received if b"cookie" in data.lower()]


def test_with_options_shares_the_connections_and_does_not_close_them(sandbox: Sandbox) -> None:
    with ConfluenceGroups(sandbox.url, auth=token_of(sandbox), clock=FakeClock()) as groups:
        with groups.with_options(timeout=3, retry=RetryPolicy(max_retries=0)) as hasty:
            sandbox.answer_next(Answer(503))
            with pytest.raises(ServerError):
                hasty.remove_member(group_id=GROUP, account_id=ACCOUNT)
        groups.remove_member(group_id=GROUP, account_id=ACCOUNT)
        assert isinstance(hasty, ConfluenceGroups)
        groups.close()
        with pytest.raises(RuntimeError, match="closed"):
            hasty.remove_member(group_id=GROUP, account_id=ACCOUNT)


def test_with_options_changes_only_the_given_options() -> None:
    answers = Answers(*(httpx.Response(500) for _ in range(3)))
    with httpx.Client(transport=httpx.MockTransport(answers)) as http:
        groups = ConfluenceGroups(SITE, auth=token(), http_client=http, timeout=9)
        for client in (
            groups,
            groups.with_options(retry=RetryPolicy(max_retries=0)),
            groups.with_options(timeout=None),
        ):
            with pytest.raises(ServerError):
                client.remove_member(group_id="g", account_id="a")
    assert [request.extensions["timeout"]["read"] for request in answers.requests] == [9, 9, None]


def test_the_default_timeout() -> None:
    answers = Answers(httpx.Response(204))
    remove_member("sync", answers)
    assert answers.requests[0].extensions["timeout"] == httpx.Timeout(30, connect=5).as_dict()


@pytest.mark.parametrize("kind", WIRED)
def test_a_body_that_ends_with_its_connection_is_read(kind: str) -> None:
    with wire(b'HTTP/1.1 200 OK\r\n\r\n{"type": "group", "id": "g", "name": "editors"}') as (address, _):
        group = call_at(kind, address, "get_group", {"group_id": "g"})
    assert group.name == "editors"


def test_the_application_name_comes_first_in_the_user_agent() -> None:
    answers = Answers(httpx.Response(204))
    remove_member("async", answers, application_name="offboarding/1.2")
    assert answers.requests[0].headers["User-Agent"].startswith("offboarding/1.2 confluence-groups-sdk/")


@pytest.mark.parametrize(
    "name", ["", " ", " x", "Mozilla/5.0", " Mozilla/5.0", "mozilla", "two\nlines", "Dagný", 3, b"x"]
)
def test_an_unusable_application_name_is_an_error(name: object) -> None:
    with pytest.raises(ConfigurationError, match="application_name"):
        ConfluenceGroups(SITE, auth=token(), application_name=name)  # type: ignore[arg-type] # on purpose


@pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf, 1e300, "5", True, httpx.Timeout(5, read=-1)])
def test_a_malformed_timeout_is_an_error(timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        ConfluenceGroups(SITE, auth=token(), timeout=timeout)
    with pytest.raises(ConfigurationError, match="timeout"):
        AsyncConfluenceGroups(SITE, auth=token()).with_options(timeout=timeout)


class RetryPolicyOfAnotherCopy:
    """What a second copy of this package would define."""


RetryPolicyOfAnotherCopy.__name__ = "RetryPolicy"


@pytest.mark.parametrize("kind", [ConfluenceGroups, AsyncConfluenceGroups])
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("retry", None, r"retry must be a RetryPolicy, not NoneType$"),
        ("retry", 3, r"retry must be a RetryPolicy, not int$"),
        ("retry", RetryPolicyOfAnotherCopy(), rf"retry must be a RetryPolicy, not {__name__}\.RetryPolicy$"),
        ("rate_limiter", RetryPolicy(), r"rate_limiter must be a RateLimiter, not RetryPolicy$"),
        ("clock", object(), r"clock must have the methods of SystemClock; object lacks some$"),
    ],
)
def test_an_option_of_the_wrong_type_is_a_type_error(kind: Any, option: str, value: object, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        kind(SITE, auth=token(), **{option: value})


def test_our_asynchronous_client_keeps_no_cookies() -> None:
    answer = b"HTTP/1.1 204 No Content\r\nSet-Cookie: session=1; Path=/\r\nConnection: close\r\n\r\n"

    async def use(address: str) -> int:
        async with AsyncConfluenceGroups(address, auth=token()) as groups:
            await groups.remove_member(group_id="g", account_id="a")
            return len(groups._session.http.client.cookies.jar)

    with wire(answer) as (address, _):
        assert asyncio.run(use(address)) == 0


def test_the_callers_asynchronous_client_stays_open() -> None:
    async def use() -> bool:
        async with httpx.AsyncClient(transport=httpx.MockTransport(Answers(httpx.Response(204)))) as http:
            groups = AsyncConfluenceGroups(SITE, auth=token(), http_client=http)
            async with groups, groups.with_options(timeout=3) as hasty:
                await hasty.remove_member(group_id="g", account_id="a")
            return http.is_closed

    assert asyncio.run(use()) is False


def test_closing_an_asynchronous_copy_leaves_the_connections_open(sandbox: Sandbox) -> None:
    async def use() -> None:
        async with AsyncConfluenceGroups(sandbox.url, auth=token_of(sandbox)) as groups:
            async with groups.with_options(timeout=3) as hasty:
                await hasty.remove_member(group_id=GROUP, account_id=ACCOUNT)
            await groups.remove_member(group_id=GROUP, account_id=ACCOUNT)

    asyncio.run(use())
    assert len(sandbox.requests) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_environments_proxy_is_not_used_for_plain_http(
    kind: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain http is only for loopback, which a proxy could not reach."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async def remove() -> None:
        async with AsyncConfluenceGroups(sandbox.url, auth=token_of(sandbox)) as groups:
            await groups.remove_member(group_id=GROUP, account_id=ACCOUNT)

    if kind == "async":
        asyncio.run(remove())
    else:
        with ConfluenceGroups(sandbox.url, auth=token_of(sandbox)) as groups:
            groups.remove_member(group_id=GROUP, account_id=ACCOUNT)
    assert len(sandbox.requests) == 1


def test_the_environments_proxy_is_used_for_https(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with wire(refused) as (address, received):
        monkeypatch.setenv("HTTPS_PROXY", address)
        once = RetryPolicy(max_retries=0)
        with ConfluenceGroups(SITE, auth=token(), retry=once) as groups, pytest.raises(APIConnectionError):
            groups.remove_member(group_id="g", account_id="a")
    assert received[0].startswith(b"CONNECT your-domain.atlassian.net:443 ")
    assert b"authorization" not in received[0].lower()


# --- raw


def test_raw_is_the_generated_client_with_our_credentials(sandbox: Sandbox) -> None:
    with ConfluenceGroups(sandbox.url, auth=token_of(sandbox)) as groups:
        answer = generated.sync_detailed(client=groups.raw, group_id=GROUP, account_id=ACCOUNT)
        assert answer.status_code == 204
        assert not sandbox.directory.is_member(GROUP, ACCOUNT)
        sandbox.answer_next(Answer(503))
        assert generated.sync_detailed(client=groups.raw, group_id=GROUP, account_id=ACCOUNT).status_code == 503
    assert len(sandbox.requests) == 2, "raw does not retry"


def test_asynchronous_raw_is_the_generated_client(sandbox: Sandbox) -> None:
    async def remove() -> int:
        async with AsyncConfluenceGroups(sandbox.url, auth=token_of(sandbox)) as groups:
            answer = await generated.asyncio_detailed(client=groups.raw, group_id=GROUP, account_id=ACCOUNT)
            return answer.status_code

    assert asyncio.run(remove()) == 204
    assert not sandbox.directory.is_member(GROUP, ACCOUNT)


def test_raw_sends_through_the_callers_client_and_leaves_it_open() -> None:
    answers = Answers(httpx.Response(404))
    with httpx.Client(transport=httpx.MockTransport(answers), auth=("somebody", "else")) as http:
        raw = ConfluenceGroups(SITE, auth=BearerToken("ours"), http_client=http, timeout=9).raw
        with raw as client:
            assert generated.sync_detailed(client=client, group_id="a b", account_id="a").status_code == 404
        assert not http.is_closed
    (request,) = answers.requests
    assert str(request.url).startswith(f"{SITE}/wiki/rest/api/group/userByGroupId?groupId=a")
    assert request.headers["Authorization"] == "Bearer ours"
    assert request.extensions["timeout"]["read"] == 9


def test_copies_of_raw_keep_credentials_and_transport(sandbox: Sandbox) -> None:
    with ConfluenceGroups(sandbox.url, auth=token_of(sandbox)) as groups:
        raw = groups.raw.with_timeout(httpx.Timeout(3)).with_headers({"X-Marker": "1"}).with_cookies({"session": "1"})
        assert generated.sync_detailed(client=raw, group_id=GROUP, account_id=ACCOUNT).status_code == 204
    (seen,) = sandbox.requests
    assert (seen.headers["x-marker"], seen.headers["x-atlassian-token"]) == ("1", "no-check")
    assert seen.headers["user-agent"].startswith("confluence-groups-sdk/")
    assert "cookie" not in seen.headers


ELSEWHERE = [
    "https://elsewhere.example.com/",
    "http://your-domain.atlassian.net/",
    "https://your-domain.atlassian.net:8/",
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_raw_sends_only_to_the_site(address: str) -> None:
    answers = Answers()
    with httpx.Client(transport=httpx.MockTransport(answers)) as http:
        raw = ConfluenceGroups(SITE, auth=BearerToken("ours"), http_client=http).raw.get_httpx_client()
        with pytest.raises(httpx.UnsupportedProtocol, match=r"your-domain\.atlassian\.net"):
            raw.get(address)
    assert answers.requests == []


@pytest.mark.parametrize("address", ELSEWHERE)
def test_asynchronous_raw_sends_only_to_the_site(address: str) -> None:
    answers = Answers()

    async def get() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answers), auth=("somebody", "else")) as http:
            raw = AsyncConfluenceGroups(SITE, auth=BearerToken("ours"), http_client=http).raw.get_async_httpx_client()
            with pytest.raises(httpx.UnsupportedProtocol):
                await raw.get(address)

    asyncio.run(get())
    assert answers.requests == []


def test_raw_follows_no_redirect() -> None:
    answers = Answers(httpx.Response(302, headers={"Location": "/elsewhere"}))
    with httpx.Client(transport=httpx.MockTransport(answers), follow_redirects=True) as http:
        raw = ConfluenceGroups(SITE, auth=BearerToken("ours"), http_client=http).raw
        assert generated.sync_detailed(client=raw, group_id="a", account_id="a").status_code == 302
    assert len(answers.requests) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_raw_returns_a_response_before_its_body_has_arrived(kind: str) -> None:
    begun = threading.Event()

    def script(server: SocketServer, connection: socket.socket) -> None:
        server.requests.append(request_on(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbe")
        if begun.wait(5):
            connection.sendall(b"gu")

    async def read(address: str) -> bytes:
        async with (
            AsyncConfluenceGroups(address, auth=token()) as groups,
            groups.raw.get_async_httpx_client().stream("GET", f"{address}/wiki/rest/x") as response,
        ):
            begun.set()
            return await response.aread()

    with serve(script) as server:
        if kind == "async":
            assert asyncio.run(read(server.address)) == b"begu"
            return
        with (
            ConfluenceGroups(server.address, auth=token()) as groups,
            groups.raw.get_httpx_client().stream("GET", f"{server.address}/wiki/rest/x") as response,
        ):
            begun.set()
            assert response.read() == b"begu"


def test_asynchronous_raw_ends_in_time() -> None:
    async def call(address: str) -> None:
        async with AsyncConfluenceGroups(address, auth=token(), timeout=Timeout(total=0.1)) as groups:
            with pytest.raises(httpx.ReadTimeout, match="the attempt has taken too long"):
                await generated.asyncio_detailed(client=groups.raw, group_id="a", account_id="a")

    def stay_silent(server: SocketServer, _connection: socket.socket) -> None:
        server.closing.wait(BOUND_S)

    with serve(stay_silent) as server:
        asyncio.run(call(server.address))


def test_asynchronous_raw_follows_no_redirect() -> None:
    answers = Answers(httpx.Response(302, headers={"Location": "/elsewhere"}))

    async def call() -> int:
        transport = httpx.MockTransport(answers)
        async with httpx.AsyncClient(transport=transport, follow_redirects=True) as http:
            raw = AsyncConfluenceGroups(SITE, auth=BearerToken("ours"), http_client=http).raw
            return (await generated.asyncio_detailed(client=raw, group_id="a", account_id="a")).status_code

    assert asyncio.run(call()) == 302
    assert len(answers.requests) == 1


def test_asynchronous_raw_sends_through_the_callers_client() -> None:
    answers = Answers(httpx.Response(404))

    async def call() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answers), auth=("somebody", "else")) as http:
            raw = AsyncConfluenceGroups(SITE, auth=BearerToken("ours"), http_client=http, timeout=9).raw
            await generated.asyncio_detailed(client=raw, group_id="a", account_id="a")

    asyncio.run(call())
    (request,) = answers.requests
    assert request.headers["Authorization"] == "Bearer ours"
    assert request.extensions["timeout"]["read"] == 9


def test_a_child_process_builds_its_http_client_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with ConfluenceGroups("http://127.0.0.1:9", auth=token()) as groups:
        parents = groups._session.http.client
        assert groups._session.http.client is parents
        monkeypatch.setattr("os.getpid", lambda: -1)
        childs = groups._session.http.client
        assert childs is not parents
        assert groups._session.http.client is childs
        parents.close()
