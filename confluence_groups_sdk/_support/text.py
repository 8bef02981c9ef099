"""Text for people."""

from __future__ import annotations


def format_count(number: int, noun: str) -> str:
    """Format a number of things, such as ``1 change`` or ``2 changes``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
