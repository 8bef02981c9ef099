"""What a watched connection does with bytes, limits and errors of TLS, over a stream that the test plays itself."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import httpcore
import pytest
from raw_socket_servers import Authority

from confluence_groups_sdk._core.transport.connections.watching import UnexpectedDataError, watch

REQUEST = b"DELETE /wiki HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n"
ALERT = ssl.SSLError(1, "alert")

Answer = bytes | BaseException


class Stream(httpcore.NetworkStream):
    """A connection that hands over these answers, and is readable as long as there are more."""

    def __init__(self, *answers: Answer, tls: ssl.SSLObject | None = None) -> None:
        self.answers = deque(answers)
        self.tls = tls
        self.written = b""
        self.looks = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.looks += timeout == 0 < max_bytes
        return take(self.answers)

    def write(self, buffer: bytes, _timeout: float | None = None) -> None:
        self.written += buffer

    def get_extra_info(self, info: str) -> Any:
        return bool(self.answers) if info == "is_readable" else self.tls if info == "ssl_object" else f"its {info}"


class AsyncStream(httpcore.AsyncNetworkStream):
    """A connection that hands over these answers, and then nothing more."""

    def __init__(self, *answers: Answer, refusal: BaseException | None = None) -> None:
        self.answers = deque(answers)
        self.refusal = refusal
        self.written = b""
        self.looks = 0

    async def read(self, max_bytes: int, _timeout: float | None = None) -> bytes:
        self.looks += max_bytes == 1
        if not self.answers:
            await asyncio.Event().wait()
        return take(self.answers)

    async def write(self, buffer: bytes, _timeout: float | None = None) -> None:
        if self.refusal:
            raise self.refusal
        self.written += buffer

    def get_extra_info(self, info: str) -> Any:
        return False if info == "is_readable" else None if info == "ssl_object" else f"its {info}"


def tls_with(data: bytes, authority: Authority) -> ssl.SSLObject:
    """Return a client's TLS that has received this data, and before it the messages that follow a handshake."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = authority.trusting().wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    server = authority.server.wrap_bio(to_server, to_client, server_side=True)
    for each in (client, server, client, server):
        with suppress(ssl.SSLWantReadError):
            each.do_handshake()
    server.write(data) if data else None
    return client


def take(answers: deque[Answer]) -> bytes:
    answer = answers.popleft()
    if isinstance(answer, BaseException):
        raise answer
    return answer


def caused_by(cause: BaseException) -> httpcore.ReadError:
    error = httpcore.ReadError(cause)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("kind", [Stream, AsyncStream])
def test_only_a_complete_response_leaves_a_connection_that_is_not_readable(kind: type[Stream | AsyncStream]) -> None:
    stream = kind()
    watch(stream)
    state = vars(stream)["_end"]
    for reached in (True, False, True):
        state.reached = reached
        assert stream.get_extra_info("is_readable") is not reached
        assert stream.get_extra_info("socket") == "its socket"


@pytest.mark.parametrize("kind", [Stream, AsyncStream])
def test_nothing_is_sent_over_a_connection_that_was_given_up(kind: type[Stream | AsyncStream]) -> None:
    stream = kind()
    watch(stream)
    vars(stream)["_used"] = True
    vars(stream)["_end"].give_up()
    with pytest.raises(UnexpectedDataError, match="before the request"):
        run(stream.write(REQUEST)) if isinstance(stream, AsyncStream) else stream.write(REQUEST)
    assert stream.written == b""


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


# --- asynchronous clients


def response_of(size: int) -> bytes:
    """Return a response with so many bytes."""
    head = HEAD % (size - len(HEAD % size))
    return head + b" " * (size - len(head))


