"""Closing a client ends its calls at once: those that wait for a response, for their turn or for a retry."""

from __future__ import annotations

import asyncio
import importlib
import logging
import pkgutil
import random
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes import FakeClock, token, wire
from raw_socket_servers import Authority, SocketServer, reply_with, request_on, run_proxy, serve

from confluence_groups_sdk import (
    APIConnectionError,
    AsyncConfluenceGroups,
    ClientClosedError,
    ConfluenceGroups,
    MemoryTokenStore,
    OAuth2,
    RateLimiter,
    RetryPolicy,
    ServerError,
    Tokens,
    User,
    _core,
    _generated,
    aiohttp_client,
    auth,
)
from confluence_groups_sdk._core.transport import closing
from confluence_groups_sdk._generated.api.group import get_group_by_group_id, remove_member_from_group_by_group_id

KINDS = ["sync", "async", "aiohttp", "httpx closed", "aiohttp closed"]  # the last two: only the httpx client is closed
OURS = KINDS[:3]
# A closed httpx.AsyncClient opens connections for requests that it has already begun, and leaves them open.
ORDERLY = [each for each in KINDS if each != "httpx closed"]
BOUND_S = 20  # for everything that must end at once
LONG_S = 600.0  # for everything that must not be waited for
PATIENT = RetryPolicy(first_delay=LONG_S, max_delay=LONG_S, max_retry_after=LONG_S)
BOTH = {"group_id": "g", "account_id": "a"}
GROUP_ID = {"group_id": "g"}
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
EMPTY_PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n" + b'{"results": [], "start": 0, "limit": 200   }'


# Pytest rewrites modules as they are imported, which Python 3.11 cannot do in two threads at once (SystemError).
for package in (_core, _generated, auth):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)


class Background:
    """A client whose calls run in other threads, or as tasks of an event loop in another thread."""

    def __init__(self, kind: str, address: str, **options: Any) -> None:
        options = {"auth": token(), "timeout": LONG_S, "retry": PATIENT, **options}
        self.kind = kind
        self._threads = ThreadPoolExecutor(200)
        self.groups: Any
        if kind == "sync":
            self.groups = ConfluenceGroups(address, **options)
            return
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.http = None if kind == "async" else self.in_loop(self._build_http()).result(BOUND_S)
        self.groups = AsyncConfluenceGroups(address, http_client=self.http, **options)

    async def _build_http(self) -> httpx.AsyncClient:
        return aiohttp_client() if "aiohttp" in self.kind else httpx.AsyncClient(trust_env=False)

    def in_loop(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, method: str, *, on: Any = None, **arguments: str) -> Future[Any]:
        function = getattr(on or self.groups, method)
        if self.kind == "sync":
            return self._threads.submit(lambda: _collected(function(**arguments)))
        return self.in_loop(_awaited(function, arguments))

    def raw(self, module: Any, **arguments: str) -> Future[Any]:
        if self.kind == "sync":
            return self._threads.submit(lambda: module.sync_detailed(client=self.groups.raw, **arguments))

        async def call() -> Any:
            return await module.asyncio_detailed(client=self.groups.raw, **arguments)

        return self.in_loop(call())

    def close(self) -> None:
        if self.kind == "sync":
            self.groups.close()
        elif self.kind.endswith("closed"):
            assert self.http is not None
            self.in_loop(self.http.aclose()).result(BOUND_S)
        else:
            self.in_loop(self.groups.aclose()).result(BOUND_S)

    def end(self) -> None:
        self.close()
        if self.kind == "sync":
            self._threads.shutdown(wait=False, cancel_futures=True)
            return
        if self.http is not None:
            self.in_loop(self.http.aclose()).result(BOUND_S)
        self.in_loop(self._loop.shutdown_default_executor()).result(BOUND_S)
        for _ in range(9):
            self.in_loop(asyncio.sleep(0)).result(BOUND_S)  # closed transports need some turns of the loop
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(BOUND_S)
        self._loop.close()


def _collected(result: Any) -> Any:
    return list(result) if isinstance(result, Iterator) else result


async def _awaited(function: Callable[..., Any], arguments: dict[str, str]) -> Any:
    result = function(**arguments)
    return [each async for each in result] if hasattr(result, "__aiter__") else await result


