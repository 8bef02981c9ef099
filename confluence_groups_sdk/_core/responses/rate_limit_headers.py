"""Read the headers about rate limits and quotas.

docs/confluence-behaviour.md#rate-limits lists them with their sources. Absurd values are ignored, with a log line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from ..._support.log import logger
from ..._support.public import public

MAX_HOLD_S = 366 * 24 * 3600.0  # a longer Retry-After is absurd
MAX_RESET_S = 24 * 3600.0  # quotas are renewed each hour
MAX_REMAINING = 10**9  # calls or points

QUOTA_REASONS = ("quota", "global", "tenant")  # parts of RateLimit-Reason; documentation and live sites differ
BURST_REASON = "burst"
# An item of a structured field (RFC 8941 section 3.1). Possessive quantifiers (++) prevent slow backtracking.
ITEM = re.compile(r'\s*+("[^"\\]*+(?:\\.[^"\\]*+)*"|[^\s",;]++)((?:\s*+;[^",;]++)*)\s*+(?:,|$)')


@public
class RateLimitInfo(NamedTuple):
    """What a response says about the server's limits.

    Attributes:
        retry_after: seconds to wait; None if the server does not ask.
        reset_in: seconds until the limit is renewed; None if unknown.
        exhausted: whether the limit is used up until it is renewed.
        quota: whether a spent quota caused a 429.
        burst: whether too many calls at once caused a 429.
    """

    retry_after: float | None = None
    reset_in: float | None = None
    exhausted: bool = False
    quota: bool = False
    burst: bool = False


NO_RATE_LIMITS = RateLimitInfo()


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that ``Retry-After`` says to wait; it is a number or an HTTP date (RFC 9110 section 10.2.3).

    None if the header is missing, unreadable, negative, not finite or over a year.

    Args:
        headers: the response's headers.
        now: seconds since the epoch, for a date.
    """
    text = headers.get("retry-after")
    if text is None:
        return None
    seconds = _seconds(text)
    if seconds is None:
        seconds = _seconds_until(text, now)
    if seconds is None or not 0 <= seconds <= MAX_HOLD_S:  # a comparison with nan is False
        log_ignored("retry-after", text)
        return None
    return seconds


def parse_rate_limits(headers: Mapping[str, str], now: float) -> RateLimitInfo:
    """Read rate-limit headers.

    Headers that begin with ``Beta-`` describe limits that are not enforced yet, and are ignored.

    Args:
        headers: the response's headers.
        now: seconds since the epoch, for dates.
    """
    resets = []
    remaining = _number(headers, "x-ratelimit-remaining", MAX_REMAINING)
    reset = _reset(headers, now)
    exhausted = remaining == 0
    if reset is not None:
        resets.append(reset)
    windows = {
        policy: _number(values, "w", MAX_RESET_S)
        for policy, values in parse_structured_items(headers, "ratelimit-policy")
    }
    for policy, values in parse_structured_items(headers, "ratelimit"):
        if _number(values, "r", MAX_REMAINING) == 0:
            exhausted = True
            seconds = _number(values, "t", MAX_RESET_S)
            resets.append(seconds if seconds is not None else windows.get(policy) or 0.0)
    reason = headers.get("ratelimit-reason", "").lower()
    return RateLimitInfo(
        retry_after=parse_retry_after(headers, now),
        reset_in=max(resets, default=0.0) or None,
        exhausted=exhausted,
        quota=BURST_REASON not in reason and any(part in reason for part in QUOTA_REASONS),
        burst=BURST_REASON in reason,
    )


def _seconds(text: str) -> float | None:
    try:
        numbers = [float(each) for each in text.split(",")]
    except ValueError:
        return None
    return max(numbers) if all(map(math.isfinite, numbers)) else None  # the longest, if the header came twice


def _seconds_until(text: str, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)  # HTTP dates are always in GMT (RFC 9110 section 5.6.7)
        return max(0.0, moment.timestamp() - now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _number(headers: Mapping[str, str], name: str, maximum: float) -> float | None:
    text = headers.get(name)
    if text is None:
        return None
    number = _seconds(text)
    if number is not None and 0 <= number <= maximum:
        return number
    log_ignored(name, text)
    return None


def _reset(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds until X-RateLimit-Reset, a time in ISO 8601; None if it is past or over a day away."""
    name = "x-ratelimit-reset"
    text = headers.get(name)
    if text is None:
        return None
    from dateutil.parser import isoparse  # loads with the first such header

    try:
        moment = isoparse(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = moment.timestamp() - now
    except (ValueError, OverflowError):
        seconds = 0.0
    if 0 < seconds <= MAX_RESET_S:
        return seconds
    log_ignored(name, text)
    return None


def parse_structured_items(headers: Mapping[str, str], name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the name and the values of each policy in a RateLimit or RateLimit-Policy header."""
    text = headers.get(name, "")
    position = 0
    while position < len(text) and (item := ITEM.match(text, position)):
        position = item.end()
        pairs = [part.partition("=") for part in item[2].split(";") if part.strip()]
        yield item[1].strip('"'), {key.strip().lower(): value.strip() for key, _, value in pairs}
    if position < len(text.rstrip()):
        log_ignored(name, text)


def log_ignored(name: str, text: str) -> None:
    """Log that a header is ignored, but not its value: the server may have echoed a secret in it."""
    logger.info("ignored, because its value is absurd: %s (%d characters)", name, len(text))
