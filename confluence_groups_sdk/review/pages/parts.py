"""Parts that several pages show."""

from __future__ import annotations

from ..model.snapshot import Snapshot


def limit_entries(snapshot: Snapshot) -> list[str]:
    """Return what a snapshot cannot show, each with its source."""
    return [f"{limit.text} Source: {limit.source}." for limit in snapshot.limits]
