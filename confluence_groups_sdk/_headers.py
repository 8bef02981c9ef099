"""What the headers of an answer say: pure readers that never raise."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from ._logging import logger

LONGEST_HOLD = 366 * 24 * 3600.0  # seconds; a server that asks for more is not to be taken at its word
LONGEST_RESET = 24 * 3600.0  # seconds; quotas are renewed each hour
MOST_LEFT = 10**9  # calls or points
QUOTA_REASONS = ("quota", "global", "tenant")  # parts of what RateLimit-Reason may say; documentation and sites differ
ITEM = (
    re.compile(  # of a structured field; nothing in it is tried twice (++), or a header could be made to take for ever
        r'\s*+("(?:[^"\\]|\\.)*+"|[^\s",;]++)((?:\s*+;[^",;]++)*+)\s*+(?:,|$)'
    )
)
SECRET_HEADERS = ("set-cookie", "set-cookie2", "cookie", "location", "www-authenticate", "proxy-authenticate")
REQUEST_ID_HEADERS = ("atl-request-id", "atl-traceid", "x-arequestid")


class Limits(NamedTuple):
    """What an answer says about the limits of the server."""

    retry_after: float | None = None  # seconds
    reset_in: float | None = None  # seconds until what is spent is there again
    exhausted: bool = False  # nothing is left until then
    quota: bool = False  # the reason of a refusal is a spent quota
    burst: bool = False  # the reason of a refusal is too many calls at once


NOTHING_SAID = Limits()


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the id under which Atlassian's support finds this request, None if there is none."""
    for name in REQUEST_ID_HEADERS:
        if value := printable(headers.get(name) or ""):
            return value
    return None


def harmless(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the headers that may be shown, by lower-case name: none that sets a cookie or holds a credential."""
    for name, value in headers.items():
        if name.lower() not in SECRET_HEADERS and "authorization" not in name.lower():
            yield name.lower(), printable(value)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds to wait by ``Retry-After``: a number of seconds, or an HTTP-date seen from ``now``.

    None where the header is absent, unreadable, negative, not finite or beyond ``LONGEST_HOLD``.
    """
    text = headers.get("retry-after")
    if text is None:
        return None
    seconds = _seconds(text)
    if seconds is None:
        seconds = _seconds_until(text, now)
    if seconds is None or not 0 <= seconds <= LONGEST_HOLD:  # a comparison with nan is False
        _ignored("retry-after", text)
        return None
    return seconds


def limits(headers: Mapping[str, str], now: float) -> Limits:
    """Return what the headers say about limits, seen from ``now``; what is absurd is passed over, with a log line.

    Headers that begin with ``Beta-`` inform about limits that are not in force, and count for nothing.
    """
    resets = []
    remaining = _number(headers, "x-ratelimit-remaining", MOST_LEFT)
    reset = _reset(headers, now)
    exhausted = remaining == 0
    if reset is not None:
        resets.append(reset)
    windows = {policy: _number(said, "w", LONGEST_RESET) for policy, said in _items(headers, "ratelimit-policy")}
    for policy, said in _items(headers, "ratelimit"):
        if _number(said, "r", MOST_LEFT) == 0:
            exhausted = True
            seconds = _number(said, "t", LONGEST_RESET)
            resets.append(seconds if seconds is not None else windows.get(policy) or 0.0)
    reason = headers.get("ratelimit-reason", "").lower()
    return Limits(
        retry_after=retry_after(headers, now),
        reset_in=max(resets, default=0.0) or None,
        exhausted=exhausted,
        quota="burst" not in reason and any(part in reason for part in QUOTA_REASONS),
        burst="burst" in reason,
    )


def printable(text: str) -> str:
    """Return the text on one line, without control characters: safe for a terminal and a log."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _seconds(text: str) -> float | None:
    try:
        numbers = [float(each) for each in text.split(",")]
    except ValueError:
        return None
    return max(numbers) if all(map(math.isfinite, numbers)) else None  # the longest, where the header came twice


def _seconds_until(text: str, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)  # HTTP-dates are in GMT, said or not
        return max(0.0, moment.timestamp() - now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _number(headers: Mapping[str, str], name: str, most: float) -> float | None:
    text = headers.get(name)
    if text is None:
        return None
    number = _seconds(text)
    if number is not None and 0 <= number <= most:
        return number
    _ignored(name, text)
    return None


def _reset(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds until X-RateLimit-Reset, a time in ISO 8601; nothing for one that has passed."""
    name = "x-ratelimit-reset"
    text = headers.get(name)
    if text is None:
        return None
    from dateutil.parser import isoparse  # loaded when a server first says something about limits

    try:
        moment = isoparse(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = moment.timestamp() - now
    except (ValueError, OverflowError):
        seconds = 0.0
    if 0 < seconds <= LONGEST_RESET:
        return seconds
    _ignored(name, text)
    return None


def _items(headers: Mapping[str, str], name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the policies in a RateLimit or RateLimit-Policy header, and what it says of each."""
    text = headers.get(name, "")
    position = 0
    while position < len(text) and (item := ITEM.match(text, position)):
        position = item.end()
        pairs = [part.partition("=") for part in item[2].split(";") if part.strip()]
        yield item[1].strip('"'), {key.strip().lower(): value.strip() for key, _, value in pairs}
    if position < len(text.rstrip()):
        _ignored(name, text)


def _ignored(name: str, text: str) -> None:
    """Say that a header was passed over, and not what it says: a server may echo there what nobody shall see."""
    logger.info("ignored, since it cannot be meant: %s (%d characters)", name, len(text))
