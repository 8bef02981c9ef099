"""Read the project's metadata from pyproject.toml and _version.py."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from postman_openapi.files import read_text
from versioning.semver import read_literal_version

from releasing.environments import CheckFailed

PACKAGE = "confluence_groups_sdk"
VERSION = f"{PACKAGE}/_version.py"


@frozen
class Project:
    """The metadata that a release must carry unchanged."""

    name: str
    version: str
    requires_python: str
    dependencies: tuple[str, ...]
    extras: Mapping[str, list[str]]
    build_requires: tuple[str, ...]
    groups: Mapping[str, list[Any]]  # a requirement, or a table that includes another group

    @classmethod
    def read(cls, root: Path) -> Project:
        """Read the project in a folder."""
        declared = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        project = declared["project"]
        return cls(
            name=project["name"],
            version=read_literal_version(read_text(root / VERSION, VERSION), VERSION),
            requires_python=project["requires-python"],
            dependencies=tuple(project["dependencies"]),
            extras=project["optional-dependencies"],
            build_requires=tuple(declared["build-system"]["requires"]),
            groups=declared["dependency-groups"],
        )

    def behind_extras(self) -> list[str]:
        """Return the requirements of all extras."""
        own = canonicalize_name(self.name)
        declared = [each for extra in self.extras.values() for each in extra]
        return [each for each in declared if canonicalize_name(Requirement(each).name) != own]

    def tools(self, *names: str) -> list[str]:
        """Return the requirements of the test group that start with these names."""
        return [each for each in self.groups["test"] if isinstance(each, str) and each.startswith(names)]


def pin_lowest(requirements: Iterable[str]) -> list[str]:
    """Pin each requirement to its lower bound.

    Raises:
        CheckFailed: a requirement has no lower bound, or does not allow it.
    """
    return [_pin_to_bound(Requirement(each)) for each in requirements]


def _pin_to_bound(requirement: Requirement) -> str:
    bounds = [Version(each.version) for each in requirement.specifier if each.operator in (">=", "~=", "==")]
    if not bounds:
        raise CheckFailed(f"pyproject.toml: {requirement}: no lower bound: write >= and a release that works")
    bound = max(bounds)
    if bound not in requirement.specifier:
        raise CheckFailed(f"pyproject.toml: {requirement}: it does not allow its own lower bound, {bound}")
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}=={bound}{marker}"
