"""The files of a folder: read, compared, and replaced as a whole even if a run is interrupted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

NOT_A_FILE = b"not a regular file"

Tree = dict[str, bytes]  # content by path in the folder, with forward slashes


def read_tree(package: Path) -> Tree:
    """Return the files of a package without Python's caches; nothing if the folder is missing.

    A link or any other special file is listed under its name with a content that no generated file has.
    """
    if package.is_symlink():
        return {".": NOT_A_FILE}
    tree = {}
    for path in sorted(package.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            tree[path.relative_to(package).as_posix()] = NOT_A_FILE
        elif path.is_file() and not (path.suffix == ".pyc" and path.parent.name == "__pycache__"):
            tree[path.relative_to(package).as_posix()] = path.read_bytes()
    return tree


def compare_files(
    present: Mapping[str, object], wanted: Mapping[str, object], *, missing: str, added: str, changed: str
) -> Iterator[tuple[str, str]]:
    """Yield the names that are missing, added or changed in the present files, each with the word for that."""
    for name in sorted(present.keys() | wanted.keys()):
        if name not in present:
            yield name, missing
        elif name not in wanted:
            yield name, added
        elif present[name] != wanted[name]:
            yield name, changed


def find_leftovers(package: Path) -> list[Path]:
    """Return the folders that an interrupted swap left beside the package."""
    return [path for path in (_new_path(package), _old_path(package)) if os.path.lexists(path)]


def recover(package: Path) -> None:
    """Finish or undo an interrupted swap, so that the old or the new package is complete."""
    if not os.path.lexists(package) and os.path.lexists(_old_path(package)):
        os.replace(_old_path(package), package)
    for path in find_leftovers(package):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def swap(package: Path, tree: Mapping[str, bytes]) -> None:
    """Replace the package with a tree: move the old one aside and the new one in.

    After an interruption, `recover` completes it.
    """
    recover(package)
    try:
        for path, content in tree.items():
            file = _new_path(package) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        if os.path.lexists(package):
            os.replace(package, _old_path(package))
        os.replace(_new_path(package), package)
    finally:
        recover(package)


def _new_path(package: Path) -> Path:
    return package.with_name(f"{package.name}.new")


def _old_path(package: Path) -> Path:
    return package.with_name(f"{package.name}.old")
