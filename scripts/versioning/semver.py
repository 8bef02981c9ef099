"""Derive the version that changes require, by Semantic Versioning (https://semver.org), below 1.0 and above."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

from attrs import frozen
from packaging.version import InvalidVersion, Version
from postman_openapi.files import read_text
from postman_openapi.losses import SpecError

VERSION_FILE = "confluence_groups_sdk/_version.py"
LITERAL = re.compile(r"""^__version__ = (["'])(?P<version>.+?)\1""", re.MULTILINE)


class Level(IntEnum):
    """The effect of a change on users of the changed thing."""

    FIX = 1
    FEATURE = 2
    BREAKING = 3

    def __str__(self) -> str:
        return self.name.lower()


@frozen
class Change:
    """A difference from the last release."""

    place: str  # as readers know it: GET /api/group: query parameter limit
    kind: str  # in plain words: default changed
    level: Level
    was: str | None = None
    now: str | None = None

    @property
    def sentence(self) -> str:
        """The change, with the values before and after if there are any."""
        if self.was is not None and self.now is not None:
            return f"{self.kind} from {self.was} to {self.now}"
        value = self.now if self.was is None else self.was
        return self.kind if value is None else f"{self.kind}: {value}"

    def __str__(self) -> str:
        return f"{self.place}: {self.sentence} ({self.level})"


@frozen
class RequiredVersion:
    """The lowest version that may contain the changes."""

    version: str
    bump: str  # major, minor, patch or none
    why: str


def required_version(released: str, changes: Sequence[Change]) -> RequiredVersion:
    """Return the version that the changes require, with the change that requires most."""
    major, minor, patch = _release_numbers(released)
    if not changes:
        return RequiredVersion(released, "none", f"nothing has changed since {released}")
    most = max(changes, key=lambda change: change.level)  # the first of several
    if most.level is Level.BREAKING and major:
        return RequiredVersion(f"{major + 1}.0.0", "major", str(most))
    if most.level is Level.BREAKING or (most.level is Level.FEATURE and major):
        return RequiredVersion(f"{major}.{minor + 1}.0", "minor", str(most))
    return RequiredVersion(f"{major}.{minor}.{patch + 1}", "patch", str(most))


def is_at_least(version: str, least: str) -> bool:
    """Check whether a version, or the release that it previews, is at least another version."""
    return _release_numbers(version) >= _release_numbers(least)


def _release_numbers(version: str) -> tuple[int, int, int]:
    try:
        parsed = Version(version)
    except InvalidVersion:
        raise SpecError("version", "", f"{version!r} is not a version such as 0.1.0") from None
    return parsed.major, parsed.minor, parsed.micro


def read_literal_version(module: str, where: str) -> str:
    """Return the version in the text of a module, without running it; raise SpecError if there is no literal one."""
    if found := LITERAL.search(module):
        return found["version"]
    raise SpecError(where, "", 'no line such as __version__ = "0.1.0"')


def read_version(root: Path) -> str:
    """Return the package's version without running it; raise SpecError if there is none."""
    return read_literal_version(read_text(root / VERSION_FILE, VERSION_FILE), VERSION_FILE)
