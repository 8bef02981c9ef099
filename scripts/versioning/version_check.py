"""Check whether the package has the version that the changes since the last release require."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from versioning.released import compare_fragment, compare_surface, released_version
from versioning.semver import VERSION_FILE, Change, RequiredVersion, is_at_least, read_version, required_version


@frozen
class VersionCheck:
    """The changes since the last release, and the version that they require."""

    fragment: list[Change]
    surface: list[Change]
    required: RequiredVersion
    version: str  # of the package

    @property
    def problem(self) -> str | None:
        """The remedy if the package's version is too low."""
        if is_at_least(self.version, self.required.version):
            return None
        return f"{VERSION_FILE}: set {self.required.version} ({self.required.bump}) instead of {self.version}"

    def lines(self) -> Iterator[str]:
        """Yield the report."""
        yield from (f"change: {change}" for change in self.fragment)
        yield from (f"surface: {change}" for change in self.surface)
        required, too_low = self.required, ": too low" if self.problem else ""
        bump = f" ({required.bump})" if required.bump != "none" else ""
        yield (
            f"version: {required.version}{bump} is required: {required.why}; {VERSION_FILE} has {self.version}{too_low}"
        )


def check_version(root: Path, document: Mapping[str, Any], fragment: bytes, modules: Mapping[str, str]) -> VersionCheck:
    """Compare a fragment and the package with the last release; `modules` are modules that are not written yet."""
    of_fragment = compare_fragment(root, fragment.decode(), document)
    of_surface = compare_surface(root, modules)
    least = required_version(released_version(root), [*of_fragment, *of_surface])
    return VersionCheck(of_fragment, of_surface, least, read_version(root))
