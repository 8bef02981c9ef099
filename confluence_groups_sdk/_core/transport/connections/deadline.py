"""The time at which an attempt must end, and what it leaves for each of its steps."""

from __future__ import annotations

import time


class WriteLimit(float):
    """The seconds that each write may take; it also carries the deadline of the attempt.

    httpx hands the numbers of a request's ``timeout`` extension to the connection unchanged. So a watched connection
    learns the deadline of each request from its first write.

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
