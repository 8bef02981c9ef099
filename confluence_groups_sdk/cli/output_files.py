"""Files that the command line writes."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from .._support.files import write_atomically
from ..errors import InputError


def quote(path: Path) -> str:
    """Return a path as users type it in a shell."""
    return shlex.quote(str(path))


def check_target(path: Path, *, force: bool) -> None:
    """Check that a file can be written, before any other work.

    Args:
        path: the file.
        force: whether an existing file may be replaced.

    Raises:
        InputError: the file exists and must not be replaced, the path belongs to a folder, a pipe or a device, or the
            folder is missing or not writable.
    """
    if path.exists() and not force:
        raise InputError(f"{path} exists already: give another name, or --force to replace it")
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: this is not a file: give the path of a new file")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder does not exist: create it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: you may not write to this folder")


def check_distinct(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Check that a command writes each result to a file of its own, and to none that it reads.

    Raises:
        InputError: it would lose a result or an input, also with ``--force``.
    """
    read = {path.resolve() for path in inputs}
    written: set[Path] = set()
    for path in outputs:
        if (target := path.resolve()) in read:
            raise InputError(f"{path} is read by this command: give another name")
        if target in written:
            raise InputError(f"{path} is named twice: give another name for one of the files")
        written.add(target)


def write_file(path: Path, content: str | bytes, *, force: bool) -> None:
    """Write a file that only its owner may read, either whole or not at all.

    Raises:
        InputError: the file exists and must not be replaced, or it cannot be written.
    """
    check_target(path, force=force)
    try:
        data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
        write_atomically(path, data)
    except OSError as error:
        raise InputError(f"{path}: it cannot be written ({error.strerror or error})") from None
