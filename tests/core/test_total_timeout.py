"""Timeout(total=...) limits an attempt as a whole, however slowly a server or a proxy sends."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

import httpcore
import httpx
import pytest
from fakes import token
from raw_socket_servers import Authority, SocketServer, reply_with, request_on, serve

from confluence_groups_sdk import (
    APITimeoutError,
    AsyncConfluenceGroups,
    ConfluenceGroups,
    MemoryTokenStore,
    OAuth2,
    RateLimiter,
    RetryPolicy,
    Timeout,
    Tokens,
    aiohttp_client,
)
from confluence_groups_sdk._core.transport.connections import deadline, watching

BOTH = {"group_id": "g", "account_id": "a"}
ONCE = RetryPolicy(max_retries=0)
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
OWN = ("sync", "async")
CLIENTS = (*OWN, "aiohttp", "callers sync", "callers async")
SHORT = Timeout(30, total=0.3)
PAUSE_S = 0.02
PARTS = 500  # in 10 s; afterwards the response is complete, so that a test without a limit fails instead of hanging


def drip(*parts: bytes, end: bytes = b"") -> Callable[[SocketServer, socket.socket], None]:
    """Answer a request with these parts again and again, with pauses, and then with an end."""

    def script(server: SocketServer, connection: socket.socket) -> None:
        server.requests.append(request_on(connection))
        for number in range(PARTS):
            connection.sendall(parts[number % len(parts)])
            if server.closing.wait(PAUSE_S):
                return
        connection.sendall(end)

    return script


SLOW = {
    "early hints": drip(b"HTTP/1.1 103 Early Hints\r\n\r\n", end=DONE),
    "a header byte by byte": drip(*[bytes([each]) for each in b"HTTP/1.1 204 No Content\r\nX: "], end=b"\r\n\r\n"),
    "headers": drip(b"HTTP/1.1 204 No Content\r\n", *[b"X: y\r\n"] * PARTS, end=b"\r\n"),
    "a body byte by byte": drip(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 499\r\n\r\n", *[b"x"] * PARTS),
    "chunks": drip(
        b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n"] * PARTS, end=b"0\r\n\r\n"
    ),
    "nothing": drip(b"", end=DONE),
}


def run(kind: str, address: str, calls: int, **options: Any) -> list[BaseException | None]:
    """Remove a member some times, and return the errors."""
    options = {"auth": token(), "retry": ONCE, "timeout": SHORT, **options}
    verify: Any = options.pop("verify", True)
    found: list[BaseException | None] = []

    def sync(groups: ConfluenceGroups) -> None:
        for _ in range(calls):
            try:
                groups.remove_member(**BOTH)
                found.append(None)
            except APITimeoutError as error:
                found.append(error)

    async def tasks(groups: AsyncConfluenceGroups) -> None:
        for _ in range(calls):
            try:
                await groups.remove_member(**BOTH)
                found.append(None)
            except APITimeoutError as error:
                found.append(error)

    async def run_async() -> None:
        if kind == "async":
            async with AsyncConfluenceGroups(address, **options) as groups:
                await tasks(groups)
            return
        http = aiohttp_client(verify=verify) if kind == "aiohttp" else httpx.AsyncClient(verify=verify)
        async with http, AsyncConfluenceGroups(address, http_client=http, **options) as groups:
            await tasks(groups)

    if kind == "sync":
        with ConfluenceGroups(address, **options) as groups:
            sync(groups)
    elif kind == "callers sync":
        with httpx.Client(verify=verify) as http, ConfluenceGroups(address, http_client=http, **options) as groups:
            sync(groups)
    else:
        asyncio.run(run_async())
    return found


@pytest.fixture
def authority(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Authority:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    return authority


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW)
def test_a_slow_response_ends_in_time_and_frees_the_client(kind: str, script: Any) -> None:
    with serve(script, reply_with(DONE)) as server:
        slow, fine = run(kind, server.address, 2, rate_limiter=RateLimiter(max_in_flight=1))
        assert isinstance(slow, APITimeoutError)
        assert "The change may have been made" in slow.remedy
        assert fine is None
        assert server.connections == 2


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_slow_response_over_tls_ends_in_time(kind: str, authority: Authority) -> None:
    with serve(SLOW["early hints"], reply_with(DONE), tls=authority.server) as server:
        slow, fine = run(kind, server.address, 2, verify=authority.trusting())
        assert isinstance(slow, APITimeoutError)
        assert fine is None


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("part", [b"", b"\x16\x03\x03\x40\x00"], ids=["nothing", "a record"])
def test_a_slow_handshake_ends_in_time_and_nothing_was_sent(kind: str, part: bytes, authority: Authority) -> None:
    def shake_slowly(server: SocketServer, connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(part)
        for _ in range(PARTS):
            if part:
                connection.sendall(b"x")
            if server.closing.wait(PAUSE_S):
                return

    with serve(shake_slowly) as server:
        [slow] = run(kind, server.address.replace("http:", "https:"), 1, verify=authority.trusting())
        assert isinstance(slow, APITimeoutError)
        assert "Nothing was sent" in slow.remedy
        assert server.requests == []


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.usefixtures("authority")
def test_a_slow_proxy_ends_in_time_and_nothing_was_sent(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(drip(b"HTTP/1.1 103 Early Hints\r\n\r\n", end=b"HTTP/1.1 200 OK\r\n\r\n")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        [slow] = run(kind, "https://your-domain.atlassian.net", 1)
        assert isinstance(slow, APITimeoutError)
        assert "Nothing was sent" in slow.remedy


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_slow_authority_ends_in_time(kind: str) -> None:
    with serve(SLOW["early hints"]) as slow_authority, serve(reply_with(DONE)) as server:
        store = MemoryTokenStore(Tokens("access", "refresh", 0.0, ()))
        auth = OAuth2("id", "secret", store, authority=slow_authority.address)
        [slow] = run(kind, server.address, 1, auth=auth)
        assert isinstance(slow, APITimeoutError)
        assert "The call was not carried out" in slow.remedy
        assert server.requests == []


@pytest.mark.parametrize("kind", CLIENTS)
def test_without_a_limit_a_slow_response_is_awaited(kind: str) -> None:
    def script(server: SocketServer, connection: socket.socket) -> None:
        request_on(connection)
        for part in (b"HTTP/1.1 103 Early Hints\r\n\r\n", DONE[:5], DONE[5:]):
            connection.sendall(part)
            server.closing.wait(PAUSE_S)

    with serve(script) as server:
        assert run(kind, server.address, 1, timeout=Timeout(30, total=None)) == [None]


@pytest.mark.parametrize("kind", ["callers sync", "callers async"])
def test_the_wait_for_a_connection_counts(kind: str) -> None:
    limits = httpx.Limits(max_connections=1)

    async def run_async(address: str) -> None:
        async with (
            httpx.AsyncClient(limits=limits) as http,
            AsyncConfluenceGroups(address, auth=token(), retry=ONCE, timeout=SHORT, http_client=http) as groups,
            http.stream("GET", address, timeout=30),
        ):
            await groups.remove_member(**BOTH)

    def run_sync(address: str) -> None:
        with (
            httpx.Client(limits=limits) as http,
            ConfluenceGroups(address, auth=token(), retry=ONCE, timeout=SHORT, http_client=http) as groups,
            http.stream("GET", address, timeout=30),
        ):
            groups.remove_member(**BOTH)

    with serve(reply_with(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")) as server:
        started = time.monotonic()
        with pytest.raises(APITimeoutError):
            run_sync(server.address) if kind == "callers sync" else asyncio.run(run_async(server.address))
        assert time.monotonic() - started < 10, "httpx's own limit is 30 s"
        assert len(server.requests) == 1


def test_requests_that_share_a_connection_have_their_own_deadlines() -> None:
    """With HTTP/2, requests share a connection, which outlives the attempt that made it."""
    stream = httpcore.MockStream([b"frame"] * 4, http2=True)
    now = time.monotonic()
    watching.watch(stream, now - 1)
    with pytest.raises(httpcore.ReadTimeout):
        stream.read(1)
    stream.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 5)
    assert stream.read(1, 5) == b"frame"
    over, open_ = (deadline.limit_steps({"read": 5, "write": 5, "pool": 5}, 5, now + left) for left in (-1, 30))
    with pytest.raises(httpcore.ReadTimeout):
        stream.read(1, over["read"])
    with pytest.raises(httpcore.WriteTimeout):
        stream.write(b"frame", over["write"])
    stream.write(b"frame", open_["write"])
    assert stream.read(1, open_["read"]) == b"frame"
    stream.write(b"frame", 5)
    assert stream.read(1, 5) == b"frame"


# --- the limit of each step


@pytest.mark.parametrize(
    ("seconds", "end", "left"),
    [(5, None, 5), (None, None, None), (5, 102.0, 2), (1, 102.0, 1), (2, 102.0, 2), (None, 102.0, 2), (5, 100.5, 0.5)],
)
def test_a_step_may_take_its_own_time_or_what_is_left(
    seconds: float | None, end: float | None, left: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("time.monotonic", lambda: 100.0)
        assert deadline.time_left(seconds, end, httpcore.ReadTimeout) == left
        for over in (100.0, 99.0):
            with pytest.raises(httpcore.ReadTimeout):
                deadline.time_left(seconds, over, httpcore.ReadTimeout)


@pytest.mark.parametrize(
    ("own", "total", "limits"),
    [
        ((5, 5, 5), 3, (3, 3, 3)),
        ((5, 5, 5), 5, (5, 5, 5)),
        ((1, 2, 9), 5, (1, 2, 5)),
        ((2, 1, 1), 5, (2, 1, 1)),
        ((None, 4, None), 6, (6, 4, 6)),
    ],
)
def test_steps_get_the_shorter_limit_and_the_deadline(
    own: tuple[float | None, ...], total: float, limits: tuple[float, ...]
) -> None:
    parts = dict(zip(("read", "write", "pool"), own, strict=True))
    found = deadline.limit_steps({"connect": 9, **parts}, total, 100.0)
    assert found == {"connect": 9, **dict(zip(parts, limits, strict=True))}
    assert {getattr(found[step], "deadline", None) for step in parts} == {100.0}
