"""No frame of the package in a traceback leads to a secret, however deep, if a server echoes the credentials."""

from __future__ import annotations

import asyncio
import base64
import functools
import gc
import gzip
import logging
import socket
import sys
import threading
import types
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from fakes import START, WIRED, Answers, FakeClock, at, call, call_at
from raw_socket_servers import SocketServer, request_on, serve

import confluence_groups_sdk
from confluence_groups_sdk import (
    APIError,
    ApiToken,
    BearerToken,
    ConfluenceGroups,
    MemoryTokenStore,
    OAuth2,
    RetryPolicy,
    Tokens,
)
from confluence_groups_sdk._generated.api.group import get_groups as generated

# These are globals because a traceback shows the local variables of tests.
EMAIL = "marker-person@example.com"
TOKEN = "marker-token-5e12f0" * 4
BASIC = base64.b64encode(f"{EMAIL}:{TOKEN}".encode()).decode()
PARTS = (TOKEN[:30], BASIC[:40], BASIC[-40:])
AUTH: dict[str, httpx.Auth] = {"Basic": ApiToken(EMAIL, TOKEN), "Bearer": BearerToken(TOKEN)}
SENT = {"Basic": f"Basic {BASIC}", "Bearer": f"Bearer {TOKEN}"}
PACKAGE = confluence_groups_sdk.__name__

# The credentials hold the secret on purpose, and show it nowhere; functions lead to the globals of all modules.
OPAQUE = (httpx.Auth, type, types.ModuleType, types.TracebackType, types.FrameType, types.CodeType, weakref.ref)


