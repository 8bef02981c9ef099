"""The client over aiohttp sends the same bytes and raises the same errors as the client over httpx."""

from __future__ import annotations

import asyncio
import gc
import inspect
import socket
import ssl
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from fakes import FakeClock, at, call_at, token
from hypothesis import example, given, settings
from hypothesis import strategies as st
from raw_socket_servers import Authority, SocketServer, break_off, reply_with, request_on, reset, run_proxy, serve

from confluence_groups_sdk import (
    APIConnectionError,
    APIError,
    AsyncConfluenceGroups,
    ConfigurationError,
    MemoryTokenStore,
    OAuth2,
    RetryPolicy,
    Tokens,
    aiohttp_client,
)
from confluence_groups_sdk._core.call_metadata import CallMetadata, current_call_metadata
from confluence_groups_sdk._core.transport.aiohttp_request import checked_headers
from confluence_groups_sdk._core.transport.aiohttp_transport import AiohttpTransport
from confluence_groups_sdk.sandbox import Faults, Sandbox

BOTH = {"group_id": "g", "account_id": "a"}
ONCE = RetryPolicy(max_retries=0)
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
OVER = ("async", "aiohttp")  # httpx's own transport, and ours
Script = Callable[[SocketServer, socket.socket], None]

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("get_group", {"group_id": "g"}),
    ("remove_member", BOTH),
    ("add_member", BOTH),
    ("create_group", {"name": "n"}),
    ("delete_group", {"group_id": "g"}),
]


class Outcome(NamedTuple):
    """The outcome of a call."""

    error: type[BaseException] | None
    cause: type[BaseException] | None
    status: int | None
    slept: list[float]
    lost: bool
    connections: int
    requests: list[bytes]


def outcome(kind: str, method: str, arguments: dict[str, Any], *scripts: Script, **options: Any) -> Outcome:
    """Call a server with these scripts over a transport, and return the outcome."""
    clock, heard, error = FakeClock(), CallMetadata(), None
    with serve(*scripts) as wires:
        marked = current_call_metadata.set(heard)
        try:
            call_at(kind, wires.address, method, arguments, clock=clock, **options)
        except APIError as caught:
            error = caught
        finally:
            current_call_metadata.reset(marked)
        return Outcome(
            type(error) if error else None,
            type(error.__cause__) if error and error.__cause__ else None,
            error.status_code if error else None,
            clock.slept,
            heard.outcome_unknown,
            wires.connections,
            [request.replace(str(wires.port).encode(), b"PORT") for request in wires.requests],
        )


# --- requests on the wire


ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: not text.isspace() and text not in (".", "..")
) | st.text("/%+~ .2fF\\?#&=é", min_size=1).filter(lambda text: bool(text.strip(" .")))


@settings(max_examples=40)
@given(first=ids, second=ids)
@example("a/b", "a%2Fb")
@example("a+b c", "a%2Bb%20c")
@example("100%", "%25")
@example("~a/../b", "..%2f..")
@example("?a=b&c", "#d")
@example("Grüße/ünd", "👋")
def test_requests_have_the_same_bytes_over_httpx_and_aiohttp(first: str, second: str) -> None:
    async def make(address: str) -> None:
        for kind in OVER:
            async with at(kind, address, auth=token(), retry=ONCE) as groups:
                await groups.remove_member(group_id=first, account_id=second)
                for call in (
                    groups.add_member(group_id=first, account_id=second),
                    groups.create_group(name=first),
                    groups.get_user(account_id=second),
                    groups.delete_group(group_id=first),
                ):
                    with suppress(APIError):  # some expect another status than 204
                        await call

    with serve(reply_with(DONE)) as wires:
        asyncio.run(make(wires.address))
    assert len(wires.requests) == 10
    assert wires.requests[5:] == wires.requests[:5]


