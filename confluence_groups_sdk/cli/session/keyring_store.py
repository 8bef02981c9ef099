"""API tokens in the operating system's keyring (extra ``keyring``), one for each site.

A keyring cannot list its entries, so a note in the state folder names the sites that have one.
"""

from __future__ import annotations

import json

from ..._support.libraries.extras import how_to_install
from ...errors import ConfigurationError
from ..program import NAME
from . import state_store
from .secret import Secret

SERVICE = NAME
"""The name of the entries in the keyring."""
NOT_INSTALLED = f"keeping an API token needs keyring: {how_to_install('keyring')}"
STILL_THERE = f"the keyring still holds a token ({{}}): remove {SERVICE} from it by hand"


def load(site: str) -> tuple[str, str] | None:
    """Load the e-mail and the API token for a site; None without an entry or a working keyring."""
    try:
        import keyring
        import keyring.errors
    except ModuleNotFoundError:
        return None
    try:
        entry = keyring.get_password(SERVICE, site)
    except keyring.errors.KeyringError:
        return None
    try:
        email, token = json.loads(entry or "null")
    except (TypeError, ValueError):
        return None
    return (email, token) if isinstance(email, str) and isinstance(token, str) else None


def require_keyring() -> None:
    """Check that the extra is installed.

    Raises:
        ConfigurationError: it is not.
    """
    try:
        import keyring  # noqa: F401 - importing it is the check
    except ModuleNotFoundError:
        raise ConfigurationError(NOT_INSTALLED) from None


def save(site: str, email: str, token: Secret) -> None:
    """Save an API token in the keyring.

    Raises:
        ConfigurationError: keyring is not installed, or there is no working keyring.
    """
    sites = (state_store.read(state_store.KEYRING) or {"sites": []})["sites"]  # before saving: the note may be damaged
    problem = _try_to_save(site, json.dumps([email, token.value]))
    if problem:
        raise ConfigurationError(problem)
    state_store.write(state_store.KEYRING, {"sites": sorted({*sites, site})})


def _try_to_save(site: str, secret: str) -> str | None:
    """Save a secret, and return the problem if that fails; raising here would put the secret into the traceback."""
    try:
        import keyring
        import keyring.errors
    except ModuleNotFoundError:
        return NOT_INSTALLED
    try:
        keyring.set_password(SERVICE, site, secret)
    except keyring.errors.KeyringError as error:
        return (
            f"the keyring cannot keep the token ({type(error).__name__}): set CONFLUENCE_EMAIL and "
            "CONFLUENCE_API_TOKEN instead"
        )
    return None


def remove_all() -> bool:
    """Remove the API tokens of all sites from the keyring; return whether there were any.

    Raises:
        ConfigurationError: the keyring still holds one.
    """
    note = state_store.read(state_store.KEYRING)
    if note is None:
        return False
    try:
        import keyring
        import keyring.errors
    except ModuleNotFoundError:
        raise ConfigurationError(STILL_THERE.format("keyring is not installed")) from None
    try:
        for site in note["sites"]:
            if keyring.get_password(SERVICE, site) is not None:
                keyring.delete_password(SERVICE, site)
    except keyring.errors.KeyringError as error:
        raise ConfigurationError(STILL_THERE.format(type(error).__name__)) from None
    return state_store.remove(state_store.KEYRING)
