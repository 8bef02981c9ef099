"""Decide whether to send a call again, and after how many seconds. Nothing here sleeps."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from enum import Enum

from attrs import evolve, field, frozen

from ..._support.libraries.http import httpx
from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public
from ..._support.validation import is_integer, is_number
from ...errors import ConfigurationError

ALWAYS_RETRIED_STATUS = 429
RETRIED_STATUSES_IF_REPEATABLE = frozenset({502, 503, 504})
JITTER_FACTORS = (0.7, 1.3)  # lowest and highest
UNSENT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
PERMANENT_PROXY_STATUSES = (401, 403, 407)
TRANSIENT_TLS_ERRORS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
MAX_DELAY_S = 366 * 24 * 3600
MAX_DOUBLINGS = 60  # every delay is at its maximum by then, and 2.0 ** n would overflow one day


class Failure(Enum):
    """Whether a request that failed may have reached the server, and whether it would fail again."""

    PERMANENT = "never reached the server, and would fail again"
    UNREADABLE = "was answered, but the response is unreadable"
    UNSENT = "never reached the server"
    IN_DOUBT = "may have reached the server"

    @property
    def unsent(self) -> bool:
        """Whether nothing of the request was sent."""
        return self in (Failure.PERMANENT, Failure.UNSENT)


def _check_seconds(_instance: object, attribute: object, value: float) -> None:
    if not is_number(value) or not 0 <= value <= MAX_DELAY_S:
        name = getattr(attribute, "name", "value")
        raise ConfigurationError(
            f"RetryPolicy({name}=...): give a number of seconds from 0 to {MAX_DELAY_S}", option=name
        )


def _check_count(_instance: object, _attribute: object, value: int) -> None:
    if not is_integer(value) or value < 0:
        raise ConfigurationError(
            "RetryPolicy(max_retries=...): give a whole number, zero or more", option="max_retries"
        )


@public
@frozen
class RetryPolicy(VersionTolerantPickle):
    """When a call is sent again, and after which delay.

    Which calls:

    - 429 is retried for every call, because a rate-limited call was not executed.
    - 502, 503 and 504, timeouts and broken connections are retried only if repeating the call is safe: for all reads
      and for `remove_member`, which answers 204 to a repetition, too (RFC 9110 section 9.2.2 on idempotent methods).
      The call may have been executed.
    - If a connection was never made, every call is retried.
    - 500 and all other statuses are never retried. `OAuth2` refreshes its token once after a 401.
    - An untrusted certificate, other settings of TLS that do not fit, a proxy's 401, 403 or 407, a malformed request
      and an unreadable response are never retried.

    How long:

    - delay = max(Retry-After, min(first_delay * 2 ** (n - 1), max_delay) * U(0.7, 1.3)) before retry n, where U is a
      random number. ``Retry-After`` is the shortest delay, in seconds or as an HTTP date (RFC 9110 section 10.2.3).
    - If the server asks for a longer delay than ``max_retry_after``, the error is raised immediately. While all calls
      are held for longer than that, `RateLimitError` is raised without sending.
    - After ``max_retries`` retries, the last error is raised.
    - A page of a list that fails with 502, 503, 504 or a timeout of the response after these retries is requested with
      half the size, once for each size down to 25, each time after about ``first_delay``.

    The numbers are Atlassian's advice: https://developer.atlassian.com/cloud/confluence/rate-limiting/ asks for delays
    that begin at about 2 seconds, double up to 30 seconds, vary by 0.7 to 1.3 and end after 4 retries. Sources and
    certainty: docs/confluence-behaviour.md#retries.

    Args:
        max_retries: the maximum number of retries; 0 sends once, and a page of a list once in each size.
        first_delay: seconds before the first retry.
        max_delay: the maximum that doubling reaches, in seconds, before the random factor.
        max_retry_after: the longest delay in seconds that the server may ask for.

    Raises:
        ConfigurationError: a number is negative, not finite or over a year.
    """

    max_retries: int = field(default=4, validator=_check_count)
    first_delay: float = field(default=2.0, validator=_check_seconds)
    max_delay: float = field(default=30.0, validator=_check_seconds)
    max_retry_after: float = field(default=60.0, validator=_check_seconds)


def retries_status(status: int, *, repeatable: bool) -> bool:
    """Decide whether a call with this status in its response may be sent again."""
    return status == ALWAYS_RETRIED_STATUS or (repeatable and status in RETRIED_STATUSES_IF_REPEATABLE)


def retries_failure(failure: Failure, *, repeatable: bool) -> bool:
    """Decide whether a call without a readable response may be sent again."""
    return failure is Failure.UNSENT or (repeatable and failure is Failure.IN_DOUBT)


def indicates_large_page(failure: object) -> bool:
    """Decide whether a status or an error may mean that a page is too large for the server."""
    return failure in RETRIED_STATUSES_IF_REPEATABLE or isinstance(failure, httpx.ReadTimeout)


def delay_before_smaller_page(policy: RetryPolicy, *, retry_after: float | None, chance: float) -> float | None:
    """Return the seconds to wait before requesting a smaller page, which are those before a first retry.

    Args:
        policy, retry_after, chance: as for `delay_before`; the number of retries does not matter.
    """
    return delay_before(evolve(policy, max_retries=1), 1, retry_after=retry_after, chance=chance)


def delay_before(policy: RetryPolicy, retry: int, *, retry_after: float | None, chance: float) -> float | None:
    """Return the seconds to wait before a retry; None if there is to be none.

    Args:
        policy: the limits.
        retry: the retry's number, from 1.
        retry_after: seconds that the server asks for; None if it does not ask.
        chance: a random number in [0, 1).
    """
    if retry > policy.max_retries or (retry_after is not None and retry_after > policy.max_retry_after):
        return None
    backoff = min(policy.first_delay * 2.0 ** min(retry - 1, MAX_DOUBLINGS), policy.max_delay)
    low, high = JITTER_FACTORS
    return max(backoff * (low + (high - low) * chance), retry_after or 0.0)


def classify_failure(error: httpx.RequestError | httpx.InvalidURL, *, sent: bool | None = None) -> Failure:
    """Classify a failure of httpx.

    A redirect to an address that httpx cannot parse is an InvalidURL, or a RemoteProtocolError caused by one.

    Args:
        error: the failure.
        sent: False if nothing of the request was sent, True if a part of it may have been; None to decide by the type.
    """
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return Failure.PERMANENT
    if sent is None:
        sent = not isinstance(error, UNSENT_ERRORS)
    if not sent:
        return Failure.PERMANENT if _would_fail_again(error) else Failure.UNSENT
    is_unreadable = isinstance(error, httpx.DecodingError | httpx.InvalidURL)
    return Failure.UNREADABLE if is_unreadable or isinstance(error.__context__, httpx.InvalidURL) else Failure.IN_DOUBT


def _would_fail_again(error: httpx.RequestError | httpx.InvalidURL) -> bool:
    """Check whether a failure before anything was sent needs somebody to change a setting.

    A proxy that wants a password is not asked again: that could lock the account.
    """
    if isinstance(error, httpx.InvalidURL) or proxy_status(error) in PERMANENT_PROXY_STATUSES:
        return True
    return isinstance(error, httpx.ConnectError) and any(
        isinstance(cause, ssl.SSLError) and not isinstance(cause, TRANSIENT_TLS_ERRORS) for cause in causes_of(error)
    )


def proxy_status(error: BaseException) -> int | None:
    """Return the status of a proxy's refusal, which httpx keeps only at the beginning of its text."""
    number = str(error)[:3] if isinstance(error, httpx.ProxyError) else ""
    return int(number) if number.isascii() and number.isdecimal() and len(number) == 3 else None


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that caused it.

    A context is no cause: in an error handler of the caller, it is the error that the caller handles. httpcore's pool
    raises its errors again `from None`, but their first argument is still the cause.
    """
    found, seen = [error], set[int]()
    while found:
        cause = found.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        found += [each for each in (cause.__cause__, *cause.args[:1]) if isinstance(each, BaseException)]
        if isinstance(cause, BaseExceptionGroup):  # one error for each address of a host
            found.extend(cause.exceptions)