def test_nothing_is_added_to_a_request() -> None:
    (request,) = outcome("aiohttp", "delete_group", {"group_id": "g"}, reply_with(DONE)).requests
    names = [line.partition(":")[0] for line in request.decode().partition("\r\n\r\n")[0].split("\r\n")[1:]]
    assert names == [
        "Host", "Accept", "Accept-Encoding", "Connection", "User-Agent", "X-Atlassian-Token", "Authorization"
    ]  # fmt: skip


async def first_lines(address: str, *urls: str) -> None:
    for http in (aiohttp_client(), httpx.AsyncClient()):
        async with http:
            for url in urls:
                await http.get(f"{address}{url}")


targets = st.text("/abc?&=#%2fF+~.:@!$'()*,;[]\\^`{|}\"<> é\t", max_size=20)


@settings(max_examples=60)
@given(target=targets)
@example("")
@example("/?")
@example("/a?b?c#d")
@example("//a//b/./../c")
@example("/%2e%2E/%7e/%zz")
def test_any_address_is_sent_as_httpx_sends_it(target: str) -> None:
    with suppress(httpx.InvalidURL), serve(reply_with(DONE)) as wires:
        asyncio.run(first_lines(wires.address, f"/{target}"))
        ours, theirs = [request.partition(b"\r\n")[0] for request in wires.requests]
        assert ours == theirs


@pytest.mark.parametrize(
    ("name", "value"),
    [(b"X Words", b"a"), (b"", b"a"), (b"X-\xe9", b"a"), (b"X-Words", b"a\nb"), (b"X-Words", b"\xff")],
)
def test_a_malformed_header_is_refused(name: bytes, value: bytes) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        checked_headers(httpx.Headers([(name, value)]), b"")
    assert checked_headers(httpx.Headers([(b"X-Words", b"a")]), b"") == [("X-Words", "a")]


@settings(max_examples=60)
@given(value=st.text("ab é\t,\x00\x01\x7f\r\n", max_size=6) | st.binary(max_size=3))
def test_a_header_is_sent_as_httpx_sends_it_or_raises(value: str | bytes) -> None:
    raw = value if isinstance(value, bytes) else value.encode()

    async def send_header(http: httpx.AsyncClient, address: str) -> Exception | None:
        async with http:
            try:
                await http.get(address, headers=[(b"X-Words", raw)])
            except httpx.LocalProtocolError as error:
                return error
        return None

    with serve(reply_with(DONE)) as wires:
        ours = asyncio.run(send_header(aiohttp_client(), wires.address))
        if ours is not None:
            assert ours.__cause__ is ours.__context__ is None, "which would show the value"
        else:
            assert b"\r\nX-Words: %s\r\n" % raw in wires.requests[0]
        if asyncio.run(send_header(httpx.AsyncClient(), wires.address)):
            assert ours, "aiohttp refuses the values that httpx refuses"


def test_a_body_of_unknown_length_is_sent_completely() -> None:
    async def parts() -> Any:
        yield b"one "
        yield b"two"

    async def post(address: str) -> None:
        async with aiohttp_client() as http:
            await http.post(address, content=parts())

    with serve(reply_with(DONE)) as wires:
        asyncio.run(post(wires.address))
        (request,) = wires.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert body == b"one two"
    assert b"\r\ncontent-length: 7" in head.lower()
    assert b"transfer-encoding" not in head.lower()
    assert b"content-type" not in head.lower()


@pytest.mark.parametrize("kind", OVER)
def test_cookies_are_neither_kept_nor_sent(kind: str) -> None:
    answer = b"HTTP/1.1 204 No Content\r\nSet-Cookie: session=1; Path=/\r\n\r\n"

    async def use(address: str) -> None:
        async with at(kind, address, auth=token()) as groups:
            for _ in range(2):
                await groups.remove_member(**BOTH)
            assert not groups._session.http.client.cookies.jar

    with serve(reply_with(answer)) as wires:
        asyncio.run(use(wires.address.replace("127.0.0.1", "localhost")))  # some cookie jars ignore numeric addresses
        assert len(wires.requests) == 2
        assert not [each for each in wires.requests if b"cookie" in each.lower()]


