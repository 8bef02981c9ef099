"""When to send again, and after how long: pure decisions, no sleeping."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from enum import Enum

import httpx
from attrs import field, frozen

from ._values import Value
from .errors import ConfigurationError

RETRIED_ALWAYS = frozenset({429})  # refused before anything was done
RETRIED_IF_REPEATABLE = frozenset({502, 503, 504})
JITTER = (0.7, 1.3)  # as Atlassian's rate-limit guide asks
LONGEST_DELAY = 366 * 24 * 3600  # seconds
MAX_DOUBLINGS = 60  # past that every delay is at its cap, and 2.0 ** n would overflow one day


class Failure(Enum):
    """What a failure says about the request and its answer."""

    POINTLESS = "would fail again"
    UNREADABLE = "was answered, and the answer cannot be read"
    UNSENT = "never reached the server"
    IN_DOUBT = "may have reached the server"


def _seconds(_instance: object, attribute: object, value: float) -> None:
    name = getattr(attribute, "name", "value")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_DELAY:
        raise ConfigurationError(f"RetryPolicy({name}=...): give a number of seconds from 0 to {LONGEST_DELAY}")


def _whole(_instance: object, _attribute: object, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigurationError("RetryPolicy(max_retries=...): give a whole number, zero or more")


@frozen
class RetryPolicy(Value):
    """When a call is sent again.

    429 is retried for every call; 502, 503, 504, timeouts and broken connections only where repeating is safe, as it
    is for everything that reads and for remove_member; any call where the connection was never made; 500 never. The
    wait is the longer of two: what Retry-After asks for, and ``first_delay`` doubled with each retry up to
    ``max_delay``, times a random factor from 0.7 to 1.3.

    Args:
        max_retries: how often a call is sent again at the most; 0 sends once.
        first_delay: seconds before the first retry.
        max_delay: seconds that doubling never exceeds (before the random factor).
        max_retry_after: seconds; a longer Retry-After is not waited for but raised at once.

    Raises:
        ConfigurationError: a number is negative, not finite or over a year.
    """

    max_retries: int = field(default=4, validator=_whole)
    first_delay: float = field(default=2.0, validator=_seconds)
    max_delay: float = field(default=30.0, validator=_seconds)
    max_retry_after: float = field(default=60.0, validator=_seconds)


def retries_status(status: int, *, repeatable: bool) -> bool:
    """Say whether a call answered with this status may be sent again."""
    return status in RETRIED_ALWAYS or (repeatable and status in RETRIED_IF_REPEATABLE)


def retries_failure(failure: Failure, *, repeatable: bool) -> bool:
    """Say whether a call lost in this way may be sent again."""
    return failure is Failure.UNSENT or (repeatable and failure is Failure.IN_DOUBT)


def delay_before(policy: RetryPolicy, retry: int, *, hold: float | None, chance: float) -> float | None:
    """Return the seconds to wait before retry number ``retry`` (from 1); None: do not retry.

    Args:
        policy: the limits.
        retry: 1 for the first retry.
        hold: seconds that the server asks for, if it does.
        chance: a random number in [0, 1).
    """
    if retry > policy.max_retries or (hold is not None and hold > policy.max_retry_after):
        return None
    backoff = min(policy.first_delay * 2.0 ** min(retry - 1, MAX_DOUBLINGS), policy.max_delay)
    low, high = JITTER
    return max(backoff * (low + (high - low) * chance), hold or 0.0)


def failure_of(error: httpx.RequestError | httpx.InvalidURL) -> Failure:
    """Classify a failure of httpx.

    A redirect to an address that it cannot read is an InvalidURL or, caused by one, a RemoteProtocolError.
    """
    if isinstance(error, httpx.DecodingError) or any(isinstance(cause, httpx.InvalidURL) for cause in _causes(error)):
        return Failure.UNREADABLE
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return Failure.POINTLESS
    if isinstance(error, httpx.ProxyError):
        return Failure.UNSENT  # it would not connect: nothing went through it
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
        return Failure.POINTLESS
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return Failure.UNSENT
    return Failure.IN_DOUBT


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
