"""The state of a rate limiter, for programs that watch it."""

from __future__ import annotations

from attrs import frozen

from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public


@public
@frozen
class RateLimiterStatus(VersionTolerantPickle):
    """The present state of a `RateLimiter`.

    Attributes:
        rate: the rate limit in calls per second; None if there is none.
        held_until: the time, in seconds since the epoch, until which no call is sent; None if calls are not held.
        in_flight: calls under way, including those that wait to be sent.
        refused: the number of 429 responses so far.
        points: points spent so far, as Atlassian counts them: 1 per response, and 2 per group or user in it. See
            docs/confluence-behaviour.md#rate-limits.
        responses: the number of responses so far, those with an error too.
    """

    rate: float | None
    held_until: float | None
    in_flight: int
    refused: int
    points: int
    responses: int = 0
