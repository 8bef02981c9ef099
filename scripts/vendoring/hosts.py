"""Find out whether the package around a copy leaves the copy's data files out of its wheels."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

PYPROJECT, SETUP = "pyproject.toml", ("setup.py", "setup.cfg")
SOURCE_FOLDERS = ("src", "lib")


def data_file_advice(place: Path, names: Iterable[str]) -> Iterator[str]:
    """Yield the lines to add for setuptools, which takes only Python files unless it is told otherwise.

    Args:
        place: the folder of the copy.
        names: its files.
    """
    folders = [each for each in place.parents if any((each / name).is_file() for name in (PYPROJECT, *SETUP))]
    project = next(iter(folders), None)
    if project is None:
        return
    settings = _read_settings(project / PYPROJECT)
    if not _uses_setuptools(settings, project):
        return
    steps = place.relative_to(project).parts
    package = ".".join(steps[1:] if steps[0] in SOURCE_FOLDERS else steps)
    data = [name for name in names if not name.endswith(".py")]
    left_out = [name for name in data if not _is_included(name, package, settings)]
    if not left_out:
        return
    patterns = sorted({_pattern(name) for name in data})
    yield f"setuptools leaves {len(left_out)} files of the copy out of a wheel, such as {left_out[0]}"
    if settings is None:
        yield "add to the arguments of setup() in setup.py:"
        yield f"package_data={{{json.dumps(package)}: {json.dumps(patterns)}}},"
    else:
        yield f"add to {project / PYPROJECT}:"
        yield "[tool.setuptools.package-data]"
        yield f"{json.dumps(package)} = {json.dumps(patterns)}"


def _read_settings(file: Path) -> dict[str, Any] | None:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _uses_setuptools(settings: dict[str, Any] | None, project: Path) -> bool:
    has_setup = any((project / name).is_file() for name in SETUP)
    if settings is None:
        return has_setup
    system = settings.get("build-system")
    backend = system.get("build-backend") if isinstance(system, dict) else None
    if backend is None:  # the default, if this is a project at all
        return has_setup or "project" in settings
    return str(backend).startswith("setuptools")


def _is_included(name: str, package: str, settings: dict[str, Any] | None) -> bool:
    """Check whether the settings for data files have a pattern for this file."""
    found: Any = settings
    for key in ("tool", "setuptools", "package-data"):
        found = found.get(key) if isinstance(found, dict) else None
    for owner, patterns in found.items() if isinstance(found, dict) else ():
        path = PurePosixPath(*package.split("."), name)
        parent = PurePosixPath(*owner.split(".")) if owner != "*" else path.parent
        if path.is_relative_to(parent) and isinstance(patterns, list):
            below = path.relative_to(parent).as_posix()
            if any(_glob(str(each)).fullmatch(below) for each in patterns):
                return True
    return False


def _glob(pattern: str) -> re.Pattern[str]:
    """Return a glob pattern as a regular expression; only two asterisks match a slash."""
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return re.compile("".join(known.get(part, re.escape(part)) for part in parts))


def _pattern(name: str) -> str:
    """Return a pattern for a file: its kind in its folder."""
    path = PurePosixPath(name)
    return str(path.with_name(f"*{path.suffix}")) if path.suffix and len(path.parts) > 1 else name
