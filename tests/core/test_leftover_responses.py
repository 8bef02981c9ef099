"""No call is answered by bytes that arrived before it was sent, over any connection of any client."""

from __future__ import annotations

import asyncio
import gc
import select
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import httpcore
import httpx
import pytest
from fakes import WIRED, FakeClock, at, token
from raw_socket_servers import Authority, SocketServer, reply_with, request_on, serve

from confluence_groups_sdk import (
    AsyncConfluenceGroups,
    ConfluenceGroups,
    RetryPolicy,
    aiohttp_client,
)
from confluence_groups_sdk._core.transport.connections import aiohttp_connector, attempt, watching

BOTH = {"group_id": "g", "account_id": "a"}
ONCE = RetryPolicy(max_retries=0)
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
PAGE = b'{"results": [], "start": 0, "limit": 200, "size": 0}'
EARLY = b"HTTP/1.1 103 Early Hints\r\n\r\n"
CHUNKED = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
CLIENTS = (*WIRED, "callers sync", "callers async")

SURPLUS = {
    "another response": DONE + DONE,
    "six responses": DONE * 6,
    "a body that looks like a response": b"HTTP/1.1 204 No Content\r\nContent-Length: 27\r\n\r\n" + DONE,
    "an object": DONE + b"{}",
    "a line end": DONE + b"\r\n",
    "a part of a response": DONE + DONE[:20],
    "a response after an error": GONE + DONE,
    "a response after a body": b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}" + DONE,
    "a response after chunks": CHUNKED + DONE,
    "a response after early hints": EARLY + DONE + DONE,
    "early hints": DONE + EARLY,
    "a response after a long body": b"HTTP/1.1 404 Not Found\r\nContent-Length: 70000\r\n\r\n" + b" " * 70_000 + DONE,
    "a response after exactly 64 KiB": (
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 65488\r\n\r\n" + b" " * 65_488 + DONE
    ),
}  # fmt: skip

Script = Callable[[SocketServer, socket.socket], None]


def refuse(server: SocketServer, connection: socket.socket) -> None:
    """Answer all requests with 403."""
    reply_with(REFUSED)(server, connection)


def two_calls(kind: str, address: str, between: Callable[[], object] = lambda: None, **options: Any) -> list[str]:
    """Remove two members, and return the type of each call's error, or an empty text."""
    options = {"auth": token(), "clock": FakeClock(), "retry": ONCE, **options}
    verify = options.pop("verify", True)
    trust_env = options.pop("trust_env", True)
    proxy = options.pop("proxy", None)
    found: list[str] = []

    def sync(groups: ConfluenceGroups) -> None:
        for _ in range(2):
            try:
                groups.remove_member(**BOTH)
                found.append("")
            except Exception as error:
                found.append(type(error).__name__)
            between()

    async def tasks(groups: AsyncConfluenceGroups) -> None:
        for _ in range(2):
            try:
                await groups.remove_member(**BOTH)
                found.append("")
            except Exception as error:
                found.append(type(error).__name__)
            between()

    async def run() -> None:
        if kind == "callers async":
            async with (
                httpx.AsyncClient(verify=verify, trust_env=trust_env, proxy=proxy) as http,
                AsyncConfluenceGroups(address, http_client=http, **options) as groups,
            ):
                await tasks(groups)
        elif kind == "aiohttp":
            async with (
                aiohttp_client(verify=verify) as http,
                AsyncConfluenceGroups(address, http_client=http, **options) as groups,
            ):
                await tasks(groups)
        else:
            async with at(kind, address, **options) as groups:
                await tasks(groups)

    if kind == "sync":
        with ConfluenceGroups(address, **options) as groups:
            sync(groups)
    elif kind == "callers sync":
        with (
            httpx.Client(verify=verify, trust_env=trust_env, proxy=proxy) as http,
            ConfluenceGroups(address, http_client=http, **options) as groups,
        ):
            sync(groups)
    else:
        asyncio.run(run())
    return found


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Let our own clients trust the authority, too."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return authority


