"""Remove credentials from texts, and replace ids in log lines by hashes."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

REDACTED = "REDACTED"
# How URLs, JSON, JavaScript and HTML escape a character, also up to three times; UTF-16 and UTF-32 add zero bytes. The
# quantifiers have limits, so that no text is slow to search.
ESCAPE = re.compile(
    r"%(?:25){0,2}([0-9A-Fa-f]{2})"
    r"|\\{1,4}(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([/\"']))"
    r"|&(?:amp;){0,2}(#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"
    r"|\0+"
)
MAX_ESCAPE_LENGTH = 8  # of a character of a token as servers write it, such as "\\u002B"


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


def redact(secrets: Sequence[str], text: str) -> str:
    """Replace each secret in a text, also where only some of its characters are escaped.

    Redact before you cut a text: the cut may leave a part of a secret.

    Args:
        secrets: the secrets in their usual forms, the longest first.
        text: the text.
    """
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return _redact_escaped(secrets, text) if secrets and ESCAPE.search(text) else text


def _redact_escaped(secrets: Sequence[str], text: str) -> str:
    plain: list[str] = []  # the characters of the text without escapes
    places: list[int] = []  # where each of them begins in the text
    end = 0
    for escape in ESCAPE.finditer(text):
        plain += text[end : escape.start()]
        places += range(end, escape.start())
        if char := _unescape(escape):
            plain.append(char)
            places.append(escape.start())
        end = escape.end()
    plain += text[end:]
    places += range(end, len(text) + 1)
    parts: list[str] = []
    end = 0
    for found in re.finditer("|".join(map(re.escape, secrets)), "".join(plain)):
        parts += (text[end : places[found.start()]], REDACTED)
        end = places[found.end()]
    return "".join([*parts, text[end:]])


def _unescape(escape: re.Match[str]) -> str:
    """Return the character that is escaped; empty for zero bytes and for names of several characters."""
    percent, unicode, javascript, char, entity = escape.groups()
    if code := percent or unicode or javascript:
        return chr(int(code, 16))
    unescaped = html.unescape(f"&{entity};") if entity else char or ""
    return unescaped if len(unescaped) == 1 else ""


def _basic_password(credentials: str) -> str:
    """Decode the password, an API token, from Basic credentials (RFC 7617 section 2)."""
    try:
        return base64.b64decode(credentials).decode("utf-8", "replace").partition(":")[2]
    except (ValueError, binascii.Error):
        return ""
