"""Files that must be regular files, and files written completely or not at all.

A pipe would make the program wait, and a device may do anything.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

OTHER_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}
NEVER_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
BINARY = getattr(os, "O_BINARY", 0)  # Windows
OTHERS_MODE = stat.S_IRWXG | stat.S_IRWXO


class NotRegularFileError(OSError):
    """The path belongs to a pipe, a device, a socket or a folder."""

    def __init__(self, kind: str) -> None:
        super().__init__(errno.EINVAL, f"it must be a file, and this is {kind}: give the path of a file")


def check_regular(mode: int) -> None:
    """Check that a file's mode, as ``stat`` reports it, is that of a regular file.

    Raises:
        NotRegularFileError: the file is of another kind.
    """
    if not stat.S_ISREG(mode):
        raise NotRegularFileError(OTHER_KINDS.get(stat.S_IFMT(mode), "something else"))


def check_path(path: str | os.PathLike[str]) -> None:
    """Check that a path is free, or belongs to a regular file or a link to one.

    Raises:
        NotRegularFileError: it belongs to something else.
        OSError: it cannot be examined.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    check_regular(mode)


def is_open_to_others(mode: int) -> bool:
    """Check whether users other than the owner can open a file with this mode; False where modes do not say."""
    return os.name == "posix" and bool(mode & OTHERS_MODE)


def open_regular(path: str | os.PathLike[str], flags: int = os.O_RDONLY) -> int:
    """Open a regular file without waiting, and return its descriptor; a new file gets mode 0600.

    The file is examined before it is opened, because opening a device can have effects, and again afterwards, because
    it may have been replaced meanwhile.

    Args:
        path: the file's path.
        flags: the flags for ``os.open``.

    Raises:
        NotRegularFileError: the path belongs to something else.
        OSError: the file cannot be opened.
    """
    check_path(path)
    descriptor = os.open(path, flags | NEVER_WAIT | BINARY, 0o600)
    try:
        check_regular(os.fstat(descriptor).st_mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_regular(path: str | os.PathLike[str], *, limit: int = -1, flags: int = os.O_RDONLY) -> bytes:
    """Read a regular file, or its first bytes.

    Raises:
        NotRegularFileError: the path belongs to something else.
        OSError: the file cannot be read.
    """
    with open(open_regular(path, flags), "rb") as file:
        data: bytes | None = file.read(limit)
    if data is None:  # a file of the kernel, such as /proc/kmsg
        raise OSError(errno.EAGAIN, "it cannot be read without waiting")
    return data


def write_atomically(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write a file with mode 0600 and flush it to disk, then let it replace an existing file of that name.

    Args:
        path: the path of the file.
        data: the content, as a whole or in pieces.

    Raises:
        OSError: the file cannot be written, or the name belongs to a folder, a pipe or a device; the file that existed
            before is unchanged.
    """
    target = Path(os.path.realpath(path))  # a symbolic link stays, and the file that it points to is replaced
    check_path(target)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # mode 0600
    try:
        with open(descriptor, "wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
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


@contextmanager
def lock_file(path: Path, name: str, error_class: type[Exception]) -> Iterator[None]:
    """Lock a file against other processes, by a second file beside it.

    Args:
        path: the path of the file, which need not exist.
        name: what the file is, for messages, such as ``journal``.
        error_class: the error to raise.

    Raises:
        ConfigurationError: filelock is not installed.
        Exception: another process has locked the file, the lock cannot be created, or the path belongs to something
            other than a regular file; of the given class.
    """
    try:
        from filelock import FileLock, Timeout
    except ModuleNotFoundError:
        from .libraries.extras import missing_extra

        raise missing_extra("files", f"a {name} needs filelock") from None
    try:
        check_path(path)
    except OSError as error:
        raise error_class(f"{path}: the {name} cannot be opened ({error.strerror or error})") from None
    if not path.parent.is_dir():
        raise error_class(f"{path}: the folder does not exist: create it first")
    lock = FileLock(f"{path}.lock", mode=0o600, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise error_class(f"{path}: another process is using this {name}: wait for it, or end it") from None
    except OSError as error:
        raise error_class(f"{path}: the {name} cannot be locked ({error.strerror or error})") from None
    try:
        yield
    finally:
        lock.release()
