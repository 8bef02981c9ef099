"""Deliberate faults: chosen by probability and seed, or by counting calls."""

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any, Protocol

from attrs import field, frozen
from starlette.requests import Request
from starlette.responses import Response

from . import _public, payloads, real_time
from .payloads import RejectedError

QUOTA_WINDOW_S = 3600  # a quota is renewed at each full hour: docs/confluence-behaviour.md#rate-limits
BURST_REASON = "confluence-burst-based"
QUOTA_REASON = "confluence-quota-tenant-based"

Handler = Callable[[Request], Awaitable[Response]]


class Clock(Protocol):
    """The time functions that the sandbox uses."""

    def now(self) -> float:
        """Return the seconds since the epoch (UTC)."""
        ...

    def monotonic(self) -> float:
        """Return the seconds since any fixed point; they never decrease."""
        ...

    async def async_sleep(self, seconds: float) -> None:
        """Suspend this task for a number of seconds."""
        ...


class MachineClock:
    """The clock of this machine; freezing time stops only ``now``."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return real_time.monotonic()

    async def async_sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_probability(_instance: object, attribute: Any, value: float) -> None:
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"Faults({attribute.name}=...): give a probability from 0 to 1")


def _check_seconds(_instance: object, attribute: Any, value: float) -> None:
    if not _is_number(value) or value < 0:
        raise ValueError(f"Faults({attribute.name}=...): give a number of seconds, 0 or more")


def _check_rate(_instance: object, attribute: Any, value: float | None) -> None:
    if value is not None and (not _is_number(value) or value <= 0):
        raise ValueError(f"Faults({attribute.name}=...): give calls per second, more than 0, or None")


def _check_count(_instance: object, attribute: Any, value: int | None) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError(f"Faults({attribute.name}=...): give a whole number of calls, 1 or more, or None")


def _check_integer(_instance: object, attribute: Any, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"Faults({attribute.name}=...): give a whole number")


def _check_headers(_instance: object, _attribute: object, headers: Mapping[str, str]) -> None:
    payloads.check_headers(headers)


@_public
@frozen
class Faults:
    """Deliberate faults of a `Sandbox`.

    They apply to calls of the API, at the site's address and through the gateway. They do not apply to the OAuth 2.0
    authority or to the answers of ``answer_next``. A call has at most one of the first three faults; the order of calls
    and the seed decide which. A rate-limited call has none of them.

    Args:
        error_rate: probability that a call is answered 503 and does nothing; from 0 to 1.
        drop_before: probability that a call's connection is reset before the change is made; from 0 to 1.
        drop_after: probability that a call's connection is reset after the change is made; from 0 to 1.
        latency: duration of each call in seconds.
        rate_limit: calls per second, also the number of calls that may come at once. More calls are rate-limited (429,
            ``Retry-After: 1``, a burst reason). None for no limit.
        quota: calls until the next full hour. More calls are rate-limited (429, a quota reason,
            ``X-RateLimit-Reset``). None for no quota.
        expire_tokens_every: number of calls after which all OAuth 2.0 access tokens expire, as with ``expire_tokens``.
            A call that is answered 401 does not count. None for never.
        seed: seed of the random numbers that choose calls.
        headers: added to every response, such as ``{"Deprecation": "@1688169599"}``.

    Raises:
        ValueError: a number is out of range, a header cannot be sent, or the three probabilities add up to more than 1.
    """

    error_rate: float = field(default=0.0, validator=_check_probability)
    drop_before: float = field(default=0.0, validator=_check_probability)
    drop_after: float = field(default=0.0, validator=_check_probability)
    latency: float = field(default=0.0, validator=_check_seconds)
    rate_limit: float | None = field(default=None, validator=_check_rate)
    quota: int | None = field(default=None, validator=_check_count)
    expire_tokens_every: int | None = field(default=None, validator=_check_count)
    seed: int = field(default=0, validator=_check_integer)
    headers: Mapping[str, str] = field(factory=dict, validator=_check_headers)

    def __attrs_post_init__(self) -> None:
        if self.error_rate + self.drop_before + self.drop_after > 1 + 1e-9:
            raise ValueError("Faults: the sum of error_rate, drop_before and drop_after is more than 1")


class FaultKind(Enum):
    """The fault that a call meets, if any."""

    NONE = auto()
    UNAVAILABLE = auto()
    DROPPED_BEFORE = auto()
    DROPPED_AFTER = auto()


class FaultInjector:
    """Applies faults to calls, and keeps the state of the limits.

    It runs in the sandbox's event loop only, so it needs no lock.

    Args:
        faults: the faults.
        clock: the time for latency and limits.
        expire_tokens: expires all access tokens.
    """

    def __init__(self, faults: Faults, clock: Clock, expire_tokens: Callable[[], None]) -> None:
        self.faults = faults
        self._clock = clock
        self._expire_tokens = expire_tokens
        self._random = random.Random(faults.seed)  # noqa: S311 - a seed must give the same faults each time
        self._available = self._burst = max(faults.rate_limit or 0.0, 1.0)  # calls that may come at once
        self._refilled_at = clock.monotonic()
        self._window = -1  # hours since the epoch
        self._used = 0  # calls in this hour
        self._counted = 0  # calls that count for expire_tokens_every

    async def handle(self, request: Request, handler: Handler) -> Response:
        """Answer a call with its handler, or with a fault; the fault is chosen when the call arrives."""
        response = await self._respond(request, handler)
        response.headers.update(self.faults.headers)
        return response

    async def _respond(self, request: Request, handler: Handler) -> Response:
        rate_limited = self._check_limits()
        fault = self._choose_fault() if rate_limited is None else FaultKind.NONE
        if self.faults.latency:
            await self._clock.async_sleep(self.faults.latency)
        if rate_limited is not None:
            return rate_limited
        if fault is FaultKind.UNAVAILABLE:
            return payloads.error(503, "Service Unavailable")
        if fault is FaultKind.DROPPED_BEFORE:
            await request.body()  # if the client were still sending, it would see another error
            return await _reset(request)
        try:
            response = await handler(request)
        except RejectedError as rejected:
            response = rejected.response
        self._count(response)
        return await _reset(request) if fault is FaultKind.DROPPED_AFTER else response

    def _choose_fault(self) -> FaultKind:
        drawn = self._random.random()
        for fault, probability in (
            (FaultKind.UNAVAILABLE, self.faults.error_rate),
            (FaultKind.DROPPED_BEFORE, self.faults.drop_before),
            (FaultKind.DROPPED_AFTER, self.faults.drop_after),
        ):
            drawn -= probability
            if drawn < 0:
                return fault
        return FaultKind.NONE

    def _check_limits(self) -> Response | None:
        """Count a call; return the 429 if it exceeds a limit, None if it does not."""
        if self.faults.rate_limit is not None and not self._is_within_rate(self.faults.rate_limit):
            return _rate_limited_response({"Retry-After": "1", "RateLimit-Reason": BURST_REASON})
        if self.faults.quota is not None and not self._is_within_quota(self.faults.quota):
            reset = datetime.fromtimestamp((self._window + 1) * QUOTA_WINDOW_S, UTC)
            left = {"X-RateLimit-Limit": str(self.faults.quota), "X-RateLimit-Remaining": "0"}
            reason = {"RateLimit-Reason": QUOTA_REASON, "X-RateLimit-Reset": reset.strftime("%Y-%m-%dT%H:%M:%SZ")}
            return _rate_limited_response(reason | left)
        return None

    def _is_within_rate(self, rate: float) -> bool:
        now = self._clock.monotonic()
        self._available = min(self._burst, self._available + (now - self._refilled_at) * rate)
        self._refilled_at = now
        if self._available < 1:
            return False
        self._available -= 1
        return True

    def _is_within_quota(self, quota: int) -> bool:
        window = int(self._clock.now() // QUOTA_WINDOW_S)
        if window != self._window:
            self._window, self._used = window, 0
        if self._used >= quota:
            return False
        self._used += 1
        return True

    def _count(self, response: Response) -> None:
        if self.faults.expire_tokens_every is None or response.status_code == 401:
            return
        self._counted += 1
        if self._counted % self.faults.expire_tokens_every == 0:
            self._expire_tokens()


def _rate_limited_response(headers: dict[str, str]) -> Response:
    return payloads.error(429, "Rate limit exceeded", headers=headers)


async def _reset(request: Request) -> Response:
    """Reset the request's connection, and return a response that is never sent."""
    request.state.reset()
    await asyncio.sleep(0)  # the server notices that the connection is gone, and sends nothing
    return Response()
