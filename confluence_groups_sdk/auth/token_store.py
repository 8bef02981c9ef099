"""OAuth 2.0 tokens, and the stores that keep them: in a file, in memory, or in a store of your own."""

from __future__ import annotations

import json
import math
import os
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn, Protocol, runtime_checkable

from attrs import asdict, field, frozen

from .._support.clock import machine_monotonic
from .._support.files import is_open_to_others, open_regular, write_atomically
from .._support.public import public
from ..errors import ConfigurationError
from .credentials import find_ascii_problem

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK_TIMEOUT_S = 120.0  # longer than another process needs for a refresh
LOCK_POLL_INTERVAL_S = 0.05
MAX_FILE_BYTES = 1024 * 1024


@public
@frozen(init=False)
class Tokens:
    """The tokens that an app gets when a user consents; to store them, use ``attrs.asdict``.

    Args:
        access_token: sent with each call.
        refresh_token: exchanged for the next tokens; it works once.
        expires_at: when the access token expires, in seconds since the epoch.
        scopes: the scopes that the user consented to.

    Raises:
        ConfigurationError: a token is empty, not ASCII, or has whitespace or control characters; ``expires_at`` is not
            a number; or ``scopes`` is not a sequence of texts.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: float
    scopes: tuple[str, ...] = ()

    def __init__(self, access_token: str, refresh_token: str, expires_at: float, scopes: Sequence[str] = ()) -> None:
        problem = (
            find_ascii_problem("access_token", access_token)
            or find_ascii_problem("refresh_token", refresh_token)
            or _expiry_problem(expires_at)
            or _scopes_problem(scopes)
        )
        if problem:
            del self, access_token, refresh_token, expires_at, scopes  # error reporters show this frame's variables
            raise ConfigurationError(f"Tokens: {problem}")
        self.__attrs_init__(access_token, refresh_token, expires_at, tuple(scopes))

    def __reduce__(self) -> NoReturn:
        raise TypeError("Tokens are secrets and are never pickled or copied: keep them in a token store")


@public
@runtime_checkable
class TokenStore(Protocol):
    """Keeps the tokens of `OAuth2`. A store of your own needs these three methods.

    A refresh acquires the lock, loads, asks the authority, saves and releases the lock, all in one thread. It takes as
    long as a request takes. Errors of these methods are raised by the call that needed the tokens.
    """

    def load(self) -> Tokens | None:
        """Return the tokens that were saved last, None if there are none."""
        ...

    def save(self, tokens: Tokens) -> None:
        """Replace the tokens. Return only when they are safe: the previous refresh token no longer works."""
        ...

    def lock(self) -> AbstractContextManager[object]:
        """Return a lock that keeps out every other program and thread that refreshes these tokens."""
        ...


@public
class MemoryTokenStore:
    """Keeps tokens until the process ends: for tests, or if your program keeps them elsewhere.

    Args:
        tokens: the first tokens.
    """

    def __init__(self, tokens: Tokens | None = None) -> None:
        self._tokens = tokens
        self._lock = threading.Lock()

    def load(self) -> Tokens | None:
        """Return the tokens that were saved last, None if there are none."""
        return self._tokens

    def save(self, tokens: Tokens) -> None:
        """Replace the tokens."""
        self._tokens = tokens

    def lock(self) -> AbstractContextManager[object]:
        """Return the lock of this store."""
        return self._lock


@public
class FileTokenStore:
    """Keeps tokens in a file that only its owner can read; all processes of a machine can share it (extra ``files``).

    A save replaces the whole file or changes nothing. The lock is a file beside it that ends in ``.lock``. Keep both on
    a local disk, because network file systems may not lock.

    Args:
        path: the file's path; missing folders are created, for the owner only.

    Raises:
        ConfigurationError: filelock is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            from filelock import FileLock
        except ModuleNotFoundError:
            from .._support.libraries.extras import missing_extra

            raise missing_extra("files", "FileTokenStore needs filelock") from None
        self._path = Path(os.path.realpath(path))  # users of a symbolic link share one lock with users of its target
        self._new_lock = FileLock

    def load(self) -> Tokens | None:
        """Return the tokens that were saved last, None if there is no file.

        Raises:
            ConfigurationError: the file cannot be read, is malformed, or is accessible to other users.
        """
        try:
            with open(open_regular(self._path), "rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                tokens = _read(file)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failure("read", error) from None
        if is_open_to_others(mode):
            raise ConfigurationError(
                f"{self}: other users can read or change it (mode {mode:04o}): chmod 600 it, and if somebody may have "
                "read it, revoke the app's access and let the user consent again"
            )
        if tokens is None:
            raise ConfigurationError(f"{self}: it does not hold tokens: remove it, and let the user consent again")
        return tokens

    def save(self, tokens: Tokens) -> None:
        """Replace the tokens; if other programs use the file, hold the lock meanwhile.

        Raises:
            ConfigurationError: the file cannot be written.
        """
        try:
            _create_folder(self._path.parent)
            write_atomically(self._path, json.dumps(asdict(tokens)).encode("ascii"))
        except OSError as error:
            raise self._failure("written", error) from None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep out all threads and processes that use the same file.

        Raises:
            ConfigurationError: another process has held the lock for two minutes, or the lock cannot be created.
        """
        try:
            _create_folder(self._path.parent)
            lock = self._new_lock(f"{self._path}.lock", mode=0o600, thread_local=False)
            _acquire(lock)
        except TimeoutError:
            raise ConfigurationError(f"{self}: another process keeps it locked: see which, and end it") from None
        except OSError as error:
            raise self._failure("locked", error) from None
        try:
            yield
        finally:
            lock.release()

    def __str__(self) -> str:
        return f"token file {self._path}"

    def __repr__(self) -> str:
        return f"FileTokenStore({str(self._path)!r})"

    def _failure(self, action: str, error: OSError) -> ConfigurationError:
        return ConfigurationError(f"{self}: it cannot be {action} ({error.strerror or type(error).__name__})")


def _expiry_problem(seconds: float) -> str | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return "expires_at must be a number of seconds since the epoch"
    return None


def _scopes_problem(scopes: Sequence[str]) -> str | None:
    if isinstance(scopes, str) or not all(isinstance(scope, str) for scope in scopes):
        return "scopes must be a sequence of texts"
    return None


def _read(file: IO[bytes]) -> Tokens | None:
    """Read the tokens in a file; return None, instead of raising with the content in a frame, if it holds none."""
    try:
        return Tokens(**json.loads(file.read(MAX_FILE_BYTES)))
    except (ValueError, TypeError, RecursionError):  # a ConfigurationError is a ValueError
        return None


def _acquire(lock: BaseFileLock) -> None:
    """Acquire a lock that another process may hold.

    The wait is timed here, because filelock's own timeout never ends while a test freezes time.

    Raises:
        TimeoutError: another process has held it for two minutes.
    """
    deadline = machine_monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            lock.acquire(blocking=False)
        except TimeoutError:
            if machine_monotonic() >= deadline:
                raise
        else:
            return
        time.sleep(LOCK_POLL_INTERVAL_S)


def _create_folder(folder: Path) -> None:
    """Create a folder, and the missing folders above it, for the owner only."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
