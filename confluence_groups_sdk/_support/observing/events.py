"""What `observe` is called with. No event contains a secret, an id, an e-mail or an address: ids are hashed."""

from __future__ import annotations

from attrs import frozen

from ..pickling import VersionTolerantPickle
from ..public import public


@public
@frozen(kw_only=True)
class Event(VersionTolerantPickle):
    """Something that has happened; the base class of what ``observe`` is called with.

    Attributes:
        at: when it happened, in seconds since the epoch, by the client's clock.
    """

    at: float


@public
@frozen(kw_only=True)
class AttemptEnded(Event):
    """A request of a call was answered, or has failed.

    Attributes:
        operation: the operation of the API, such as ``removeMemberFromGroupByGroupId``.
        ids: short hashes of the ids in the call; the same id always has the same hash, and log lines have it too.
        attempt: the number of the attempt at this call, from 1.
        status: the status of the response; None without one.
        error: the name of the error's class, such as ``RateLimitError``; None for the status of success.
        seconds: seconds from sending to the end of the response.
        waited: seconds that passed before it, since the attempt before or since the call began: in the rate limiter,
            and before a retry.
        retry_in: seconds after which the call is sent again, rate limiter aside; None if it is not.
        request_id: identifies the request for Atlassian's support; None if the response had no such id.
    """

    operation: str
    ids: tuple[str, ...]
    attempt: int
    status: int | None
    error: str | None
    seconds: float
    waited: float
    retry_in: float | None
    request_id: str | None


@public
@frozen(kw_only=True)
class CallEnded(Event):
    """A call has a result or an error. Each page of a list is a call.

    Attributes:
        operation: the operation of the API, such as ``removeMemberFromGroupByGroupId``.
        ids: short hashes of the ids in the call.
        attempts: the attempts at it, in order; empty if nothing was sent.
        status: the status of the last response; None without one.
        error: the name of the class of what ended the call, such as ``NotFoundError``, or ``CancelledError`` if its
            task was cancelled; None if it succeeded.
        seconds: seconds from the beginning of the call to its end.
        waited: seconds of these that passed before attempts: in the rate limiter, and before retries.
        request_id: identifies the last request for Atlassian's support; None if the response had no such id.
    """

    operation: str
    ids: tuple[str, ...]
    attempts: tuple[AttemptEnded, ...]
    status: int | None
    error: str | None
    seconds: float
    waited: float
    request_id: str | None


@public
@frozen(kw_only=True)
class HoldStarted(Event):
    """The server asked for a pause: from now on, all calls of the rate limiter wait.

    If several clients share the rate limiter, the client is told whose response it was.

    Attributes:
        seconds: seconds for which calls are held.
        quota_spent: whether a quota is spent; otherwise calls came too fast.
    """

    seconds: float
    quota_spent: bool


@public
@frozen(kw_only=True)
class RateFound(Event):
    """The rate limiter has a new limit after a 429. It climbs from there: see `RateLimiter`.

    Attributes:
        rate: the limit in calls per second.
    """

    rate: float


@public
@frozen(kw_only=True)
class TokensRefreshed(Event):
    """`OAuth2` has refreshed its tokens for a call of this client, and saved them.

    Attributes:
        valid_for: seconds for which the new access token is valid.
    """

    valid_for: float


@public
@frozen(kw_only=True)
class ChangeSettled(Event):
    """`membership.apply` has recorded what became of a change. A later one for the same change replaces it.

    Attributes:
        action: ``add`` or ``remove``.
        group: a short hash of the group's id.
        account: a short hash of the user's account id.
        outcome: the name of the `membership.Outcome`, such as ``REMOVED``.
        error: the name of the error's class, such as ``NotFoundError``; None if there was none.
        final: whether a resumed run keeps this outcome; False if it tries the change again.
        request_id: identifies the last request for Atlassian's support; None if no request was sent.
    """

    action: str
    group: str
    account: str
    outcome: str
    error: str | None
    final: bool
    request_id: str | None