@contextmanager
def background(kind: str, address: str, **options: Any) -> Iterator[Background]:
    client = Background(kind, address, **options)
    try:
        yield client
    finally:
        client.end()


class HeldServer:
    """A server that withholds its responses after the first bytes of each."""

    def __init__(self, *first: bytes, then: bytes = b"") -> None:
        self._first = list(first)
        self._then = then
        self.received = threading.Semaphore(0)

    def __call__(self, server: SocketServer, connection: socket.socket) -> None:
        while request := request_on(connection):
            server.requests.append(request)
            if self._first:
                connection.sendall(self._first.pop(0))
                continue
            if self._then:
                connection.sendall(self._then)
            self.received.release()
            server.closing.wait(BOUND_S)
            return

    def wait(self) -> None:
        assert self.received.acquire(timeout=BOUND_S), "the request has arrived"


class LogLine(logging.Handler):
    """Waits for a line of the package's log."""

    def __init__(self, text: str) -> None:
        super().__init__(logging.INFO)
        self._text = text
        self._seen = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self._text in record.getMessage():
            self._seen.set()

    def wait(self) -> None:
        assert self._seen.wait(BOUND_S), f"{self._text!r} is logged"


@contextmanager
def log_line(text: str) -> Iterator[LogLine]:
    logger, line = logging.getLogger("confluence_groups_sdk"), LogLine(text)
    level = logger.level
    logger.addHandler(line)
    logger.setLevel(logging.INFO)
    try:
        yield line
    finally:
        logger.setLevel(level)
        logger.removeHandler(line)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND_S
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.001)


def connection_error(call: Future[Any]) -> APIConnectionError:
    """Return the error of a call that closing has ended; it is not a RuntimeError."""
    error = call.exception(timeout=BOUND_S)
    assert isinstance(error, APIConnectionError), repr(error)
    assert not isinstance(error, RuntimeError)
    assert "closed" in str(error)
    return error


# --- calls that wait for a response


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("method", "arguments", "check"),
    [
        ("remove_member", BOTH, "is_member"),
        ("add_member", BOTH, "is_member"),
        ("create_group", {"name": "n"}, "search_groups"),
        ("delete_group", GROUP_ID, "get_group"),
    ],
)
def test_a_change_that_waits_for_its_response_fails_at_once(
    kind: str, method: str, arguments: dict[str, str], check: str
) -> None:
    held = HeldServer()
    with serve(held) as server, background(kind, server.address) as client:
        call = client.call(method, **arguments)
        held.wait()
        client.close()
        error = connection_error(call)
    assert "may have been made" in str(error)
    assert check in error.remedy
    assert error.unanswered_attempts == 1
    assert "Nothing was sent" not in str(error)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["get_group", "iter_members", "count_members"])
def test_a_read_that_waits_for_its_response_fails_at_once(kind: str, method: str) -> None:
    held = HeldServer()
    with serve(held) as server, background(kind, server.address) as client:
        call = client.call(method, **GROUP_ID)
        held.wait()
        client.close()
        error = connection_error(call)
    assert "change" not in str(error)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "part",
    [
        b"HTTP/1.1 20",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{",
        b"HTTP/1.1 200 OK\r\n\r\n" + b'{"results": [], "start": 0, "limit": 200}',  # ends with the connection
    ],
)
def test_a_call_whose_response_is_incomplete_fails_at_once(kind: str, part: bytes) -> None:
    held = HeldServer(then=part)
    with serve(held) as server, background(kind, server.address) as client:
        call = client.call("iter_groups")
        held.wait()
        client.close()
        connection_error(call)


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_on_a_reused_connection_fails_at_once(kind: str) -> None:
    held = HeldServer(DONE, DONE)
    with serve(held) as server, background(kind, server.address) as client:
        for _ in range(2):
            client.call("remove_member", **BOTH).result(BOUND_S)
        call = client.call("remove_member", **BOTH)
        held.wait()
        assert server.connections == 1
        client.close()
        assert connection_error(call).unanswered_attempts == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_fails_at_once_between_its_pages(kind: str) -> None:
    member = b'{"type": "known", "accountId": "a-1"}'
    body = b'{"results": [%s], "start": 0, "limit": 1, "size": 1, "_links": {"next": "/x"}}' % member
    held = HeldServer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    with serve(held) as server, background(kind, server.address) as client:
        call = client.call("iter_members", **GROUP_ID)
        held.wait()
        client.close()
        connection_error(call)