def expected(kind: str, first: bytes) -> list[list[str]]:
    """Return the possible errors of two calls: aiohttp may reject a response that anything but a response follows."""
    usual = ["NotFoundError" if b"404" in first else "", "PermissionDeniedError"]
    return [usual, ["APIConnectionError", usual[1]]] if kind == "aiohttp" else [usual]


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("first", SURPLUS.values(), ids=SURPLUS)
def test_a_surplus_response_answers_no_other_call(kind: str, first: bytes) -> None:
    def script(server: SocketServer, connection: socket.socket) -> None:
        server.requests.append(request_on(connection))
        connection.sendall(first)
        refuse(server, connection)

    with serve(script, refuse) as server:
        assert two_calls(kind, server.address) in expected(kind, first)
        assert (server.connections, len(server.requests)) == (2, 2)


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("surplus", [DONE, b"{}", b"\r\n", DONE[:20]])
@pytest.mark.parametrize("after", [DONE, CHUNKED])
def test_a_surplus_response_that_comes_later_answers_no_other_call(kind: str, surplus: bytes, after: bytes) -> None:
    called, sent = threading.Event(), threading.Event()

    def script(server: SocketServer, connection: socket.socket) -> None:
        server.requests.append(request_on(connection))
        connection.sendall(after)
        called.wait(30)
        connection.sendall(surplus)
        sent.set()
        refuse(server, connection)

    def wait() -> None:
        called.set()
        assert sent.wait(30)

    with serve(script, refuse) as server:
        assert two_calls(kind, server.address, wait) in expected(kind, after)
        assert (server.connections, len(server.requests)) == (2, 2)


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("first", [DONE + DONE, DONE + b"{}", CHUNKED + DONE])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_surplus_response_in_other_tls_records_answers_no_other_call(
    kind: str, first: bytes, size: int, trusted: Authority
) -> None:
    def script(server: SocketServer, connection: socket.socket) -> None:
        server.requests.append(request_on(connection))
        connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_CORK", socket.TCP_NODELAY), 1)
        length = len(DONE if first.startswith(DONE) else CHUNKED)
        for part in (first[:length], *[first[place : place + size] for place in range(length, len(first), size)]):
            connection.sendall(part)
        connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_CORK", socket.TCP_NODELAY), 0)
        refuse(server, connection)

    with serve(script, refuse, tls=trusted.server) as server:
        assert two_calls(kind, server.address, verify=trusted.trusting()) in expected(kind, first)
        assert (server.connections, len(server.requests)) == (2, 2)


