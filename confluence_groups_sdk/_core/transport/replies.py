"""The reply to a request, if it is not a plain response."""

from __future__ import annotations

import httpx
from attrs import frozen

from ..limits import retry_policy
from ..limits.retry_policy import Failure

FAILURES = (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL, UnicodeError)
"""The errors that sessions pass to `no_response`. The last two are redirects to malformed addresses: httpx does not
catch the errors of idna, which are UnicodeErrors."""


@frozen
class NoResponse:
    """No response came.

    Attributes:
        cause: an httpx error of the same type, without text or traceback, because these could show the token.
        failure: whether the request may have reached the server.
        closed: whether the client was closed; this also replies to steps that send nothing.
    """

    cause: httpx.RequestError | httpx.InvalidURL
    failure: Failure
    closed: bool = False

    @property
    def is_unsent(self) -> bool:
        """Whether nothing was sent."""
        return self.failure is Failure.UNSENT


CLOSED = NoResponse(httpx.ConnectError("the client was closed"), Failure.UNSENT, closed=True)
CLOSED_IN_DOUBT = NoResponse(httpx.ReadError("the client was closed"), Failure.IN_DOUBT, closed=True)


@frozen
class UnreadableResponse:
    """A response with an unusable body. Only the status and the headers are known.

    Attributes:
        response: the response without its body.
        problem: what is wrong with the body.
    """

    response: httpx.Response
    problem: str


def response_in(reply: object) -> httpx.Response | None:
    """Return the response of a reply, with or without its body; None if none came."""
    if isinstance(reply, httpx.Response):
        return reply
    return reply.response if isinstance(reply, UnreadableResponse) else None


def no_response(error: httpx.RequestError | httpx.InvalidURL | UnicodeError, *, closed: bool = False) -> NoResponse:
    """Replace an error by one that is safe to keep; a transport's own subclass becomes the httpx error it extends."""
    if isinstance(error, UnicodeError):
        error = httpx.InvalidURL("no host")
    known = next(kind for kind in type(error).__mro__ if kind.__module__.partition(".")[0] == "httpx")
    return NoResponse(known("text withheld: it may hold credentials"), retry_policy.classify_failure(error), closed)
