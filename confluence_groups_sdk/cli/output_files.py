"""Files that the command line writes."""

from __future__ import annotations

import os
from pathlib import Path

from .._support.files import write_atomically
from ..errors import InputError


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
