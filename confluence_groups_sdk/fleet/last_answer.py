"""When the server last answered this process, on any connection."""

from __future__ import annotations

import math

from .._support.clock import machine_monotonic


class LastAnswer:
    """The moment at which the server last answered this process."""

    def __init__(self) -> None:
        self._moment = -math.inf

    def note(self) -> None:
        """Note that the server has answered now."""
        self._moment = machine_monotonic()

    def is_within(self, seconds: float) -> bool:
        """Check whether that was within the last seconds."""
        return machine_monotonic() - self._moment <= seconds
