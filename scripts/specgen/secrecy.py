"""Values that are secrets by their names; none of them is carried over."""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "***"  # stands for a secret where something has to stand
KEPT_BACK = "by its name it may be a secret"
CREDENTIALS = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?//|)[^/?#]*@")
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
LAST = re.compile("auth|authorization|cookie|credentials?|jwt|passphrase|passwd|password|pwd|secret|signature|token")
JOINED = ("apikey", "accesskey", "privatekey", "secretkey", "signingkey", "sessionid", "accesstoken", "authtoken")
SHOWN = re.compile(r"|<[^<>]*>|\{\{[^{}]*\}\}")  # a placeholder or a variable, no value


def is_secret(name: str) -> bool:
    """Return whether a value under this name is a secret: an access token is, a maximum of tokens is not."""
    words = [word.lower() for word in WORD.findall(name)]
    return bool(words) and (bool(LAST.fullmatch(words[-1])) or "".join(words).endswith(JOINED))


def without_credentials(address: str) -> str:
    """Return an address without the user and password in front of its host."""
    return f"{found[1]}{address[found.end() :]}" if (found := CREDENTIALS.match(address)) else address


def hidden(value: Any) -> Any:
    """Return what JSON says, with the texts in it that are secrets replaced."""
    if isinstance(value, list):
        return [hidden(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: HIDDEN if _is_kept_back(name, each) else hidden(each) for name, each in value.items()}


def _is_kept_back(name: str, value: object) -> bool:
    return isinstance(value, str) and is_secret(name) and not SHOWN.fullmatch(value)
