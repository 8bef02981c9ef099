"""Failures of servers and networks raise only errors of this package, in both clients."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import socket
import threading
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import pytest
from fakes import KINDS, SITE, WIRED, Answers, FakeClock, at, call, call_at, token
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_socket_servers import SocketServer, break_off, flood, reply_with, request_on, serve

from confluence_groups_sdk import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AsyncConfluenceGroups,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    ConfluenceGroups,
    ConfluenceGroupsError,
    GoneError,
    NotFoundError,
    PermissionDeniedError,
    RateLimiter,
    RateLimitError,
    ResponseValidationError,
    RetryPolicy,
    ServerError,
    Timeout,
    aiohttp_client,
)
from confluence_groups_sdk import errors as errors_module
from confluence_groups_sdk._core.timeout import parse_timeout
from confluence_groups_sdk._core.transport.decompression import Decoder
from confluence_groups_sdk.sandbox import Group, Sandbox

BOTH = {"group_id": "g", "account_id": "a"}
ONCE = RetryPolicy(max_retries=0)
MIB = 1024**2
YEAR_S = 366 * 24 * 3600
MAX_BODY_BYTES = 16 * MIB
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"

# --- statuses

KIND_OF = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    429: RateLimitError,
}
OPERATIONS: list[
    tuple[str, dict[str, Any], int, bool]
] = [  # with their success status, and whether they are repeatable
    ("get_group", {"group_id": "g"}, 200, True),
    ("remove_member", BOTH, 204, True),
    ("add_member", BOTH, 201, False),
]


def kind_of(status: int) -> type[APIError]:
    if status < 300:
        return ResponseValidationError
    return KIND_OF.get(status, ServerError if status >= 500 else APIStatusError)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("method", "arguments", "success", "repeatable"), OPERATIONS)
def test_every_undocumented_status_raises_its_error(
    kind: str, method: str, arguments: dict[str, Any], success: int, repeatable: bool
) -> None:
    wrong = []
    for status in sorted({*range(200, 600), 600, 999} - {success}):
        requests: list[httpx.Request] = []

        def answer(request: httpx.Request, status: int = status, requests: list[httpx.Request] = requests) -> Any:
            requests.append(request)
            return httpx.Response(status, headers={"atl-request-id": f"r-{status}"}, content=b'{"message": "words"}')

        with pytest.raises(APIError) as caught:
            call(kind, method, answer, arguments)
        error = caught.value
        times = 5 if status == 429 or (repeatable and status in (502, 503, 504)) else 1
        expected = (kind_of(status) if status < 600 else APIStatusError, status, f"r-{status}", times)
        if (type(error), error.status_code, error.request_id, len(requests)) != expected:
            wrong.append((status, error))
        assert f"{status}" in str(error)
        assert f"[request id r-{status}]" in str(error)
        assert "words" in str(error)
    assert wrong == []


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_sends_nothing_to_another_host(kind: str, status: int) -> None:
    with serve(reply_with(DONE)) as elsewhere:
        answer = b"HTTP/1.1 %d Elsewhere\r\nLocation: %s/\r\nContent-Length: 0\r\n\r\n"
        with serve(reply_with(answer % (status, elsewhere.address.encode()))) as wires:
            with pytest.raises(APIStatusError, match="does not follow"):
                call_at(kind, wires.address, "remove_member", BOTH)
            assert len(wires.requests) == 1
        assert elsewhere.connections == 0


# --- bodies

BODIES: list[tuple[str, bytes]] = [
    ("HTML", b"<html><head><title>Log in</title></head><body>Log in to continue</body></html>"),
    ("empty", b""),
    ("blank", b" \r\n"),
    ("truncated", b'{"id": "g", "name": "na'),
    ("a list", b"[]"),
    ("null", b"null"),
    ("a number", b"7"),
    ("too many digits", b"9" * 10_000),
    ("too deep", b"[" * 100_000),
    ("NaN", b"NaN"),
    ("an id that is a number", b'{"id": 7, "name": "n"}'),
    ("a name that is a list", b'{"id": "g", "name": ["n"]}'),
    ("results that are an object", b'{"results": {}}'),
    ("results that are a number", b'{"results": 7}'),
    ("invalid UTF-8", b'{"id": "\xff\xfe", "name": "\xc3"}'),
    ("another encoding", '{"id": "g"}'.encode("utf-16")),
    ("control characters", b"\x00\x01\x1b[31m\x7f"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["get_group", "iter_members"])
@pytest.mark.parametrize("body", [body for _, body in BODIES], ids=[name for name, _ in BODIES])
@pytest.mark.parametrize("status", [200, 404, 500])
def test_any_wrong_body_raises_an_error_with_status_and_request_id(
    kind: str, method: str, body: bytes, status: int
) -> None:
    answers = Answers(httpx.Response(status, headers={"atl-request-id": "r-1"}, content=body))
    with pytest.raises(kind_of(status)) as caught:
        call(kind, method, answers, {"group_id": "g"})
    assert (caught.value.status_code, caught.value.request_id) == (status, "r-1")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["remove_member", "add_member"])
@pytest.mark.parametrize("body", [body for _, body in BODIES], ids=[name for name, _ in BODIES])
def test_the_body_of_a_successful_change_is_ignored(kind: str, method: str, body: bytes) -> None:
    status = 204 if method == "remove_member" else 201
    assert call(kind, method, Answers(httpx.Response(status, content=body)), BOTH) is None


def page_of(size: int) -> bytes:
    """Return a page of users, padded to a size with an unknown field."""
    frame = json.dumps({"results": [{"accountId": "a"}, {"accountId": "b"}], "size": 2, "_links": {}, "padding": ""})
    return frame[:-2].encode() + b"x" * (size - len(frame)) + b'"}'


def answer_with(body: bytes, headers: bytes = b"", status: int = 200) -> bytes:
    head = b"HTTP/1.1 %d Any\r\natl-request-id: r-1\r\n%sContent-Length: %d\r\n\r\n"
    return head % (status, headers, len(body)) + body


LAST = answer_with(b'{"results": []}')  # a page of a list; an empty page ends the list


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("size", [10_000_000, MAX_BODY_BYTES])
@pytest.mark.parametrize("packed", [False, True])
def test_a_large_body_is_read(kind: str, size: int, packed: bool) -> None:
    page = page_of(size)
    assert len(page) == size
    answer = answer_with(gzip.compress(page, 1), b"Content-Encoding: gzip\r\n") if packed else answer_with(page)
    with serve(reply_with(answer, LAST)) as wires:
        members = call_at(kind, wires.address, "iter_members", {"group_id": "g"})
    assert [member.account_id for member in members] == ["a", "b"]


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("status", [200, 404])
def test_a_body_one_byte_too_long_raises_an_error_with_status_and_request_id(
    kind: str, packed: bool, status: int
) -> None:
    page = page_of(MAX_BODY_BYTES + 1)
    packing = b"Content-Encoding: gzip\r\n"
    answer = answer_with(gzip.compress(page, 1), packing, status) if packed else answer_with(page, b"", status)
    with serve(reply_with(answer)) as wires, pytest.raises(kind_of(status)) as caught:
        call_at(kind, wires.address, "get_group", {"group_id": "g"})
    assert (caught.value.status_code, caught.value.request_id, caught.value.body) == (status, "r-1", "")


@pytest.mark.parametrize("kind", KINDS)
def test_reading_stops_when_the_body_is_too_long(kind: str) -> None:
    chunk = b" " * MIB
    given_out: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            given_out.append(len(chunk))
            yield chunk

    async def endless_async() -> AsyncIterator[bytes]:
        for each in endless():
            yield each

    content: Any = endless() if kind == "sync" else endless_async()
    with pytest.raises(ResponseValidationError, match="16 MiB"):
        call(kind, "get_group", Answers(httpx.Response(200, content=content)), {"group_id": "g"})
    assert sum(given_out) == MAX_BODY_BYTES + len(chunk)


@pytest.mark.parametrize("kind", WIRED)
def test_a_server_cannot_send_much_more_than_the_limit(kind: str) -> None:
    sent: list[int] = []
    flood_script = flood(b"HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n", b" " * MIB, sent, 256 * MIB)
    with serve(flood_script) as wires, pytest.raises(ResponseValidationError, match="16 MiB"):
        call_at(kind, wires.address, "get_group", {"group_id": "g"})
    assert sent[0] <= MAX_BODY_BYTES + 16 * MIB, "the read bytes and the kernel's buffers on both sides"


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate"])
@pytest.mark.parametrize("status", [200, 403])
def test_a_compression_bomb_is_an_error(kind: str, coding: str, status: int) -> None:
    zeros = b"\0" * (MAX_BODY_BYTES + MIB)
    bomb = zlib.compress(zeros) if coding == "deflate" else gzip.compress(zeros)
    assert len(bomb) < 20_000
    answer = answer_with(bomb, f"Content-Encoding: {coding}\r\n".encode(), status)
    with serve(reply_with(answer)) as wires, pytest.raises(kind_of(status)) as caught:
        call_at(kind, wires.address, "get_group", {"group_id": "g"})
    assert (caught.value.status_code, caught.value.request_id) == (status, "r-1")


def test_a_compression_bomb_is_not_decompressed_beyond_the_limit() -> None:
    bomb = gzip.compress(b"\0" * (128 * MIB), 9)
    decoder = Decoder({"content-encoding": "gzip"})
    tracemalloc.start()
    try:
        assert len(decoder.decode(bomb, MAX_BODY_BYTES)) == MAX_BODY_BYTES
        assert tracemalloc.get_traced_memory()[1] < 48 * MIB
    finally:
        tracemalloc.stop()


ODD_CODINGS: list[tuple[str, bytes]] = [
    ("gzip, gzip", gzip.compress(gzip.compress(b"{}"))),
    ("gzip, deflate", zlib.compress(gzip.compress(b"{}"))),
    ("br", b"\x8b\x00\x80{}\x03"),
    ("zstd", b"(\xb5/\xfd \x02\x11\x00\x00{}"),
    ("gzip", b"none"),
    ("gzip", gzip.compress(page_of(1000))[:-9]),
    ("gzip", gzip.compress(page_of(1000))[:-4] + b"\0\0\0\0"),
    ("deflate", b"none"),
    ("deflate", zlib.compress(page_of(1000))[:-5]),
]


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize(("coding", "body"), ODD_CODINGS, ids=range(len(ODD_CODINGS)))
@pytest.mark.parametrize("status", [200, 403, 429, 503])
def test_a_body_that_cannot_be_decoded_keeps_status_class_and_request_id(
    kind: str, coding: str, body: bytes, status: int
) -> None:
    answer = answer_with(body, f"Content-Encoding: {coding}\r\nRetry-After: 9\r\n".encode(), status)
    clock = FakeClock()
    with serve(reply_with(answer)) as wires, pytest.raises(kind_of(status)) as caught:
        call_at(kind, wires.address, "get_group", {"group_id": "g"}, clock=clock, retry=RetryPolicy(max_retries=1))
    assert (caught.value.status_code, caught.value.request_id, caught.value.body) == (status, "r-1", "")
    assert clock.slept == ([9] if status in (429, 503) else [])


RAW_DEFLATE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
GOOD_CODINGS: list[tuple[str, bytes]] = [
    ("gzip", gzip.compress(page_of(1000))),
    ("GZip", gzip.compress(page_of(1000))),
    ("gzip, identity", gzip.compress(page_of(1000))),
    ("gzip", gzip.compress(page_of(1000)) + b"behind the end"),
    ("deflate", zlib.compress(page_of(1000))),
    ("deflate", RAW_DEFLATE.compress(page_of(1000)) + RAW_DEFLATE.flush()),
    ("identity", page_of(1000)),
    ("utf-8", page_of(1000)),
    ("", page_of(1000)),
]


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize(("coding", "body"), GOOD_CODINGS, ids=range(len(GOOD_CODINGS)))
def test_a_body_is_decoded_as_the_header_says(kind: str, coding: str, body: bytes) -> None:
    answer = answer_with(body, f"Content-Encoding: {coding}\r\n".encode())
    with serve(reply_with(answer, LAST)) as wires:
        members = call_at(kind, wires.address, "iter_members", {"group_id": "g"})
    assert [member.account_id for member in members] == ["a", "b"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_already_read_by_a_hook_is_used_within_the_same_limit(kind: str) -> None:
    bodies = (page_of(1000), b'{"results": []}', page_of(MAX_BODY_BYTES + 1))
    answers = [httpx.Response(200, content=body) for body in bodies]
    handler = Answers(*answers)
    assert all(answer.is_stream_consumed for answer in answers)
    assert len(call(kind, "iter_members", handler, {"group_id": "g"})) == 2
    with pytest.raises(ResponseValidationError, match="16 MiB"):
        call(kind, "iter_members", handler, {"group_id": "g"})


# --- timeouts


class AdvancingClock(FakeClock):
    """A clock that advances by 10 s with each reading."""

    def monotonic(self) -> float:
        self.slept.append(10)
        return super().monotonic()


EMPTY_BLOCKS = b"\x00\x00\x00\xff\xff" * 1000  # deflate blocks that decode to nothing, without a last one
GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
ENDLESS: list[tuple[str, bytes, bytes]] = [
    ("plain", HEAD + b"\r\n", b" "),
    ("said to be empty", HEAD + b"Content-Length: 0\r\n\r\n", b" "),
    ("packed", HEAD + b"Content-Encoding: gzip\r\n\r\na\r\n" + GZIP_HEAD + b"\r\n", EMPTY_BLOCKS),
    (
        "behind the end",
        HEAD + b"Content-Encoding: gzip\r\n\r\n%x\r\n%s\r\n" % (len(gzip.compress(b"{}")), gzip.compress(b"{}")),
        b" " * 5000,
    ),
]


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize(("head", "data"), [each[1:] for each in ENDLESS], ids=[each[0] for each in ENDLESS])
@pytest.mark.parametrize("status", [b"200", b"403"])
def test_an_endless_response_times_out_and_its_connection_is_not_reused(
    kind: str, head: bytes, data: bytes, status: bytes
) -> None:
    sent: list[int] = []
    flood_script = flood(head.replace(b"200", status), b"%x\r\n%s\r\n" % (len(data), data), sent, 256 * MIB)
    options = {"timeout": Timeout(total=25), "retry": ONCE, "clock": AdvancingClock()}
    says_two_lengths = (
        kind == "aiohttp" and b"Content-Length" in head
    )  # aiohttp rejects that immediately, as HTTP allows
    error = APIConnectionError if says_two_lengths else APITimeoutError
    with serve(flood_script, reply_with(answer_with(page_of(1000)), LAST)) as wires:

        def sync() -> int:
            with ConfluenceGroups(wires.address, auth=token(), **options) as groups:  # type: ignore[arg-type] # of many
                with pytest.raises(error):
                    groups.get_group(group_id="g")
                return len(list(groups.iter_members(group_id="g")))

        async def tasks() -> int:
            async with at(kind, wires.address, auth=token(), **options) as groups:
                with pytest.raises(error):
                    await groups.get_group(group_id="g")
                return len([each async for each in groups.iter_members(group_id="g")])

        assert (sync() if kind == "sync" else asyncio.run(tasks())) == 2
        assert wires.connections == 2
    assert sent[0] < 32 * MIB


@pytest.mark.parametrize(
    ("timeout", "parts", "total"),
    [
        (5, (5, 5, 5, 5), 60),
        (90, (90, 90, 90, 90), 90),
        (0.001, (0.001, 0.001, 0.001, 0.001), 60),
        (YEAR_S, (YEAR_S, YEAR_S, YEAR_S, YEAR_S), YEAR_S),
        (Timeout(5, total=YEAR_S), (5, 5, 5, 5), YEAR_S),
        (None, (None, None, None, None), None),
        (httpx.Timeout(5, read=120), (5, 120, 5, 5), 120),
        (httpx.Timeout(5, pool=None), (5, 5, 5, None), None),
        (Timeout(), (30, 30, 30, 30), 60),
        (Timeout(5, read=7), (5, 7, 5, 5), 60),
        (Timeout(5, total=3), (5, 5, 5, 5), 3),
        (Timeout(5, total=None), (5, 5, 5, 5), None),
        (Timeout(None, connect=1, write=2), (1, None, 2, None), 60),
    ],
)
def test_timeout_values_become_limits(
    timeout: httpx.Timeout | float | None, parts: tuple[float | None, ...], total: float | None
) -> None:
    found, whole = parse_timeout(timeout)
    assert (found["connect"], found["read"], found["write"], found["pool"], whole) == (*parts, total)


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), YEAR_S + 1, True, "5"])
@pytest.mark.parametrize("part", ["timeout", "connect", "read", "write", "pool", "total"])
def test_a_malformed_part_of_a_timeout_is_an_error(bad: Any, part: str) -> None:
    timeout = Timeout(**{part: bad})
    with pytest.raises(ConfigurationError, match="timeout"):
        ConfluenceGroups(SITE, auth=token(), timeout=timeout)
    with pytest.raises(ConfigurationError, match="timeout"):
        AsyncConfluenceGroups(SITE, auth=token()).with_options(timeout=timeout)


@pytest.mark.parametrize("kind", [ConfluenceGroups, AsyncConfluenceGroups])
def test_with_options_keeps_or_replaces_the_timeout(kind: type[ConfluenceGroups] | type[AsyncConfluenceGroups]) -> None:
    client = kind(SITE, auth=token(), timeout=Timeout(5, total=7))
    assert client._session.config.total_timeout_s == 7
    assert client.with_options(retry=ONCE)._session.config.total_timeout_s == 7
    assert client.with_options(timeout=9)._session.config.total_timeout_s == 60
    assert client.with_options(timeout=Timeout(total=8))._session.config.total_timeout_s == 8
    assert client.with_options(timeout=None)._session.config.total_timeout_s is None
    assert (client._session.config.timeout["read"], client._session.config.total_timeout_s) == (5, 7)


# --- broken connections

BREAKS: list[tuple[str, bytes | None]] = [
    ("before the request is read", None),
    ("before any answer", b""),
    ("in the status line", b"HTTP/1.1 20"),
    ("in the headers", b"HTTP/1.1 200 OK\r\nContent-Ty"),
    ("in the body", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
    ("in a chunk", HEAD + b"\r\n64\r\n{"),
    ("between chunks", HEAD + b"\r\n1\r\n{\r\n"),
    ("in a body that ends with it", b"HTTP/1.1 200 OK\r\n\r\n{"),
]
NAMES = [name for name, _ in BREAKS]


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("after", [after for _, after in BREAKS], ids=NAMES)
def test_a_connection_that_always_breaks_raises_an_error(kind: str, after: bytes | None) -> None:
    clock = FakeClock()
    with serve(break_off(after)) as wires:
        with pytest.raises(APIConnectionError) as caught:
            call_at(kind, wires.address, "get_group", {"group_id": "g"}, clock=clock)
        assert wires.connections == 5
    assert clock.slept == pytest.approx([2, 4, 8, 16])
    assert type(caught.value) is APIConnectionError
    assert str(caught.value)


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("after", [after for _, after in BREAKS], ids=NAMES)
def test_repeatable_calls_are_retried_over_a_new_connection(kind: str, after: bytes | None) -> None:
    with serve(break_off(after), reply_with(DONE)) as wires:
        call_at(kind, wires.address, "remove_member", BOTH)
        assert wires.connections == 2


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize(
    "after", [after for _, after in BREAKS[1:]], ids=NAMES[1:]
)  # with the first break, nothing is sent
def test_other_calls_are_not_retried(kind: str, after: bytes | None) -> None:
    with serve(break_off(after)) as wires:
        with pytest.raises(APIConnectionError, match="may have been made"):
            call_at(kind, wires.address, "create_group", {"name": "n"})
        assert wires.connections == 1


@pytest.mark.parametrize("kind", WIRED)
def test_a_connection_that_breaks_during_a_large_request(kind: str) -> None:
    """Eight megabytes exceed the kernel's buffers, so the connection breaks while the request is sent."""

    def take_a_little(wires: SocketServer, connection: socket.socket) -> None:
        wires.requests.append(connection.recv(1000))
        break_off(None)(wires, connection)

    with serve(take_a_little) as wires:
        with pytest.raises(APIConnectionError, match="may have been made"):
            call_at(kind, wires.address, "create_group", {"name": "n" * 8 * MIB})
        assert wires.connections == 1


