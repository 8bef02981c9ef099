"""What this process has to tell the database: responses and returned turns, in order."""

from __future__ import annotations

import json
import math
from typing import Any

from ..._core.limits.rate_limiter import MEASUREMENT_STEP_S

ACCEPTED, HELD, RATE_LIMITED, RELEASED, UNUSED = "accepted", "held", "rate-limited", "released", "unused"
REPORT_WITHIN_S = 0.05  # events wait at most this long for a question that takes them along,
REPORT_ACCEPTED_WITHIN_S = 0.25  # and accepted calls this long once the rate is found: they count only at the next 429


class ScheduleEvents:
    """Events with the moments at which they happened, by this machine's monotonic clock."""

    def __init__(self) -> None:
        self._events: list[list[Any]] = []  # kind, moment, values
        self.urgent = False  # whether one of them changes the schedule
        self.due = math.inf  # the moment by which the events must be sent

    def accepted(self, now: float, *, has_rate: bool = False) -> None:
        """A response came that is not a 429."""
        self.due = min(self.due, now + (REPORT_ACCEPTED_WITHIN_S if has_rate else REPORT_WITHIN_S))
        last = self._events[-1] if self._events else None
        if last and last[0] == ACCEPTED and now - last[1] < MEASUREMENT_STEP_S:
            last[2] += 1
        else:
            self._events.append([ACCEPTED, now, 1])

    def held(self, now: float, seconds: float) -> None:
        """The server holds all calls."""
        self._add(HELD, now, seconds)

    def rate_limited(self, now: float, pause: float, sent_at: float | None) -> None:
        """A 429 came that asks for a pause. `sent_at` is None if its cause, a quota, says nothing about the rate."""
        if sent_at is None:
            self._add(HELD, now, pause)
        else:
            self._add(RATE_LIMITED, now, pause, sent_at)

    def released(self, now: float, epoch: int, interval_s: float) -> None:
        """A turn is not needed."""
        self.due = min(self.due, now + REPORT_WITHIN_S)
        self._events.append([RELEASED, now, epoch, interval_s])

    def unused(self, now: float) -> None:
        """A turn became void before its call was sent."""
        self.due = min(self.due, now + REPORT_WITHIN_S)
        self._events.append([UNUSED, now, 1])

    def _add(self, kind: str, now: float, *values: float) -> None:
        self._events.append([kind, now, *values])
        self.urgent, self.due = True, min(self.due, now)

    def encode(self, now: float) -> str:
        """Return the events with the seconds since they happened, because the database has another clock."""
        return json.dumps(
            [
                [kind, now - moment, values[0], now - values[1]]
                if kind == RATE_LIMITED
                else [kind, now - moment, *values]
                for kind, moment, *values in self._events
            ]
        )
