"""The file of a journal, which only grows."""

from __future__ import annotations

import os
from pathlib import Path


class AppendOnly:
    """A file that bytes are appended to and that is flushed to disk on request.

    Args:
        path: the path of the file; a new file gets mode 0600.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)  # noqa: SIM115 - see close

    def read(self) -> bytes:
        """Return the whole content."""
        self._file.seek(0)
        return self._file.read()

    def append(self, data: bytes) -> None:
        """Write bytes at the end; a raw file may write only a part of them at once."""
        self._file.seek(0, os.SEEK_END)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def cut(self, length: int) -> None:
        """Remove everything after this many bytes."""
        self._file.truncate(length)

    def sync(self) -> None:
        """Wait until the content is on disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class NullFile:
    """The file of a journal that is not kept: it discards everything."""

    def append(self, data: bytes) -> None:
        """Discard the bytes."""

    def sync(self) -> None:
        """Do nothing."""
