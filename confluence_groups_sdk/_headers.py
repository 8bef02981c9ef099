"""What the headers of an answer say: pure readers that never raise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

LONGEST_HOLD = 366 * 24 * 3600.0  # seconds; a server that asks for more is not to be taken at its word
REQUEST_ID_HEADERS = ("atl-request-id", "atl-traceid", "x-arequestid")


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the id under which Atlassian's support finds this request, None if there is none."""
    for name in REQUEST_ID_HEADERS:
        value = headers.get(name)
        if value:
            return printable(value)
    return None


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
        return None
    return seconds


def printable(text: str) -> str:
    """Return the text on one line, without control characters: safe for a terminal and a log."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _seconds(text: str) -> float | None:
    try:
        return max(float(each) for each in text.split(","))  # the longest, where the header came twice
    except ValueError:
        return None


def _seconds_until(text: str, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)  # HTTP-dates are in GMT, said or not
        return max(0.0, moment.timestamp() - now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
