"""What the project says of itself, in pyproject.toml and _version.py."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .environments import CheckFailed

PACKAGE = "confluence_groups_sdk"


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
            version=literal_version((root / PACKAGE / "_version.py").read_text(encoding="utf-8")),
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


def literal_version(module: str) -> str:
    """Return the version in the text of _version.py, without running it.

    Raises:
        CheckFailed: there is no such line.
    """
    for statement in ast.parse(module).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="__version__")], value=ast.Constant(value=str(version))):
                return version
    raise CheckFailed(f'{PACKAGE}/_version.py: no line such as __version__ = "0.1.0"')
