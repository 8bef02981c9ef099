"""The reply to a request, if it is not a plain response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from ..._support.lazy_import import LazyModule
from ..._support.libraries.http import httpx
from ..limits import retry_policy
from ..limits.retry_policy import Failure
from .http_client import VIA_PROXY

if TYPE_CHECKING:
    from . import failures
    from .connections.attempt import AsyncAttempt, Attempt
else:
    failures = LazyModule(__package__, "failures")  # loads with the first failure

FAILURES = (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL, UnicodeError)
"""The errors that sessions pass to `no_response`. The last two are redirects to malformed addresses: httpx does not
catch the errors of idna, which are UnicodeErrors."""

PORTS = {"http": 80, "https": 443}
THROUGH_PROXY = ("proxy.start_tls", "socks.start_tls")  # httpcore's events of TLS with the server behind a proxy


@frozen
class RequestTarget:
    """Method, host with port, and path of a request: the parts that hold no id and no secret."""

    method: str
    host: str
    path: str

    @classmethod
    def of(cls, request: httpx.Request) -> RequestTarget:
        """Return the target of a request."""
        return cls(request.method, _host_of(request), request.url.path)


@frozen
class NoResponse:
    """No response came.

    Attributes:
        cause: an httpx error of the same type, without text or traceback, because these could show the token.
        failure: whether the request may have reached the server.
        closed: whether the client was closed; this also replies to steps that send nothing.
        problem: the cause in words; empty if the error's type says all.
        remedy: what the reader can do next.
        target: the request that failed, if it is known: that of the call, or one that the credentials sent.
        renewing: whether a request of the credentials was sent, and not yet that of the call.
    """

    cause: httpx.RequestError | httpx.InvalidURL
    failure: Failure
    closed: bool
    problem: str = ""
    remedy: str = ""
    target: RequestTarget | None = None
    renewing: bool = False

    def is_about(self, request: httpx.Request) -> bool:
        """Check that this request failed, and not one that the credentials sent before it."""
        return self.target in (None, RequestTarget.of(request))


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


def no_response(
    error: httpx.RequestError | httpx.InvalidURL | UnicodeError,
    *,
    closed: bool = False,
    sent: bool | None = None,
    progress: Attempt | AsyncAttempt | None = None,
) -> NoResponse:
    """Replace an error by one that is safe to keep; a transport's own subclass becomes the httpx error it extends.

    Args:
        error: the error.
        closed: whether the client was closed.
        sent: False if nothing of the request was sent, True if a part of it may have been; None if the transport does
            not say.
        progress: the attempt, which knows how far it came; None if it is not known.
    """
    request = _request_of(error)
    sent = False if failures.was_refused_before_sending(error) else sent
    renewing = progress is not None and progress.renewing
    is_at_proxy = None if sent is not False or progress is None or renewing else _is_at_proxy(request, progress)
    if isinstance(error, UnicodeError):
        lookup, error = error, httpx.InvalidURL("no host")
        if sent is False:
            error = httpx.ConnectError("the host name cannot be looked up")
            error.__cause__ = lookup
    known = next(kind for kind in type(error).__mro__ if kind.__module__.partition(".")[0] == "httpx")
    failure = retry_policy.classify_failure(error, sent=sent)
    via = None if request is None else request.extensions.get(VIA_PROXY)
    route = failures.Route(_host_of(request), via, is_at_proxy)
    problem, remedy = failures.describe(error, route, unsent=failure.unsent and not renewing)
    target = None if request is None else RequestTarget.of(request)
    return NoResponse(
        known("text withheld: it may hold credentials"), failure, closed, problem, remedy, target, renewing
    )


def _is_at_proxy(request: httpx.Request | None, progress: Attempt | AsyncAttempt) -> bool | None:
    """Return whether the last step of a connection was one with a proxy, and not through it; None without a proxy.

    Args:
        request: the request; None if the proxy's host name cannot be encoded. That of a site is checked beforehand.
        progress: the attempt, whose last connection was made for this request.
    """
    if progress.first_hop is None:
        return None
    if request is not None and VIA_PROXY not in request.extensions:
        url = request.url
        if progress.first_hop == (url.raw_host.decode("ascii"), url.port or PORTS.get(url.scheme)):
            return None
    return not progress.step.startswith(THROUGH_PROXY)


def _request_of(error: Exception) -> httpx.Request | None:
    """Return the request that failed: that of the call, or one that the credentials sent."""
    try:
        return error.request if isinstance(error, httpx.RequestError) else None
    except RuntimeError:  # httpx's client sets it, a caller's transport may not
        return None


def _host_of(request: httpx.Request | None) -> str:
    """Return host and port, without a name and a password."""
    if request is None:
        return ""
    host, port = request.url.raw_host.decode("ascii", "replace"), request.url.port
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"
