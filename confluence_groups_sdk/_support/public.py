"""Give public objects their public import path as ``__module__``, instead of the private module that defines them."""

from __future__ import annotations

from typing import Any, TypeVar

ROOT = __name__.removesuffix("._support.public")
PUBLIC_PACKAGES = ("fleet", "membership", "review")

T = TypeVar("T", bound=Any)


def public(thing: T) -> T:
    """Set the ``__module__`` of a class or function to its public import path, for ``repr``, pickles and help."""
    package = thing.__module__.removeprefix(f"{ROOT}.").partition(".")[0]
    thing.__module__ = f"{ROOT}.{package}" if package in PUBLIC_PACKAGES else ROOT
    return thing
