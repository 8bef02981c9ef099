"""Request ids and rate limits of responses, for callers that keep a record of their calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from attrs import define

from .responses.rate_limit_headers import NO_RATE_LIMITS, RateLimitInfo

__all__ = ["NO_RATE_LIMITS", "CallMetadata", "RateLimitInfo", "current_call_metadata", "record_call_metadata"]


@define
class CallMetadata:
    """What the responses of a call said besides its result.

    Attributes:
        request_id: identifies the last request for Atlassian's support; None if the server sent none.
        limits: the rate limits in the last response.
        outcome_unknown: whether an attempt at a change got no response or a 5xx, even if a later attempt was answered.
        unidentified: the number of members without an account id in the last list that had any; they were skipped.
        list_end: how the end of the last list was recognised, in words; None before its end.
        stated_total: the number of entries that the server stated for the last list; None if it stated none.
    """

    request_id: str | None = None
    limits: RateLimitInfo = NO_RATE_LIMITS
    outcome_unknown: bool = False
    unidentified: int = 0
    list_end: str | None = None
    stated_total: int | None = None

    def record(self, request_id: str | None, limits: RateLimitInfo) -> None:
        """Keep what a response says, instead of the response before."""
        self.request_id = request_id
        self.limits = limits


current_call_metadata: ContextVar[CallMetadata | None] = ContextVar("current_call_metadata", default=None)
"""Set it to a `CallMetadata` before calls in the same thread or task; the exchange fills it."""


@contextmanager
def record_call_metadata() -> Iterator[CallMetadata]:
    """Yield a `CallMetadata` that the calls of this thread or task fill."""
    metadata = CallMetadata()
    token = current_call_metadata.set(metadata)
    try:
        yield metadata
    finally:
        current_call_metadata.reset(token)
