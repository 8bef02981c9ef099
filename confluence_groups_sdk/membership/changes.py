"""What is to be done, what is left out, and what became of it."""

from __future__ import annotations

from enum import StrEnum

from attrs import field, frozen

from .._headers import NOTHING_SAID, Limits
from .._values import Value


class Action(StrEnum):
    """What a change does."""

    REMOVE = "remove"
    ADD = "add"


class Outcome(StrEnum):
    """What became of a change."""

    REMOVED = "REMOVED"
    """The person was a member, and the server accepted the removal."""
    NOT_A_MEMBER = "NOT_A_MEMBER"
    """There was nobody to remove; also where the server knows no such user."""
    ADDED = "ADDED"
    """The person was no member, and the server accepted."""
    ALREADY_A_MEMBER = "ALREADY_A_MEMBER"
    """There was nobody to add."""
    REFUSED = "REFUSED"
    """A guard forbids it as things are now; nothing was sent."""
    FAILED = "FAILED"
    """The server did not do it."""
    UNKNOWN = "UNKNOWN"
    """The answer was lost, and nothing could settle whether it was done."""


@frozen(kw_only=True)
class Change(Value):
    """One person into or out of one group.

    Attributes:
        action: what it does.
        group_id: of the group.
        group_name: when it was planned.
        account_id: of the person.
        display_name: when it was planned; None where the server does not say.
        account_type: ``atlassian`` or ``app``; None where the server does not say.
        reason: why, in the words of whoever asked for it.
        overridden: the guards that forbid it and were overridden.
    """

    action: Action
    group_id: str
    group_name: str
    account_id: str
    display_name: str | None = None
    account_type: str | None = None
    reason: str | None = None
    overridden: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What no other change of a plan has: group id and account id."""
        return self.group_id, self.account_id

    def __str__(self) -> str:
        who = f"{self.display_name} ({self.account_id})" if self.display_name else self.account_id
        return f"{self.action} {who} {'from' if self.action is Action.REMOVE else 'to'} {self.group_name}"


@frozen(kw_only=True)
class Omission(Value):
    """A change that was asked for and is not in the plan.

    Attributes:
        change: what was asked for.
        why: it is not done.
        guard: that forbids it; None where there is nothing to do.
        option: of `Guards` that overrides it, such as ``allow_self=True``; None where there is nothing to override.
    """

    change: Change
    why: str
    guard: str | None = None
    option: str | None = None

    def __str__(self) -> str:
        remedy = f"; Guards({self.option}) overrides it" if self.option else ""
        return f"{self.change}: {self.why}{f' [{self.guard}{remedy}]' if self.guard else ''}"


@frozen(kw_only=True)
class Result(Value):
    """What became of a change.

    Attributes:
        change: that was to be made.
        outcome: what became of it.
        error: why not, in words; None where it was done or there was nothing to do.
        error_type: the name of the error's class, such as ``NotFoundError``.
        request_id: by which Atlassian's support finds the last call for it; None where there was none.
        settled: whether the answer to the change itself was lost, so that it may have been made by somebody else.
        final: whether a resumed run leaves it as it is; False where it is worth trying again.
        stops: whether the same would happen to every other change, so that the run stops.
        limits: what the server said about limits in its last answer.
    """

    change: Change
    outcome: Outcome
    error: str | None = None
    error_type: str | None = None
    request_id: str | None = None
    settled: bool = False
    final: bool = True
    stops: bool = False
    limits: Limits = field(default=NOTHING_SAID, repr=False)

    @property
    def in_doubt(self) -> bool:
        """Whether it may have been done although it does not look so."""
        return self.outcome is Outcome.UNKNOWN or (self.settled and not self.final)


@frozen(kw_only=True)
class Progress(Value):
    """How far planning or applying has come.

    Attributes:
        phase: ``reading``, ``adding``, ``removing``, ``waiting`` or ``verifying``.
        done: groups read, or changes finished.
        total: of them.
        held_until: seconds since the epoch until which nothing is sent; None where nothing is held.
    """

    phase: str
    done: int
    total: int
    held_until: float | None = None
