"""The configuration that all calls of a client share."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from .._support.clock import Clock
from .._support.libraries.http import httpx
from .limits.rate_limiter import RateLimiter
from .limits.retry_policy import RetryPolicy
from .timeout import parse_timeout

if TYPE_CHECKING:
    from .._support.observing.observer import Observe, Observer


def _as_observer(observe: Observe | None) -> Observer | None:
    if observe is None:
        return None
    from .._support.observing.observer import Observer  # loads for programs that observe

    return observe if isinstance(observe, Observer) else Observer(observe)


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
    observer: Observer | None = field(default=None, converter=_as_observer)  # is told what happens
    reduced_operations: dict[str, object] = field(factory=dict)  # those that ask for less at once, already logged
    page_sizes: dict[str, tuple[int, float]] = field(factory=dict)  # by operation: a size that worked, and until when
    notices: MutableMapping[object, Any] = field(factory=dict)  # `Notice` objects; copies with other options share them
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
            raise TypeError(f"clock must have the methods of SystemClock; {type(clock).__name__} lacks some")

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
