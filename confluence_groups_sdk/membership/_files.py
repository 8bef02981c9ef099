"""Files of one's own: private, and whole or not there at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path


def written_whole(path: Path, data: bytes) -> None:
    """Write a file that its owner alone may read, bring it to the disk, and put it in the place of any of that name.

    Raises:
        OSError: it cannot be written, or a folder, pipe or device has that name; the file that was there is untouched.
    """
    target = Path(os.path.realpath(path))  # a link stays
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "a file must stand there, or nothing")
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
    """Bring a folder's list of files to the disk, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