def test_a_list_that_is_continued_after_closing_raises_a_connection_error() -> None:
    member = b'{"type": "known", "accountId": "a-1"}'
    body = b'{"results": [%s], "start": 0, "limit": 1, "size": 1, "_links": {"next": "/x"}}' % member
    with serve(HeldServer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))) as server:
        groups = ConfluenceGroups(server.address, auth=token())
        members = groups.iter_members(group_id="g")
        assert isinstance(next(members), User)
        groups.close()
        with pytest.raises(APIConnectionError, match="closed") as caught:
            next(members)
        assert not isinstance(caught.value, RuntimeError)
        assert len(server.requests) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_many_calls_at_once_all_fail_at_once(kind: str) -> None:
    held = HeldServer()
    with serve(held) as server, background(kind, server.address, rate_limiter=RateLimiter(16)) as client:
        calls = [client.call("remove_member", **BOTH) for _ in range(30)]
        for _ in range(16):
            held.wait()
        client.close()
        errors = [connection_error(call) for call in calls]
    assert len(server.requests) == 16
    assert sorted(each.unanswered_attempts for each in errors) == [0] * 14 + [1] * 16
    assert {"Nothing was sent" in str(each) for each in errors if not each.unanswered_attempts} == {True}
    assert {"may have been made" in str(each) for each in errors if each.unanswered_attempts} == {True}


