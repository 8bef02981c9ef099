"""Read the project's metadata from pyproject.toml and _version.py."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from attrs import frozen
from packaging.requirements import Requirement
from packaging.version import Version
from versioning.semver import read_version

PACKAGE = "confluence_groups_sdk"
PYPROJECT = "pyproject.toml"
LOWER_BOUNDS = (">=", "~=", "==")


@frozen
class Project:
    """The metadata that a release must carry unchanged."""

    name: str
    version: str
    requires_python: str
    dependencies: tuple[str, ...]
    extras: Mapping[str, list[str]]
    build_requires: tuple[str, ...]

    @classmethod
    def read(cls, root: Path) -> Project:
        """Read the project in a folder."""
        declared = tomllib.loads((root / PYPROJECT).read_text(encoding="utf-8"))
        project = declared["project"]
        return cls(
            name=project["name"],
            version=read_version(root),
            requires_python=project["requires-python"],
            dependencies=tuple(project["dependencies"]),
            extras=project["optional-dependencies"],
            build_requires=tuple(declared["build-system"]["requires"]),
        )

    def unbounded_requirements(self) -> Iterator[str]:
        """Yield the problem of each requirement without a lower bound that it allows."""
        declared = [*self.build_requires, *self.dependencies, *chain.from_iterable(self.extras.values())]
        for each in map(Requirement, declared):
            bounds = [Version(part.version) for part in each.specifier if part.operator in LOWER_BOUNDS]
            if each.name != self.name and not (bounds and max(bounds) in each.specifier):
                yield f"{PYPROJECT}: {each}: no lower bound that it allows: write >= and a release that works"
