"""Modules that are loaded with the first call, so that a program that builds a client and makes none is quick."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Later:
    """Stands for a module of this package, and loads it when something in it is first asked for.

    Args:
        name: of the module, without the package's.
    """

    def __init__(self, name: str) -> None:
        self._module = f"{__package__}.{name}"

    def __getattr__(self, name: str) -> Any:
        value = getattr(import_module(self._module), name)
        setattr(self, name, value)  # from now on it costs no more to get than from the module
        return value
