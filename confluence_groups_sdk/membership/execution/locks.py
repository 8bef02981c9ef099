"""The locks of a run: on its journal, and on its plan, so that no other run uses the plan with another journal.

A plan's lock is a file in the system's folder for temporary files, named after the plan's digest. The operating system
releases it when the process ends. A second file, beside the lock, names the journal in use, because Windows does not
let other processes read a locked file. Other users can also write to the folder, so a file is used only if it is a
private regular file of this user.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..._support.files import check_regular, is_open_to_others, lock_file, read_regular
from ..._support.log import logger
from ..._support.text import escape_controls
from ...errors import JournalError

if TYPE_CHECKING:
    from filelock import BaseFileLock

PREFIX = "confluence-groups-"
MAX_PATH_BYTES = 16_384
NOT_FOLLOWED = getattr(os, "O_NOFOLLOW", 0)


class _UnsafeFileError(OSError):
    """The file is not a private file of this user."""


def lock_journal(path: Path) -> AbstractContextManager[None]:
    """Lock a journal against other processes.

    Raises:
        JournalError: another process has locked it, the lock cannot be created, or the journal is not a regular file.
        ConfigurationError: filelock is not installed.
    """
    return lock_file(path, "journal", JournalError)


def check_only_name(path: str | os.PathLike[str]) -> None:
    """Check that a journal's file has one name, because the lock protects one name only.

    Raises:
        JournalError: it has a second name.
    """
    target = Path(os.path.realpath(path))
    if os.path.isfile(target) and target.stat().st_nlink > 1:
        raise JournalError(f"{path}: the journal has a second name (a hard link): remove one of them")


@contextmanager
def lock_plan(digest: str, journal: Path) -> Iterator[None]:
    """Lock a plan against runs with other journals. If no lock can be made, log a warning and go on without it.

    Args:
        digest: the plan's digest.
        journal: the journal of this run; it must be locked already, so that nobody else uses the same one.

    Raises:
        JournalError: another run applies the plan with another journal.
    """
    from filelock import Timeout

    lock = holder = None
    try:
        name = Path(tempfile.gettempdir()) / f"{PREFIX}{digest}"
        lock, holder = _new_lock(f"{name}.lock"), Path(f"{name}.journal")
        _acquire(lock)
    except Timeout:
        other = f"the journal {found}" if holder and (found := _read_holder(holder)) else "another journal"
        raise JournalError(
            f"{journal}: another run applies this plan with {other}: wait until it ends, and continue with that journal"
        ) from None
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        logger.warning("no lock protects this plan from a second run with another journal (%s)", reason)
        lock = None
    if lock is None or holder is None:
        yield
        return
    try:
        _write_holder(holder, journal)
        yield
    finally:
        with suppress(OSError):
            holder.unlink()
        lock.release()


def _new_lock(path: str) -> BaseFileLock:
    from filelock import FileLock

    try:  # a marker in place of a lock of the operating system would outlive a killed process
        return FileLock(path, mode=0o600, thread_local=False, fallback_to_soft=False)
    except TypeError:  # an older filelock, which has no such markers
        return FileLock(path, mode=0o600, thread_local=False)


def _acquire(lock: BaseFileLock) -> None:
    """Acquire the lock, if its file is safe before and afterwards; never wait.

    Raises:
        Timeout: another run holds it.
        OSError, NotImplementedError: the file is not safe, or the system cannot lock it.
    """
    with suppress(FileNotFoundError):
        _check_file(os.lstat(lock.lock_file))
    lock.acquire(blocking=False)
    try:
        _check_file(os.lstat(lock.lock_file))
    except OSError:
        lock.release()
        raise


def _check_file(status: os.stat_result) -> None:
    check_regular(status.st_mode)
    if os.name != "posix":
        return
    if status.st_uid != os.geteuid():
        raise _UnsafeFileError("the lock's file belongs to another user")
    if is_open_to_others(status.st_mode) or status.st_nlink != 1:
        raise _UnsafeFileError("other users can open the lock's file")


def _read_holder(path: Path) -> str | None:
    """Return the path of the journal in use, with escapes for control characters; None if it is unknown."""
    try:
        _check_file(os.lstat(path))
        text = os.fsdecode(read_regular(path, limit=MAX_PATH_BYTES, flags=os.O_RDONLY | NOT_FOLLOWED))
    except (OSError, ValueError):
        return None
    return escape_controls(text) or None


def _write_holder(path: Path, journal: Path) -> None:
    """Write which journal is in use; failures do not matter, because the lock does not depend on it."""
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=PREFIX)  # mode 0600
        with open(descriptor, "wb") as file:
            file.write(os.fsencode(journal))
        os.replace(temporary, path)  # replaces a symbolic link, too, and never follows it
    except OSError:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)
