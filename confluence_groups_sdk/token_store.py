"""OAuth 2.0 tokens, and where they are kept from one refresh to the next: a file, memory, or a store of your own."""

from __future__ import annotations

import json
import math
import os
import stat
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn, Protocol, runtime_checkable

from attrs import asdict, field, frozen

from ._clock import machine_monotonic
from .auth import problem_with_ascii
from .errors import ConfigurationError

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK_PATIENCE = 120.0  # seconds: longer than any refresh of another process takes
LOCK_POLL_INTERVAL = 0.05  # seconds
LARGEST_FILE = 1024 * 1024  # bytes
FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@frozen(init=False)
class Tokens:
    """The tokens of one consent; ``attrs.asdict`` gives a store of yours what to write down.

    Args:
        access_token: what calls are made with.
        refresh_token: what the next access token is asked for with; it works once.
        expires_at: seconds since the epoch, when the access token ends.
        scopes: that were consented to.

    Raises:
        ConfigurationError: a token is empty, not ASCII, or has whitespace or control characters; or the moment is none.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: float
    scopes: tuple[str, ...] = ()

    def __init__(self, access_token: str, refresh_token: str, expires_at: float, scopes: Sequence[str] = ()) -> None:
        problem = (
            problem_with_ascii("access_token", access_token)
            or problem_with_ascii("refresh_token", refresh_token)
            or _problem_with_moment(expires_at)
            or _problem_with_scopes(scopes)
        )
        if problem:
            del self, access_token, refresh_token, expires_at, scopes  # this frame may be shown with its variables
            raise ConfigurationError(f"Tokens: {problem}")
        self.__attrs_init__(access_token, refresh_token, expires_at, tuple(scopes))

    def __reduce__(self) -> NoReturn:
        raise TypeError("Tokens are secrets and are never pickled or copied: keep them in a token store")


@runtime_checkable
class TokenStore(Protocol):
    """Where `OAuth2` keeps its tokens: all that a store of your own must have.

    A refresh takes the lock, loads, asks the authority, saves, and gives the lock back, all in one thread; it takes as
    long as a request takes. What these methods raise comes out of the call that needed the tokens.
    """

    def load(self) -> Tokens | None:
        """Return what was saved last, None if nothing was."""
        ...

    def save(self, tokens: Tokens) -> None:
        """Keep these instead. When it returns they must be safe: the refresh token before them is void."""
        ...

    def lock(self) -> AbstractContextManager[object]:
        """Return what is held during a refresh: it keeps out everybody else who refreshes these tokens."""
        ...


class MemoryTokenStore:
    """Keeps tokens for one process, and no longer than it lives: for tests, and where somebody else keeps them.

    Args:
        tokens: to begin with.
    """

    def __init__(self, tokens: Tokens | None = None) -> None:
        self._tokens = tokens
        self._lock = threading.Lock()

    def load(self) -> Tokens | None:
        """Return what was saved last, None if nothing was."""
        return self._tokens

    def save(self, tokens: Tokens) -> None:
        """Keep these instead."""
        self._tokens = tokens

    def lock(self) -> AbstractContextManager[object]:
        """Return the lock of this store."""
        return self._lock


class FileTokenStore:
    """Keeps tokens in a file that its owner alone may read, shared by all processes of this machine (extra ``files``).

    A change is whole or not at all: it is written beside the file, brought to the disk, and put in the file's place.
    The lock is a file beside it, ending in ``.lock``. Keep both on a local disk: network disks may not lock.

    Args:
        path: of the file; folders that are missing are made, for the owner alone.

    Raises:
        ConfigurationError: filelock is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            from filelock import FileLock
        except ModuleNotFoundError:
            raise ConfigurationError(
                "FileTokenStore needs filelock: pip install 'confluence-groups-sdk[files]'"
            ) from None
        self._path = Path(os.path.realpath(path))  # a link stays, and all who come by it meet at one lock
        self._new_lock = FileLock

    def load(self) -> Tokens | None:
        """Return what was saved last, None if there is no file.

        Raises:
            ConfigurationError: the file cannot be read, is malformed, or is open to others.
        """
        try:
            with open(self._path, "rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                tokens = _read(file)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed("read", error) from None
        if os.name == "posix" and mode & FOR_OTHERS:
            raise ConfigurationError(
                f"{self}: others may read or change it (mode {mode:04o}): chmod 600 it, and if somebody may have read "
                "it, revoke the app's access and let the user consent again"
            )
        if tokens is None:
            raise ConfigurationError(f"{self}: it does not hold tokens: remove it, and let the user consent again")
        return tokens

    def save(self, tokens: Tokens) -> None:
        """Keep these instead; where others use the file, do it while holding the lock.

        Raises:
            ConfigurationError: they could not be brought to the disk.
        """
        try:
            folder = _made(self._path.parent)
            descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=f".{self._path.name}.")  # mode 0600
            try:
                with open(descriptor, "w", encoding="ascii") as file:
                    file.write(_written(tokens))
                    file.flush()
                    os.fsync(descriptor)
                os.replace(temporary, self._path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
            _sync(folder)
        except OSError as error:
            raise self._failed("written", error) from None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep out all threads and processes that come with the same file.

        Raises:
            ConfigurationError: somebody else has held the lock for two minutes, or it cannot be made.
        """
        try:
            _made(self._path.parent)
            lock = self._new_lock(f"{self._path}.lock", mode=0o600, thread_local=False)
            _acquire(lock)
        except TimeoutError:
            raise ConfigurationError(f"{self}: another process keeps it locked: see which, and end it") from None
        except OSError as error:
            raise self._failed("locked", error) from None
        try:
            yield
        finally:
            lock.release()

    def __str__(self) -> str:
        return f"token file {self._path}"

    def __repr__(self) -> str:
        return f"FileTokenStore({str(self._path)!r})"

    def _failed(self, done: str, error: OSError) -> ConfigurationError:
        return ConfigurationError(f"{self}: it cannot be {done} ({error.strerror or type(error).__name__})")


def _problem_with_moment(moment: float) -> str | None:
    if isinstance(moment, bool) or not isinstance(moment, int | float) or not math.isfinite(moment):
        return "expires_at must be a number of seconds since the epoch"
    return None


def _problem_with_scopes(scopes: Sequence[str]) -> str | None:
    if isinstance(scopes, str) or not all(isinstance(scope, str) for scope in scopes):
        return "scopes must be a sequence of texts"
    return None


def _written(tokens: Tokens) -> str:
    return json.dumps(asdict(tokens))


def _read(file: IO[bytes]) -> Tokens | None:
    """Return the tokens in a file, None where it holds none; never raise with its content in a frame."""
    try:
        return Tokens(**json.loads(file.read(LARGEST_FILE)))
    except (ValueError, TypeError, RecursionError):  # a ConfigurationError is a ValueError
        return None


def _acquire(lock: BaseFileLock) -> None:
    """Acquire a lock that others may hold.

    The wait is timed here, because filelock's own timeout never ends while a test freezes time.

    Raises:
        TimeoutError: others have held it for two minutes.
    """
    deadline = machine_monotonic() + LOCK_PATIENCE
    while True:
        try:
            lock.acquire(blocking=False)
        except TimeoutError:
            if machine_monotonic() >= deadline:
                raise
        else:
            return
        time.sleep(LOCK_POLL_INTERVAL)


def _made(folder: Path) -> Path:
    """Return a folder, made for the owner alone where it was missing, and those above it, too."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
    return folder


def _sync(folder: Path) -> None:
    """Bring a folder's list of files to the disk, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