@pytest.mark.parametrize("kind", WIRED)
def test_a_connection_closed_while_idle_is_replaced(kind: str) -> None:
    def once(wires: SocketServer, connection: socket.socket) -> None:
        wires.requests.append(request_on(connection))
        connection.sendall(DONE)

    async def tasks(address: str) -> None:
        async with at(kind, address, auth=token(), clock=FakeClock()) as groups:
            for _ in range(3):
                await groups.remove_member(**BOTH)

    with serve(once) as wires:
        if kind != "sync":
            asyncio.run(tasks(wires.address))
        else:
            with ConfluenceGroups(wires.address, auth=token(), clock=FakeClock()) as groups:
                for _ in range(3):
                    groups.remove_member(**BOTH)
        assert len(wires.requests) >= 3


# --- only our own errors


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize("status", [200, 404])
def test_a_header_with_any_bytes_is_read(kind: str, status: int) -> None:
    headers = b"atl-request-id: r-\xc3\xbc\r\nX-Motto: \xff\r\n"
    answer = b"HTTP/1.1 %d Any\r\nContent-Length: 2\r\n%s\r\n{}" % (status, headers)
    with serve(reply_with(answer)) as wires, pytest.raises(kind_of(status)) as caught:
        call_at(kind, wires.address, "get_group", {"group_id": "g"})
    assert caught.value.status_code == status
    assert (caught.value.request_id or "").startswith("r-")


