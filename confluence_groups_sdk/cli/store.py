"""What the command line keeps from one run to the next: who has logged in, and where a sandbox runs."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer

from ..errors import ConfigurationError
from ..membership._files import written_whole
from ..token_store import FileTokenStore
from . import NAME

LOGIN, TOKENS, SANDBOX, KEYRING = "login.json", "tokens.json", "sandbox.json", "keyring.json"
APP = ("authority", "gateway", "client_id", "client_secret")
TEXTS = {SANDBOX: ("url", "email", "token", "client_id", "client_secret"), "api-token": ("site",), "oauth": APP}
SERVICE = NAME  # of the keyring
KEEPS = f"the keyring keeps a token ({{}}): remove {SERVICE} from it by hand"
PATIENCE = 2.0  # seconds for a sandbox to take a connection


def folder() -> Path:
    """Return where it is kept: of each user's own."""
    return Path(typer.get_app_dir(NAME))


def tokens() -> FileTokenStore:
    """Return the store of OAuth 2.0 tokens."""
    return FileTokenStore(folder() / TOKENS)


def read(name: str) -> dict[str, Any] | None:
    """Return what is kept under this name, None where nothing is.

    Raises:
        ConfigurationError: it cannot be read, or others may read it.
    """
    path = folder() / name
    try:
        with open(path, "rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                raise ConfigurationError(f"{path}: others may read it: chmod 600 it")
            data = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path}: it cannot be read ({error.strerror or error})") from None
    try:
        kept = json.loads(data)
    except ValueError:
        kept = None
    if not isinstance(kept, dict) or not _is_whole(name, kept):
        raise ConfigurationError(f"{path}: it is damaged: remove it")
    return kept


def _is_whole(name: str, kept: dict[str, Any]) -> bool:
    """Say whether a note has all that is read from it."""
    if name == KEYRING:
        return _are_texts(kept.get("sites"))
    if name == SANDBOX:
        return isinstance(kept.get("pid"), int) and _are_texts([kept.get(each) for each in TEXTS[SANDBOX]])
    needed = TEXTS.get(str(kept.get("kind")))
    sites = kept.get("sites", [])
    return (
        needed is not None
        and _are_texts([kept.get(each) for each in needed])
        and isinstance(sites, list)
        and all(isinstance(each, dict) and isinstance(each.get("cloud_id"), str) for each in sites)
    )


def _are_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(each, str) for each in values)


def write(name: str, kept: dict[str, Any]) -> None:
    """Keep this under a name, for the user alone.

    Raises:
        ConfigurationError: it cannot be written.
    """
    path = folder() / name
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        written_whole(path, json.dumps(kept, indent=1).encode())
    except OSError as error:
        raise ConfigurationError(f"{path}: it cannot be written ({error.strerror or error})") from None


def remove(name: str) -> bool:
    """Remove what is kept under a name; say whether there was something.

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
    """Return where a sandbox runs on this machine, None where none does."""
    kept = read(SANDBOX)
    return kept if kept is not None and _runs(kept["pid"]) and _listens(kept["url"]) else None


def _runs(pid: int) -> bool:
    if pid < 1:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _listens(url: str) -> bool:
    """Say whether somebody listens there: the number of a process that has ended is another's one day."""
    try:
        address = urlsplit(url)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=PATIENCE):
            return True
    except (OSError, ValueError):
        return False


def from_keyring(site: str) -> tuple[str, str] | None:
    """Return the e-mail and the API token that the keyring has for a site; None where it has none, or there is none."""
    try:
        import keyring
        import keyring.errors
    except ModuleNotFoundError:
        return None
    try:
        found = keyring.get_password(SERVICE, site)
    except keyring.errors.KeyringError:
        return None
    try:
        email, token = json.loads(found or "null")
    except (TypeError, ValueError):
        return None
    return (email, token) if isinstance(email, str) and isinstance(token, str) else None


def to_keyring(site: str, email: str, token: str) -> None:
    """Keep an API token in the keyring.

    Raises:
        ConfigurationError: there is no keyring.
    """
    sites = (read(KEYRING) or {"sites": []})["sites"]
    problem = _unkept(site, json.dumps([email, token]))
    del token
    if problem:
        raise ConfigurationError(problem)
    write(KEYRING, {"sites": sorted({*sites, site})})


def out_of_keyring() -> bool:
    """Remove the API tokens of all sites from the keyring; say whether there were some.

    Raises:
        ConfigurationError: the keyring keeps one.
    """
    kept = read(KEYRING)
    if kept is None:
        return False
    try:
        import keyring
        import keyring.errors
    except ModuleNotFoundError:
        raise ConfigurationError(KEEPS.format("keyring is not installed")) from None
    try:
        for site in kept["sites"]:
            if keyring.get_password(SERVICE, site) is not None:
                keyring.delete_password(SERVICE, site)
    except keyring.errors.KeyringError as error:
        raise ConfigurationError(KEEPS.format(type(error).__name__)) from None
    return remove(KEYRING)


def _unkept(site: str, secret: str) -> str | None:
    """Return why it was not kept."""
    try:
        import keyring
        import keyring.errors
    except ModuleNotFoundError:
        return "keeping an API token needs keyring: pip install 'confluence-groups-sdk[keyring]'"
    try:
        keyring.set_password(SERVICE, site, secret)
    except keyring.errors.KeyringError as error:
        return (
            f"the keyring keeps nothing ({type(error).__name__}): set CONFLUENCE_EMAIL and CONFLUENCE_API_TOKEN instead"
        )
    return None
