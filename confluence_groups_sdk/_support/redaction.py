"""Remove credentials from texts, and replace ids in log lines by hashes."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

REDACTED = "REDACTED"
ESCAPED_EQUALS = ("\\u003d", "\\u003D", "&#61;", "&#x3d;", "&#x3D;")  # JSON and HTML writers escape "=", too


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
    return forms_of(secrets)


def forms_of(secrets: Iterable[str]) -> list[str]:
    """Return secrets in every form that a server may echo, the longest first."""
    return sorted({form for secret in secrets for form in _forms(secret)} - {""}, key=len, reverse=True)


def _forms(secret: str) -> Iterator[str]:
    quoted = quote(secret, safe="")
    yield from (secret, secret.rstrip("="), secret.replace("/", "\\/"), json.dumps(secret)[1:-1], html.escape(secret))
    yield from (quoted, re.sub("%..", lambda escape: escape[0].lower(), quoted))
    yield from (secret.replace("=", each) for each in ESCAPED_EQUALS)


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
