"""What was released last, as it is committed: what the present state is compared with, and how it takes its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .changes import changes
from .documents import Document
from .files import read_text, write_whole
from .literals import literal_version
from .problems import SpecError
from .semver import Change
from .surface import parse_surface, read_surface, surface_text
from .surface_changes import surface_changes
from .yaml_io import read_yaml

FRAGMENT = "openapi/confluence-groups.openapi.yaml"
VERSION_FILE = "confluence_groups_sdk/_version.py"
RELEASED = "openapi/released"
RELEASED_FRAGMENT = f"{RELEASED}/confluence-groups.openapi.yaml"
RELEASED_SURFACE = f"{RELEASED}/public-api.json"
RELEASED_VERSION = f"{RELEASED}/version.txt"


def released_version(root: Path) -> str:
    """Return the version that was released last.

    Raises:
        SpecError: it cannot be read.
    """
    return read_text(root / RELEASED_VERSION, RELEASED_VERSION).strip()


def fragment_changed(root: Path, fragment: str, document: Mapping[str, Any]) -> list[Change]:
    """Return how a fragment differs from the released one.

    Args:
        root: the project's folder.
        fragment: as text.
        document: the same, already read.

    Raises:
        SpecError: one of the two cannot be understood.
    """
    released = read_text(root / RELEASED_FRAGMENT, RELEASED_FRAGMENT)
    if released == fragment:
        return []  # reading YAML takes longer than all else here
    return changes(_document(released, RELEASED_FRAGMENT), Document(document, FRAGMENT))


def surface_changed(root: Path) -> list[Change]:
    """Return how the public surface of the package differs from the released one.

    The surface is that of the files on disk. It is the same after a new generated package is swapped in, for no public
    name may lead there.

    Raises:
        SpecError: one of the two cannot be read.
    """
    released = parse_surface(read_text(root / RELEASED_SURFACE, RELEASED_SURFACE), RELEASED_SURFACE)
    return surface_changes(released, read_surface(root))


def accept(root: Path) -> list[str]:
    """Make the present state the released one, and return which files were written, as paths from the root.

    Everything is read before the first file is written, each is written whole, and the version last.

    Raises:
        SpecError: the present state cannot be read.
    """
    fragment = read_text(root / FRAGMENT, FRAGMENT)
    _document(fragment, FRAGMENT)
    wanted = {
        RELEASED_FRAGMENT: fragment,
        RELEASED_SURFACE: surface_text(read_surface(root)),
        RELEASED_VERSION: version_of(root) + "\n",
    }
    (root / RELEASED).mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in wanted.items():
        path = root / name
        if not path.is_file() or path.read_bytes() != text.encode():
            write_whole(path, text.encode())
            written.append(name)
    return written


def version_of(root: Path) -> str:
    """Return the version that the package has, without running it.

    Raises:
        SpecError: there is none.
    """
    return literal_version(read_text(root / VERSION_FILE, VERSION_FILE), VERSION_FILE)


def _document(text: str, where: str) -> Document:
    content = read_yaml(text, where)
    if not isinstance(content, dict):
        raise SpecError(where, "", "an OpenAPI document is an object")
    return Document(content, where)
