"""A secret that error reporters do not show: they print the variables of our frames."""

from __future__ import annotations

from attrs import field, frozen


@frozen
class Secret:
    """A secret; its repr hides it."""

    value: str = field(repr=False)
