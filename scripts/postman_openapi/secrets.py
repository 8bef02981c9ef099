"""Recognise secrets by their names and in signed URLs, so that none is carried over."""

from __future__ import annotations

import re
from typing import Any

REDACTED = "***"  # replaces a secret that needs some value
MAY_BE_SECRET = "its name suggests a secret"
CREDENTIALS = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?//|)[^/?#]*@")
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
SECRET_LAST_WORD = re.compile(
    "auth|authorization|cookie|credentials?|jwt|passphrase|passwd|password|pwd|secret|sig|signature|token"
)
SECRET_SUFFIX = re.compile(
    "(?:(?:access|api|auth|encryption|private|secret|signing|subscription)key|sessionid|(?:access|auth)token)$"
)
NO_VALUE = re.compile(r"|<[^<>]*>|\{\{[^{}]*\}\}")  # empty, a placeholder or a variable
STANDS_FOR_A_VALUE = re.compile(r"<[^<>]*>|\{\{[^{}]*\}\}")
AUTH_WORD = re.compile(r"(?:apikey|basic|bearer|digest|jwt|key|token)(?=\s|\Z)", re.IGNORECASE)
# Values that headers and fields named like secrets take without being secret: X-Atlassian-Token, X-CSRF-Token, flags.
HARMLESS = frozenset({"no-check", "nocheck", "fetch", "required", "optional", "true", "false", "none", "null"})
# The name of a query parameter in a text that contains a URL, percent-encoded or not, and a value of it.
PARAMETER_NAME = re.compile(
    r"(?:\A|[?&;#]|%(?:25)*(?:3[Ff]|26|23)|\\u0026)([A-Za-z][A-Za-z0-9_.-]{0,60})(?:=|%(?:25)*3[Dd])"
)
PARAMETER_VALUE = re.compile(r"((?!%(?:25)*26)[^&\s\"'<>\\)}])+")
URL_CREDENTIALS = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]{0,20}://)[^/?#\s\"'<>@{}]+@")

NAME = "([A-Za-z][A-Za-z0-9_.-]{0,60})"
# A name and a text in JSON, also in JSON inside a JSON text; an attribute and an element in XML.
NAMED_TEXTS = tuple(
    re.compile(pattern)
    for pattern in (
        rf""""{NAME}"\s{{0,20}}:\s{{0,20}}"((?:\\.|[^"\\])+)""",
        rf"""'{NAME}'\s{{0,20}}:\s{{0,20}}'((?:\\.|[^'\\])+)""",
        rf"""\\"{NAME}\\"\s{{0,20}}:\s{{0,20}}\\"([^"]+)(?=\\")""",
        rf"""(?<=\s){NAME}\s?=\s?"([^"<>]+)""",
        rf"<(?:[A-Za-z][A-Za-z0-9_.-]{{0,60}}:)?{NAME}(?:\s[^<>]{{0,500}})?>([^<>]+)",
    )
)
NUMBERS: dict[type, str] = {int: "<integer>", float: "<number>"}


def is_secret(name: str) -> bool:
    """Check whether a name belongs to a secret: accessToken does, maxTokens does not."""
    words = [word.lower() for word in WORD.findall(name)]
    return bool(words and (SECRET_LAST_WORD.fullmatch(words[-1]) or SECRET_SUFFIX.search("".join(words))))


def holds_secret(name: str, value: str) -> bool:
    """Check whether a value may be secret: a variable, a placeholder and a known harmless word never are."""
    if not is_secret(name) or value.strip().lower() in HARMLESS:
        return False
    rest = AUTH_WORD.sub("", STANDS_FOR_A_VALUE.sub("", value).strip(), count=1)
    return bool(rest.strip(" \t:,;.-_"))


def strip_credentials(address: str) -> str:
    """Return a URL without the user and password before its host."""
    return f"{found[1]}{address[found.end() :]}" if (found := CREDENTIALS.match(address)) else address


def redact(value: Any) -> Any:
    """Return a JSON value without secrets, also without those in the texts and URLs that it contains."""
    if isinstance(value, list):
        return [redact(each) for each in value]
    if isinstance(value, str):
        return redact_text(value)
    if not isinstance(value, dict):
        return value
    return {name: _redact_member(name, each) for name, each in value.items()}


def redact_text(text: str) -> str:
    """Return a text without the secrets in the JSON and XML, and in the URLs, that it contains.

    A text without any is returned as the same object.
    """
    safe = text
    for named in NAMED_TEXTS if '"' in text or "'" in text or "<" in text else ():
        safe = named.sub(_redact_named_text, safe)
    if "=" in text or "://" in text or "%3" in text:
        safe = _redact_urls(safe)
    return text if safe == text else safe


def _redact_urls(text: str) -> str:
    parts, end = [], 0
    for name in PARAMETER_NAME.finditer(text):
        value = PARAMETER_VALUE.match(text, name.end())
        if value and name.start() >= end and holds_secret(name[1], value[0]):
            parts += [text[end : name.end()], REDACTED]
            end = value.end()
    return URL_CREDENTIALS.sub(rf"\1{REDACTED}@", "".join([*parts, text[end:]]))


def _redact_named_text(found: re.Match[str]) -> str:
    whole, name, value = found[0], found[1], found[2]
    return f"{whole.removesuffix(value)}{REDACTED}" if holds_secret(name, value) else whole


def _redact_member(name: str, value: Any) -> Any:
    """Return a member of an object without secrets; a secret number becomes a placeholder of its type."""
    if not is_secret(name):
        return redact(value)
    if isinstance(value, list):
        return [_redact_member(name, each) for each in value]
    if isinstance(value, str):
        return REDACTED if holds_secret(name, value) else redact(value)
    return NUMBERS.get(type(value), redact(value))
