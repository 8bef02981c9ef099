"""What the rate limiter needs of a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class DatabaseDownError(Exception):
    """The database cannot be reached, or has no connection to spare; the text names the server and the reason."""


class Database(Protocol):
    """Calls functions of the fleet's schema, from one thread at a time, also after a fork."""

    @property
    def server(self) -> str:
        """Return the server's name for messages, without a password."""
        ...

    def execute(self, function: str, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """Call a function in a transaction of its own, and return its row; do not repeat it.

        Raises:
            DatabaseDownError: the function may have been carried out or not.
        """
        ...

    def has_answered(self) -> bool:
        """Check whether the answer to `execute` has arrived, although the thread that waits for it did not run yet."""
        ...

    def was_heard_within(self, seconds: float) -> bool:
        """Check whether the server has answered this process within some seconds, on any connection."""
        ...

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        ...
