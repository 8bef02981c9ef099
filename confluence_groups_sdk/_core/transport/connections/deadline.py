"""The deadline of the attempt that this thread makes; httpx's timeouts limit only its steps."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class _ThreadDeadline(threading.local):
    at: float | None = None  # by time.monotonic; None for no limit


_current = _ThreadDeadline()


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Let the attempts of this thread take at most this time; None for no limit."""
    before = _current.at
    _current.at = None if seconds is None else time.monotonic() + seconds
    try:
        yield
    finally:
        _current.at = before


def limit(seconds: float | None, error: type[Exception]) -> float | None:
    """Return how long a step may take: the given seconds, or the time until the deadline.

    Args:
        seconds: the step's own limit; None for none.
        error: the exception to raise if the deadline has passed.
    """
    at = _current.at
    if at is None:
        return seconds
    left = at - time.monotonic()
    if left <= 0:
        raise error("the attempt has taken too long")
    return left if seconds is None or left < seconds else seconds
