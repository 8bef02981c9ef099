"""Files that only their owner can read, written completely or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file with mode 0600 and flush it to disk, then let it replace an existing file of that name.

    Raises:
        OSError: the file cannot be written, or the name belongs to a folder, a pipe or a device; the file that existed
            before is unchanged.
    """
    target = Path(os.path.realpath(path))  # a symbolic link stays, and the file that it points to is replaced
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "the name belongs to something that is not a file")
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # mode 0600
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of files to disk, on systems that support it."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
