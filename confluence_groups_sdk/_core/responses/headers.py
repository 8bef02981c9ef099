"""Read the headers of a response; nothing here raises.

Sources: docs/confluence-behaviour.md#headers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from urllib.parse import unquote

SECRET_HEADERS = ("set-cookie", "set-cookie2", "cookie", "location", "www-authenticate", "proxy-authenticate")
MIN_SECRET_LENGTH = 8  # characters; a shorter text is part of usual names by chance
REQUEST_ID_HEADERS = ("atl-request-id", "atl-traceid", "x-arequestid")


@lru_cache(maxsize=16)  # the responses of a server have the same names
def look_for_headers(names: bytes) -> tuple[bool, bool]:
    """Return whether a response may have headers about rate limits, and notices, from the names of all its headers."""
    lower = names.lower()
    has_limits = b"ratelimit" in lower or b"retry-after" in lower
    return has_limits, b"deprecation" in lower or b"sunset" in lower or b"warning" in lower


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the id by which Atlassian's support finds the request; None if there is none."""
    for name in REQUEST_ID_HEADERS:
        if value := printable(headers.get(name) or ""):
            return value
    return None


def safe_headers(headers: Mapping[str, str], secrets: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield the headers that may be shown, by lower-case name, without those that may hold a cookie or a credential.

    Args:
        headers: the response's headers.
        secrets: what no name may hold; the values are the caller's to redact.
    """
    for name, value in headers.items():
        lower = name.lower()
        if lower not in SECRET_HEADERS and "authorization" not in lower and not is_secret(name, secrets):
            yield lower, printable(value)


def is_secret(name: str, secrets: Iterable[str]) -> bool:
    """Check whether the name of a header repeats a secret; a percent sign is valid in it, so it may be encoded."""
    names = (name.lower(), unquote(name).lower())
    return any(len(each) >= MIN_SECRET_LENGTH and each.lower() in shown for each in secrets for shown in names)


def printable(text: str) -> str:
    """Return a text on one line and without control characters, safe for a terminal and a log."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
