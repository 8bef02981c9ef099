"""The deadline of the attempt that this thread makes; httpx's timeouts limit only its steps."""

from __future__ import annotations

import threading
import time


class _ThreadDeadline(threading.local):
    at: float | None = None  # by time.monotonic; None for no limit


_current = _ThreadDeadline()


def begin(seconds: float | None) -> float | None:
    """Let this thread's attempt take at most some seconds; return what `end` needs.

    Args:
        seconds: the time; None for no limit.
    """
    before = _current.at
    _current.at = None if seconds is None else time.monotonic() + seconds
    return before


def end(before: float | None) -> None:
    """Restore the deadline that was there before the attempt: one attempt may be made during another."""
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
