"""Read the last release as it is committed, compare the present state with it, and replace it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from openapi_diff.documents import Document, parse_document
from openapi_diff.operation_changes import find_changes
from postman_openapi.files import read_text, write_atomically

from versioning.python_api import PACKAGE, format_surface, parse_surface, read_surface
from versioning.python_api_changes import compare_surfaces
from versioning.semver import Change, read_version

FRAGMENT = "openapi/confluence-groups.openapi.yaml"
RELEASED = "openapi/released"
RELEASED_FRAGMENT = f"{RELEASED}/confluence-groups.openapi.yaml"
RELEASED_SURFACE = f"{RELEASED}/public-api.json"
RELEASED_VERSION = f"{RELEASED}/version.txt"


def released_version(root: Path) -> str:
    """Return the version of the last release; raise SpecError if it cannot be read."""
    return read_text(root / RELEASED_VERSION, RELEASED_VERSION).strip()


def compare_fragment(root: Path, fragment: str, document: Mapping[str, Any]) -> list[Change]:
    """Return the changes of a fragment since the last release.

    Args:
        root: the project's folder.
        fragment: the fragment as text.
        document: the same fragment, parsed.
    """
    released = read_text(root / RELEASED_FRAGMENT, RELEASED_FRAGMENT)
    if released == fragment:
        return []  # parsing YAML takes longer than everything else here
    return find_changes(parse_document(released, RELEASED_FRAGMENT), Document(document, FRAGMENT))


def compare_surface(root: Path, modules: Mapping[str, str] | None = None) -> list[Change]:
    """Return the changes of the package's public API since the last release.

    No public name leads into the generated package, so the result is the same before and after a swap.

    Args:
        root: the project's folder.
        modules: modules that are not written yet, as texts by path from the folder.
    """
    released = parse_surface(read_text(root / RELEASED_SURFACE, RELEASED_SURFACE), RELEASED_SURFACE)
    edited = {name: text for name, text in (modules or {}).items() if not _has_text(root / name, text)}
    if not edited:
        return compare_surfaces(released, read_surface(root))
    with TemporaryDirectory() as folder:
        shutil.copytree(
            root / PACKAGE, Path(folder) / PACKAGE, ignore=shutil.ignore_patterns("__pycache__", "_generated")
        )
        for name, text in edited.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        return compare_surfaces(released, read_surface(Path(folder)))


def _has_text(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def accept_release(root: Path) -> list[str]:
    """Make the present state the released one; return the written files, as paths from the root.

    Everything is read before the first file is written. Each file is written atomically, the version last.
    """
    fragment = read_text(root / FRAGMENT, FRAGMENT)
    parse_document(fragment, FRAGMENT)
    wanted = {
        RELEASED_FRAGMENT: fragment,
        RELEASED_SURFACE: format_surface(read_surface(root)),
        RELEASED_VERSION: read_version(root) + "\n",
    }
    (root / RELEASED).mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in wanted.items():
        path = root / name
        if not path.is_file() or path.read_bytes() != text.encode():
            write_atomically(path, text.encode())
            written.append(name)
    return written
