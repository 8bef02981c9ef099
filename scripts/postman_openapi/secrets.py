"""Recognise secrets by their names, so that none is carried over."""

from __future__ import annotations

import re
from typing import Any

REDACTED = "***"  # replaces a secret that needs some value
MAY_BE_SECRET = "its name suggests a secret"
CREDENTIALS = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?//|)[^/?#]*@")
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
SECRET_LAST_WORD = re.compile(
    "auth|authorization|cookie|credentials?|jwt|passphrase|passwd|password|pwd|secret|signature|token"
)
SECRET_SUFFIX = re.compile("(?:(?:api|access|private|secret|signing)key|sessionid|(?:access|auth)token)$")
NO_VALUE = re.compile(r"|<[^<>]*>|\{\{[^{}]*\}\}")  # empty, a placeholder or a variable


def is_secret(name: str) -> bool:
    """Check whether a name belongs to a secret: accessToken does, maxTokens does not."""
    words = [word.lower() for word in WORD.findall(name)]
    return bool(words and (SECRET_LAST_WORD.fullmatch(words[-1]) or SECRET_SUFFIX.search("".join(words))))


def strip_credentials(address: str) -> str:
    """Return a URL without the user and password before its host."""
    return f"{found[1]}{address[found.end() :]}" if (found := CREDENTIALS.match(address)) else address


def redact(value: Any) -> Any:
    """Return a JSON value with every secret string replaced."""
    if isinstance(value, list):
        return [redact(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: REDACTED if _must_redact(name, each) else redact(each) for name, each in value.items()}


def _must_redact(name: str, value: object) -> bool:
    return isinstance(value, str) and is_secret(name) and not NO_VALUE.fullmatch(value)
