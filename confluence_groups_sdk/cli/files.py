"""Files that the command line writes."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import InputError
from ..membership._files import written_whole


def check_target(path: Path, *, force: bool) -> None:
    """See that a file can be written there, before any work is done for it.

    Raises:
        InputError: it cannot, or is there already and not to be replaced.
    """
    if path.exists() and not force:
        raise InputError(f"{path} is there already: give another name, or --force to replace it")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no such folder: make it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: nothing may be written to this folder")


def written(path: Path, text: str, *, force: bool) -> None:
    """Write a file that its owner alone may read; whole, or not at all.

    Raises:
        InputError: it cannot be written, or is there already and not to be replaced.
    """
    check_target(path, force=force)
    try:
        written_whole(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise InputError(f"{path}: it cannot be written ({error.strerror or error})") from None
