"""The life of one call (send, classify, wait, send again), as a generator.

It is written the way httpx writes its auth flows: it yields what to do next and is told how it went. The clients only
drive it, one with blocking calls and one with awaited ones: retries, status codes and headers are looked at here alone.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from types import EllipsisType
from typing import Any, TypeAlias, TypeVar

import httpx
from attrs import evolve, field, frozen

from . import _retry
from ._calls import Call
from ._clock import Clock
from ._logging import logger
from ._retry import Loss, RetryPolicy
from .errors import APIError, connection_error, error_from_response, unexpected_answer

FAILURES = (httpx.TransportError, httpx.DecodingError)
"""What a driver catches, and hands to `lost`."""

T = TypeVar("T")


@frozen
class Settings:
    """What all calls of one client share."""

    base: str  # where the API starts, such as https://your-domain.atlassian.net/wiki/rest
    user_agent: str
    timeout: Mapping[str, float | None]
    retry: RetryPolicy
    clock: Clock
    host: str = field(init=False)

    @host.default
    def _host_of_base(self) -> str:
        return httpx.URL(self.base).netloc.decode("ascii")

    def adjusted(
        self, timeout: httpx.Timeout | float | EllipsisType | None, retry: RetryPolicy | EllipsisType
    ) -> Settings:
        """Return the same settings with another timeout or retry policy, where one is given."""
        return evolve(
            self,
            timeout=self.timeout if isinstance(timeout, EllipsisType) else httpx.Timeout(timeout).as_dict(),
            retry=self.retry if isinstance(retry, EllipsisType) else retry,
        )


@frozen
class Wait:
    """Let so many seconds pass."""

    seconds: float


@frozen
class Lost:
    """No answer came: an httpx error of the same type, without text or traceback, which could show the token."""

    cause: httpx.RequestError
    loss: Loss


Step: TypeAlias = httpx.Request | Wait
Told: TypeAlias = httpx.Response | Lost | None
Exchange: TypeAlias = Generator[Step, Told, T]


def lost(error: httpx.RequestError) -> Lost:
    """Return the failure in a form that is safe to keep."""
    known = next(kind for kind in type(error).__mro__ if kind.__module__.partition(".")[0] == "httpx")
    return Lost(known("text withheld: it may hold credentials"), _retry.loss_of(error))


def exchange(call: Call[T], settings: Settings) -> Exchange[T]:
    """Carry out one call.

    Yields:
        A request to send, answered by its response or by `Lost`; or a `Wait`, answered by None.

    Returns:
        What the call reads from its answer.

    Raises:
        APIError: the call did not succeed.
    """
    sent = 0
    while True:
        request = prepare(call, settings)
        started = settings.clock.monotonic()
        told = yield request
        sent += 1
        milliseconds = (settings.clock.monotonic() - started) * 1000
        if isinstance(told, httpx.Response) and told.status_code == call.success:
            logger.info("%s: %d, attempt %d, %.0f ms", call.operation, told.status_code, sent, milliseconds)
            return call.read(told)
        error, again = _failure(call, request, told, settings)
        logger.info(
            "%s: %s, attempt %d, %.0f ms, request id %s",
            *(call.operation, error.summary, sent, milliseconds, error.request_id),
        )
        delay = None
        if again:
            delay = _retry.delay_before(settings.retry, sent, hold=error.retry_after, chance=settings.clock.random())
        if delay is None:
            raise error
        logger.info("%s: sending again in %.1f s", call.operation, delay)
        yield Wait(delay)


def prepare(call: Call[Any], settings: Settings) -> httpx.Request:
    """Return the request of a call, whole: httpx adds nothing to it but the credentials."""
    kwargs = call.request
    query = str(httpx.QueryParams(kwargs.get("params"))).replace("+", "%20")  # a literal plus is %2B by now
    headers = {
        "Host": settings.host,
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
        "Connection": "keep-alive",
        "User-Agent": settings.user_agent,
    }
    if call.writes:
        headers["X-Atlassian-Token"] = "no-check"
    request = httpx.Request(
        kwargs["method"],
        f"{settings.base}{kwargs['url']}?{query}" if query else f"{settings.base}{kwargs['url']}",
        headers=headers,
        stream=httpx.ByteStream(b""),  # no body, and so no Transfer-Encoding under any transport
        extensions={"timeout": settings.timeout},
    )
    request.read()
    return request


def _failure(call: Call[Any], request: httpx.Request, told: Told, settings: Settings) -> tuple[APIError, bool]:
    """Return the error that this outcome stands for, and whether the call may be sent again."""
    if isinstance(told, httpx.Response):
        now = settings.clock.now()
        if told.is_success:
            return unexpected_answer(told, f"{call.success} was expected", now=now), False
        again = _retry.retries_status(told.status_code, repeatable=call.repeatable)
        return error_from_response(told, scopes=call.scopes, now=now), again
    assert told is not None, "a request is answered by a response or by Lost"
    error = connection_error(
        told.cause,
        timed_out=isinstance(told.cause, httpx.TimeoutException),
        method=request.method,
        path=request.url.raw_path.partition(b"?")[0].decode("ascii"),
    )
    return error, _retry.retries_loss(told.loss, repeatable=call.repeatable)
