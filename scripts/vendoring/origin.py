"""Where the files of a copy come from: the address, commit and state of the clone, asked of git."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen
from postman_openapi.secrets import strip_credentials

REMOTE = "origin"
ADDRESS = re.compile(r"(?!file:)[a-z+]+://.+|[^/:@]+@[^/:]+:.+")  # no path: it means nothing elsewhere
CLEAN, DIRTY = "clean", "dirty"


@frozen
class Origin:
    """The clone that a copy comes from; each field is None if it is unknown.

    Attributes:
        source: the address of its remote.
        commit: the hash of its commit.
        tree: whether the copied files are those of the commit: clean or dirty.
    """

    source: str | None = None
    commit: str | None = None
    tree: str | None = None

    def __str__(self) -> str:
        commit = f"commit {self.commit[:12]}" if self.commit else "unknown commit"
        state = ", with changes that were not committed" if self.tree == DIRTY else ""
        return f"{commit}{state}{f' of {self.source}' if self.source else ''}"


def read_origin(root: Path, paths: Sequence[str]) -> Origin:
    """Return the origin of files; nothing is known of a folder that is no clone.

    Args:
        root: the folder of the project.
        paths: the files and folders whose state counts.
    """
    if not is_clone(root):
        return Origin()
    source = (_git(root, "remote", "get-url", REMOTE) or "").strip()
    known = strip_credentials(source) if "://" in source else source
    commit = (_git(root, "rev-parse", "--verify", "HEAD") or "").strip()
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", *paths)
    return Origin(
        source=known if ADDRESS.fullmatch(known) else None,
        commit=commit or None,
        tree=None if changed is None or not commit else DIRTY if changed else CLEAN,
    )


def tracked_files(root: Path, folder: str) -> set[str] | None:
    """Return the files of a folder that git tracks, relative to it; None if the project is no clone."""
    listed = _git(root, "ls-files", "-z", "--", folder) if is_clone(root) else None
    return None if listed is None else {name.removeprefix(f"{folder}/") for name in listed.split("\0") if name}


def untracked_files(root: Path, folder: str) -> list[str]:
    """Return the files of a folder that git neither tracks nor ignores, with the folder's name."""
    arguments = ("ls-files", "-z", "--others", "--exclude-standard", "--", folder)
    listed = _git(root, *arguments) if is_clone(root) else None
    return sorted(name for name in (listed or "").split("\0") if name)


def is_clone(root: Path) -> bool:
    """Check whether git knows this folder as the top of a working tree."""
    top = _git(root, "rev-parse", "--show-toplevel")
    return top is not None and Path(top.strip()).resolve() == root.resolve()


def is_earlier(root: Path, commit: str | None, other: str | None) -> bool:
    """Check whether a commit comes before another one, as far as this clone knows both."""
    if not commit or not other or commit == other:
        return False
    return _git(root, "merge-base", "--is-ancestor", commit, other) is not None


def _git(root: Path, *arguments: str) -> str | None:
    """Return the output of a git command, or None if it fails or there is no git."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(root), *arguments]
    try:
        ended = subprocess.run(command, capture_output=True, check=False, env=environment, encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return ended.stdout if ended.returncode == 0 else None
