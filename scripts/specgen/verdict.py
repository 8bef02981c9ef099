"""What has changed since the last release, which version that asks for, and whether the package has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from .released import VERSION_FILE, fragment_changed, released_version, surface_changed, version_of
from .semver import Asked, Change, asked, satisfies


@frozen
class Verdict:
    """The changes since the last release, and what they ask for."""

    fragment: list[Change]
    surface: list[Change]
    asked: Asked
    version: str  # that the package has

    @property
    def problem(self) -> str | None:
        """What is to be done, where the package does not have the version."""
        if satisfies(self.version, self.asked.version):
            return None
        return f"{VERSION_FILE}: {self.version}, but {self.asked.version} is asked for ({self.asked.bump}): set it"

    def lines(self) -> Iterator[str]:
        """Yield all of it in words."""
        yield from (f"change: {change}" for change in self.fragment)
        yield from (f"surface: {change}" for change in self.surface)
        has = "has it" if self.problem is None else "does not have it"
        asks = f"{self.asked.version} ({self.asked.bump})" if self.asked.bump != "none" else self.asked.version
        yield f"version: {asks} is asked for: {self.asked.why}; {VERSION_FILE} {has}: {self.version}"


def judge(root: Path, document: Mapping[str, Any], fragment: bytes) -> Verdict:
    """Return what is to be said of a fragment and of the package, compared with the last release.

    Raises:
        SpecError: the last release or the package cannot be read.
    """
    of_fragment = fragment_changed(root, fragment.decode(), document)
    of_surface = surface_changed(root)
    least = asked(released_version(root), [*of_fragment, *of_surface])
    return Verdict(of_fragment, of_surface, least, version_of(root))
