"""One governor for the calls of a site: how many at once, how fast, and when to hold them all."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from attrs import frozen

from ._clock import Clock, SystemClock
from ._logging import logger
from ._places import Places
from ._values import Value
from .errors import ConfigurationError

if TYPE_CHECKING:
    from ._headers import Limits

BACK_OFF = 0.9  # of the rate that was accepted
PAUSE = 1.0  # seconds after a refusal that names no time
REFILL = 1.0  # seconds that a measured span is longer than it was: a server lets a second's worth through at once
GUESS = 10.0  # calls a second, where nothing was accepted that could be measured
QUOTA_PAUSE = 60.0  # seconds after a spent quota that names no time
SLOWEST = 1.0  # calls a second
SOON = 0.001  # seconds; less than that is not waited for
FASTEST = 100_000.0  # calls a second: beyond that there is no rate to keep
MEASURED = 30  # seconds that the accepted rate is measured over
CLIMB = 0.01  # of the rate, a second
HASTE = 60.0  # seconds after which climbing is twice as fast, three times after twice that
CATCH_UP = 0.1  # seconds by which a late call may follow the one before it sooner than the rate that was found says


@frozen
class Pace(Value):
    """What a `Pacer` is doing.

    Attributes:
        rate: calls a second that are let through; None for no limit.
        held_until: seconds since the epoch until which no call is sent; None where none is held back.
        in_flight: calls under way, those included that wait for their turn.
        refused: answers 429 so far.
        points: spent so far, as Atlassian counts them: 1 for each answer, and 2 for each group or user in it.
    """

    rate: float | None
    held_until: float | None
    in_flight: int
    refused: int
    points: int


@frozen(eq=False, repr=False)
class Turn:
    """When a call may be sent."""

    seconds: float  # from now; 0 for at once
    takes: float  # seconds by which it moves the turns after it
    epoch: int  # of the pacer that gave it


@frozen(eq=False, repr=False)
class _Rate:
    """A rate that climbs slowly from what was found at some moment, and faster the longer nothing is refused."""

    found: float
    since: float

    def at(self, moment: float) -> float:
        seconds = max(0.0, moment - self.since)
        return min(self.found * math.exp(min(CLIMB * seconds * (1 + seconds / (2 * HASTE)), 50.0)), FASTEST)


class Pacer(Places):
    """Keeps the calls of one or several clients within what a site takes.

    At most ``max_in_flight`` calls are under way. There is no rate until the first refusal (429): then it is nine
    tenths of the rate that was accepted until then, and climbs back slowly, until the next refusal. After a refusal all
    calls pause as long as it says (``Retry-After``). Where it says that a quota is spent, or where an answer says that
    nothing is left of it, all calls are held until the reset.

    It belongs to one client and its `with_options` copies, or to several clients of the same site: give all of them the
    same one. It may be shared by threads and by the tasks of several event loops.

    Args:
        max_in_flight: calls under way at the most, 1 or more.
        max_rate: calls a second at the most; None for no such limit.

    Raises:
        ConfigurationError: a number is out of range.
    """

    def __init__(self, max_in_flight: int = 16, max_rate: float | None = None) -> None:
        if isinstance(max_in_flight, bool) or not isinstance(max_in_flight, int) or max_in_flight < 1:
            raise ConfigurationError("Pacer(max_in_flight=...): give a whole number, 1 or more")
        if max_rate is not None and not _is_rate(max_rate):
            raise ConfigurationError("Pacer(max_rate=...): give calls a second, above 0, or None")
        super().__init__(max_in_flight)
        self._max_rate = max_rate
        self._refused = 0
        self._points = 0
        self._rate: _Rate | None = None
        self._former: float | None = None  # the rate before the last refusal
        self._next = -math.inf  # when the next call may be sent
        self._held_until = -math.inf
        self._epoch = 0  # grows whenever turns that were given out no longer hold good
        self._accepted: deque[tuple[float, int]] = deque(maxlen=MEASURED)  # the first of a second, how many in it
        self._clock: Clock = SystemClock()

    def held_for(self, clock: Clock) -> float:
        """Return the seconds for which no call may be sent."""
        return _ahead(self._held_until, clock.monotonic())

    def turn(self, clock: Clock, before: Turn | None) -> Turn:
        """Return when this call may be sent, and keep the time for it.

        Args:
            clock: the time.
            before: the turn that was waited for. It holds good, unless others were refused in the meantime.
        """
        with self._lock:
            if before is not None and before.epoch == self._epoch:
                return Turn(0.0, before.takes, self._epoch)
            self._clock = clock
            now = clock.monotonic()
            rate = self._rate_at(now)
            moment = max(now, self._held_until)
            takes = 0.0
            if rate is not None:
                takes = 1 / rate
                self._next = max(self._next, moment - (0.0 if rate == self._max_rate else CATCH_UP))
                moment = max(moment, self._next)
                self._next += takes
            return Turn(_ahead(moment, now), takes, self._epoch)

    def give_back(self, turn: Turn) -> None:
        """Let the others have a turn that is not used, since its call was cancelled."""
        with self._lock:
            if turn.epoch == self._epoch:
                self._next -= turn.takes

    # --- what answers teach

    def accepted(self, clock: Clock, limits: Limits) -> None:
        """Learn from an answer that is no refusal."""
        held = False
        with self._lock:
            now = clock.monotonic()
            self._points += 1
            first, count = self._accepted[-1] if self._accepted else (-math.inf, 0)
            if now - first < 1:
                self._accepted[-1] = (first, count + 1)
            else:
                self._accepted.append((now, 1))
            if self._rate and now < self._rate.since:
                # This was sent before the refusal, and tells what was accepted, too.
                self._find(now, self._rate.since, at_least=self._rate.found)
            if limits.exhausted and limits.reset_in:
                held = self._hold(now, limits.reset_in)
        if held:
            logger.info("nothing is left: all calls are held for %.1f s", limits.reset_in)

    def refused(self, clock: Clock, limits: Limits, sent: float) -> None:
        """Learn from a 429.

        Args:
            clock: the time.
            limits: what the answer's headers say.
            sent: when the call was sent; one that was sent before the rate changed says nothing about the new one.
        """
        asked = limits.retry_after
        quota = limits.quota or (limits.exhausted and limits.reset_in is not None and not limits.burst)
        with self._lock:
            now = clock.monotonic()
            self._points += 1
            self._refused += 1
            self._clock = clock
            if quota:
                seconds = max(limits.reset_in or 0.0, asked or 0.0) or QUOTA_PAUSE
            else:
                seconds = PAUSE if asked is None else asked
            held = self._hold(now, seconds)
            slower = not quota and (self._rate is None or sent >= self._rate.since)
            if slower:
                self._slow_down(now, seconds)
            rate = self._rate.found if self._rate else None
        if held:
            logger.info("refused: all calls are held for %.1f s", seconds)
        if slower:
            logger.info("refused for the rate of calls: going on with %.1f a second", rate)

    def spent(self, points: int) -> None:
        """Count the points of a call that was answered."""
        with self._lock:
            self._points += points

    def snapshot(self) -> Pace:
        """Return what this pacer is doing."""
        with self._lock:
            now = self._clock.monotonic()
            left = _ahead(self._held_until, now)
            held_until = self._clock.now() + left if left else None
            return Pace(self._rate_at(now), held_until, self._in_flight, self._refused, self._points)

    def __repr__(self) -> str:
        return f"Pacer(max_in_flight={self._max_in_flight}, max_rate={self._max_rate})"

    def _hold(self, now: float, seconds: float) -> bool:
        """Hold all calls, unless they are held for longer already; return whether it changed anything."""
        if now + seconds <= self._held_until:
            return False
        self._held_until = self._next = now + seconds
        self._epoch += 1
        return True

    def _slow_down(self, now: float, pause: float) -> None:
        """Go on with another rate after a pause."""
        self._former = self._rate_at(now)
        self._find(now, now + pause)

    def _find(self, now: float, since: float, at_least: float = SLOWEST) -> None:
        """Set the rate from what was accepted, no lower than half of what it was."""
        measured = _busiest(self._accepted, now)
        found = BACK_OFF * measured if measured else GUESS
        if self._former is not None:
            found = max(min(found, BACK_OFF * self._former), self._former / 2)
        self._rate = _Rate(max(found, at_least), since)

    def _rate_at(self, now: float) -> float | None:
        rate = self._rate.at(now) if self._rate else FASTEST
        rate = min(rate, self._max_rate or FASTEST)
        return None if rate >= FASTEST else rate


def _busiest(accepted: Iterable[tuple[float, int]], now: float) -> float:
    """Return calls a second in the busiest span that ends now: what came before it may have been idle."""
    best, count = 0.0, 0
    for first, number in reversed(list(accepted)):
        if first < now - MEASURED:
            break
        count += number
        best = max(best, count / (now - first + REFILL))
    return best


def _ahead(moment: float, now: float) -> float:
    """Return the seconds from now to a moment; 0 where it is past or so close that waiting would not move a clock."""
    left = moment - now
    return left if left >= SOON else 0.0


def _is_rate(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
