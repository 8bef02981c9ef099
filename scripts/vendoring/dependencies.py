"""Find out which dependencies of a copy the package around it does not declare."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

PYPROJECT = "pyproject.toml"
LOWER, UPPER = {">=", ">", "==", "~="}, {"<", "==", "~="}


def dependency_advice(place: Path, root: Path) -> Iterator[str]:
    """Yield the dependencies to add to the host's ``pyproject.toml``: those that are missing there, or allow too much.

    Args:
        place: the folder of the copy.
        root: the folder of this project.
    """
    host = next((each / PYPROJECT for each in place.parents if (each / PYPROJECT).is_file()), None)
    settings = _project(host) if host else None
    if settings is None or "dependencies" in str(settings.get("dynamic")):
        return
    declared = {canonicalize_name(each.name): each.specifier for each in _requirements(settings)}
    needed = list(_requirements(_project(root / PYPROJECT) or {}))
    lacking = [each for each in needed if not _is_within(declared.get(canonicalize_name(each.name)), each.specifier)]
    if lacking:
        yield f"the copy needs these dependencies; add them to {host}:"
        yield ", ".join(f'"{each.name}{_in_order(each.specifier)}"' for each in lacking)


def _project(file: Path) -> dict[str, Any] | None:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8")).get("project")
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _requirements(settings: dict[str, Any]) -> Iterator[Requirement]:
    found = settings.get("dependencies")
    for each in found if isinstance(found, list) else ():
        try:
            yield Requirement(str(each))
        except InvalidRequirement:  # the host's own tools report it
            continue


def _is_within(declared: SpecifierSet | None, needed: SpecifierSet) -> bool:
    """Check whether each bound that is needed is declared, or a narrower one."""
    lower = [_version(each) for each in declared or () if each.operator in LOWER]
    upper = [_upper_bound(each) for each in declared or () if each.operator in UPPER]
    return declared is not None and all(
        any(bound >= _version(each) for bound in lower)
        if each.operator == ">="
        else any(bound <= _version(each) for bound in upper)
        for each in needed
    )


def _version(specifier: Specifier) -> Version:
    return Version(specifier.version.removesuffix(".*"))


def _upper_bound(specifier: Specifier) -> Version:
    """Return the version below which all versions of a specifier are; of a single version, this version."""
    release = _version(specifier).release
    if specifier.operator == "~=":
        release = release[:-1]
    elif not specifier.version.endswith(".*"):
        return _version(specifier)
    return Version(".".join(map(str, (*release[:-1], release[-1] + 1))))


def _in_order(specifiers: SpecifierSet) -> str:
    """Return bounds as people write them: the lower one first."""
    return ",".join(sorted(map(str, specifiers), reverse=True))
