"""What the project says of itself, in pyproject.toml and _version.py."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from specgen.files import read_text
from specgen.literals import literal_version

PACKAGE = "confluence_groups_sdk"
VERSION = f"{PACKAGE}/_version.py"


@frozen
class Project:
    """The fields of a project's metadata that a release must carry unchanged."""

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
            version=literal_version(read_text(root / VERSION, VERSION), VERSION),
            requires_python=project["requires-python"],
            dependencies=tuple(project["dependencies"]),
            extras=project["optional-dependencies"],
            build_requires=tuple(declared["build-system"]["requires"]),
            groups=declared["dependency-groups"],
        )

    def behind_extras(self) -> list[str]:
        """Return what all extras ask for, beside each other."""
        own = canonicalize_name(self.name)
        declared = [each for extra in self.extras.values() for each in extra]
        return [each for each in declared if canonicalize_name(Requirement(each).name) != own]

    def tools(self, *names: str) -> list[str]:
        """Return what the test group asks of these tools."""
        return [each for each in self.groups["test"] if isinstance(each, str) and each.startswith(names)]