lines = st.sampled_from(
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 204 No Content",
        b"HTTP/1.1 100 Continue",
        b"HTTP/1.1 101 Switching Protocols",
        b"HTTP/1.1 302 Found",
        b"HTTP/1.1 429 \xff",
        b"HTTP/1.0 503",
        b"HTTP/2 200",
        b"SSH-2.0-OpenSSH",
    ]
)
fields = st.sampled_from(
    b"Location Content-Length Content-Encoding Transfer-Encoding Set-Cookie Content-Type Retry-After RateLimit "
    b"X-RateLimit-Reset X-RateLimit-Remaining atl-request-id".split()
)
values = st.sampled_from(
    [
        b"0",
        b"-1",
        b"10",
        b"chunked",
        b"gzip",
        b"http://[::1",
        b"http://\xff/",
        b"https://xn--a/",
        b"//",
        b"a=b; Max-Age=x",
    ]
) | st.binary(max_size=20)
answered = st.builds(
    lambda line, headers, body: b"\r\n".join([line, *(b"%s: %s" % each for each in headers), b"", body]),
    lines,
    st.lists(st.tuples(fields, values), max_size=3),
    st.binary(max_size=40),
)


@pytest.mark.parametrize("kind", WIRED)
@settings(max_examples=60)
@given(answer=answered | st.binary(max_size=60))
def test_any_response_bytes_raise_only_our_own_errors(kind: str, answer: bytes) -> None:
    def script(_: SocketServer, connection: socket.socket) -> None:
        request_on(connection)
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)

    with serve(script) as wires, suppress(ConfluenceGroupsError):
        call_at(kind, wires.address, "remove_member", BOTH, retry=ONCE)