def wait_on_first_connection(monkeypatch: pytest.MonkeyPatch, sent: threading.Event, *, secure: bool) -> None:
    """Block on the first connection until what the server has sent over it has arrived."""

    def watch(stream: Any, *deadline: float | None) -> None:
        watching.watch(stream, *deadline)
        if not waited and secure == bool(stream.get_extra_info("ssl_object")):
            waited.append(sent.wait(30))
            select.select([stream.get_extra_info("socket").fileno()], [], [], 30)

    async def poll(turns: int = 2) -> None:
        if turns > 2 and not waited:
            waited.append(sent.wait(30))
        await original(turns)

    waited: list[bool] = []
    original = aiohttp_connector.poll
    monkeypatch.setattr(attempt, "watch", watch)
    monkeypatch.setattr(aiohttp_connector, "poll", poll)


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("greeting", [DONE, b"{}", b"SSH-2.0-OpenSSH_9.6\r\n", DONE[:20]])
@pytest.mark.parametrize("secure", [False, True])
def test_a_response_before_any_request_is_an_error_that_says_nothing_was_sent(
    kind: str, greeting: bytes, secure: bool, trusted: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = threading.Event()

    def script(server: SocketServer, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # do not wait for the client's acknowledgement
        connection.sendall(greeting)
        sent.set()
        refuse(server, connection)

    wait_on_first_connection(monkeypatch, sent, secure=secure)
    with serve(script, refuse, tls=trusted.server if secure else None) as server:
        found = two_calls(kind, server.address, verify=trusted.trusting())
        assert found == ["APIConnectionError", "PermissionDeniedError"]
        assert len(server.requests) == 1


def tunnel_to_itself(*answers: bytes, tls: ssl.SSLContext, together: bool) -> Script:
    """Be a proxy over TLS and also the server in its tunnel, which sends each answer in a TLS record of its own.

    Args:
        answers: to the first request; all later ones are refused.
        tls: for the server.
        together: whether the proxy sends these records in one of its own records.
    """

    def script(server: SocketServer, connection: socket.socket) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        inner = tls.wrap_bio(incoming, outgoing, server_side=True)

        def complete(step: Callable[[], Any]) -> Any:
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    connection.sendall(outgoing.read())
                    data = connection.recv(65536)
                    if not data:
                        raise OSError from None
                    incoming.write(data)

        request_on(connection)
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        complete(inner.do_handshake)
        replies = answers
        while True:
            request = b""
            while b"\r\n\r\n" not in request:
                request += complete(lambda: inner.read(65536))
            server.requests.append(request)
            records = [outgoing.read()]
            for reply in replies:
                inner.write(reply)
                records.append(outgoing.read())
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_CORK", socket.TCP_NODELAY), 1)
            for part in [b"".join(records)] if together else records:
                connection.sendall(part)
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_CORK", socket.TCP_NODELAY), 0)
            replies = (REFUSED,)

    return script


@pytest.mark.parametrize("kind", ["callers sync", "callers async"])
@pytest.mark.parametrize("surplus", [DONE, b"{}"])
@pytest.mark.parametrize("together", [False, True])
def test_a_surplus_response_through_a_proxy_over_tls_answers_no_other_call(
    kind: str, surplus: bytes, together: bool, authority: Authority
) -> None:
    first = tunnel_to_itself(DONE, surplus, tls=authority.server, together=together)
    later = tunnel_to_itself(REFUSED, tls=authority.server, together=together)
    with serve(first, later, tls=authority.server) as server:
        proxy = httpx.Proxy(server.address, ssl_context=authority.trusting())
        found = two_calls(kind, "https://127.0.0.1:1", verify=authority.trusting(), proxy=proxy)
        assert found == ["", "PermissionDeniedError"]
        assert (server.connections, len(server.requests)) == (2, 2)


@pytest.mark.parametrize("kind", ["callers sync", "callers async"])
def test_a_connection_through_a_proxy_over_tls_is_used_again(kind: str, authority: Authority) -> None:
    with serve(tunnel_to_itself(DONE, tls=authority.server, together=False), tls=authority.server) as server:
        proxy = httpx.Proxy(server.address, ssl_context=authority.trusting())
        found = two_calls(kind, "https://127.0.0.1:1", verify=authority.trusting(), proxy=proxy)
        assert found == ["", "PermissionDeniedError"]
        assert (server.connections, len(server.requests)) == (1, 2)


def test_a_task_that_is_cancelled_at_any_moment_leaves_no_connection_of_aiohttp_open() -> None:
    logged: list[str] = []

    async def cancel_calls(address: str) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context["message"]))
        async with aiohttp_client() as http, AsyncConfluenceGroups(address, auth=token(), http_client=http) as groups:
            for turns in range(2 * watching.TURNS):
                call = asyncio.ensure_future(groups.remove_member(**BOTH))
                for _ in range(turns):
                    await asyncio.sleep(0)
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)
                del call
                gc.collect()

    gc.freeze()  # so that the garbage is looked for among the objects of this test only
    try:
        with serve(reply_with(DONE)) as server:
            asyncio.run(cancel_calls(server.address))
    finally:
        gc.unfreeze()
    assert logged == []


class SlottedStream(httpcore.NetworkStream):
    """A stream of a caller's own network backend."""

    __slots__ = ("received",)

    def __init__(self) -> None:
        self.received = 1

    def get_extra_info(self, _info: str) -> Any:
        return False


def test_a_stream_of_another_network_backend_is_watched_too() -> None:
    stream = SlottedStream()
    response = httpx.Response(204, extensions={"network_stream": stream, "http_version": b"HTTP/1.1"})
    watching.distrust(response)
    assert stream.received == 1
    assert stream.get_extra_info("is_readable"), "so httpcore does not use it again"
