"""What a schedule tells its rate limiter."""

from __future__ import annotations

from typing import Protocol


class Listener(Protocol):
    """The rate limiter that a schedule belongs to; it is called with the schedule's lock held."""

    @property
    def is_busy(self) -> bool:
        """Whether calls are under way."""
        ...

    def known(self) -> tuple[float | None, float | None]:
        """Return the rate of all members, and the seconds for which calls are held."""
        ...

    def hold_for(self, seconds: float) -> None:
        """Calls are held."""
        ...

    def leave(self, problem: str) -> None:
        """The database is down; ``problem`` names it and the reason."""
        ...

    def rejoin(self) -> None:
        """The database is back."""
        ...
