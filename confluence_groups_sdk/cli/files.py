"""Files that the command line writes."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..membership._files import written_whole


def written(path: Path, text: str, *, force: bool) -> None:
    """Write a file that its owner alone may read; whole, or not at all.

    Raises:
        InputError: it cannot be written, or is there already and not to be replaced.
    """
    if path.exists() and not force:
        raise InputError(f"{path} is there already: give another name, or --force to replace it")
    try:
        written_whole(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise InputError(f"{path}: it cannot be written ({error.strerror or error})") from None
