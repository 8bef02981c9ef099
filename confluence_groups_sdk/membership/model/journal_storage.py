"""What a journal needs from a place other than a file, such as a table of a database."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from ..._support.public import public


@public
class JournalStorage(Protocol):
    """Keeps the journal of one plan somewhere other than in a file; `apply` and `undo` take it in place of a path.

    It keeps the same lines as a file, byte for byte. ``str()`` names it in messages.
    """

    def read(self) -> bytes:
        """Return all lines; no bytes if there are none. This needs no lock.

        Raises:
            ConfluenceGroupsError: they cannot be read.
        """
        ...

    def lock(self) -> AbstractContextManager[object]:
        """Return a lock that keeps out every other run of the plan, on any host, until its holder dies.

        Raises:
            JournalError: another run holds it.
        """
        ...

    def append(self, line: bytes, *, sync: bool) -> None:
        """Add a line at the end, under the lock.

        Args:
            line: the line with its end; no bytes to add nothing.
            sync: whether to return only when this line and all lines before it survive a crash of the storage.

        Raises:
            ConnectionError: the storage cannot be reached or the lock was lost; the line may have been added.
            OSError: the line cannot be added.
        """
        ...

    def find_damage(self) -> str | None:
        """Compare the lines with those that were read and added under the lock; describe a difference in words."""
        ...