# --- interruptions


def withhold_body(wires: SocketServer, connection: socket.socket) -> None:
    """Send the start of a body, and nothing more."""
    wires.requests.append(request_on(connection))
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    wires.closing.wait(30)


@pytest.mark.parametrize("over_aiohttp", [False, True])
def test_cancelling_a_task_during_a_body_leaves_pool_and_rate_limiter_usable(over_aiohttp: bool) -> None:
    """Pool and rate limiter have one slot each: nothing could be sent if the cancelled call still held one."""

    async def use(wires: SocketServer) -> int:
        begun = asyncio.Event()

        async def note(_: httpx.Response) -> None:
            begun.set()

        one = httpx.Limits(max_connections=1)
        rate_limiter = RateLimiter(max_in_flight=1)
        async with aiohttp_client(max_connections=1) if over_aiohttp else httpx.AsyncClient(limits=one) as http:
            http.event_hooks = {"response": [note]}
            groups = AsyncConfluenceGroups(
                wires.address, auth=token(), http_client=http, rate_limiter=rate_limiter, timeout=20
            )
            task = asyncio.create_task(groups.get_group(group_id="g"))
            await begun.wait()
            for _ in range(10):
                await asyncio.sleep(0)  # it continues to read, and waits forever
            assert not task.done()
            assert rate_limiter.snapshot().in_flight == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert rate_limiter.snapshot().in_flight == 0
            return len([each async for each in groups.iter_members(group_id="g")])

    with serve(withhold_body, reply_with(answer_with(page_of(1000)), LAST)) as wires:
        assert asyncio.run(use(wires)) == 2
        assert wires.connections == 2


