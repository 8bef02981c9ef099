"""What a snapshot cannot show, as text."""

from __future__ import annotations

from collections.abc import Iterator

from ...review import Snapshot


def limit_lines(snapshot: Snapshot) -> Iterator[str]:
    """Yield the lines that say what a snapshot cannot show."""
    yield "What a snapshot cannot show:"
    yield from (f"  {limit.text}" for limit in snapshot.limits)
