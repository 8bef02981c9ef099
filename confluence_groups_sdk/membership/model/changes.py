"""Changes, changes that a plan skips, and the results of applying changes."""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias

from attrs import field, frozen

from ..._core.call_metadata import NO_RATE_LIMITS, RateLimitInfo
from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from ..._support.text import escape_controls

Option: TypeAlias = tuple[str, bool | int | float]
"""A field of `Guards` and the value that overrides a refusal, such as ``("max_removals", 3)``."""
Key: TypeAlias = tuple[str, str]
"""The group id and the account id of a change; a plan has only one change with a key."""


@public
class Action(StrEnum):
    """What a change does."""

    REMOVE = "remove"
    ADD = "add"


@public
class Outcome(StrEnum):
    """What became of a change."""

    REMOVED = "REMOVED"
    """The user was a member, and the server accepted the removal."""
    NOT_A_MEMBER = "NOT_A_MEMBER"
    """The user was not a member, or the server does not know the user."""
    ADDED = "ADDED"
    """The user was not a member, and the server accepted the addition."""
    ALREADY_A_MEMBER = "ALREADY_A_MEMBER"
    """The user was a member before."""
    REFUSED = "REFUSED"
    """A guard refused the change in the current state; nothing was sent."""
    FAILED = "FAILED"
    """The server did not make the change."""
    UNKNOWN = "UNKNOWN"
    """The response was lost, and nothing could show whether the change was made."""


APPLIED = (Outcome.ADDED, Outcome.REMOVED)
"""The outcomes of changes that were made."""
PRESENT = (Outcome.ADDED, Outcome.ALREADY_A_MEMBER)
"""The outcomes of additions after which the user is a member."""


@public
@frozen(kw_only=True)
class Change(VersionTolerantPickle):
    """The addition of one user to one group, or the removal of one user from one group.

    Attributes:
        action: whether to add or to remove.
        group_id: the group's id.
        group_name: the group's name when the plan was made.
        account_id: the user's account id.
        display_name: the user's name when the plan was made; None if the server did not send it.
        account_type: ``atlassian`` or ``app``; None if the server did not send it.
        reason: why the change is made, for the record.
        overridden: the guards that would refuse the change and were overridden.
        note: a remark about the row that requested the change, such as that it has another name; None without one.
        email: the user's e-mail; None unless the plan had to read e-mails to find people, and the user shows theirs.
    """

    action: Action
    group_id: str
    group_name: str
    account_id: str
    display_name: str | None = None
    account_type: str | None = None
    reason: str | None = None
    overridden: tuple[str, ...] = ()
    note: str | None = None
    email: str | None = None

    @property
    def key(self) -> Key:
        """Group id and account id, which no other change of the plan has together."""
        return self.group_id, self.account_id

    def __str__(self) -> str:
        user = f"{self.display_name} ({self.account_id})" if self.display_name else self.account_id
        direction = "from" if self.action is Action.REMOVE else "to"
        return escape_controls(f"{self.action} {user} {direction} {self.group_name}")


@public
@frozen(kw_only=True)
class SkippedChange(VersionTolerantPickle):
    """A change that was requested and that the plan does not make.

    Attributes:
        change: the requested change.
        why: why the plan does not make it.
        guard: the guard that refuses it; None if there is nothing to change.
        option: the field of `Guards` that overrides the guard and the value it needs, such as ``("max_removals", 3)``;
            None if no option overrides it.
    """

    change: Change
    why: str
    guard: str | None = None
    option: Option | None = None

    @property
    def override(self) -> str | None:
        """The option as a Python argument, such as ``max_removals=3``."""
        return python_argument(self.option)

    def __str__(self) -> str:
        remedy = f"; Guards({self.override}) overrides it" if self.option else ""
        return escape_controls(f"{self.change}: {self.why}{f' [{self.guard}{remedy}]' if self.guard else ''}")


@public
@frozen(kw_only=True)
class Result(VersionTolerantPickle):
    """What became of a change.

    Attributes:
        change: the change.
        outcome: what became of it.
        error: why it was not made, in words; None if it was made or there was nothing to change.
        error_type: the name of the error's class, such as ``NotFoundError``, for the record.
        guard: the guard that refused it; None unless the outcome is REFUSED.
        option: the field of `Guards` that overrides the guard and the value it needs; see `SkippedChange`.
        request_id: the id by which Atlassian's support finds the last request; None if no request was sent.
        settled: whether the response to the change was lost, so that somebody else may have made the change.
        final: whether a resumed run keeps this result; False if it tries the change again.
        stops: whether every other change would fail for the same reason, so that the run stops.
        rate_limited: whether the last call for the change was rate-limited (429).
        limits: what the last response said about rate limits.
    """

    change: Change
    outcome: Outcome
    error: str | None = None
    error_type: str | None = None
    guard: str | None = None
    option: Option | None = None
    request_id: str | None = None
    settled: bool = False
    final: bool = True
    stops: bool = False
    rate_limited: bool = False
    limits: RateLimitInfo = field(default=NO_RATE_LIMITS, repr=False)

    @property
    def in_doubt(self) -> bool:
        """Whether the change may have been made although the outcome does not say so."""
        return self.outcome is Outcome.UNKNOWN or (self.settled and not self.final)

    @property
    def hold_s(self) -> float | None:
        """For how many seconds the server accepts no calls; None unless the change was rate-limited with a hold."""
        return self.limits.retry_after if self.rate_limited else None


@public
@frozen(kw_only=True)
class Progress(VersionTolerantPickle):
    """How far planning or applying has come.

    Attributes:
        phase: ``reading``, ``adding``, ``removing``, ``waiting`` or ``verifying``.
        done: the number of groups read, or of changes finished.
        total: the number of all groups, or of all changes.
        held_until: the time at which sending continues, in seconds since the epoch; None if nothing is held.
    """

    phase: str
    done: int
    total: int
    held_until: float | None = None


OnProgress: TypeAlias = Callable[[Progress], object]
"""A function that is called with the progress."""


def python_argument(option: Option | None) -> str | None:
    """Return an option as a Python argument, such as ``max_removals=3``."""
    return f"{option[0]}={option[1]!r}" if option else None
