"""What answers say beside what they answer, for whoever keeps a record: request ids, and words on limits."""

from __future__ import annotations

from contextvars import ContextVar

from attrs import define

from ._headers import NOTHING_SAID, Limits


@define
class Heard:
    """The last answer's side of it.

    Attributes:
        request_id: by which Atlassian's support finds the request; None where the server gave none.
        limits: what it said about limits.
        lost: whether a change was sent and no answer told what became of it, even if a later attempt was answered.
    """

    request_id: str | None = None
    limits: Limits = NOTHING_SAID
    lost: bool = False

    def note(self, request_id: str | None, limits: Limits) -> None:
        """Keep what this answer said instead of what the one before did."""
        self.request_id = request_id
        self.limits = limits


hearing: ContextVar[Heard | None] = ContextVar("hearing", default=None)
"""Set it to a `Heard` around calls, in their own thread, to be told."""
