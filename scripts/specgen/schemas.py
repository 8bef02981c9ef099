"""Placeholders to JSON schema."""

from __future__ import annotations

from typing import Any

PLACEHOLDERS: dict[str, dict[str, str]] = {"<string>": {"type": "string"}}


def placeholder_schema(placeholder: str) -> dict[str, Any] | None:
    """Return a new schema for an exporter's placeholder; None for one that is not known."""
    known = PLACEHOLDERS.get(placeholder)
    return dict(known) if known else None