def test_interrupting_during_a_body_leaves_pool_and_rate_limiter_usable() -> None:
    rate_limiter = RateLimiter(max_in_flight=1)

    class Interrupted(FakeClock):
        def monotonic(self) -> float:
            if wires.requests and wires.connections == 1:
                raise KeyboardInterrupt
            return super().monotonic()

    with serve(withhold_body, reply_with(answer_with(page_of(1000)), LAST)) as wires:
        with httpx.Client(limits=httpx.Limits(max_connections=1)) as http:
            groups = ConfluenceGroups(
                wires.address,
                auth=token(),
                http_client=http,
                rate_limiter=rate_limiter,
                clock=Interrupted(),
                timeout=20,
            )
            with pytest.raises(KeyboardInterrupt):
                groups.get_group(group_id="g")
            assert rate_limiter._in_flight == 0
            groups = ConfluenceGroups(
                wires.address, auth=token(), http_client=http, rate_limiter=rate_limiter, timeout=20
            )
            assert len(list(groups.iter_members(group_id="g"))) == 2
        assert wires.connections == 2


@pytest.mark.parametrize("kind", WIRED)
def test_a_connection_with_a_half_read_response_is_closed_immediately(kind: str) -> None:
    ended = threading.Event()

    def script(wires: SocketServer, connection: socket.socket) -> None:
        with suppress(OSError):
            flood(HEAD + b"\r\n", b"1000\r\n%s\r\n" % (b" " * 4096), [], 256 * MIB)(wires, connection)
        ended.set()

    async def tasks(address: str) -> bool:
        async with at(kind, address, auth=token()) as groups:
            with pytest.raises(ResponseValidationError, match="16 MiB"):
                await groups.get_group(group_id="g")
            return await asyncio.to_thread(ended.wait, 20)

    with serve(script) as wires:
        if kind != "sync":
            assert asyncio.run(tasks(wires.address))
        else:
            with ConfluenceGroups(wires.address, auth=token()) as groups:
                with pytest.raises(ResponseValidationError, match="16 MiB"):
                    groups.get_group(group_id="g")
                assert ended.wait(20)


