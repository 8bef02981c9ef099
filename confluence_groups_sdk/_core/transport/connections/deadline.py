"""The time at which an attempt must end, and what it leaves for each of its steps."""

from __future__ import annotations

import time
from collections.abc import Mapping


class StepLimit(float):
    """The seconds that each step of an attempt may take; it also carries the deadline of the attempt.

    httpx hands the numbers of a request's ``timeout`` extension to the connection unchanged. So a watched connection
    learns the deadline of the request with each read and write, even if several requests share it (HTTP/2).

    Attributes:
        deadline: the time at which the attempt must end, by `time.monotonic`.
    """

    __slots__ = ("deadline",)

    deadline: float


def time_left(seconds: float | None, deadline: float | None, error: type[Exception]) -> float | None:
    """Return how long a step may take: its own limit, or the time until the deadline.

    Args:
        seconds: the step's own limit; None for none.
        deadline: by `time.monotonic`; None for none.
        error: the exception to raise if the deadline has passed.
    """
    if deadline is None:
        return seconds
    left = deadline - time.monotonic()
    if left <= 0:
        raise error("the attempt has taken too long")
    return left if seconds is None or left < seconds else seconds


def limit_steps(parts: Mapping[str, float | None], seconds: float, deadline: float) -> dict[str, float | None]:
    """Return the ``timeout`` extension of a request whose attempt must end at a deadline.

    Args:
        parts: the limits on the steps, as httpx names them.
        seconds: the limit on the attempt as a whole, which has just begun.
        deadline: its end, by `time.monotonic`.
    """
    limits: dict[str, float | None] = {**parts}
    limit: StepLimit | None = None
    for step in ("read", "write", "pool"):
        own = parts[step]
        shorter = seconds if own is None or own > seconds else own
        if limit is None or limit != shorter:  # usually the same for all
            limit = StepLimit(shorter)
            limit.deadline = deadline
        limits[step] = limit
    return limits
