"""Helpers for many tests: a clock that does not wait, calls through either client, and a server that records bytes."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import MappingProxyType
from typing import Any

import httpx

from confluence_groups_sdk import ApiToken, AsyncConfluenceGroups, ConfluenceGroups, aiohttp_client

SITE = "https://your-domain.atlassian.net"
START = 1_800_000_000.0  # a moment in 2027
KINDS = ("sync", "async")
WIRED = (*KINDS, "aiohttp")  # aiohttp is the asynchronous client over aiohttp, which needs a real server

NO_ARGUMENTS: Mapping[str, Any] = MappingProxyType({})

Handler = Callable[[httpx.Request], httpx.Response]


class FakeClock:
    """A clock that advances only while a caller sleeps, with a constant random number."""

    def __init__(self, chance: float = 0.5) -> None:
        self.slept: list[float] = []
        self.chance = chance

    def now(self) -> float:
        return START + sum(self.slept)

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def async_sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def random(self) -> float:
        return self.chance


def token() -> ApiToken:
    return ApiToken("me@example.com", "some-token")


def remove_member(
    kind: str,
    handler: Handler,
    *,
    group_id: str = "g",
    account_id: str = "a",
    auth: httpx.Auth | None = None,
    clock: FakeClock | None = None,
    **options: Any,
) -> None:
    """Call remove_member through one of the clients; ``handler`` answers the requests."""
    options |= {"auth": auth or token(), "clock": clock or FakeClock()}
    call(kind, "remove_member", handler, {"group_id": group_id, "account_id": account_id}, **options)


def call(kind: str, method: str, handler: Handler, arguments: Mapping[str, Any] = NO_ARGUMENTS, **options: Any) -> Any:
    """Call a method of one of the clients, answered by ``handler``, and return its result, an iterator as a list."""
    transport = httpx.MockTransport(handler)
    options = {"auth": token(), "clock": FakeClock(), **options}
    if kind == "sync":
        with (
            httpx.Client(transport=transport) as http,
            ConfluenceGroups(SITE, http_client=http, **options) as groups,
        ):
            result = getattr(groups, method)(**arguments)
            return list(result) if isinstance(result, Iterator) else result

    async def call_async() -> Any:
        async with (
            httpx.AsyncClient(transport=transport) as http,
            AsyncConfluenceGroups(SITE, http_client=http, **options) as groups,
        ):
            result = getattr(groups, method)(**arguments)
            return [item async for item in result] if isinstance(result, AsyncIterator) else await result

    return asyncio.run(call_async())


def call_at(kind: str, address: str, method: str, arguments: Mapping[str, Any] = NO_ARGUMENTS, **options: Any) -> Any:
    """Call a method of one of the clients, for a real server, and return its result, an iterator as a list."""
    options = {"auth": token(), "clock": FakeClock(), **options}
    if kind == "sync":
        with ConfluenceGroups(address, **options) as groups:
            result = getattr(groups, method)(**arguments)
            return list(result) if isinstance(result, Iterator) else result

    async def call_async() -> Any:
        async with at(kind, address, **options) as groups:
            result = getattr(groups, method)(**arguments)
            return [item async for item in result] if isinstance(result, AsyncIterator) else await result

    return asyncio.run(call_async())


@asynccontextmanager
async def at(kind: str, address: str, **options: Any) -> AsyncIterator[AsyncConfluenceGroups]:
    """Yield an asynchronous client over httpx's own transport or over aiohttp."""
    if kind == "async":
        async with AsyncConfluenceGroups(address, **options) as groups:
            yield groups
    else:
        async with aiohttp_client() as http, AsyncConfluenceGroups(address, http_client=http, **options) as groups:
            yield groups


class Answers:
    """A handler that returns one response after another (or raises an exception), and records the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def is_complete(data: bytes) -> bool:
    """Check whether the bytes are a complete request."""
    head, end, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    return bool(end) and len(body) >= int(length[1] if length else 0)


@contextmanager
def wire(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Send one response on each connection; yield the address and the list of requests, which grows."""
    received: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answer in answers:
            try:
                connection, _ = listener.accept()
            except OSError:  # the test has ended, and the listener is closed
                return
            with connection:
                data = b""
                while not is_complete(data) and (chunk := connection.recv(65536)):
                    data += chunk
                received.append(data)
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", received
        thread.join(timeout=10)
