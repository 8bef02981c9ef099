"""Timeouts: limits on the parts of an attempt, and on an attempt as a whole."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import EllipsisType
from typing import Any, Self

from .._support.libraries.http import httpx
from .._support.pickling import unpickle
from .._support.public import public
from .._support.validation import is_number
from ..errors import ConfigurationError

MAX_TIMEOUT_S = 366 * 24 * 3600
DEFAULT_TOTAL_TIMEOUT_S = 60.0  # for one attempt


@public
class Timeout(httpx.Timeout):
    """httpx's four limits and one on an attempt as a whole, all in seconds.

    ``total`` limits an attempt from the wait for a connection to the last byte of the response, and includes a refresh
    of the token. In a synchronous client, some steps can exceed it:

    - The lookup of a host name blocks as long as the system takes.
    - If a host has several addresses, each gets the time that was left for connecting.
    - Over a connection that your own requests over the same ``http_client`` opened, a single wait for data lasts up to
      ``read`` or ``total``, whichever is shorter, and ``total`` is checked only when a part of the body arrives.
    - A proxy with an ``https://`` address can prolong a wait by sending TLS byte by byte.

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


def parse_timeout(timeout: httpx.Timeout | float | None) -> tuple[Mapping[str, float | None], float | None]:
    """Split a timeout into the limits on the parts of an attempt and on the whole, in seconds.

    A number or an `httpx.Timeout` limits the whole to 60 seconds or to the longest part, whichever is longer.

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
