"""The configuration that all calls of a client share, and timeouts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import EllipsisType
from typing import Any, Self

import httpx
from attrs import evolve, field, frozen

from .._support.clock import Clock
from .._support.pickling import unpickle
from .._support.public import public
from .._support.validation import is_number
from ..errors import ConfigurationError
from .limits.rate_limiter import RateLimiter
from .limits.retry_policy import RetryPolicy

MAX_TIMEOUT_S = 366 * 24 * 3600
DEFAULT_TOTAL_TIMEOUT_S = 60.0  # for one attempt


@public
class Timeout(httpx.Timeout):
    """httpx's four limits and one on an attempt as a whole, all in seconds.

    ``total`` is checked whenever a part of the response arrives. It ends neither the time before the response begins
    nor a single wait for more of it; ``connect``, ``write``, ``read`` and ``pool`` limit these.

    Args:
        timeout: the default for each of the four.
        connect: for making a connection.
        read: for each wait for a part of the response.
        write: for sending each part of the request.
        pool: for waiting for a free connection.
        total: for one attempt as a whole; None for no limit.
    """

    def __init__(
        self,
        timeout: float | None = 30.0,
        *,
        connect: float | EllipsisType | None = ...,
        read: float | EllipsisType | None = ...,
        write: float | EllipsisType | None = ...,
        pool: float | EllipsisType | None = ...,
        total: float | None = DEFAULT_TOTAL_TIMEOUT_S,
    ) -> None:
        parts = {"connect": connect, "read": read, "write": write, "pool": pool}
        given = {name: value for name, value in parts.items() if not isinstance(value, EllipsisType)}
        super().__init__(timeout, **given)
        self.total = total

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickle the five numbers: httpx may change its own attributes.
        return unpickle, (type(self), {**self.as_dict(), "total": self.total})

    @classmethod
    def _from_pickle(cls, state: Mapping[str, float | None]) -> Self:
        return cls(**state)  # a number that an older pickle lacks gets its default


DEFAULT_TIMEOUT = Timeout(30, connect=5)


@frozen(eq=False, repr=False)
class ClientConfig:
    """The configuration of a client."""

    base: str  # the address of the API, such as https://your-domain.atlassian.net/wiki/rest
    user_agent: str
    timeout: Mapping[str, float | None]  # seconds for each part of an attempt, as httpx takes them
    total_timeout_s: float | None  # for one attempt as a whole
    retry: RetryPolicy = field()
    rate_limiter: RateLimiter = field()
    clock: Clock = field()
    base_url: httpx.URL = field(init=False)
    read_headers: httpx.Headers = field(init=False)
    write_headers: httpx.Headers = field(init=False)

    @base_url.default
    def _parse_base(self) -> httpx.URL:
        return httpx.URL(self.base)

    @read_headers.default
    def _build_read_headers(self) -> httpx.Headers:
        return httpx.Headers(
            {
                "Host": self.base_url.netloc.decode("ascii"),
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
                "Connection": "keep-alive",
                "User-Agent": self.user_agent,
            }
        )

    @write_headers.default
    def _build_write_headers(self) -> httpx.Headers:
        """Add the header that prevents the XSRF check: docs/confluence-behaviour.md#headers."""
        headers = self.read_headers.copy()
        headers["X-Atlassian-Token"] = "no-check"
        return headers

    @retry.validator
    def _check_retry(self, _attribute: object, retry: RetryPolicy) -> None:
        if not isinstance(retry, RetryPolicy):
            raise TypeError(f"retry must be a RetryPolicy, not {_type_name(retry, RetryPolicy)}")

    @rate_limiter.validator
    def _check_rate_limiter(self, _attribute: object, rate_limiter: RateLimiter) -> None:
        if not isinstance(rate_limiter, RateLimiter):
            raise TypeError(f"rate_limiter must be a RateLimiter, not {_type_name(rate_limiter, RateLimiter)}")

    @clock.validator
    def _check_clock(self, _attribute: object, clock: Clock) -> None:
        if not isinstance(clock, Clock):
            raise TypeError(f"clock must have the methods of SystemClock, which {type(clock).__name__} has not")

    def with_options(
        self, timeout: httpx.Timeout | float | EllipsisType | None, retry: RetryPolicy | EllipsisType
    ) -> ClientConfig:
        """Return a copy with another timeout or retry policy; `...` leaves them as they are."""
        parts, total_s = self.timeout, self.total_timeout_s
        if not isinstance(timeout, EllipsisType):
            parts, total_s = parse_timeout(timeout)
        return evolve(
            self,
            timeout=parts,
            total_timeout_s=total_s,
            retry=self.retry if isinstance(retry, EllipsisType) else retry,
        )


def _type_name(value: object, expected: type) -> str:
    """Name the type of a value; with its module if it is the expected class of another copy of this package."""
    kind = type(value)
    return f"{kind.__module__}.{kind.__name__}" if kind.__name__ == expected.__name__ else kind.__name__


def parse_timeout(timeout: httpx.Timeout | float | None) -> tuple[Mapping[str, float | None], float | None]:
    """Split a timeout into the limits on the parts of an attempt and on the whole, in seconds.

    Without a limit on the whole, it is 60 seconds, or the longest limit on a part if that is more.

    Raises:
        ConfigurationError: a limit is not a number, not above zero, or over a year.
    """
    parts: dict[str, float | None] = httpx.Timeout(timeout).as_dict()
    for part, seconds in {**parts, "total": getattr(timeout, "total", None)}.items():
        if seconds is not None and not (is_number(seconds) and 0 < seconds <= MAX_TIMEOUT_S):
            raise ConfigurationError(
                f"timeout ({part}): give a number of seconds above 0, at most a year, or None for no limit",
                option="timeout",
            )
    if isinstance(timeout, Timeout):
        return parts, timeout.total
    longest = [math.inf if seconds is None else seconds for seconds in parts.values()]
    total_s = max(DEFAULT_TOTAL_TIMEOUT_S, *longest)
    return parts, None if math.isinf(total_s) else total_s