def referents(value: object) -> list[object]:
    """Return what a value holds: attributes, items, slots, closures, the variables of generators."""
    if isinstance(value, OPAQUE):
        return []
    if type(value) is dict:  # the collector passes over keys that are texts
        return [*value.keys(), *value.values()]
    if isinstance(value, types.FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or () if cell != types.CellType()]
        return [*cells, *(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values(), value.__dict__]
    return gc.get_referents(value)


def find_secrets(root: object, seen: set[int] | None = None) -> Iterator[str]:
    """Yield the ways from a value to a secret; skip what was seen before."""
    seen = set() if seen is None else seen
    seen |= {id(PARTS), id(SENT), id(AUTH)}
    todo: list[tuple[str, Any]] = [("", root)]
    while todo:
        way, value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        text = value if isinstance(value, str) else ""
        if isinstance(value, bytes | bytearray | memoryview):
            text = bytes(value).decode("latin-1")
        if any(part in text for part in PARTS):
            yield f"{way}: {type(value).__name__} {text[:60]!r}"
        todo += [(f"{way}.{type(each).__name__}", each) for each in referents(value)]


def frames_of(error: BaseException) -> Iterator[types.FrameType]:
    """Yield the frames of the package in the tracebacks of an error, its causes and contexts."""
    chain: list[BaseException | None] = [error]
    while chain:
        if (each := chain.pop()) is None:
            continue
        chain += [each.__cause__, each.__context__]
        traceback = each.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_globals.get("__name__", "").partition(".")[0] == PACKAGE:
                yield traceback.tb_frame
            traceback = traceback.tb_next


def assert_frames_are_clean(error: BaseException, *known: object) -> None:
    """Check the variables of all frames of the package, except for ``known`` objects."""
    count = 0
    found: list[str] = []
    seen = {id(each) for each in known}
    for frame in frames_of(error):
        count += 1
        for name, value in frame.f_locals.items():
            where = f"{frame.f_globals['__name__']}.{frame.f_code.co_name}: {name}"
            found += [f"{where}{way}" for way in find_secrets(value, seen)]
            found += [f"{where}: repr" for part in PARTS if part in repr(value)]
    assert count, "the error comes from the package"
    assert found == []


def test_the_scanner_finds_secrets_everywhere() -> None:
    class Slotted:
        __slots__ = ("value",)

    slotted = Slotted()
    slotted.value = [TOKEN]  # type: ignore[attr-defined] # a slot

    def generate(inner: object) -> Iterator[int]:
        yield 1
        print(inner)

    generator = generate({"a": (TOKEN.encode(),)})
    next(generator)
    values = [slotted, generator, lambda: slotted, functools.partial(print, TOKEN), bytearray(BASIC.encode())]
    for value in [*values, httpx.Response(200, extensions={"reason_phrase": TOKEN.encode()}), {TOKEN: 1}]:
        assert list(find_secrets(value)), value
    assert not list(find_secrets([AUTH["Basic"], "something", print]))


# --- servers that echo the Authorization header

STATUSES = (200, 204, 302, 400, 401, 403, 404, 429, 503)


def answer(status: int, echo: str, *, where: str) -> bytes:
    """Return a response that repeats the credentials at a place."""
    reason, headers, body = "OK", [], b""
    match where:
        case "reason":
            reason = echo
        case "header":
            headers = [f"{name}: {echo}" for name in ("X-Echo", "atl-request-id", "Server", "Location", "Retry-After")]
            headers += [f'Warning: 299 - "{echo}"', f"Deprecation: {echo}", f"Set-Cookie: a={echo}"]
            headers += [f"X-Failure-Category: {echo}", f"X-Authentication-Denied-Reason: {echo}"]
        case "header name":
            headers = [f"{TOKEN}: 1", f"X-{BASIC.rstrip('=')}: 1"]
        case "JSON":
            body = f'{{"message": "you sent {echo}", "errors": [{{"detail": "{echo}"}}]}}'.encode()
        case "HTML":
            body = f"<html><p>you sent {echo}</p></html>".encode()
        case "broken gzip":
            headers, body = ["Content-Encoding: gzip"], echo.encode()
        case "cut gzip":
            headers, body = ["Content-Encoding: gzip"], gzip.compress(echo.encode() * 3)[:-9]
    if status == 204:
        body = b""
    else:
        headers.append(f"Content-Length: {len(body)}")
    return "\r\n".join([f"HTTP/1.1 {status} {reason}", *headers, "", ""]).encode() + body


PLACES = ("reason", "header", "header name", "JSON", "HTML", "broken gzip", "cut gzip")


def raw_answers(echo: str) -> dict[str, bytes]:
    """Return responses that are malformed, or repeat the credentials in a part that only some transports keep."""
    chunked = "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n"
    return {
        "status line": f"HTTP/1.1 {echo} no\r\n\r\n".encode(),
        "no status line": f"{echo}\r\n\r\n".encode(),
        "header line": f"HTTP/1.1 403 No\r\n{echo} without a colon\r\n\r\n".encode(),
        "control characters": f"HTTP/1.1 403 No\r\nX-Echo: {echo}\x00\r\n\r\n".encode(),
        "length": f"HTTP/1.1 403 No\r\nContent-Length: {echo}\r\n\r\n".encode(),
        "trailer": f"{chunked}\r\n2\r\nno\r\n0\r\nX-Echo: {echo}\r\n\r\n".encode(),
        "chunk size": f"{chunked}\r\n{echo}\r\nno\r\n0\r\n\r\n".encode(),
        "chunk extension": f'{chunked}\r\n2;a="{echo}"\r\nno\r\n0\r\n\r\n'.encode(),
        "cut body": f"HTTP/1.1 403 No\r\nContent-Length: 9999\r\nConnection: close\r\n\r\n{echo}".encode(),
        "early response": f"HTTP/1.1 103 {echo}\r\nLink: <{echo}>\r\n\r\nHTTP/1.1 403 No\r\n"
        "Content-Length: 0\r\n\r\n".encode(),
        "until the end": f"HTTP/1.1 403 {echo}\r\n\r\n{echo}".encode(),
    }


def send_once(data: bytes) -> Callable[[SocketServer, socket.socket], None]:
    """Answer one request on each connection, and close it."""

    def script(server: SocketServer, connection: socket.socket) -> None:
        server.requests.append(request_on(connection))
        connection.sendall(data)

    return script


def error_of(kind: str, address: str, auth: httpx.Auth, method: str = "remove_member") -> BaseException:
    """Call a server that fails, and return the error."""
    options: dict[str, Any] = {"auth": auth, "retry": RetryPolicy(max_retries=1), "clock": FakeClock(), "timeout": 5}
    arguments: dict[str, Any] = {
        "remove_member": {"group_id": "g", "account_id": "a"},
        "get_users": {"account_ids": ["a", "b"]},
    }.get(method, {})
    try:
        if kind == "sync":
            with ConfluenceGroups(address, **options) as groups:
                result = getattr(groups, method)(**arguments)
                list(result) if method.startswith("iter") else None
        else:
            asyncio.run(_fail_async(kind, address, method, arguments, options))
    except APIError as error:
        return error
    raise AssertionError("nothing was raised")


async def _fail_async(kind: str, address: str, method: str, arguments: dict[str, Any], options: dict[str, Any]) -> None:
    async with at(kind, address, **options) as groups:
        result = getattr(groups, method)(**arguments)
        if method.startswith("iter"):
            [each async for each in result]
        else:
            await result


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize(("method", "scheme"), [("remove_member", "Basic"), ("iter_groups", "Bearer"), ("get_users", "Basic")])
def test_an_echo_is_in_no_frame(kind: str, scheme: str, where: str, method: str) -> None:
    for status in STATUSES:
        if status == 204 and method == "remove_member":
            continue  # it succeeds
        if status in (400, 404) and method == "get_users":
            continue  # nobody has these ids
        with serve(send_once(answer(status, SENT[scheme], where=where))) as server:
            error = error_of(kind, server.address, AUTH[scheme], method)
        assert SENT[scheme].encode() in server.requests[0], "the token was sent, so it could have been echoed"
        assert_frames_are_clean(error)
        assert list(find_secrets(error.__dict__)) == []


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("scheme", AUTH)
@pytest.mark.parametrize("place", raw_answers(""))
def test_an_echo_in_a_malformed_response_is_in_no_frame(kind: str, scheme: str, place: str) -> None:
    with serve(send_once(raw_answers(SENT[scheme])[place])) as server:
        error = error_of(kind, server.address, AUTH[scheme])
    assert_frames_are_clean(error)
    assert list(find_secrets(error.__dict__)) == []


# --- the generated client, which raises httpx's errors


def raw_error_of(kind: str, address: str, auth: httpx.Auth) -> BaseException:
    """List groups with the generated client, and return its error."""
    try:
        if kind == "sync":
            with ConfluenceGroups(address, auth=auth, timeout=5) as groups:
                generated.sync_detailed(client=groups.raw)
        else:
            asyncio.run(_raw_async(kind, address, auth))
    except (httpx.HTTPError, ValueError) as error:
        return error
    raise AssertionError("nothing was raised")


async def _raw_async(kind: str, address: str, auth: httpx.Auth) -> None:
    async with at(kind, address, auth=auth, timeout=5) as groups:
        await generated.asyncio_detailed(client=groups.raw)


RAW_FAILURES = ("status line", "no status line", "length", "chunk size", "cut body")


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("place", [*RAW_FAILURES, "reason"])
def test_the_generated_client_keeps_the_token_out_of_our_frames(kind: str, place: str) -> None:
    data = answer(200, SENT["Basic"], where=place) if place in PLACES else raw_answers(SENT["Basic"])[place]
    with serve(send_once(data)) as server:
        error = raw_error_of(kind, server.address, AUTH["Basic"])
    # httpx's own: its errors quote a malformed response, and the stream of a response leads to the request
    streams = [each.stream for each in gc.get_objects() if isinstance(each, httpx.Response)]
    assert_frames_are_clean(error, error, error.__cause__, error.__context__, *streams)


@pytest.mark.parametrize("kind", WIRED)
def test_a_refused_connection_keeps_the_token_out_of_our_frames(kind: str) -> None:
    with serve(send_once(b"")) as server:
        address = server.address
    assert_frames_are_clean(raw_error_of(kind, address, AUTH["Basic"]))
    assert_frames_are_clean(error_of(kind, address, AUTH["Basic"]))


class FrameReader(logging.Handler):
    """Reads the variables of the package's frames, as error reporters do for a log line."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def emit(self, _record: logging.LogRecord) -> None:
        frame = sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
            if frame.f_globals.get("__name__", "").partition(".")[0] == PACKAGE:
                self.shown += map(repr, frame.f_locals.values())


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("status", [204, 403, 503])
def test_no_variable_shows_the_token_while_something_is_logged(
    kind: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    echo = SENT["Basic"]
    head = f'HTTP/1.1 {status} {echo}\r\nWarning: 299 - "{echo}"\r\nContent-Length: 0\r\n\r\n'
    logger, reader = logging.getLogger(PACKAGE), FrameReader()
    logger.addHandler(reader)
    try:
        with caplog.at_level(logging.INFO, PACKAGE), serve(send_once(head.encode())) as server, suppress(APIError):
            call_at(kind, server.address, "remove_member", {"group_id": "g", "account_id": "a"}, auth=AUTH["Basic"])
    finally:
        logger.removeHandler(reader)
    assert any(f"<Response [{status}" in each for each in reader.shown)
    assert not [each for each in reader.shown if any(part in each for part in PARTS)]


# --- calls that end by the caller's own exception


class Interrupted(BaseException):
    """What a signal handler may raise at any time."""


class BreakingStream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A part of a body with an echo, and then an interruption."""

    def __init__(self, echo: str) -> None:
        self._echo = echo.encode()

    def __iter__(self) -> Iterator[bytes]:
        yield self._echo
        raise Interrupted

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._echo
        raise Interrupted


def shown_values(error: BaseException) -> list[str]:
    """Return what an error reporter shows of our frames."""
    return [repr(value) for frame in frames_of(error) for value in frame.f_locals.values()]


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("status", [200, 401])
@pytest.mark.parametrize("refreshing", [True, False])
def test_an_interrupted_read_shows_no_echo(kind: str, status: int, refreshing: bool) -> None:
    echo = SENT["Bearer"]
    response = httpx.Response(
        status, stream=BreakingStream(echo), extensions={"reason_phrase": echo.encode(), "http_version": b"HTTP/1.1"}
    )
    tokens = MemoryTokenStore(Tokens(TOKEN, "refresh-token", START + 3600))
    auth = OAuth2("client-id", "client-secret", tokens, clock=FakeClock()) if refreshing else AUTH["Bearer"]
    with pytest.raises(Interrupted) as caught:
        call(kind, "current_user", Answers(response), auth=auth)
    assert not [each for each in shown_values(caught.value) if any(part in each for part in PARTS)]


@pytest.mark.parametrize("kind", ["async", "aiohttp"])
@pytest.mark.parametrize("status", [200, 401])
def test_a_cancelled_read_shows_no_echo(kind: str, status: int) -> None:
    echo = SENT["Bearer"]
    data = f"HTTP/1.1 {status} {echo}\r\nContent-Length: 9999\r\n\r\n{echo}".encode()
    tokens = MemoryTokenStore(Tokens(TOKEN, "refresh-token", START + 3600))
    auth = OAuth2("client-id", "client-secret", tokens, clock=FakeClock())
    received = threading.Event()

    def script(server: SocketServer, connection: socket.socket) -> None:
        request_on(connection)
        connection.sendall(data)
        received.set()
        server.closing.wait(5)

    async def cancel(address: str) -> BaseException:
        async with at(kind, address, auth=auth, timeout=5) as groups:
            task = asyncio.create_task(groups.current_user())
            await asyncio.to_thread(received.wait, 5)
            for _ in range(100):
                await asyncio.sleep(0)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError as error:
                return error
        raise AssertionError("nothing was raised")

    with serve(script) as server:
        error = asyncio.run(cancel(server.address))
    assert not [each for each in shown_values(error) if any(part in each for part in PARTS)]