def test_a_callers_cookie_is_sent_by_no_other_client() -> None:
    first, second = aiohttp_client(), aiohttp_client()
    first.cookies.set("session", "1")
    assert first.build_request("GET", "https://example.com").headers["Cookie"] == "session=1"
    assert "Cookie" not in second.build_request("GET", "https://example.com").headers
    second.cookies = httpx.Cookies({"session": "2"})
    assert second.build_request("GET", "https://example.com").headers["Cookie"] == "session=2"


def test_no_password_is_taken_from_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password swordfish\n")
    monkeypatch.setenv("NETRC", str(netrc))

    async def get(address: str) -> None:
        async with aiohttp_client() as http:
            await http.get(address)

    with serve(reply_with(DONE)) as wires:
        asyncio.run(get(wires.address))
        assert b"authorization" not in wires.requests[0].lower()


# --- failures, and how often a request is sent


def close_without_response(wires: SocketServer, connection: socket.socket) -> None:
    """Read a request, and close without a response."""
    wires.requests.append(request_on(connection))


def reset_immediately(wires: SocketServer, connection: socket.socket) -> None:
    wires.requests.append(connection.recv(1))
    reset(connection)


def close_second_request(wires: SocketServer, connection: socket.socket) -> None:
    """Answer one request; read the next on the same connection, and close without a response."""
    for answer in (DONE, b""):
        wires.requests.append(request_on(connection))
        connection.sendall(answer)


def reset_second_request(wires: SocketServer, connection: socket.socket) -> None:
    close_second_request(wires, connection)
    reset(connection)


def send(answer: bytes) -> Script:
    """Send these bytes, and close."""

    def script(wires: SocketServer, connection: socket.socket) -> None:
        wires.requests.append(request_on(connection))
        connection.sendall(answer)

    return script


