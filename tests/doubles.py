"""What several tests share: a clock that does not wait, a call through either client, a server that keeps the bytes."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from confluence_groups_sdk import ApiToken, AsyncConfluenceGroups, ConfluenceGroups

SITE = "https://your-domain.atlassian.net"
START = 1_800_000_000.0  # a moment in 2027, as good as any
KINDS = ("sync", "async")

Handler = Callable[[httpx.Request], httpx.Response]


class FakeClock:
    """Time that passes only when somebody waits, and chance that is always the same."""

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
    """Call remove_member through the client of this kind, answered by ``handler``."""
    transport = httpx.MockTransport(handler)
    options |= {"auth": auth or token(), "clock": clock or FakeClock()}
    if kind == "sync":
        with (
            httpx.Client(transport=transport) as http,
            ConfluenceGroups(SITE, http_client=http, **options) as groups,
        ):
            groups.remove_member(group_id=group_id, account_id=account_id)
        return

    async def call() -> None:
        async with (
            httpx.AsyncClient(transport=transport) as http,
            AsyncConfluenceGroups(SITE, http_client=http, **options) as groups,
        ):
            await groups.remove_member(group_id=group_id, account_id=account_id)

    asyncio.run(call())


class Answers:
    """A handler that gives one answer after the other and keeps the requests; an exception is raised."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextmanager
def wire(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Serve each connection one canned answer; yield the address, and the requests as they arrive."""
    received: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                data = b""
                while b"\r\n\r\n" not in data and (chunk := connection.recv(65536)):
                    data += chunk
                received.append(data)
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", received
        thread.join(timeout=10)
