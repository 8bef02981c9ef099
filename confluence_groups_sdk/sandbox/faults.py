"""What goes wrong on purpose: by shares and a seed, or by counting calls."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any, Protocol

from attrs import field, frozen
from starlette.requests import Request
from starlette.responses import Response

from . import bodies, real_time
from .bodies import RefusedError

QUOTA_WINDOW = 3600  # seconds; a quota is renewed at each full hour
BURST_REASON = "confluence-burst-based"
QUOTA_REASON = "confluence-quota-tenant-based"

Handler = Callable[[Request], Awaitable[Response]]


class Clock(Protocol):
    """What the sandbox needs of time."""

    def now(self) -> float:
        """Seconds since the epoch (UTC)."""
        ...

    def monotonic(self) -> float:
        """Seconds from any fixed point, never going back."""
        ...

    async def async_sleep(self, seconds: float) -> None:
        """Suspend this task for so many seconds."""
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


def _share(_instance: object, attribute: Any, value: float) -> None:
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"Faults({attribute.name}=...): give a share of the calls, from 0 to 1")


def _seconds(_instance: object, attribute: Any, value: float) -> None:
    if not _is_number(value) or value < 0:
        raise ValueError(f"Faults({attribute.name}=...): give a number of seconds, 0 or more")


def _rate(_instance: object, attribute: Any, value: float | None) -> None:
    if value is not None and (not _is_number(value) or value <= 0):
        raise ValueError(f"Faults({attribute.name}=...): give calls a second, above 0, or None")


def _calls(_instance: object, attribute: Any, value: int | None) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError(f"Faults({attribute.name}=...): give a whole number of calls, 1 or more, or None")


def _whole(_instance: object, attribute: Any, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"Faults({attribute.name}=...): give a whole number")


@frozen
class Faults:
    """What goes wrong in a `Sandbox`, on purpose.

    Calls of the API are meant, on the site's address and through the gateway; the OAuth 2.0 authority always works, and
    the answers of ``answer_next`` are given as they are. Each call has at most one of the three faults that go by
    shares; the order in which calls arrive and the seed decide which. A call that is refused with 429 has none.

    Args:
        error_rate: share of the calls that are answered 503, nothing done; from 0 to 1.
        drop_before: share of the calls whose connection is reset before the change is made; from 0 to 1.
        drop_after: share of the calls whose connection is reset after the change is made; from 0 to 1.
        latency: seconds that each call takes.
        rate_limit: calls a second, as many at once as in one second; what is more is refused (429, ``Retry-After: 1``,
            a burst reason). None for no limit.
        quota: calls that are let through until the next full hour; what is more is refused (429, a quota reason,
            ``X-RateLimit-Reset``). None for no quota.
        expire_tokens_every: calls after which all OAuth 2.0 access tokens expire, as by ``expire_tokens``; one that is
            answered 401 does not count. None for never.
        seed: of the chance that picks calls.

    Raises:
        ValueError: a number is out of range, or the three shares are more than 1 together.
    """

    error_rate: float = field(default=0.0, validator=_share)
    drop_before: float = field(default=0.0, validator=_share)
    drop_after: float = field(default=0.0, validator=_share)
    latency: float = field(default=0.0, validator=_seconds)
    rate_limit: float | None = field(default=None, validator=_rate)
    quota: int | None = field(default=None, validator=_calls)
    expire_tokens_every: int | None = field(default=None, validator=_calls)
    seed: int = field(default=0, validator=_whole)

    def __attrs_post_init__(self) -> None:
        if self.error_rate + self.drop_before + self.drop_after > 1 + 1e-9:
            raise ValueError("Faults: error_rate, drop_before and drop_after are more than 1 together")


class Fate(Enum):
    """What becomes of a call."""

    DONE = auto()
    UNAVAILABLE = auto()
    DROPPED_BEFORE = auto()
    DROPPED_AFTER = auto()


class Trouble:
    """Faults at work: what is left of the limits, how many calls there were, which is next to fail.

    Everything happens in the sandbox's event loop, so nothing is locked.
    """

    def __init__(self, faults: Faults, clock: Clock, expire_tokens: Callable[[], None]) -> None:
        self.faults = faults
        self._clock = clock
        self._expire_tokens = expire_tokens
        self._chance = random.Random(faults.seed)  # noqa: S311 - the same again each time is what it is for
        self._bucket = self._burst = max(faults.rate_limit or 0.0, 1.0)  # calls that may come at once
        self._filled = clock.monotonic()
        self._window = -1  # hours since the epoch
        self._used = 0  # calls in it
        self._counted = 0  # calls, until tokens expire

    async def answer(self, request: Request, handler: Handler) -> Response:
        """Let the handler answer the call, or not; what becomes of it is decided as it arrives."""
        refusal = self._refusal()
        fate = self._fate() if refusal is None else Fate.DONE
        if self.faults.latency:
            await self._clock.async_sleep(self.faults.latency)
        if refusal is not None:
            return refusal
        if fate is Fate.UNAVAILABLE:
            return bodies.error(503, "Service Unavailable")
        if fate is Fate.DROPPED_BEFORE:
            await request.body()  # else the client might be sending still, and see something else
            return await _reset(request)
        try:
            response = await handler(request)
        except RefusedError as refused:
            response = refused.response
        self._count(response)
        return await _reset(request) if fate is Fate.DROPPED_AFTER else response

    def _fate(self) -> Fate:
        drawn = self._chance.random()
        for fate, share in (
            (Fate.UNAVAILABLE, self.faults.error_rate),
            (Fate.DROPPED_BEFORE, self.faults.drop_before),
            (Fate.DROPPED_AFTER, self.faults.drop_after),
        ):
            drawn -= share
            if drawn < 0:
                return fate
        return Fate.DONE

    def _refusal(self) -> Response | None:
        """Return the answer to a call that is one too many, None where it is not."""
        if self.faults.rate_limit is not None and not self._is_within_rate(self.faults.rate_limit):
            return _too_many({"Retry-After": "1", "RateLimit-Reason": BURST_REASON})
        if self.faults.quota is not None and not self._is_within_quota(self.faults.quota):
            reset = datetime.fromtimestamp((self._window + 1) * QUOTA_WINDOW, UTC)
            left = {"X-RateLimit-Limit": str(self.faults.quota), "X-RateLimit-Remaining": "0"}
            said = {"RateLimit-Reason": QUOTA_REASON, "X-RateLimit-Reset": reset.strftime("%Y-%m-%dT%H:%M:%SZ")}
            return _too_many(said | left)
        return None

    def _is_within_rate(self, rate: float) -> bool:
        now = self._clock.monotonic()
        self._bucket = min(self._burst, self._bucket + (now - self._filled) * rate)
        self._filled = now
        if self._bucket < 1:
            return False
        self._bucket -= 1
        return True

    def _is_within_quota(self, quota: int) -> bool:
        window = int(self._clock.now() // QUOTA_WINDOW)
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


def _too_many(headers: dict[str, str]) -> Response:
    return bodies.error(429, "Rate limit exceeded", headers=headers)


async def _reset(request: Request) -> Response:
    """Break the request's connection, and return an answer that nobody gets."""
    request.state.reset()
    await asyncio.sleep(0)  # lets the server see that the connection is gone, so that it sends nothing
    return Response()