@pytest.mark.parametrize(("size", "looks"), [(32 * 1024, 1), (32 * 1024 + 1, 2)])
@pytest.mark.parametrize("parts", [1, 3])
def test_what_follows_a_response_is_looked_for_after_more_than_32_kib(
    size: int, looks: int, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", note)
    response = response_of(size)
    assert len(response) == size
    step = -(-size // parts)
    stream = AsyncStream()

    async def send_twice() -> None:
        watch(stream)
        await stream.write(REQUEST)
        stream.answers.extend(response[place : place + step] for place in range(0, size, step))
        while stream.answers:
            await stream.read(65536)
        assert not stream.get_extra_info("is_readable")
        await stream.write(REQUEST)
        stream.answers.append(response_of(200))
        await stream.read(65536)
        await stream.write(REQUEST)

    run(send_twice())
    assert (stream.written, stream.looks) == (3 * REQUEST, looks), "a shorter response after it costs no look"
    assert slept == [0] * len(slept), "only the event loop's own work is waited for"


def test_a_surplus_byte_that_the_event_loop_holds_after_a_long_response_keeps_a_request_from_being_sent() -> None:
    async def send_twice() -> None:
        watch(stream)
        await stream.write(REQUEST)
        stream.answers.append(response_of(40_000))
        await stream.read(65536)
        stream.answers.append(b"H")
        with pytest.raises(UnexpectedDataError, match="before the request"):
            await stream.write(REQUEST)

    stream = AsyncStream()
    run(send_twice())
    assert stream.written == REQUEST


@pytest.mark.parametrize(
    ("answer", "cause"),
    [(ALERT, ALERT), (ssl.SSLWantReadError(), None), (OSError("reset"), None), (b"", None), (b"H", None)],
)
def test_an_alert_before_the_first_request_is_kept(answer: Answer, cause: ssl.SSLError | None) -> None:
    stream = AsyncStream(answer)

    async def send() -> None:
        watch(stream)
        with pytest.raises(UnexpectedDataError) as caught:
            await stream.write(REQUEST)
        assert (caught.value.args[0] is cause) == (cause is not None)
        assert ("before the request" in str(caught.value)) == (cause is None)

    run(send())
    assert stream.written == b""


def test_errors_of_tls_in_asynchronous_streams_become_those_of_httpcore() -> None:
    async def fail() -> None:
        reading, writing = AsyncStream(ALERT), AsyncStream(refusal=ALERT)
        watch(reading)
        watch(writing)
        with pytest.raises(httpcore.ReadError) as read:
            await reading.read(65536)
        with pytest.raises(httpcore.WriteError) as written:
            await writing.write(REQUEST)
        assert read.value.__cause__ is written.value.__cause__ is ALERT

    run(fail())


# --- synchronous clients


@pytest.mark.parametrize(("messages", "is_sent"), [(0, True), (15, True), (16, False)])
def test_messages_of_tls_before_the_first_request_are_no_data_up_to_a_limit(messages: int, is_sent: bool) -> None:
    stream = Stream(*[httpcore.ReadTimeout(), caused_by(ssl.SSLWantReadError())] * (messages // 2))
    if messages % 2:
        stream.answers.append(httpcore.ReadTimeout())
    watch(stream)
    if is_sent:
        stream.write(REQUEST)
    else:
        with pytest.raises(UnexpectedDataError, match="before the request"):
            stream.write(REQUEST)
    assert stream.written == (REQUEST if is_sent else b"")
    assert stream.looks == messages, "without waiting"


@pytest.mark.parametrize(("data", "is_sent"), [(b"", True), (b"H", False)])
def test_data_that_tls_holds_before_the_first_request_keeps_it_from_being_sent(
    data: bytes, is_sent: bool, authority: Authority
) -> None:
    stream = Stream(tls=tls_with(data, authority))
    watch(stream)
    if is_sent:
        stream.write(REQUEST)
        assert stream.written == REQUEST
        return
    with pytest.raises(UnexpectedDataError, match="before the request"):
        stream.write(REQUEST)
    assert stream.get_extra_info("is_readable"), "so httpcore does not use it again"
    assert stream.written == b""


def test_later_requests_look_for_no_data() -> None:
    stream = Stream()
    watch(stream)
    for _ in range(2):
        stream.write(REQUEST)
        stream.answers.append(response_of(200))
        stream.read(65536)
    stream.answers.append(b"H")  # httpcore looks for it
    stream.write(REQUEST)
    assert (stream.written, stream.looks) == (3 * REQUEST, 0)


@pytest.mark.parametrize("answer", [b"H", b""])
def test_data_or_the_end_before_the_first_request_keeps_it_from_being_sent(answer: bytes) -> None:
    stream = Stream(httpcore.ReadTimeout(), answer)
    watch(stream)
    with pytest.raises(UnexpectedDataError, match="before the request"):
        stream.write(REQUEST)
    assert stream.written == b""


def test_an_alert_of_tls_before_the_first_request_is_named() -> None:
    stream = Stream(caused_by(ALERT))
    watch(stream)
    with pytest.raises(UnexpectedDataError) as caught:
        stream.write(REQUEST)
    assert caught.value.args == (ALERT,)
    assert stream.written == b""
