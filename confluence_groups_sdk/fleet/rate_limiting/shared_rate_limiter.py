"""A rate limiter that all processes and hosts of a site share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..._core.limits.rate_limiter import (
    FALLBACK_CALLS_PER_S,
    ClimbingRate,
    Learned,
    RateLimiter,
    Reservation,
    pause_after,
    peak_rate,
    seconds_until,
)
from ..._support.clock import Clock
from ..._support.log import logger
from ...errors import ConfigurationError
from .database import Database
from .joining import join
from .patience import PATIENCE_S
from .schedule import Schedule
from .turns import Turn, TurnRequest

if TYPE_CHECKING:
    from ..._core.responses.rate_limit_headers import RateLimitInfo

CONNECT_S = 5.0  # for the first answer, if there is no other way to continue

WhenDown = Literal["share", "raise"]


class SharedRateLimiter(RateLimiter):
    """A `RateLimiter` whose pace, found rate and holds are in a database, so that all processes of a site share them.

    - All processes get the same share while they have calls that wait. A process that ends, or has fewer calls, leaves
      its share to the others.
    - Until the first 429, all processes together have few calls in flight: 4, and a tenth of the last ones more. So
      few calls are rate-limited when the limit is found.

    The inherited state is what this process knows by itself. While the database is down, that is what it continues
    with: its share of the last rate, by the same rules.

    Args:
        database: where the state is kept.
        site: the site's name there; the same one in all processes.
        when_down: what to do while the database is down: continue with this process's share of the rate, or raise a
            ConfigurationError.
        max_in_flight: the maximum number of calls at once in this process.

    Raises:
        ConfigurationError: an option is unusable.
    """

    def __init__(
        self, database: Database, site: str, *, when_down: WhenDown = "share", max_in_flight: int = 16
    ) -> None:
        if when_down not in ("share", "raise"):
            raise ConfigurationError("rate_limiter(when_down=...): give 'share' or 'raise'")
        if not site:
            raise ConfigurationError("rate_limiter(site): give the site's address or another name for it")
        self._database, self._site, self._when_down = database, site, when_down
        super().__init__(max_in_flight)

    def _reset(self) -> None:
        super()._reset()
        connect_s = CONNECT_S if self._when_down == "raise" else PATIENCE_S
        self._schedule = Schedule(self._database, self._site, self, connect_s)

    # --- for calls

    def reserve(self, clock: Clock, earlier: Reservation | None) -> Reservation:
        """Ask for a turn, or exchange what the call has waited for.

        Raises:
            ConfigurationError: the database is down and `when_down` is "raise", or it lacks the tables.
        """
        self._clock = clock
        if isinstance(earlier, TurnRequest):
            if earlier.error is not None:
                raise earlier.error
            if earlier.turn is None and not self._schedule.is_down and self._schedule.reopen(earlier):
                return earlier
            earlier = earlier.turn or earlier.confirms
        if isinstance(earlier, Turn):
            return self._use(earlier, clock)
        if earlier is not None and (self._schedule.is_down or earlier.epoch == self._epoch):  # of an outage
            return super().reserve(clock, earlier)
        return self._ask(clock)

    def _ask(self, clock: Clock) -> Reservation:
        if not self._schedule.is_down:
            return self._schedule.request(clock)
        self._schedule.wake()
        if self._when_down == "raise":
            raise ConfigurationError(f"the shared rate limiter cannot be used: {self._schedule.problem}")
        return super().reserve(clock, None)

    def _use(self, turn: Turn, clock: Clock) -> Reservation:
        """Return a turn whose time has come, or what to wait for."""
        if turn_s := seconds_until(turn.due, clock.monotonic()):
            turn.delay_s = turn_s
            return turn
        if self._schedule.is_down:
            return self._ask(clock) if self.seconds_held(clock) else Reservation(0.0, 0.0, self._epoch)
        is_valid = self._schedule.is_valid(turn)
        if is_valid is None:
            return self._schedule.request(clock, turn)
        if not is_valid:
            return self._ask(clock)
        turn.delay_s = 0.0
        return turn

    def release_reservation(self, reservation: Reservation) -> None:
        if isinstance(reservation, TurnRequest):
            self._schedule.withdraw(reservation)
        elif isinstance(reservation, Turn):
            self._schedule.release(reservation)
        else:
            super().release_reservation(reservation)

    def record_accepted(self, clock: Clock, limits: RateLimitInfo) -> Learned | None:
        learned = super().record_accepted(clock, limits)
        if not self._schedule.is_down:
            self._schedule.record_accepted(limits.reset_in if limits.exhausted else None)
        return learned

    def record_rate_limited(self, clock: Clock, limits: RateLimitInfo, sent_at: float) -> Learned:
        if self._schedule.is_down:
            return super().record_rate_limited(clock, limits, sent_at)
        pause, quota_spent = pause_after(limits)
        with self._lock:
            now = clock.monotonic()
            self._responses += 1
            self._rate_limited += 1
            self._clock = clock
            held = self._hold(now, pause)
        if held:
            logger.info("rate-limited: all calls are held for %.1f s", pause)
        self._schedule.record_rate_limited(pause, None if quota_spent else now - sent_at)
        return Learned(pause if held else None, quota_spent=quota_spent)  # the database finds the rate

    def _rate_at(self, now: float) -> float | None:
        return super()._rate_at(now) if self._schedule.is_down else self._schedule.rate

    # --- the end

    def close(self, error: Exception) -> None:
        """End for good: calls that wait for their turn or come later raise the error."""
        self._schedule.close(error)

    def join(self, seconds: float) -> None:
        """Wait until the thread and its connection have ended, unless that would be a deadlock."""
        join(self._schedule.thread, self._schedule.changed, seconds)

    # --- for the schedule

    @property
    def is_busy(self) -> bool:
        """Whether calls are under way."""
        return self._in_flight > 0

    def known(self) -> tuple[float | None, float | None]:
        """Return the rate of all members, and the seconds for which calls are held."""
        rate = self._rate_at(self._clock.monotonic())
        if rate is not None and self._schedule.is_down:
            rate *= self._schedule.members
        return rate, self.seconds_held(self._clock) or None

    def hold_for(self, seconds: float) -> None:
        """Also hold all calls of this process."""
        with self._lock:
            self._hold(self._clock.monotonic(), seconds)

    def leave(self, problem: str) -> None:
        """Continue with this process's share of the rate."""
        members = self._schedule.members
        with self._lock:
            now = self._clock.monotonic()
            all_calls = self._schedule.rate or max(members * peak_rate(self._accepted, now), FALLBACK_CALLS_PER_S)
            rate = all_calls / members
            self._rate, self._rate_before = ClimbingRate(rate, now), None
            self._next_free = max(now, self._held_until) + self._clock.random() / rate
        if self._when_down == "share":
            logger.warning(
                "%s. Until it is back, this process continues with its share of the rate, %.1f calls per second",
                problem,
                rate,
            )

    def rejoin(self) -> None:
        """Continue with the shared rate."""
        logger.info("%s is back: all processes share the rate again", self._database.server)

    def __repr__(self) -> str:
        return f"<rate limiter for {self._site}, shared through {self._database.server}>"
