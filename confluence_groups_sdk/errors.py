"""Everything that can go wrong, as one hierarchy; `error_from_response` tells which it was."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ._later import Later
from ._logging import secrets_of, without
from ._signs import Sign

if TYPE_CHECKING:
    from typing import TypedDict

    import httpx

    from . import _answers, _headers

    class _Details(TypedDict):
        method: str | None
        path: str | None
        status_code: int
        request_id: str | None
        message: str | None
        headers: Mapping[str, str]
        body: str
        retry_after: float | None
else:
    _answers, _headers = map(Later, ("_answers", "_headers"))

MESSAGE_LIMIT = 500  # characters
PROBLEMS_SHOWN = 20  # in the text of an InputError
REQUEST_ID_LIMIT = 200  # characters
BODY_LIMIT = 64 * 1024  # bytes of the body as UTF-8


class ConfluenceGroupsError(Exception):
    """The root: everything this package raises on purpose, but for ValueError and TypeError on bad arguments.

    Each attribute has a default in its class: an error that was pickled before there was the attribute has that.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.args, self.__dict__)


class ConfigurationError(ConfluenceGroupsError, ValueError):
    """The client cannot be built from what it was given: a bad site, bad or missing credentials, a missing extra."""


class IncompleteReadError(ConfluenceGroupsError):
    """A list could not be read to its end.

    Attributes:
        received: the ids of what was read before it stopped, in order: account ids of members, group ids of groups.
    """

    received: tuple[str, ...] = ()

    def __init__(self, message: str = "", *, received: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.received = received


class InputError(ConfluenceGroupsError, ValueError):
    """What was given to make a plan from is not usable; all that is wrong is named, and no plan was made.

    Attributes:
        problems: one line for each, with its place, such as ``line 7: the account is missing``.
    """

    problems: tuple[str, ...] = ()

    def __init__(self, message: str = "", *, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems

    def __str__(self) -> str:
        shown = [*self.problems[:PROBLEMS_SHOWN]]
        if len(self.problems) > PROBLEMS_SHOWN:
            shown.append(f"and {len(self.problems) - PROBLEMS_SHOWN} more (see problems)")
        return "\n  ".join([super().__str__(), *shown])


class PlanError(ConfluenceGroupsError, ValueError):
    """A plan cannot be read, or must not be applied here: it was edited, is for another site, or was not approved."""


class DriftError(PlanError):
    """Memberships are not as they were when the plan was made.

    Attributes:
        differences: one line for each.
    """

    differences: tuple[str, ...] = ()

    def __init__(self, message: str = "", *, differences: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.differences = differences

    def __str__(self) -> str:
        return "\n  ".join([super().__str__(), *self.differences])


class JournalError(ConfluenceGroupsError):
    """A journal cannot be used: damaged, of another plan or site, in use by another process, or not to be written."""


class APIError(ConfluenceGroupsError):
    """A call did not succeed.

    Attributes:
        summary: what happened, in one line.
        remedy: what the reader can do next.
        method: of the request, such as ``DELETE``.
        path: of the request, without the query.
        status_code: of the answer; None where no answer came.
        request_id: names this request to Atlassian's support; None where the server gave none.
        message: the server's own words, at most 500 characters; None where it said nothing readable.
        headers: of the answer, by lower-case name, but for those that may hold a credential; empty where none came.
        body: the answer's body as text, at most 64 KiB; None where no answer came.
        retry_after: seconds the server asks to wait; None where it does not ask.
    """

    summary: str = ""
    remedy: str = ""
    method: str | None = None
    path: str | None = None
    status_code: int | None = None
    request_id: str | None = None
    message: str | None = None
    headers: Mapping[str, str] = MappingProxyType({})
    body: str | None = None
    retry_after: float | None = None

    def __init__(
        self,
        summary: str = "",
        *,
        method: str | None = None,
        path: str | None = None,
        status_code: int | None = None,
        request_id: str | None = None,
        message: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
        retry_after: float | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.method = method
        self.path = path
        if status_code is not None:
            self.status_code = status_code
        self.request_id = request_id
        self.message = message
        self.headers = dict(headers or {})
        self.body = body
        self.retry_after = retry_after
        if remedy is not None:
            self.remedy = remedy

    def __str__(self) -> str:
        call = f"{self.method} {self.path}: " if self.method else ""
        said = f": {self.message}" if self.message else ""
        request = f" [request id {self.request_id}]" if self.request_id else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{call}{self.summary}{said}{request}.{remedy}"


class APIStatusError(APIError):
    """The server answered with a status that is no success."""

    status_code: int = 0
    remedy = "This status is not documented for the operation: read the body, and give the request id to support."


class BadRequestError(APIStatusError):
    """400: an argument is missing or not acceptable."""

    remedy = "Check what was given: ids must be this site's own, as Confluence gave them, and a new name a free one."


class AuthenticationError(APIStatusError):
    """401: the credentials were not accepted."""

    remedy = (
        "Check that the token has not expired or been revoked, that e-mail and token belong to one account, and that a "
        "token with scopes goes through the gateway (for_cloud)."
    )


class MissingScopeError(AuthenticationError):
    """401 from the gateway: the token is valid but lacks the scope of this operation; refreshing cannot help."""

    remedy = Sign.MISSING_SCOPE.value


class PermissionDeniedError(APIStatusError):
    """403: the account may not do this."""

    remedy = "To change groups, use a site admin's account; to read them, one with access to Confluence."


class NotFoundError(APIStatusError):
    """404: no such group or no such user; or no such site, which the remedy then says."""

    remedy = "Check the group id and the account id: what was asked for is not known to this site."


class ConflictError(APIStatusError):
    """409: the change collides with the present state."""

    remedy = "Read the present state, then decide again."


class GoneError(APIStatusError):
    """410: Atlassian has removed the operation; it will not come back."""

    remedy = "Upgrade this package: the operation is no longer offered by Confluence."


class RateLimitError(APIStatusError):
    """429: too many requests, and still so after the retries, or the wait asked for is longer than allowed."""

    remedy = "Wait as long as retry_after says (seconds), then send again; making fewer calls at once helps."


class ServerError(APIStatusError):
    """5xx: Confluence or a gateway before it failed; whether the change was made is not known."""

    remedy = "Send again later; if it persists, give the request id to Atlassian's support."


class ResponseValidationError(APIError):
    """The answer is not the documented one: nothing is known about what happened."""

    remedy = "Check that the address is Confluence's own, with no login page or proxy answering in its place."


class APIConnectionError(APIError):
    """No answer came: the connection failed or broke; ``__cause__`` tells how, by the type of the httpx error."""

    remedy = "Check address, proxy and network, then send again; a change may have been made nevertheless."


class APITimeoutError(APIConnectionError):
    """No answer came in time."""

    remedy = "Send again, or allow more time (timeout=); a change may have been made nevertheless."


_BY_STATUS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    429: RateLimitError,
}


def error_from_response(
    response: httpx.Response,
    *,
    kind: type[APIStatusError] | None = None,
    scopes: str | None = None,
    now: float | None = None,
) -> APIStatusError:
    """Return the error that this answer stands for.

    Args:
        response: the answer, already read.
        kind: what the status means to the operation, where that is not what it means to all others.
        scopes: the scopes that the operation takes, named in the remedy where one is missing.
        now: seconds since the epoch, for a ``Retry-After`` that is a date; the system's time where not given.
    """
    status = response.status_code
    details = _details(response, time.time() if now is None else now)
    kind = kind or _BY_STATUS.get(status, ServerError if 500 <= status <= 599 else APIStatusError)
    sign = _answers.recognise(status, response.headers, details["body"], details["message"] or "")
    remedy = sign.value if sign else None
    if sign is Sign.MISSING_SCOPE:
        kind = MissingScopeError
        remedy = f"{sign.value} It takes {scopes}." if scopes else sign.value
    return kind(_status_line(status), remedy=remedy, **details)


def unexpected_answer(response: httpx.Response, problem: str, *, now: float) -> ResponseValidationError:
    """Return the error for an answer that says success but is not the documented one."""
    summary = f"{_status_line(response.status_code)}, but {problem}: nothing is known about what happened"
    return ResponseValidationError(summary, **_details(response, now))


def request_id_of(response: httpx.Response) -> str | None:
    """Return the id under which Atlassian's support finds this request, without credentials should it hold them."""
    found = _headers.request_id(response.headers)
    return found and without(_secrets(response), found)[:REQUEST_ID_LIMIT]


def path_of(request: httpx.Request) -> str:
    """Return the path of a request, without the query."""
    return request.url.raw_path.partition(b"?")[0].decode("ascii")


def _details(response: httpx.Response, now: float) -> _Details:
    request = _request(response)
    secrets = _secrets(response)
    body = _body(response.content, secrets)
    return {
        "method": request.method if request else None,
        "path": path_of(request) if request else None,
        "status_code": response.status_code,
        "request_id": request_id_of(response),
        "message": _answers.message(body, secrets, limit=MESSAGE_LIMIT),
        "headers": {name: without(secrets, value) for name, value in _headers.harmless(response.headers)},
        "body": body,
        "retry_after": _headers.retry_after(response.headers, now),
    }


def _secrets(response: httpx.Response) -> list[str]:
    request = _request(response)
    return secrets_of(request.headers.get("authorization")) if request else []


def _request(response: httpx.Response) -> httpx.Request | None:
    try:
        return response.request
    except RuntimeError:
        return None  # a response that somebody made by hand


def _body(content: bytes, secrets: list[str]) -> str:
    """Return the start of a body as text, without secrets, not even one that the cut went through."""
    text = without(secrets, content[:BODY_LIMIT].decode("utf-8", "replace"))
    if len(content) > BODY_LIMIT and secrets:
        text = text[: -len(secrets[0])]
    return text.encode()[:BODY_LIMIT].decode("utf-8", "ignore")


def _status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)  # 520 and its like: in use, in no registry


def _revive(kind: type[Exception], args: tuple[Any, ...], state: dict[str, Any]) -> Exception:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error
