"""Checks of single values that arguments, options and files share.

``True`` and ``False`` are integers in Python. Nobody who gives one for a number means it, so these checks reject them.
"""

from __future__ import annotations

import math
from typing import TypeGuard


def is_text(value: object) -> TypeGuard[str]:
    """Check for a string that is not empty."""
    return isinstance(value, str) and value != ""


def is_whole_number(value: object, minimum: int = 0) -> TypeGuard[int]:
    """Check for an integer of at least ``minimum``."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= minimum


def is_number(value: object, minimum: float = 0.0, maximum: float = math.inf) -> TypeGuard[float]:
    """Check for a finite number from ``minimum`` to ``maximum``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return minimum <= value <= maximum and abs(value) < math.inf


def is_fraction(value: object) -> TypeGuard[float]:
    """Check for a number from 0 to 1."""
    return is_number(value, maximum=1.0)


def is_integer(value: object) -> TypeGuard[int]:
    """Check for an integer of any size."""
    return isinstance(value, int) and not isinstance(value, bool)
