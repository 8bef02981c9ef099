"""State that the command line keeps between runs: the login, its tokens, keyring entries, and the running sandbox.

Each state is a JSON file in the user's own folder, which only the user may read.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from ..._support.files import is_open_to_others, open_regular, write_atomically
from ...auth.token_store import FileTokenStore
from ...errors import ConfigurationError
from ..program import NAME
from .secret import Secret

LOGIN, TOKENS, SANDBOX, KEYRING = "login.json", "tokens.json", "sandbox.json", "keyring.json"
LOGIN_TEXTS = {"api-token": ("site",), "oauth": ("authority", "gateway", "client_id", "client_secret")}
"""The fields of a login that must be texts, by its kind."""
SANDBOX_TEXTS = ("url", "email", "token", "client_id", "client_secret")
SECRETS = ("client_secret", "token")
"""The fields that are read as a `Secret`."""
HAS_SIGNALS = os.name == "posix"  # on Windows, signal 0 is Ctrl-C, and os.kill would send it
CONNECT_TIMEOUT_S = 2.0  # seconds for a sandbox to accept a connection


def folder() -> Path:
    """Return the folder of the state files."""
    return platformdirs.user_config_path(NAME, appauthor=False, roaming=True)


def tokens() -> FileTokenStore:
    """Return the store of OAuth 2.0 tokens."""
    return FileTokenStore(folder() / TOKENS)


def read(name: str) -> dict[str, Any] | None:
    """Read a state file; None if there is none.

    Raises:
        ConfigurationError: the file cannot be read, is damaged, or is readable for others.
    """
    path = folder() / name
    try:
        with open(open_regular(path), "rb") as file:
            if is_open_to_others(os.fstat(file.fileno()).st_mode):
                raise ConfigurationError(f"{path}: others may read it: run chmod 600 on it")
            state = _parse(name, file.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path}: it cannot be read ({error.strerror or error})") from None
    if state is None:
        raise ConfigurationError(f"{path}: it is damaged: remove it")
    return state


def _parse(name: str, data: bytes) -> dict[str, Any] | None:
    """Parse a state; return None if it is damaged, so that no traceback has its secrets in a frame."""
    try:
        state = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(state, dict) or not _is_complete(name, state):
        return None
    return {key: Secret(value) if key in SECRETS else value for key, value in state.items()}


def _is_complete(name: str, state: dict[str, Any]) -> bool:
    """Check that a state has all the fields that the command line reads from it."""
    if name == KEYRING:
        return _are_texts(state.get("sites"))
    if name == SANDBOX:
        return isinstance(state.get("pid"), int) and _are_texts([state.get(each) for each in SANDBOX_TEXTS])
    texts = LOGIN_TEXTS.get(str(state.get("kind")))
    sites = state.get("sites", [])
    return (
        texts is not None
        and _are_texts([state.get(each) for each in texts])
        and isinstance(sites, list)
        and all(isinstance(each, dict) and isinstance(each.get("cloud_id"), str) for each in sites)
    )


def _are_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(each, str) for each in values)


def write(name: str, state: dict[str, Any]) -> None:
    """Write a state file that only the user may read.

    Raises:
        ConfigurationError: it cannot be written.
    """
    path = folder() / name
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, json.dumps(state, indent=1, default=_unwrap).encode())
    except OSError as error:
        del state  # it has secrets, and error reporters show the variables of this frame
        raise ConfigurationError(f"{path}: it cannot be written ({error.strerror or error})") from None


def _unwrap(secret: Secret) -> str:
    return secret.value


def remove(name: str) -> bool:
    """Remove a state file; return whether there was one.

    Raises:
        ConfigurationError: it cannot be removed.
    """
    path = folder() / name
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigurationError(f"{path}: it cannot be removed ({error.strerror or error})") from None
    return True


def running_sandbox() -> dict[str, Any] | None:
    """Return the state of the sandbox that runs on this machine; None if none runs.

    Raises:
        ConfigurationError: the file cannot be read, is damaged, or is readable for others.
    """
    state = read(SANDBOX)
    return state if state is not None and _is_process(state["pid"]) and _is_listening(state["url"]) else None


def _is_process(pid: int) -> bool:
    if pid < 1:
        return False
    if not HAS_SIGNALS:
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _is_listening(url: str) -> bool:
    """Check that a server listens at an address: another process may have got the number of an ended one."""
    try:
        address = urlsplit(url)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=CONNECT_TIMEOUT_S):
            return True
    except (OSError, ValueError):
        return False
