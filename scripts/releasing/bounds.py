"""The lowest releases that the project says it works with, out of what it declares."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.version import Version

from .environments import CheckFailed


def lowest(requirements: Iterable[str]) -> list[str]:
    """Return requirements, each pinned to its lower bound.

    Raises:
        CheckFailed: a requirement has no lower bound, or one that it does not allow itself.
    """
    return [_pinned(Requirement(each)) for each in requirements]


def _pinned(requirement: Requirement) -> str:
    bounds = [Version(each.version) for each in requirement.specifier if each.operator in (">=", "~=", "==")]
    if not bounds:
        raise CheckFailed(f"pyproject.toml: {requirement}: no lower bound: write >= and a release that works")
    bound = max(bounds)
    if bound not in requirement.specifier:
        raise CheckFailed(f"pyproject.toml: {requirement}: its lower bound, {bound}, is not allowed by itself")
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}=={bound}{marker}"
