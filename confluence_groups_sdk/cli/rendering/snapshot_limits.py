"""What a snapshot cannot show, and what could not be read for it, as text."""

from __future__ import annotations

from collections.abc import Iterator

from ...review import Snapshot


def limit_lines(snapshot: Snapshot) -> Iterator[str]:
    """Yield the lines that say what a snapshot cannot show."""
    yield "What a snapshot cannot show:"
    yield from (f"  {limit.text}" for limit in snapshot.limits)


def unread_lines(snapshot: Snapshot) -> Iterator[str]:
    """Yield a line for each group whose members the snapshot may lack."""
    for group in snapshot.groups:
        if not group.is_complete:
            yield f"{group.name} ({group.id}) may have more members: {group.known_by}"
