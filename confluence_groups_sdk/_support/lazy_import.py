"""Modules that load on first use, so that building a client is fast."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class LazyModule:
    """A stand-in for a module; it imports the module when one of its names is first used.

    `importlib.util.LazyLoader` does the same for absolute names only; this works in a vendored copy under any name.

    Args:
        package: the package that the name is relative to, usually ``__package__``.
        name: the module, such as ``transport.request_builder``.
    """

    def __init__(self, package: str, name: str) -> None:
        self._module = f"{package}.{name}"

    def __getattr__(self, name: str) -> Any:
        value = getattr(import_module(self._module), name)
        setattr(self, name, value)  # later uses cost the same as with the module itself
        return value