# --- processes and threads


def run_in_child(work: Callable[[], object]) -> int:
    """Run a function in a forked process; return its exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        signal.alarm(20)  # ends a child that hangs
        work()
        code = 0
    finally:
        os._exit(code)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_process_opens_its_own_connections() -> None:
    seen: list[tuple[int, bytes]] = []

    def script(wires: SocketServer, connection: socket.socket) -> None:
        number = wires.connections
        while request := request_on(connection):
            seen.append((number, request.partition(b"accountId=")[2].partition(b" ")[0]))
            connection.sendall(DONE)

    with serve(script) as wires, ConfluenceGroups(wires.address, auth=token()) as groups:
        copy = groups.with_options(timeout=20)

        def remove(account_id: str) -> None:
            copy.remove_member(group_id="g", account_id=account_id)

        def remove_twice() -> None:
            remove("child")
            remove("child-again")
            groups.close()

        remove("parent")
        assert run_in_child(remove_twice) == 0
        remove("parent-again")
    assert seen == [(1, b"parent"), (2, b"child"), (2, b"child-again"), (1, b"parent-again")]


def test_eight_threads_share_a_client(sandbox: Sandbox) -> None:
    people = list(sandbox.directory.people)[:4]
    names = [f"g-{number}" for number in range(8)]
    for name in names:
        sandbox.directory.add_group(Group(name, name), people)
    with ConfluenceGroups(sandbox.url, auth=httpx.BasicAuth(*sandbox.admin), timeout=60) as groups:

        def work(name: str) -> list[str]:
            for _ in range(9):
                for person in people[:2]:
                    groups.remove_member(group_id=name, account_id=person)
                    groups.add_member(group_id=name, account_id=person)
            for person in people[:2]:
                groups.remove_member(group_id=name, account_id=person)
            return [user.account_id for user in groups.iter_members(group_id=name)]

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(work, names)) == [people[2:]] * 8
        assert len(sandbox.requests) == 8 * 39, "38 changes and a list"
        assert groups._session.config.rate_limiter.snapshot().in_flight == 0


def test_every_error_has_a_text_without_any_details() -> None:
    for kind in vars(errors_module).values():
        if isinstance(kind, type) and issubclass(kind, ConfluenceGroupsError):
            assert isinstance(str(kind()), str)
