"""Time and chance, injectable: everything that waits takes a clock, so that no test has to."""

from __future__ import annotations

import random
import time
from typing import Protocol, runtime_checkable


@runtime_checkable
class Clock(Protocol):
    """What the clients need of time: pass your own as ``clock=`` to simulate it."""

    def now(self) -> float:
        """Seconds since the epoch (UTC)."""
        ...

    def monotonic(self) -> float:
        """Seconds from any fixed point, never going back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Block this thread for so many seconds."""
        ...

    async def async_sleep(self, seconds: float) -> None:
        """Suspend this task for so many seconds."""
        ...

    def random(self) -> float:
        """Return a number in [0, 1), for jitter."""
        ...


class SystemClock:
    """The real clock of this machine (asyncio's sleep in tasks)."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def async_sleep(self, seconds: float) -> None:
        import asyncio  # loaded by whoever runs tasks; synchronous programs do without

        await asyncio.sleep(seconds)

    def random(self) -> float:
        return random.random()  # noqa: S311 - jitter is no secret

    def __repr__(self) -> str:
        return "SystemClock()"
