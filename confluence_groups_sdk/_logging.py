"""The package's logger, and what must never be in it or in an error.

The logger is named after the package, so that a vendored copy has its own.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Iterable
from urllib.parse import quote

REDACTED = "REDACTED"

logger = logging.getLogger(__package__)
logger.addHandler(logging.NullHandler())


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
