"""Limit how many calls run at once and how fast, and pause all calls when the server asks for it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from ..._support.clock import Clock, SystemClock, Waker
from ..._support.log import logger
from ..._support.public import public
from ..._support.validation import is_integer, is_number
from ...errors import ConfigurationError
from .concurrency_limiter import ConcurrencyLimiter

if TYPE_CHECKING:
    from ..responses.rate_limit_headers import RateLimitInfo
    from .rate_limiter_status import RateLimiterStatus

BACKOFF_FACTOR = 0.9  # of the best accepted rate
FLOOR_FACTOR = 0.5  # of the limit before: one 429 never lowers it further
MEASUREMENT_WINDOW_S = 30  # the accepted rate is measured over this time
MEASUREMENT_STEPS = 300  # of this time; a window begins at any step, so that idle time before a burst does not count
MEASUREMENT_STEP_S = MEASUREMENT_WINDOW_S / MEASUREMENT_STEPS
BURST_ALLOWANCE_S = 1.0  # added to the measured time: servers accept about one second's calls at once
FALLBACK_CALLS_PER_S = 10.0  # the rate after a 429 if nothing was accepted before
MIN_CALLS_PER_S = 1.0
MAX_CALLS_PER_S = 100_000.0  # from here on there is no rate
GROWTH_PER_S = 0.01  # of the rate
CLIMB_DOUBLING_S = 60.0  # after this time the rate grows twice as fast, after twice this time three times as fast
MAX_GROWTH_EXPONENT = 50.0  # keeps exp() from overflowing
CATCH_UP_S = 0.1  # a late call may follow the one before it this much sooner than the rate says

DEFAULT_PAUSE_S = 1.0  # after a 429 without Retry-After
DEFAULT_QUOTA_PAUSE_S = 60.0  # after a spent quota without a reset time
CLOCK_RESOLUTION_S = 0.001  # shorter waits would not move a clock

NEVER = -math.inf


class Learned(NamedTuple):
    """What a rate limiter learned from a response.

    Attributes:
        hold_s: seconds for which it now holds all calls; None if it held them before, or does not.
        quota_spent: whether a spent quota is the reason.
        rate: its new limit in calls per second; None if the response has changed nothing.
    """

    hold_s: float | None
    quota_spent: bool
    rate: float | None = None


class Reservation:
    """A call's place in the schedule.

    Args:
        delay_s: seconds until the call may be sent; 0 for now.
        interval_s: seconds by which it moves the calls after it.
        epoch: the schedule it belongs to; a pause begins a new one.
    """

    __slots__ = ("delay_s", "epoch", "interval_s")

    def __init__(self, delay_s: float, interval_s: float, epoch: int) -> None:
        self.delay_s = delay_s
        self.interval_s = interval_s
        self.epoch = epoch


class PendingReservation(Reservation):
    """A call's place in a schedule that is kept elsewhere: the call has to wait until the place is granted.

    It is an `Acquirable`. A subclass asks for the place, and its rate limiter's `reserve` exchanges it for a place.
    """

    __slots__ = ()

    def acquire(self, waker: Waker | None = None) -> bool:
        """Block this thread until the place is granted, or the waker is woken; return whether it was granted."""
        raise NotImplementedError

    async def acquire_async(self) -> None:
        """Suspend this task until the place is granted."""
        raise NotImplementedError


class ClimbingRate:
    """A rate that grows from a moment on: ``start * exp(g * t * (1 + t / 2d))``, t seconds after that moment.

    g is GROWTH_PER_S, and d is CLIMB_DOUBLING_S: the growth itself is g at first, 2g after d seconds, 3g after 2d.

    Args:
        start: calls per second.
        since: the moment.
    """

    __slots__ = ("since", "start")

    def __init__(self, start: float, since: float) -> None:
        self.start = start
        self.since = since

    def at(self, moment: float) -> float:
        seconds = max(0.0, moment - self.since)
        exponent = GROWTH_PER_S * seconds * (1 + seconds / (2 * CLIMB_DOUBLING_S))
        return min(self.start * math.exp(min(exponent, MAX_GROWTH_EXPONENT)), MAX_CALLS_PER_S)


@public
class RateLimiter(ConcurrencyLimiter):
    """Limits the calls of one or several clients to a rate that the site accepts.

    - Concurrency: at most ``max_in_flight`` calls run at once.
    - Rate: there is no limit until the first 429. It then drops to 90 % of the best rate accepted over the preceding 30
      seconds: at most 90 % and at least half of the limit before, and at least 1 per second. It climbs again by 1 % per
      second, by 2 % after a minute, by 3 % after two. The next 429 lowers it again.
    - Pauses: after a 429, no call is sent for as long as ``Retry-After`` says, 1 second without it. If a quota is spent
      (the 429 says so, or a response says that nothing is left), all calls are held until the quota is renewed.

    This is a variant of AIMD, the additive-increase, multiplicative-decrease control that TCP uses against congestion
    (RFC 5681 section 3.1). It decreases from the measured rate instead of the present limit, and its increase is
    exponential, because the right limit can be anything: Atlassian publishes no numbers. See
    docs/confluence-behaviour.md#rate-limits.

    A rate limiter belongs to one client and its `with_options` copies, or to several clients of one site: pass the same
    one to all of them. Threads and the tasks of several event loops may share it.

    Args:
        max_in_flight: the maximum number of calls at once, 1 or more.
        max_rate: the maximum number of calls per second; None for no maximum.

    Raises:
        ConfigurationError: a number is out of range.
    """

    def __init__(self, max_in_flight: int = 16, max_rate: float | None = None) -> None:
        if not is_integer(max_in_flight) or max_in_flight < 1:
            raise ConfigurationError(
                "RateLimiter(max_in_flight=...): give a whole number, 1 or more", option="max_in_flight"
            )
        if max_rate is not None and not (is_number(max_rate) and max_rate > 0):
            raise ConfigurationError(
                "RateLimiter(max_rate=...): give calls per second, above 0, or None", option="max_rate"
            )
        super().__init__(max_in_flight)
        self._max_rate = max_rate
        self._rate_limited = 0  # responses
        self._responses = 0
        self._object_points = 0  # points beyond 1 for each response
        self._rate: ClimbingRate | None = None
        self._rate_before: float | None = None  # the limit before the last 429
        self._next_free = NEVER  # when the next call may be sent
        self._held_until = NEVER
        self._epoch = 0  # grows when reservations become void
        self._accepted: deque[tuple[float, int]] = deque(maxlen=MEASUREMENT_STEPS)  # start of a step, calls in it
        self._clock: Clock = SystemClock()

    def seconds_held(self, clock: Clock) -> float:
        """Return the number of seconds for which no call may be sent."""
        return 0.0 if self._held_until == NEVER else seconds_until(self._held_until, clock.monotonic())

    def reserve(self, clock: Clock, earlier: Reservation | None) -> Reservation:
        """Reserve the time at which a call may be sent; never block.

        Args:
            clock: the time.
            earlier: the reservation that the call has waited for. It stays valid unless a pause has begun meanwhile.
        """
        with self._lock:
            if earlier is not None and earlier.epoch == self._epoch:
                return Reservation(0.0, earlier.interval_s, self._epoch)
            self._clock = clock
            now = clock.monotonic()
            moment = max(now, self._held_until)
            interval = 0.0
            rate = self._rate_at(now)
            if rate is not None:
                interval = 1 / rate
                self._next_free = max(self._next_free, moment - (0.0 if rate == self._max_rate else CATCH_UP_S))
                moment = max(moment, self._next_free)
                self._next_free += interval
            return Reservation(seconds_until(moment, now), interval, self._epoch)

    def release_reservation(self, reservation: Reservation) -> None:
        """Return the time of a call that was cancelled."""
        with self._lock:
            if reservation.epoch == self._epoch:
                self._next_free -= reservation.interval_s

    def record_accepted(self, clock: Clock, limits: RateLimitInfo) -> Learned | None:
        """Learn from a response that is not a 429; return what is new."""
        held = False
        with self._lock:
            now = clock.monotonic()
            self._responses += 1
            first, count = self._accepted[-1] if self._accepted else (NEVER, 0)
            if now - first < MEASUREMENT_STEP_S:
                self._accepted[-1] = (first, count + 1)
            else:
                self._accepted.append((now, 1))
            if self._rate and now < self._rate.since:  # sent before the 429, so part of what was accepted until then
                self._measure_rate(now, self._rate.since, at_least=self._rate.start)
            if limits.exhausted and limits.reset_in:
                held = self._hold(now, limits.reset_in)
        if not held:
            return None
        logger.info("nothing is left of the quota: all calls are held for %.1f s", limits.reset_in)
        return Learned(limits.reset_in, quota_spent=True)

    def record_rate_limited(self, clock: Clock, limits: RateLimitInfo, sent_at: float) -> Learned:
        """Learn from a 429; return what is new.

        Args:
            clock: the time.
            limits: what the response's headers say.
            sent_at: when the call was sent. A call from before the last change of the rate does not change it again.
        """
        pause, quota_spent = pause_after(limits)
        with self._lock:
            now = clock.monotonic()
            self._responses += 1
            self._rate_limited += 1
            self._clock = clock
            held = self._hold(now, pause)
            slower = not quota_spent and (self._rate is None or sent_at >= self._rate.since)
            if slower:
                self._rate_before = self._rate_at(now)
                self._measure_rate(now, since=now + pause)
            rate = self._rate.start if self._rate else None
        if held:
            logger.info("rate-limited: all calls are held for %.1f s", pause)
        if slower:
            logger.info("rate-limited: continuing with %.1f calls per second", rate)
        return Learned(pause if held else None, quota_spent=quota_spent, rate=rate if slower else None)

    def add_points(self, points: int) -> None:
        """Count the points of a call."""
        with self._lock:
            self._object_points += points

    def snapshot(self) -> RateLimiterStatus:
        """Return the present state."""
        from .rate_limiter_status import (
            RateLimiterStatus,  # few programs need it, so clients are built faster without it
        )

        with self._lock:
            now = self._clock.monotonic()
            left = seconds_until(self._held_until, now)
            held_until = self._clock.now() + left if left else None
            return RateLimiterStatus(
                self._rate_at(now),
                held_until,
                self._in_flight,
                self._rate_limited,
                self._responses + self._object_points,
                self._responses,
            )

    def __repr__(self) -> str:
        return f"RateLimiter(max_in_flight={self._max_in_flight}, max_rate={self._max_rate})"

    def _hold(self, now: float, seconds: float) -> bool:
        """Hold all calls, unless they are held for longer already; return whether this changed anything."""
        if now + seconds <= self._held_until:
            return False
        self._held_until = self._next_free = now + seconds
        self._epoch += 1
        return True

    def _measure_rate(self, now: float, since: float, at_least: float = MIN_CALLS_PER_S) -> None:
        """Set the limit from the accepted rate; it climbs from the moment ``since``."""
        accepted = peak_rate(self._accepted, now)
        rate = BACKOFF_FACTOR * accepted if accepted else FALLBACK_CALLS_PER_S
        if self._rate_before is not None:
            rate = max(min(rate, BACKOFF_FACTOR * self._rate_before), FLOOR_FACTOR * self._rate_before)
        self._rate = ClimbingRate(max(rate, at_least), since)

    def _rate_at(self, now: float) -> float | None:
        """Return the limit in calls per second; None for no limit."""
        if self._rate is None and self._max_rate is None:
            return None
        rate = min(self._rate.at(now) if self._rate else MAX_CALLS_PER_S, self._max_rate or MAX_CALLS_PER_S)
        return None if rate >= MAX_CALLS_PER_S else rate


def pause_after(limits: RateLimitInfo) -> tuple[float, bool]:
    """Return the seconds to pause after a 429, and whether a spent quota caused it."""
    if limits.quota or (limits.exhausted and limits.reset_in is not None and not limits.burst):
        return max(limits.reset_in or 0.0, limits.retry_after or 0.0) or DEFAULT_QUOTA_PAUSE_S, True
    return DEFAULT_PAUSE_S if limits.retry_after is None else limits.retry_after, False


def peak_rate(accepted: Iterable[tuple[float, int]], now: float) -> float:
    """Return the best accepted rate, in calls per second, over all windows of at most 30 seconds that end now.

    A long window alone would count idle time before a burst.

    Args:
        accepted: the start of each step with calls, and the number of calls in it, oldest first.
        now: the present moment.
    """
    best, count = 0.0, 0
    for start, calls in reversed(list(accepted)):
        if start < now - MEASUREMENT_WINDOW_S:
            break
        count += calls
        best = max(best, count / (now - start + BURST_ALLOWANCE_S))
    return best


def seconds_until(moment: float, now: float) -> float:
    """Return the seconds until a moment; 0 if it is past, or too close for a clock to tell."""
    left = moment - now
    return left if left >= CLOCK_RESOLUTION_S else 0.0
