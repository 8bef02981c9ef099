"""The lines of an open journal: in a file or a storage. They only grow, and nothing else may move or change them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..._support.files import NotRegularFileError, is_open_to_others, open_regular, sync_folder
from ..model.journal_storage import JournalStorage


class AppendOnly:
    """A file that bytes are appended to and that is flushed to disk on request.

    Args:
        path: the path of the file; a new file gets mode 0600.
        must_be_new: whether an existing file is an error.

    Attributes:
        path: the path of the file.

    Raises:
        FileExistsError: the file exists and must be new.
        OSError: the file cannot be opened, or the path belongs to something other than a regular file.
    """

    def __init__(self, path: Path, *, must_be_new: bool = False) -> None:
        flags = os.O_RDWR | os.O_CREAT | (os.O_EXCL if must_be_new else 0)
        self.path = path
        self._file = open(open_regular(path, flags), "r+b", buffering=0)  # noqa: SIM115 - see close
        status = os.fstat(self._file.fileno())
        self._links = status.st_nlink
        self._length = status.st_size
        self._hash = hashlib.sha256()  # of the content that the file should have

    def read(self) -> bytes:
        """Return the whole content."""
        self._file.seek(0)
        return self._file.read()

    def append(self, data: bytes) -> None:
        """Write bytes at the end; a raw file may write only a part of them at once."""
        self._file.seek(0, os.SEEK_END)
        view = memoryview(data)
        while view:
            written = self._file.write(view)
            self._length += written
            self._hash.update(view[:written])
            view = view[written:]

    def append_synced(self, data: bytes) -> None:
        """Write bytes at the end, and wait until they are on disk."""
        self.append(data)
        self.sync()

    def cut(self, length: int) -> None:
        """Remove everything after this many bytes. An empty file of this user becomes private."""
        self._file.truncate(length)
        self._length = length
        self._hash = hashlib.sha256(self.read())
        if not length:
            self._make_private()

    def find_damage(self, *, read: bool = False) -> str | None:
        """Return how something else has changed the file since it was opened; None if it is unchanged.

        Args:
            read: whether to read the content too, which reveals changes that keep the length.
        """
        try:
            opened, named = os.fstat(self._file.fileno()), os.lstat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return self._describe_absence()
        except OSError as error:
            return f"cannot be found any more ({error.strerror or error})"
        if not os.path.samestat(opened, named):
            return "was replaced by another file"
        if opened.st_nlink != self._links:
            return "got a second name (a hard link)"
        if opened.st_size < self._length:
            return "was cut"
        if opened.st_size > self._length:
            return "was written to by something else"
        if read and hashlib.sha256(self.read()).digest() != self._hash.digest():
            return "was edited"
        return None

    def sync(self) -> None:
        """Wait until the content is on disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _describe_absence(self) -> str:
        if not self.path.parent.is_dir():
            return "is gone: its folder was removed or renamed"
        return "was renamed" if os.fstat(self._file.fileno()).st_nlink else "was deleted"

    def _make_private(self) -> None:
        status = os.fstat(self._file.fileno())
        if is_open_to_others(status.st_mode) and status.st_uid == os.geteuid():
            os.fchmod(self._file.fileno(), 0o600)


class NullFile:
    """The file of a journal that is not kept: it discards everything."""

    def append(self, data: bytes) -> None:
        """Discard the bytes."""

    append_synced = append

    def find_damage(self, *, read: bool = False) -> str | None:  # noqa: ARG002 - as in AppendOnly
        """Return None: nothing can happen to it."""
        return None

    def sync(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class StorageLostError(Exception):
    """The storage of a journal cannot be reached any more; the line may have been added."""


class StoredLines:
    """The lines of a journal in a storage, with the methods of `AppendOnly`.

    Args:
        storage: the storage; its lock must be held.
    """

    def __init__(self, storage: JournalStorage) -> None:
        self._storage = storage
        self._loss: str | None = None

    def read(self) -> bytes:
        """Return all lines."""
        return self._storage.read()

    def append(self, data: bytes) -> None:
        """Add a line.

        Raises:
            StorageLostError: the storage cannot be reached.
            OSError: the line cannot be added.
        """
        self._append(data, sync=False)

    def append_synced(self, data: bytes) -> None:
        """Add a line, and wait until it is durable; raises what `append` does."""
        self._append(data, sync=True)

    def cut(self, length: int) -> None:
        """Do nothing: a storage adds whole lines or nothing."""

    def find_damage(self, *, read: bool = False) -> str | None:
        """Return how the lines were lost or changed; None if they are unchanged, as far as is known.

        Args:
            read: whether to ask the storage.
        """
        return self._loss or (self._storage.find_damage() if read else None)

    def sync(self) -> None:
        """Wait until all lines are durable.

        Raises:
            StorageLostError: the storage cannot be reached.
        """
        self._append(b"", sync=True)

    def close(self) -> None:
        """Do nothing: the run releases the lock."""

    def _append(self, data: bytes, *, sync: bool) -> None:
        try:
            self._storage.append(data, sync=sync)
        except ConnectionError as error:
            self._loss = str(error)
            raise StorageLostError from None


def write_beside(path: Path, data: bytes) -> AppendOnly:
    """Write a new private file beside a file, and return it open; never replace a file.

    If that folder is gone or cannot be written to, use the current folder or the folder for temporary files.

    Raises:
        OSError: no file can be written in any of these folders.
    """
    problem = OSError("there is no folder for it")
    for folder in _folders_for(path):
        try:
            file = _create_file(folder, path)
        except OSError as error:
            problem = error
            continue
        try:
            file.append(data)
            file.sync()
            sync_folder(folder)
        except OSError as error:
            problem = error
            file.close()
            file.path.unlink(missing_ok=True)
            continue
        return file
    raise problem


def _create_file(folder: Path, path: Path) -> AppendOnly:
    """Create a file that is named after another one, with the first number that is free."""
    number = 1
    while True:
        name = f"{path.stem}.recovered{f'-{number}' if number > 1 else ''}{path.suffix}"
        try:
            return AppendOnly(folder / name, must_be_new=True)
        except (FileExistsError, NotRegularFileError):
            number += 1


def _folders_for(path: Path) -> Iterator[Path]:
    yield path.parent
    for folder in (os.getcwd, tempfile.gettempdir):
        try:
            yield Path(folder())
        except FileNotFoundError:
            continue
