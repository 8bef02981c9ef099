"""What all calls of one client share, and the limits on an attempt."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import EllipsisType
from typing import Any

import httpx
from attrs import evolve, field, frozen

from ._clock import Clock
from ._pacing import Pacer
from ._retry import RetryPolicy
from .errors import ConfigurationError

LONGEST_TIMEOUT = 366 * 24 * 3600  # seconds
TOTAL = 60.0  # seconds for the whole of an attempt, where not given


class Timeout(httpx.Timeout):
    """httpx's four limits, in seconds, and one on the whole of an attempt.

    ``total`` is looked at whenever a part of the answer arrives. It cannot cut off what happens before the answer
    begins, nor a single wait for more of it: those have their own limits (``connect``, ``write``, ``read``, ``pool``),
    which bound it from above.

    Args:
        timeout: for each of the four that is not given.
        connect: for making a connection.
        read: for each wait for a part of the answer.
        write: for each part of the request.
        pool: for a free connection.
        total: for the whole of an attempt; None for no such limit.
    """

    def __init__(
        self,
        timeout: float | None = 30.0,
        *,
        connect: float | EllipsisType | None = ...,
        read: float | EllipsisType | None = ...,
        write: float | EllipsisType | None = ...,
        pool: float | EllipsisType | None = ...,
        total: float | None = TOTAL,
    ) -> None:
        parts = {"connect": connect, "read": read, "write": write, "pool": pool}
        given = {name: value for name, value in parts.items() if not isinstance(value, EllipsisType)}
        super().__init__(timeout, **given)
        self.total = total

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), {**self.as_dict(), "total": self.total})  # httpx may change what it keeps


DEFAULT_TIMEOUT = Timeout(30, connect=5)


@frozen(eq=False, repr=False)
class Settings:
    """What all calls of one client share."""

    base: str  # where the API starts, such as https://your-domain.atlassian.net/wiki/rest
    user_agent: str
    timeout: Mapping[str, float | None]  # seconds, for the parts of an attempt
    total: float | None  # seconds, for the whole of it
    retry: RetryPolicy = field()
    pacer: Pacer = field()
    clock: Clock = field()
    address: httpx.URL = field(init=False)  # the base, parsed
    headers_to_read: httpx.Headers = field(init=False)
    headers_to_write: httpx.Headers = field(init=False)

    @address.default
    def _parsed_base(self) -> httpx.URL:
        return httpx.URL(self.base)

    @headers_to_read.default
    def _headers_of_all(self) -> httpx.Headers:
        return httpx.Headers(
            {
                "Host": self.address.netloc.decode("ascii"),
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
                "Connection": "keep-alive",
                "User-Agent": self.user_agent,
            }
        )

    @headers_to_write.default
    def _headers_of_changes(self) -> httpx.Headers:
        headers = self.headers_to_read.copy()
        headers["X-Atlassian-Token"] = "no-check"
        return headers

    @retry.validator
    def _is_policy(self, _attribute: object, retry: RetryPolicy) -> None:
        if not isinstance(retry, RetryPolicy):
            raise TypeError(f"retry must be a RetryPolicy, not {_kind(retry, RetryPolicy)}")

    @pacer.validator
    def _is_pacer(self, _attribute: object, pacer: Pacer) -> None:
        if not isinstance(pacer, Pacer):
            raise TypeError(f"pacer must be a Pacer, not {_kind(pacer, Pacer)}")

    @clock.validator
    def _tells_time(self, _attribute: object, clock: Clock) -> None:
        if not isinstance(clock, Clock):
            raise TypeError(f"clock must have the methods of SystemClock, and {type(clock).__name__} does not")

    def adjusted(
        self, timeout: httpx.Timeout | float | EllipsisType | None, retry: RetryPolicy | EllipsisType
    ) -> Settings:
        """Return the same settings with another timeout or retry policy, where one is given."""
        parts, total = (self.timeout, self.total) if isinstance(timeout, EllipsisType) else limits(timeout)
        return evolve(
            self,
            timeout=parts,
            total=total,
            retry=self.retry if isinstance(retry, EllipsisType) else retry,
        )


def _revive(kind: type[Timeout], parts: Mapping[str, float | None]) -> Timeout:
    """Return a pickled timeout again; a part that is not in it has its default."""
    return kind(**parts)


def _kind(value: object, wanted: type) -> str:
    """Return the name of what was given; where it is a class of another copy of this package, with its module."""
    kind = type(value)
    return f"{kind.__module__}.{kind.__name__}" if kind.__name__ == wanted.__name__ else kind.__name__


def limits(timeout: httpx.Timeout | float | None) -> tuple[Mapping[str, float | None], float | None]:
    """Return the limits on the parts of an attempt and on the whole of it, in seconds.

    Where the limit on the whole is not given, it is a minute, or as long as the longest of its parts may take.

    Raises:
        ConfigurationError: one is not a number, not above zero, or over a year.
    """
    parts: dict[str, float | None] = httpx.Timeout(timeout).as_dict()
    for part, seconds in {**parts, "total": getattr(timeout, "total", None)}.items():
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if seconds is not None and not (number and 0 < seconds <= LONGEST_TIMEOUT):
            problem = "give a number of seconds above 0, at most a year, or None for no limit"
            raise ConfigurationError(f"timeout ({part}): {problem}")
    if isinstance(timeout, Timeout):
        return parts, timeout.total
    longest = [math.inf if seconds is None else seconds for seconds in parts.values()]
    total = max(TOTAL, *longest)
    return parts, None if math.isinf(total) else total
