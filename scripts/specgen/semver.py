"""What a change asks of the next version: Semantic Versioning, below 1.0 and from there on."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from attrs import frozen
from packaging.version import InvalidVersion, Version

from .problems import SpecError


class Level(IntEnum):
    """How much a change concerns whoever uses what has changed."""

    FIX = 1
    FEATURE = 2
    BREAKING = 3

    def __str__(self) -> str:
        return self.name.lower()


@frozen
class Change:
    """Something that is not as it was released."""

    place: str  # where, as a reader finds it: GET /api/group: query parameter limit
    kind: str  # what happened there, in plain words: default changed
    level: Level
    was: str | None = None
    now: str | None = None

    @property
    def sentence(self) -> str:
        """What happened, with the value before and after where there are any."""
        if self.was is not None and self.now is not None:
            return f"{self.kind} from {self.was} to {self.now}"
        value = self.now if self.was is None else self.was
        return self.kind if value is None else f"{self.kind}: {value}"

    def __str__(self) -> str:
        return f"{self.place}: {self.sentence} ({self.level})"


@frozen
class Asked:
    """The least version that may carry the changes."""

    version: str
    bump: str  # major, minor, patch, or none
    why: str


def asked(released: str, changes: Sequence[Change]) -> Asked:
    """Return the version that the changes ask for, and the one among them that asks for most.

    Raises:
        SpecError: the released version is none.
    """
    major, minor, patch = _release(released)
    if not changes:
        return Asked(released, "none", f"nothing has changed since {released}")
    most = max(changes, key=lambda change: change.level)  # the first of those that ask for as much
    if most.level is Level.BREAKING and major:
        return Asked(f"{major + 1}.0.0", "major", str(most))
    if most.level is Level.BREAKING or (most.level is Level.FEATURE and major):
        return Asked(f"{major}.{minor + 1}.0", "minor", str(most))
    return Asked(f"{major}.{minor}.{patch + 1}", "patch", str(most))


def satisfies(version: str, least: str) -> bool:
    """Return whether a version, or what it is a preview of, is at least another one."""
    return _release(version) >= _release(least)


def _release(version: str) -> tuple[int, int, int]:
    try:
        release = [*Version(version).release, 0, 0][:3]
    except InvalidVersion:
        raise SpecError("version", "", f"{version!r} is no version such as 0.1.0") from None
    return release[0], release[1], release[2]
