"""Parts that several pages show."""

from __future__ import annotations

from ..model.snapshot import Snapshot


def limit_entries(snapshot: Snapshot) -> list[str | tuple[str, str]]:
    """Return what a snapshot cannot show, each with its source: a link, or a page of the documentation."""
    return [
        (limit.text, limit.source)
        if limit.source.startswith("https://")
        else f"{limit.text} Source: {limit.source} of confluence-groups-sdk."
        for limit in snapshot.limits
    ]


def format_time(text: str) -> str:
    """Format a time such as ``2026-11-29T12:00:00Z`` for people."""
    return text.replace("T", " ").removesuffix("Z") + " UTC" if text.endswith("Z") else text