@pytest.mark.parametrize("kind", OURS)
def test_calls_that_wait_for_a_connection_fail_at_once(kind: str) -> None:
    """The pool has 100 connections."""
    held = HeldServer()
    with serve(held) as server, background(kind, server.address, rate_limiter=RateLimiter(200)) as client:
        calls = [client.call("remove_member", **BOTH) for _ in range(110)]
        for _ in range(100):
            held.wait()
        client.close()
        for call in calls:
            connection_error(call)
    assert len(server.requests) == 100


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_call_over_tls_fails_at_once(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, held = Authority(tmp_path), HeldServer()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    with serve(held, tls=authority.server) as server, background(kind, server.address) as client:
        call = client.call("remove_member", **BOTH)
        held.wait()
        client.close()
        assert "may have been made" in str(connection_error(call))


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_call_through_a_proxy_fails_at_once(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, held = Authority(tmp_path), HeldServer()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    with serve(held, tls=authority.server) as server, run_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        with background(kind, server.address) as client:
            call = client.call("remove_member", **BOTH)
            held.wait()
            client.close()
            assert "may have been made" in str(connection_error(call))


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_call_that_waits_for_its_proxy_sends_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    held = HeldServer()
    with serve(held) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        with background(kind, "https://your-domain.atlassian.net") as client:
            call = client.call("remove_member", **BOTH)
            held.wait()
            client.close()
            error = connection_error(call)
    assert "Nothing was sent" in str(error)
    assert error.unanswered_attempts == 0


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_call_that_waits_for_a_tls_handshake_sends_nothing(kind: str) -> None:
    """Closing ends it at once for tasks; a thread ends with the connect timeout."""
    arrived = threading.Event()

    def silent(server: SocketServer, connection: socket.socket) -> None:
        connection.recv(1)
        arrived.set()
        server.closing.wait(BOUND_S)

    timeout = httpx.Timeout(LONG_S, connect=1)
    with (
        serve(silent) as server,
        background(kind, server.address.replace("http:", "https:"), timeout=timeout) as client,
    ):
        call = client.call("remove_member", **BOTH)
        assert arrived.wait(BOUND_S)
        client.close()
        error = connection_error(call)
    assert "Nothing was sent" in str(error)
    assert error.unanswered_attempts == 0


@pytest.mark.parametrize("kind", ORDERLY)
def test_a_call_whose_token_is_being_refreshed_fails_at_once(kind: str) -> None:
    held = HeldServer()
    with serve(held) as server:
        store = MemoryTokenStore(Tokens("old", "refresh", 0.0, ()))
        auth = OAuth2("client-id", "client-secret", store, authority=server.address)
        with background(kind, server.address, auth=auth) as client:
            calls = [client.call("remove_member", **BOTH) for _ in range(3)]
            held.wait()
            client.close()
            for call in calls:
                connection_error(call)
        assert [each for each in server.requests if b"/oauth/token" not in each] == []


@pytest.mark.parametrize("kind", ORDERLY)
def test_a_call_whose_rejected_token_is_being_refreshed_fails_at_once(kind: str) -> None:
    held = HeldServer()
    rejection = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with serve(reply_with(rejection), held) as server:
        store = MemoryTokenStore(Tokens("old", "refresh", 4e9, ()))
        auth = OAuth2("client-id", "client-secret", store, authority=server.address)
        with background(kind, server.address, auth=auth) as client:
            call = client.call("remove_member", **BOTH)
            held.wait()
            client.close()
            connection_error(call)
        assert [each.partition(b" ")[0] for each in server.requests] == [b"DELETE", b"POST"]


# --- calls that wait for something else


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize(("status", "unanswered"), [(b"503 Unavailable", 1), (b"429 Too Many Requests", 0)])
def test_a_call_that_waits_for_its_retry_fails_at_once(kind: str, status: bytes, unanswered: int) -> None:
    answer = b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status
    with (
        serve(HeldServer(answer)) as server,
        background(kind, server.address) as client,
        log_line("sending again in") as line,
    ):
        call = client.call("remove_member", **BOTH)
        line.wait()
        client.close()
        error = connection_error(call)
        assert len(server.requests) == 1
    assert error.unanswered_attempts == unanswered
    assert ("may have been made" in str(error)) is bool(unanswered)
    assert "sent again" in str(error)


@pytest.mark.parametrize("kind", OURS)
def test_a_call_that_waits_for_the_rate_limiter_fails_at_once(kind: str) -> None:
    rate_limiter = RateLimiter(max_rate=1 / LONG_S)
    with (
        serve(HeldServer(DONE)) as server,
        background(kind, server.address, rate_limiter=rate_limiter) as client,
    ):
        client.call("remove_member", **BOTH).result(BOUND_S)
        call = client.call("remove_member", **BOTH)
        wait_until(lambda: rate_limiter.snapshot().in_flight == 1)
        client.close()
        error = connection_error(call)
        assert rate_limiter.snapshot().in_flight == 0
        assert len(server.requests) == 1
    assert "Nothing was sent" in str(error)
    assert error.unanswered_attempts == 0


@pytest.mark.parametrize("kind", OURS)
def test_a_call_that_waits_for_a_slot_fails_at_once_and_the_slot_serves_others(kind: str) -> None:
    rate_limiter = RateLimiter(1)
    with (
        serve(HeldServer(DONE)) as server,
        background(kind, server.address, rate_limiter=rate_limiter) as client,
        background(kind, server.address, rate_limiter=rate_limiter) as other,
    ):
        rate_limiter.acquire()
        call = client.call("remove_member", **BOTH)
        wait_until(lambda: len(rate_limiter._waiting) == 1)
        later = other.call("remove_member", **BOTH)
        wait_until(lambda: len(rate_limiter._waiting) == 2)
        client.close()
        error = connection_error(call)
        assert "Nothing was sent" in str(error)
        assert not later.done()
        rate_limiter.release()
        later.result(BOUND_S)
        assert rate_limiter.snapshot().in_flight == 0


def test_a_clock_of_the_caller_is_not_interrupted_but_nothing_is_sent_after_it() -> None:
    sleeping, woken = threading.Event(), threading.Event()

    class Slow(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            sleeping.set()
            assert woken.wait(BOUND_S)

    answer = b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n"
    with serve(HeldServer(answer)) as server, background("sync", server.address, clock=Slow()) as client:
        call = client.call("remove_member", **BOTH)
        assert sleeping.wait(BOUND_S)
        client.close()
        woken.set()
        assert "may have been made" in str(connection_error(call))
        assert len(server.requests) == 1


# --- calls that were begun after closing, copies, and httpx clients of the caller


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["remove_member", "add_member", "is_member"])
def test_a_call_after_closing_is_refused(kind: str, method: str) -> None:
    with serve(HeldServer()) as server, background(kind, server.address) as client:
        client.close()
        error = client.call(method, **BOTH).exception(BOUND_S)
        assert isinstance(error, ClientClosedError)
        assert isinstance(error, RuntimeError), "as documented"
        assert isinstance(error, APIConnectionError), "so that the same except clause catches it"
        assert "closed" in str(error)
        assert "Nothing was sent" in str(error)
        assert server.requests == []
        client.close()


@pytest.mark.parametrize("kind", OURS)
def test_copies_end_with_their_client_but_do_not_end_it(kind: str) -> None:
    held = HeldServer(DONE)
    with serve(held) as server, background(kind, server.address) as client:
        copied = client.groups.with_options(timeout=LONG_S)
        if kind == "sync":
            copied.close()
        else:
            client.in_loop(copied.aclose()).result(BOUND_S)
        client.call("remove_member", **BOTH).result(BOUND_S)
        call = client.call("remove_member", on=copied, **BOTH)
        held.wait()
        client.close()
        connection_error(call)


def test_the_callers_synchronous_client_keeps_its_connections() -> None:
    """A request that is under way ends as the caller's client ends it; it is not sent again."""
    arrived, closed = threading.Event(), threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        if "again" in str(request.url):
            return httpx.Response(503)
        arrived.set()
        assert closed.wait(BOUND_S)
        return httpx.Response(204)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        with background("sync", "https://your-domain.atlassian.net", http_client=http) as client:
            call = client.call("remove_member", **BOTH)
            assert arrived.wait(BOUND_S)
            client.close()
            closed.set()
            assert call.result(BOUND_S) is None, "it was answered"
            assert isinstance(client.call("remove_member", **BOTH).exception(BOUND_S), ClientClosedError)
        assert not http.is_closed
        other = ConfluenceGroups("https://your-domain.atlassian.net", auth=token(), http_client=http)
        other.remove_member(**BOTH)


@pytest.mark.parametrize("status", [503, 429])
def test_an_unanswered_call_over_the_callers_synchronous_client_is_not_sent_again(status: int) -> None:
    arrived, closed = threading.Event(), threading.Event()

    def answer(_request: httpx.Request) -> httpx.Response:
        arrived.set()
        assert closed.wait(BOUND_S)
        return httpx.Response(status)

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as http,
        background("sync", "https://your-domain.atlassian.net", http_client=http) as client,
    ):
        call = client.call("remove_member", **BOTH)
        assert arrived.wait(BOUND_S)
        client.close()
        closed.set()
        assert connection_error(call).unanswered_attempts == (1 if status == 503 else 0)


def test_the_callers_asynchronous_client_stays_open_and_usable() -> None:
    held = HeldServer()
    with serve(held, HeldServer(DONE)) as server, background("aiohttp", server.address) as client:
        call = client.call("remove_member", **BOTH)
        held.wait()
        client.close()
        connection_error(call)
        assert client.http is not None
        assert not client.http.is_closed
        other = AsyncConfluenceGroups(server.address, auth=token(), http_client=client.http)
        client.call("remove_member", on=other, **BOTH).result(BOUND_S)


def test_a_callers_synchronous_client_that_is_closed_during_a_call_is_no_runtime_error() -> None:
    arrived, closed = threading.Event(), threading.Event()

    def answer(_request: httpx.Request) -> httpx.Response:
        arrived.set()
        assert closed.wait(BOUND_S)
        raise httpx.ReadError("closed")

    http = httpx.Client(transport=httpx.MockTransport(answer))
    with background("sync", "https://your-domain.atlassian.net", http_client=http) as client:
        call = client.call("remove_member", **BOTH)
        assert arrived.wait(BOUND_S)
        http.close()
        closed.set()
        assert "may have been made" in str(connection_error(call))


def test_a_cancelled_task_is_still_cancelled() -> None:
    async def use(address: str, held: HeldServer) -> None:
        groups = AsyncConfluenceGroups(address, auth=token(), timeout=LONG_S)
        call = asyncio.create_task(groups.remove_member(**BOTH))
        await asyncio.to_thread(held.wait)
        call.cancel()
        await groups.aclose()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert call.cancelled()

    held = HeldServer()
    with serve(held) as server:
        asyncio.run(use(server.address, held))


def test_a_timeout_of_the_program_is_its_own() -> None:
    async def use(address: str) -> None:
        async with AsyncConfluenceGroups(address, auth=token(), timeout=LONG_S) as groups:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await groups.remove_member(**BOTH)

    with serve(HeldServer()) as server:
        asyncio.run(use(server.address))


# --- the generated client


@pytest.mark.parametrize("kind", OURS)
def test_raw_fails_at_once(kind: str) -> None:
    held = HeldServer()
    with serve(held) as server, background(kind, server.address) as client:
        call = client.raw(remove_member_from_group_by_group_id, **BOTH)
        held.wait()
        client.close()
        error = call.exception(BOUND_S)
        assert isinstance(error, httpx.TransportError), repr(error)
        assert "closed" in str(error)
        assert "may have been made" in str(error)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_raw_fails_at_once_in_the_middle_of_a_body(kind: str) -> None:
    held = HeldServer(then=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
    with serve(held) as server, background(kind, server.address) as client:
        call = client.raw(get_group_by_group_id, id="g")
        held.wait()
        client.close()
        assert isinstance(call.exception(BOUND_S), httpx.TransportError)


@pytest.mark.parametrize("kind", KINDS)
def test_raw_after_closing_sends_nothing(kind: str) -> None:
    with serve(HeldServer()) as server, background(kind, server.address) as client:
        client.close()
        error = client.raw(remove_member_from_group_by_group_id, **BOTH).exception(BOUND_S)
        assert isinstance(error, httpx.ConnectError), repr(error)
        assert "closed" in str(error)
        assert server.requests == []


# --- any moment


@pytest.mark.parametrize("kind", ORDERLY)
def test_closing_at_any_moment_ends_every_call_with_an_answer_or_a_connection_error(kind: str) -> None:
    def answering(server: SocketServer, connection: socket.socket) -> None:
        while request := request_on(connection):
            server.requests.append(request)
            connection.sendall(EMPTY_PAGE if request.startswith(b"GET") else DONE)

    chosen = random.Random(7)
    for _ in range(10):
        with serve(answering) as server, background(kind, server.address) as client:
            seen = chosen.randrange(40)
            endings = [repeat_until_closed(client) for _ in range(8)]
            wait_until(lambda server=server, seen=seen: len(server.requests) >= seen)  # type: ignore[misc] # bool
            client.close()
            for each in endings:
                assert isinstance(each.result(BOUND_S), APIConnectionError)


def repeat_until_closed(client: Background) -> Future[BaseException | None]:
    """Make calls until one fails; return its error."""
    if client.kind == "sync":

        def repeat() -> BaseException:
            while True:
                try:
                    client.groups.remove_member(**BOTH)
                    list(client.groups.iter_memberships(account_id="a"))
                except Exception as error:
                    return error

        return client._threads.submit(repeat)

    async def repeat_async() -> BaseException:
        while True:
            try:
                await client.groups.remove_member(**BOTH)
                [each async for each in client.groups.iter_memberships(account_id="a")]
            except Exception as error:
                return error

    return client.in_loop(repeat_async())


def test_nothing_of_a_closed_client_is_left_behind() -> None:
    """No socket, waker or task is kept after its call, so that a long-lived client does not grow."""
    with wire(DONE, DONE) as (address, _), ConfluenceGroups(address, auth=token()) as groups:
        for _ in range(2):
            groups.remove_member(**BOTH)
        assert groups._session.http.closing.waiting == 0


def test_closing_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a signal handler that has interrupted httpcore needs one, and cannot wait for it."""
    with wire(DONE) as (address, _), ConfluenceGroups(address, auth=token()) as groups:
        groups.remove_member(**BOTH)
        http = groups._session.http.client
        with monkeypatch.context() as patch:
            patch.delattr(threading, "Thread")
            groups.close()
        assert http.is_closed


def test_a_thread_without_an_event_loop_can_end_a_task() -> None:
    state, begun, ended = closing.Closing(), threading.Event(), threading.Event()

    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    async def run() -> None:
        with pytest.raises(closing.InterruptedByClosingError):
            await state.run_until_closed(wait)
        ended.set()

    threading.Thread(target=asyncio.run, args=[run()], daemon=True).start()
    assert begun.wait(BOUND_S)
    state.close()
    assert ended.wait(BOUND_S)


def test_a_server_error_is_raised_as_before() -> None:
    answer = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    with serve(HeldServer(answer)) as server, background("sync", server.address) as client:
        assert isinstance(client.call("remove_member", **BOTH).exception(BOUND_S), ServerError)