SCRIPTS: dict[str, Script] = {
    "closed without an answer": close_without_response,
    "reset in the request": reset_immediately,
    "reset without an answer": break_off(b""),
    "reset in the head": break_off(b"HTTP/1.1 200 OK\r\nContent-Ty"),
    "reset in the body": break_off(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
    "closed in the head": send(b"HTTP/1.1 200 OK\r\nContent-Ty"),
    "closed in the body": send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
    "closed in a chunk": send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"),
    "no chunk": send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n"),
    "no chunk after a long one": send(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\nno chunk\r\n" % (2**22, b" " * 2**22)
    ),
    "no HTTP": send(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "no length": send(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}"),
    "no content": send(DONE),
    "all of it until the end": send(b'HTTP/1.0 200 OK\r\n\r\n{"id": "g", "name": "n"}'),
    "a redirect": reply_with(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"),
    "a redirect to nowhere": reply_with(b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n"),
    "too many": reply_with(b"HTTP/1.1 429 Too Many\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"),
    "unavailable": reply_with(b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n"),
    "first something else": send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + DONE),
    "a big head": send(b"HTTP/1.1 204 Done\r\n%s\r\n" % b"".join(b"X-%d: %060d\r\n" % (n, n) for n in range(700))),
    "a long header": send(b"HTTP/1.1 204 Done\r\nX-Long: %s\r\n\r\n" % (b"x" * 60_000)),
    "a head beyond measure": send(b"HTTP/1.1 204 Done\r\nX-Long: %s\r\n\r\n" % (b"x" * 200_000)),
}  # fmt: skip


@pytest.mark.parametrize(("method", "arguments"), CALLS, ids=[method for method, _ in CALLS])
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_call_has_the_same_outcome_as_over_httpx(method: str, arguments: dict[str, Any], script: Script) -> None:
    assert outcome("aiohttp", method, arguments, script) == outcome("async", method, arguments, script)


async def call_on_reused_connection(
    groups: AsyncConfluenceGroups, method: str, arguments: dict[str, Any]
) -> APIError | None:
    """Read a group, so that a used connection is in the pool, then call; return the error of the call."""
    with suppress(APIError):
        await groups.get_group(group_id="first")
    try:
        await getattr(groups, method)(**arguments)
    except APIError as error:
        return error
    return None


@pytest.mark.parametrize("kind", OVER)
@pytest.mark.parametrize("later", [close_second_request, reset_second_request])
@pytest.mark.parametrize(("method", "arguments"), CALLS, ids=[method for method, _ in CALLS])
def test_a_request_lost_on_a_reused_connection_is_reported_and_not_resent_by_aiohttp(
    kind: str, later: Script, method: str, arguments: dict[str, Any]
) -> None:
    clock, heard = FakeClock(), CallMetadata()
    repeatable = method in ("get_group", "remove_member")

    async def use(address: str) -> APIError | None:
        async with at(kind, address, auth=token(), clock=clock) as groups:
            current_call_metadata.set(heard)
            return await call_on_reused_connection(groups, method, arguments)

    with serve(later, reply_with(DONE)) as wires:
        error = asyncio.run(use(wires.address))
        assert wires.connections == len(wires.requests) - 1 == (2 if repeatable else 1)
    assert clock.slept == ([2] if repeatable else [])
    assert heard.outcome_unknown is (method != "get_group")
    if not repeatable:
        assert type(error) is APIConnectionError
        assert "may have been made" in str(error)


@pytest.mark.parametrize("kind", OVER)
@pytest.mark.parametrize("tls", [False, True])
def test_a_connection_closed_while_the_loop_was_busy_is_not_reused(
    kind: str, tls: bool, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    closed = threading.Event()

    def once(wires: SocketServer, connection: socket.socket) -> None:
        wires.requests.append(request_on(connection))
        connection.sendall(DONE)
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    async def use(address: str) -> APIError | None:
        async with at(kind, address, auth=token(), retry=ONCE) as groups:
            with suppress(APIError):
                await groups.get_group(group_id="first")
            assert closed.wait(20), "and all tasks wait with us"
            with pytest.raises(APIError) as caught:
                await groups.create_group(name="n")
            return caught.value

    with serve(once, reply_with(DONE), tls=authority.server if tls else None) as wires:
        error = asyncio.run(use(wires.address))
        assert error is not None
        assert error.status_code == 204, "answered, although with an error"
        assert wires.connections == len(wires.requests) == 2


# --- timeouts

SHORT = 0.05


def withhold_body(wires: SocketServer, connection: socket.socket) -> None:
    wires.requests.append(request_on(connection))
    wires.closing.wait(30)


def begin_body(wires: SocketServer, connection: socket.socket) -> None:
    wires.requests.append(request_on(connection))
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
    wires.closing.wait(30)


def read_nothing(wires: SocketServer, _: socket.socket) -> None:
    wires.closing.wait(30)


@pytest.mark.parametrize("kind", OVER)
@pytest.mark.parametrize(
    ("part", "script", "cause", "name", "sent"),
    [
        ("connect", read_nothing, httpx.ConnectTimeout, "n", False),
        ("read", withhold_body, httpx.ReadTimeout, "n", True),
        ("read", begin_body, httpx.ReadTimeout, "n", True),
        ("write", read_nothing, httpx.WriteTimeout, "n" * 16 * 1024**2, True),
    ],
)
def test_each_timeout_is_observed(
    kind: str, part: str, script: Script, cause: type[Exception], name: str, sent: bool
) -> None:
    clock = FakeClock()
    timeout = httpx.Timeout(30, **{part: SHORT})
    with serve(script) as wires:
        # The server never answers the TLS handshake, so no connection is made.
        address = wires.address.replace("http:", "https:") if part == "connect" else wires.address
        with pytest.raises(APIConnectionError) as caught:
            call_at(kind, address, "create_group", {"name": name}, timeout=timeout, clock=clock)
        assert wires.connections == (1 if sent else 5)
    assert type(caught.value.__cause__) is cause
    assert len(clock.slept) == (0 if sent else 4)
    assert ("The change may have been made" in str(caught.value)) is sent


def test_waiting_for_a_connection_times_out_and_sends_nothing() -> None:
    async def use(wires: SocketServer) -> None:
        async with aiohttp_client(max_connections=1) as http:
            groups = AsyncConfluenceGroups(
                wires.address, auth=token(), http_client=http, retry=ONCE, timeout=httpx.Timeout(30, pool=SHORT)
            )
            first = asyncio.create_task(groups.create_group(name="first"))
            while not wires.requests:
                await asyncio.sleep(0)
            with pytest.raises(APIConnectionError) as caught:
                await groups.create_group(name="second")
            assert type(caught.value.__cause__) is httpx.PoolTimeout
            assert "The change may have been made" not in str(caught.value)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            await groups.remove_member(**BOTH)  # a connection is free again

    with serve(withhold_body, reply_with(DONE)) as wires:
        asyncio.run(use(wires))
        assert wires.connections == 2


@pytest.mark.parametrize("kind", OVER)
@pytest.mark.parametrize("cancelled", [False, True])
def test_an_abandoned_request_is_not_sent_further(kind: str, cancelled: bool) -> None:
    name, given_up, ended = "n" * 16 * 1024**2, threading.Event(), threading.Event()

    def read_late(wires: SocketServer, connection: socket.socket) -> None:
        wires.requests.append(connection.recv(1))
        given_up.wait(20)
        with suppress(OSError):
            while chunk := connection.recv(65536):
                wires.requests.append(chunk)
        ended.set()

    async def use(wires: SocketServer) -> None:
        timeout = httpx.Timeout(30, write=30 if cancelled else SHORT)
        async with at(kind, wires.address, auth=token(), timeout=timeout) as groups:
            task = asyncio.create_task(groups.create_group(name=name))
            while cancelled and not (wires.requests and task.cancel()):
                await asyncio.sleep(0)
            with pytest.raises(asyncio.CancelledError if cancelled else APIConnectionError):
                await task
            given_up.set()
            assert await asyncio.to_thread(ended.wait, 20)

    with serve(read_late) as wires:
        asyncio.run(use(wires))
        assert sum(map(len, wires.requests)) < len(name)


# --- which requests go over aiohttp


@pytest.fixture
def count_aiohttp_requests(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[httpx.Request]]:
    """Count the requests that go over aiohttp."""
    seen: list[httpx.Request] = []
    send = AiohttpTransport.handle_async_request

    async def record_request(self: AiohttpTransport, request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return await send(self, request)

    monkeypatch.setattr(AiohttpTransport, "handle_async_request", record_request)
    return iter([seen])


@pytest.mark.parametrize(
    ("variables", "over_aiohttp", "over_proxy"),
    [
        ({}, True, False),
        ({"HTTPS_PROXY": "PROXY"}, False, True),
        ({"ALL_PROXY": "PROXY"}, False, True),
        ({"all_proxy": "PROXY"}, False, True),
        ({"HTTP_PROXY": "PROXY"}, True, False),
        ({"HTTPS_PROXY": "PROXY", "ALL_PROXY": "http://127.0.0.1:9"}, False, True),
        ({"HTTPS_PROXY": "PROXY", "NO_PROXY": "127.0.0.1"}, False, False),
        ({"ALL_PROXY": "PROXY", "NO_PROXY": "127.0.0.1"}, False, False),
        ({"HTTPS_PROXY": "PROXY", "NO_PROXY": "*"}, True, False),
        ({"HTTPS_PROXY": "PROXY", "NO_PROXY": "example.com"}, False, True),
        ({"NO_PROXY": "example.com"}, True, False),
    ],
)
def test_the_environment_decides_how_https_is_sent(
    variables: dict[str, str],
    over_aiohttp: bool,
    over_proxy: bool,
    authority: Authority,
    count_aiohttp_requests: Iterator[list[httpx.Request]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = next(count_aiohttp_requests)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    with serve(reply_with(DONE), tls=authority.server) as site, run_proxy() as proxy:
        for name, value in variables.items():
            monkeypatch.setenv(name, value.replace("PROXY", proxy.address))
        call_at("aiohttp", site.address, "remove_member", BOTH)
        assert len(site.requests) == 1
        assert (bool(seen), bool(proxy.heads)) == (over_aiohttp, over_proxy)


@pytest.mark.parametrize("kind", OVER)
def test_only_http_1_1_is_offered_to_the_server(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Authority(tmp_path)
    own.server.set_alpn_protocols(["h2", "http/1.1"])
    monkeypatch.setenv("SSL_CERT_FILE", str(own.bundle))
    agreed: list[str | None] = []

    def note(wires: SocketServer, connection: socket.socket) -> None:
        assert isinstance(connection, ssl.SSLSocket)
        agreed.append(connection.selected_alpn_protocol())
        reply_with(DONE)(wires, connection)

    with serve(note, tls=own.server) as wires:
        call_at(kind, wires.address, "remove_member", BOTH)
    assert agreed == ["http/1.1"]


def test_the_callers_ssl_context_is_used_through_a_proxy(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    async def remove(address: str) -> None:
        async with aiohttp_client(verify=authority.trusting()) as http:
            await AsyncConfluenceGroups(address, auth=token(), http_client=http, retry=ONCE).remove_member(**BOTH)

    with serve(reply_with(DONE), tls=authority.server) as site, run_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        asyncio.run(remove(site.address))
        assert len(proxy.heads) == len(site.requests) == 1


def test_an_unusable_environment_is_an_error_without_the_proxys_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "carrier-pigeon://me:swordfish@proxy.example.com")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        aiohttp_client()
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert "swordfish" not in str(caught.value)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"])
def test_plain_http_never_goes_through_a_proxy(
    variable: str, count_aiohttp_requests: Iterator[list[httpx.Request]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = next(count_aiohttp_requests)
    with serve(reply_with(DONE)) as site, run_proxy() as proxy:
        monkeypatch.setenv(variable, proxy.address)
        call_at("aiohttp", site.address, "remove_member", BOTH)
        assert (len(site.requests), len(seen), proxy.heads) == (1, 1, [])


def test_an_unknown_host_is_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    clock = FakeClock()
    with pytest.raises(APIConnectionError) as caught:
        call_at("aiohttp", "https://nowhere.example.com", "create_group", {"name": "n"}, clock=clock)
    assert type(caught.value.__cause__) is httpx.ConnectError
    assert len(clock.slept) == 4


@pytest.mark.parametrize("kind", OVER)
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_closed_port_is_sent_nothing(kind: str, host: str) -> None:
    with serve(reply_with(DONE)) as gone:
        pass
    clock = FakeClock()
    with pytest.raises(APIConnectionError) as caught:
        call_at(kind, gone.address.replace("127.0.0.1", host), "create_group", {"name": "n"}, clock=clock)
    assert type(caught.value.__cause__) is httpx.ConnectError
    assert len(clock.slept) == 4


@pytest.mark.parametrize("host", [f"{'a' * 64}.example.com", "127.0.0.1."])
def test_a_malformed_host_is_sent_nothing(host: str) -> None:
    async def get() -> None:
        async with aiohttp_client() as http:
            await http.get(f"http://{host}:9/")

    with pytest.raises((httpx.ConnectError, httpx.UnsupportedProtocol)):
        asyncio.run(get())


# --- opening and closing


@pytest.mark.parametrize("kind", OVER)
@pytest.mark.parametrize("address", ["ftp://example.com/", "/path", "http:///path"])
def test_a_malformed_address_raises_as_over_httpx(kind: str, address: str) -> None:
    async def get() -> None:
        async with aiohttp_client() if kind == "aiohttp" else httpx.AsyncClient() as http:
            await http.get(address)

    with pytest.raises(httpx.UnsupportedProtocol):
        asyncio.run(get())


def test_the_caller_closes_the_client_without_a_warning() -> None:
    async def use(address: str) -> None:
        http = aiohttp_client()
        async with AsyncConfluenceGroups(address, auth=token(), http_client=http) as groups:
            await asyncio.gather(*(groups.remove_member(**BOTH) for _ in range(5)))
        assert not http.is_closed
        await http.aclose()
        with pytest.raises(RuntimeError, match="closed"):
            await groups.remove_member(**BOTH)

    with warnings.catch_warnings(record=True) as seen, serve(reply_with(DONE)) as wires:
        warnings.simplefilter("always")
        asyncio.run(use(wires.address))
        asyncio.run(aiohttp_client().aclose())  # never used
        gc.collect()
    assert [str(each.message) for each in seen] == []


def test_use_in_another_event_loop_is_an_error() -> None:
    http = aiohttp_client()

    async def use(address: str) -> None:
        await AsyncConfluenceGroups(address, auth=token(), http_client=http).remove_member(**BOTH)

    async def use_and_close(address: str) -> None:
        await use(address)
        with pytest.raises(RuntimeError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, use(address))
        await http.aclose()

    with serve(reply_with(DONE)) as wires:
        asyncio.run(use_and_close(wires.address))
        assert len(wires.requests) == 1


def test_one_connection_is_opened_per_concurrent_call() -> None:
    meeting = threading.Barrier(3)

    def answer_together(wires: SocketServer, connection: socket.socket) -> None:
        wires.requests.append(request_on(connection))
        meeting.wait(20)
        connection.sendall(DONE)

    async def use(address: str) -> None:
        async with at("aiohttp", address, auth=token(), retry=ONCE) as groups:
            await asyncio.gather(*(groups.remove_member(**BOTH) for _ in range(3)))

    with serve(answer_together) as wires:
        asyncio.run(use(wires.address))
        assert wires.connections == 3


def test_connections_are_reused_after_a_complete_response() -> None:
    """Five calls in sequence use one connection, for every kind of body."""
    page = b'{"id": "g", "name": "n"}'
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(page), page),
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}",
        DONE,
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ]

    async def use(address: str) -> None:
        async with at("aiohttp", address, auth=token()) as groups:
            for _ in answers:
                with suppress(APIError):
                    await groups.get_group(group_id="g")

    with serve(reply_with(*answers)) as wires:
        asyncio.run(use(wires.address))
        assert (wires.connections, len(wires.requests)) == (1, 5)


@pytest.mark.parametrize(
    ("headers", "is_accepted"),
    [
        ([b"X-%d: a" % number for number in range(1000)], True),
        ([b"X-%d: a" % number for number in range(1001)], False),
        ([b"X-A: " + b"a" * (100 * 1024 - 8)], True),
        ([b"X-A: " + b"a" * (100 * 1024 + 1)], False),
    ],
    ids=["1000", "1001", "100 KiB", "more"],
)
def test_the_headers_of_a_response_are_limited(headers: list[bytes], is_accepted: bool) -> None:
    async def get(address: str) -> httpx.Response:
        async with aiohttp_client() as http:
            return await http.get(address)

    with serve(reply_with(b"\r\n".join([b"HTTP/1.1 204 As asked", *headers, b"", b""]))) as wires:
        if is_accepted:
            response = asyncio.run(get(wires.address))
            assert (len(response.headers), response.reason_phrase) == (len(headers), "As asked")
        else:
            with pytest.raises(httpx.RemoteProtocolError):
                asyncio.run(get(wires.address))


def test_aiohttps_errors_which_hold_headers_are_not_chained() -> None:
    async def get(address: str) -> None:
        async with aiohttp_client() as http:
            for _ in range(2):
                with pytest.raises(httpx.RemoteProtocolError) as caught:
                    await http.get(address, auth=("me@example.com", "swordfish"))
                assert caught.value.__cause__ is caught.value.__context__ is None

    with serve(send(b"nonsense\r\n\r\n"), send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")) as wires:
        asyncio.run(get(wires.address))


@pytest.mark.parametrize("number", [0, -1, True, 1.5, None])
def test_a_malformed_max_connections_is_an_error(number: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_connections"):
        aiohttp_client(max_connections=number)


def test_as_many_connections_are_allowed_as_by_httpx() -> None:
    default = inspect.signature(aiohttp_client).parameters["max_connections"].default
    assert default == inspect.signature(httpx.AsyncClient).parameters["limits"].default.max_connections


def test_without_aiohttp_the_error_names_the_extra() -> None:
    program = "import sys; sys.modules['aiohttp'] = None\nfrom confluence_groups_sdk import *\naiohttp_client()"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    *_, last = result.stderr.strip().splitlines()
    assert last.startswith("confluence_groups_sdk.ConfigurationError: aiohttp_client() needs aiohttp")
    assert "confluence-groups-sdk[aiohttp]" in last


# --- with a sandbox

MIXED = Faults(error_rate=0.15, drop_before=0.15, drop_after=0.15, seed=8)


def run_calls(kind: str, faults: Faults) -> list[object]:
    """Make various calls to a new sandbox; return their results and errors, and the requests that it received."""
    clock = FakeClock()
    seen: list[object] = []

    async def work(sandbox: Sandbox) -> None:
        async with at(kind, sandbox.url, auth=httpx.BasicAuth(*sandbox.admin), clock=clock) as groups:

            async def note(method: str, **arguments: str) -> None:
                try:
                    result = getattr(groups, method)(**arguments)
                    seen.append([each async for each in result] if method.startswith("iter_") else await result)
                except APIError as error:
                    seen.append((type(error), type(error.__cause__), error.status_code, error.path))

            group = sandbox.directory.group_named("docs-editors")
            for person in [*sandbox.directory.members(group.id)[:6], *list(sandbox.directory.people.values())[:2]]:
                await note("remove_member", group_id=group.id, account_id=person.account_id)
                await note("add_member", group_id=group.id, account_id=person.account_id)
                await note("is_member", group_id=group.id, account_id=person.account_id)
                await note("get_user", account_id=person.account_id)
            await note("delete_group", group_id="no such group")
            await note("get_group", group_id=group.id)
            await note("iter_members", group_id=group.id)
            await note("iter_groups")

    with Sandbox(faults=faults, clock=clock) as sandbox:
        asyncio.run(work(sandbox))
        return [*seen, clock.slept, [(request.method, request.target) for request in sandbox.requests]]


@pytest.mark.parametrize("faults", [Faults(), MIXED, Faults(rate_limit=2), Faults(quota=20)])
def test_a_sandbox_gives_the_same_results_as_over_httpx(faults: Faults) -> None:
    assert run_calls("aiohttp", faults) == run_calls("async", faults)


def test_expired_tokens_are_refreshed_over_aiohttp(sandbox: Sandbox) -> None:
    store = MemoryTokenStore(Tokens(*sandbox.grant(expires_in=3600)))
    auth = OAuth2(*sandbox.oauth_client, store, authority=sandbox.authority)
    sandbox.expire_tokens()

    async def who(options: dict[str, Any]) -> None:
        async with aiohttp_client() as http:
            groups = AsyncConfluenceGroups.for_cloud(sandbox.cloud_id, auth=auth, http_client=http, **options)
            await asyncio.gather(*(groups.current_user() for _ in range(5)))

    asyncio.run(who({"gateway": sandbox.gateway}))
    assert sum(request.target == "/oauth/token" for request in sandbox.requests) == 1
