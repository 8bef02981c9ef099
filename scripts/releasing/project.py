"""Read the project's metadata from pyproject.toml and _version.py."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from attrs import Factory, frozen
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from versioning.semver import read_version

PACKAGE = "confluence_groups_sdk"
PYPROJECT = "pyproject.toml"
REPOSITORY = "repository"  # the key of its address
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
    groups: Mapping[str, list[Any]] = Factory(dict)
    repository: str = ""  # its address; empty if it is not known

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
            groups=declared.get("dependency-groups", {}),
            repository=_read_repository(declared),
        )

    @property
    def lowest_python(self) -> str:
        """The lowest Python that the project allows, such as 3.11."""
        return str(min(Version(each.version) for each in SpecifierSet(self.requires_python)))

    def requirements(self, *groups: str) -> Iterator[Requirement]:
        """Yield what the project requires of other packages, with all extras, to be built, and in these groups."""
        declared = [*self.build_requires, *self.dependencies, *chain.from_iterable(self.extras.values())]
        yield from (each for each in map(Requirement, declared) if canonicalize_name(each.name) != self.name)
        for group in groups:
            yield from self._group(group)

    def _group(self, name: str) -> Iterator[Requirement]:
        for each in self.groups[name]:
            if isinstance(each, str):
                yield Requirement(each)
            else:
                yield from self._group(each["include-group"])

    def unbounded_requirements(self) -> Iterator[str]:
        """Yield the problem of each requirement without a lower bound that it allows."""
        for each in self.requirements():
            bound = lower_bound(each)
            if not (bound and bound in each.specifier):
                yield f"{PYPROJECT}: {each}: no lower bound that it allows: write >= and a release that works"


def lower_bound(requirement: Requirement) -> Version | None:
    """Return the version that a requirement states as the lowest, or None if it states none."""
    return max((Version(each.version) for each in requirement.specifier if each.operator in LOWER_BOUNDS), default=None)


def _read_repository(declared: Mapping[str, Any]) -> str:
    """Return the setting of scripts/releasing/long_description.py."""
    table: Mapping[str, Any] = declared
    for name in ("tool", "hatch", "metadata", "hooks", "custom"):
        table = table.get(name, {})
    return str(table.get(REPOSITORY, ""))
