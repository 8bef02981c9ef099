"""Run servers on loopback that cost almost nothing, each in its own process.

They respond to every request without a body: at once, after a delay, or up to a rate limit.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from attrs import Factory, define, field, frozen

HEADERS = (
    "Date: Wed, 25 Nov 2026 12:00:00 GMT\r\nServer: AtlassianEdge\r\nCache-Control: no-store\r\nVary: Accept\r\n"
    "X-Content-Type-Options: nosniff\r\natl-request-id: 6f5b0c6a-3b0e-4c1a-9d0e-3f1f8a7c2b4d\r\n"
)
DONE = f"HTTP/1.1 204 No Content\r\n{HEADERS}\r\n".encode()
RATE_LIMITED = "HTTP/1.1 429 Too Many Requests\r\n{}Content-Length: 0\r\n\r\n"
END = b"\r\n\r\n"
LOG = b"GET /log "


@frozen
class Limit:
    """The rate limit of a server.

    Attributes:
        rate: calls per second; as many may come at once.
        quota: calls until the reset; None for no quota.
        reset: seconds from the first call to the only reset of the quota.
    """

    rate: float
    quota: int | None = None
    reset: float = 0.0


@define
class Bucket:
    """Accepts calls up to a limit, rate-limits the others, and records both."""

    limit: Limit
    seen: list[tuple[float, int]] = field(factory=list)  # seconds since the first call, status
    _left: float = field(init=False, default=Factory(lambda self: self.limit.rate, takes_self=True))
    _asked: float = field(init=False, default=0.0)
    _started: float | None = field(init=False, default=None)
    _spent: int = field(init=False, default=0)

    def answer(self, now: float) -> bytes:
        """Return the response to a call at a time in seconds."""
        return self.refuse(now) or DONE

    def refuse(self, now: float) -> bytes | None:
        """Return the 429 to a call at a time in seconds; None if the call is accepted."""
        if self._started is None:
            self._started = self._asked = now
        since = now - self._started
        headers = self._rate_limit_headers(now, since)
        self.seen.append((since, 429 if headers else 204))
        return RATE_LIMITED.format(headers).encode() if headers else None

    def _rate_limit_headers(self, now: float, since: float) -> str | None:
        """Return the headers of a 429, or None if the call is accepted."""
        limit = self.limit
        self._left = min(limit.rate, self._left + (now - self._asked) * limit.rate)
        self._asked = now
        if limit.quota is not None and self._spent >= limit.quota and since < limit.reset:
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + limit.reset - since + 1))
            return f"RateLimit-Reason: quota\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: {moment}\r\n"
        if self._left < 1:
            return "Retry-After: 1\r\n"
        self._left -= 1
        self._spent += 1
        return None


@define
class Connection(asyncio.Protocol):
    """A connection to a client, whose requests have no bodies.

    Args:
        answer: returns the response to a request, given its head.
        log: returns what ``GET /log`` answers, as JSON.
        latency: seconds before each response.
    """

    answer: Callable[[bytes], bytes]
    log: Callable[[], object]
    latency: float
    _transport: asyncio.Transport = field(init=False)
    _received: bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer the requests that are complete."""
        *requests, self._received = (self._received + data).split(END)
        for request in requests:
            if request.startswith(LOG):
                body = json.dumps(self.log()).encode()
                self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            elif self.latency:
                asyncio.get_running_loop().call_later(self.latency, self._transport.write, self.answer(request))
            else:
                self._transport.write(self.answer(request))


@contextmanager
def serving(*, latency: float = 0.0, limit: Limit | None = None) -> Iterator[str]:
    """Run a server in its own process; yield its URL.

    Args:
        latency: seconds before each response.
        limit: the rate limit; None for no limit.
    """
    options = {"latency": latency, "limit": None if limit is None else [limit.rate, limit.quota, limit.reset]}
    with run_server(f"{__package__}.servers", options) as url:
        yield url


@contextmanager
def run_server(module: str, options: object) -> Iterator[str]:
    """Run a module that serves, in its own process; yield its URL.

    Args:
        module: the module, which prints its port.
        options: the module's argument, as JSON.
    """
    command = [sys.executable, "-m", module, json.dumps(options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]) as process:
        try:
            assert process.stdout is not None, "it is a pipe"
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


async def serve(answer: Callable[[bytes], bytes], log: Callable[[], object], latency: float) -> None:
    """Serve on a free port, and print the port; the arguments are as for `Connection`."""
    make = partial(Connection, answer, log, latency)
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _serve(latency: float, limit: Limit | None) -> None:
    bucket = Bucket(limit) if limit else None
    answer = (lambda _request: bucket.answer(time.monotonic())) if bucket else (lambda _request: DONE)
    asyncio.run(serve(answer, lambda: bucket.seen if bucket else [], latency))


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    _serve(given["latency"], Limit(*given["limit"]) if given["limit"] else None)
