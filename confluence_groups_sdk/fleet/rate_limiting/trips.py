"""One question to the database, and its answer."""

from __future__ import annotations

from typing import Any, NamedTuple

from attrs import field, frozen

from .events import ScheduleEvents
from .turns import TurnRequest

BATCH_S = 0.02  # turns for this time are asked for in one trip
MAX_BATCH = 100


def turns_in_one_trip(waiting: int, interval_s: float, *, is_new: bool) -> int:
    """Return how many turns to ask for; one if this process is new, so that all processes get some.

    Args:
        waiting: the number of calls that wait.
        interval_s: seconds by which a turn moves the next one; 0 for no rate.
        is_new: whether the database may know less than this process.
    """
    if is_new:
        return min(waiting, 1)
    return min(waiting, max(1, int(BATCH_S / interval_s)) if interval_s else MAX_BATCH, MAX_BATCH)


@frozen
class Trip:
    """What one call of the function asks and tells.

    Attributes:
        began: the moment, by this machine's monotonic clock.
        requests: the calls that want a turn.
        confirming: the calls that want their turn to be confirmed.
        events: what has happened.
        is_asking: whether calls wait for turns.
        is_new: whether the database may know less than this process.
        is_alive: whether to count this process among the members.
        known: the rate of all members, and the seconds for which calls are held.
    """

    began: float
    requests: list[TurnRequest] = field(factory=list)
    confirming: list[TurnRequest] = field(factory=list)
    events: ScheduleEvents = field(factory=ScheduleEvents)
    is_asking: bool = field(default=False, kw_only=True)
    is_new: bool = field(default=False, kw_only=True)
    is_alive: bool = field(default=False, kw_only=True)
    known: tuple[float | None, float | None] = field(default=(None, None), kw_only=True)

    def arguments(self, now: float) -> tuple[Any, ...]:
        """Return the arguments of the function after the site and the member."""
        wanted = len(self.requests)
        return (self.is_alive, self.events.encode(now), wanted, self.is_asking, *self.known, self.is_new, None)


class Answer(NamedTuple):
    """What the function returns.

    Attributes:
        delays_s: seconds until each turn is due; none if others shall catch up first.
        interval_s: seconds by which a turn moves the next one.
        epoch: grows when turns become void.
        rate: calls per second; None for no limit.
        held_s: seconds for which all calls are held.
        members: the number of processes; None if it was not counted.
        ask_again_s: seconds until there may be turns, if the others shall catch up first; None if all were granted.
    """

    delays_s: list[float]
    interval_s: float
    epoch: int
    rate: float | None
    held_s: float
    members: int | None
    ask_again_s: float | None
