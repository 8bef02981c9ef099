"""What a call may have to wait for."""

from __future__ import annotations

from typing import Protocol

from ..._support.clock import Waker


class Acquirable(Protocol):
    """Something that is granted to one call after another, such as a slot; threads and tasks wait for it."""

    def acquire(self, waker: Waker | None = None) -> bool:
        """Block this thread until it is granted, or the waker is woken; return whether it was granted."""
        ...

    async def acquire_async(self) -> None:
        """Suspend this task until it is granted."""
        ...
