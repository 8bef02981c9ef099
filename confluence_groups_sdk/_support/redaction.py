"""Remove credentials from texts, and replace ids in log lines by hashes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from urllib.parse import quote

REDACTED = "REDACTED"


def hash_id(text: str) -> str:
    """Return a short hash of an id, for log lines: account ids are personal data.

    The same id always has the same hash. See docs/confluence-behaviour.md#identifiers.
    """
    import hashlib  # loads with the first log line

    return f"#{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:8]}"


def secrets_in(authorization: str | None) -> list[str]:
    """Return the secrets in an Authorization header, in every form that a server may echo, the longest first."""
    if not authorization:
        return []
    scheme, _, credentials = authorization.partition(" ")
    secrets = {authorization, credentials}
    if scheme.lower() == "basic":
        secrets.add(_basic_password(credentials))
    escaped = {form for secret in secrets for form in (secret.replace("/", "\\/"), quote(secret, safe=""))}
    return sorted((secrets | escaped) - {""}, key=len, reverse=True)


def redact(secrets: Iterable[str], text: str) -> str:
    """Replace each secret in a text. Redact before you cut a text: the cut may leave a part of a secret."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return text


def _basic_password(credentials: str) -> str:
    """Decode the password, an API token, from Basic credentials (RFC 7617 section 2)."""
    try:
        return base64.b64decode(credentials).decode("utf-8", "replace").partition(":")[2]
    except (ValueError, binascii.Error):
        return ""
