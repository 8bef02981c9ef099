"""Build the error that a response stands for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import TypedDict

from ..._support.libraries.http import httpx
from ..._support.redaction import ESCAPE, MAX_ESCAPE_LENGTH, redact, secrets_in
from ...errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    GoneError,
    KnownProblem,
    MissingScopeError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResponseValidationError,
    ServerError,
)
from .error_details import classify_problem, extract_message, words_in
from .headers import request_id, safe_headers
from .rate_limit_headers import parse_retry_after
from .remedies import remedy_for

MESSAGE_LIMIT = 500  # characters
REQUEST_ID_LIMIT = 200  # characters
BODY_LIMIT = 64 * 1024  # bytes in UTF-8


class _Fields(TypedDict):
    method: str | None
    path: str | None
    status_code: int
    request_id: str | None
    message: str | None
    headers: Mapping[str, str]
    body: str
    retry_after: float | None


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
    """Build the error for a failed response.

    Args:
        response: the response, already read.
        kind: the error's class, if the status has a special meaning for the operation.
        scopes: the scopes that the operation requires; the remedy names them if one is missing.
        now: seconds since the epoch, for a ``Retry-After`` that is a date; by default the system's time.
    """
    status = response.status_code
    fields = error_fields(response, time.time() if now is None else now)
    kind = kind or _BY_STATUS.get(status, ServerError if 500 <= status <= 599 else APIStatusError)
    request = _request(response)
    problem = classify_problem(status, response.headers, fields["body"], request)
    remedy = None
    if problem is KnownProblem.MISSING_SCOPE:
        kind = MissingScopeError
        remedy = f"{problem.remedy} It requires {scopes}." if scopes else None
    error = kind(_status_line(status), problem=problem, remedy=remedy, **fields)
    error.remedy = remedy_for(error, request, words_in(fields["body"]))
    return error


def validation_error(response: httpx.Response, problem: str, *, now: float) -> ResponseValidationError:
    """Build the error for a response that means success but is not the documented one."""
    summary = f"{_status_line(response.status_code)}, but {problem}: nothing is known about what happened"
    return ResponseValidationError(summary, **error_fields(response, now))


def request_id_of(response: httpx.Response) -> str | None:
    """Return the id by which Atlassian's support finds the request; credentials in it are redacted."""
    found = request_id(response.headers)
    return found and redact(_secrets(response), found)[:REQUEST_ID_LIMIT]


def path_of(request: httpx.Request) -> str:
    """Return the path of a request without the query, which holds ids."""
    return request.url.raw_path.partition(b"?")[0].decode("ascii")


def error_fields(response: httpx.Response, now: float) -> _Fields:
    """Read the fields that all errors with a response have; credentials in them are redacted."""
    retry_after = parse_retry_after(response.headers, now)  # may log, so it comes before the secrets are a variable
    request = _request(response)
    secrets = _secrets(response)
    body = _body(response.content, secrets)
    return {
        "method": request.method if request else None,
        "path": path_of(request) if request else None,
        "status_code": response.status_code,
        "request_id": request_id_of(response),
        "message": extract_message(body, secrets, limit=MESSAGE_LIMIT),
        "headers": {name: redact(secrets, value) for name, value in safe_headers(response.headers, secrets)},
        "body": body,
        "retry_after": retry_after,
    }


def _secrets(response: httpx.Response) -> list[str]:
    request = _request(response)
    return secrets_in(request.headers.get("authorization")) if request else []


def _request(response: httpx.Response) -> httpx.Request | None:
    try:
        return response.request
    except RuntimeError:
        return None  # a response that was built without a request


def _body(content: bytes, secrets: list[str]) -> str:
    """Return the start of a body as text, without secrets and without a part of one at the cut."""
    text = redact(secrets, content[:BODY_LIMIT].decode("utf-8", "replace"))
    if len(content) > BODY_LIMIT and secrets:
        text = text[: -len(secrets[0]) * (MAX_ESCAPE_LENGTH if ESCAPE.search(text) else 1)]
    return text.encode()[:BODY_LIMIT].decode("utf-8", "ignore")


def _status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)  # such as 520, which is in use but not registered
