"""The package's logger, and what must never be in it or in an error.

The logger is named after the package, so that a vendored copy has its own.
"""

from __future__ import annotations

import base64
import binascii
import logging
import os
from collections.abc import Iterable
from urllib.parse import quote

REDACTED = "REDACTED"

VARIABLE = "CONFLUENCE_GROUPS_LOG"  # debug or info: shows this package's log lines on standard error
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

logger = logging.getLogger(__package__)
logger.addHandler(logging.NullHandler())


def show_as_the_environment_says() -> None:
    """Print log lines to standard error where CONFLUENCE_GROUPS_LOG says so; any other word in it is passed over."""
    level = {"debug": logging.DEBUG, "info": logging.INFO}.get(os.environ.get(VARIABLE, "").strip().lower())
    if level is None:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(FORMAT))
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False  # or the lines would come twice where the program logs, too


show_as_the_environment_says()


def shortened(text: str) -> str:
    """Return a short hash of an id: the same for the same id, and no id itself."""
    import hashlib  # loaded when something is logged

    return f"#{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:8]}"


def secrets_of(authorization: str | None) -> list[str]:
    """Return what of an Authorization header must not be shown, in the forms a server may echo, the longest first."""
    if not authorization:
        return []
    scheme, _, credentials = authorization.partition(" ")
    secrets = {authorization, credentials}
    if scheme.lower() == "basic":
        secrets.add(_basic_token(credentials))
    escaped = {form for secret in secrets for form in (secret.replace("/", "\\/"), quote(secret, safe=""))}
    return sorted((secrets | escaped) - {""}, key=len, reverse=True)


def without(secrets: Iterable[str], text: str) -> str:
    """Return the text with these struck out; do it before the text is cut, or a part of one may stay."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return text


def _basic_token(credentials: str) -> str:
    try:
        return base64.b64decode(credentials).decode("utf-8", "replace").partition(":")[2]
    except (ValueError, binascii.Error):
        return ""
