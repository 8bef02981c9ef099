"""The token endpoint of the OAuth 2.0 authority: builds its requests and reads its responses. Pure functions.

Atlassian's endpoint takes JSON where RFC 6749 has a form; its errors are listed in docs/confluence-behaviour.md#oauth.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .._core.responses import error_details, headers
from .._core.responses.bounded_json import parse_json
from .._core.responses.error_factory import MESSAGE_LIMIT, REQUEST_ID_LIMIT, error_from_response, validation_error
from .._support.libraries.http import httpx
from .._support.redaction import redact, secrets_in
from ..errors import APIError, APIStatusError, AuthenticationError
from .credentials import find_ascii_problem
from .token_store import Tokens

PATH = "/oauth/token"
DEFAULT_LIFETIME_S = 3600.0  # used if the response states no lifetime, or one that makes no sense
MAX_JSON_BYTES = 256 * 1024  # far more than a response of the authority has; parsed JSON takes many times its length
MAX_LIFETIME_S = 366 * 24 * 3600.0

# docs/confluence-behaviour.md#oauth: the first of each was documented, the others were measured
INVALID_TOKEN_CODES = ("invalid_grant", "unauthorized_client")
WRONG_CLIENT_CODES = ("access_denied", "invalid_client")

CONSENT_AGAIN = (
    "The refresh token is no longer accepted: it was used up or revoked, it was not used for 90 days, or the password "
    "was changed. Let the user consent again, and save the new tokens in the store."
)
TOO_LONG = f"the body is longer than {MAX_JSON_BYTES // 1024} KiB"
NO_REFRESH_TOKEN = "the authority gave no refresh token: also ask for the scope offline_access"
CHECK_CLIENT = "Check the client id and the client secret: the authority does not know this pair."
CHECK_AUTHORITY = "Check authority=, and any proxy before it: Atlassian's token endpoint does not answer like this."


def refresh_request(
    authority: str, client_id: str, client_secret: str, refresh_token: str, like: httpx.Request
) -> httpx.Request:
    """Build the request that exchanges a refresh token for new tokens (RFC 6749 section 6).

    httpx sends the requests of an auth flow as they are, so this one has all its headers.

    Args:
        authority: the authority's address.
        client_id: the app's client id.
        client_secret: the app's client secret.
        refresh_token: the refresh token.
        like: the request that needs the tokens; it gives the timeouts, the trace and the user agent.
    """
    grant = {"grant_type": "refresh_token", "client_id": client_id, "client_secret": client_secret}
    body = json.dumps({**grant, "refresh_token": refresh_token}).encode()
    headers = {
        "Host": httpx.URL(authority).netloc.decode("ascii"),
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
        "Connection": "keep-alive",
        "User-Agent": like.headers.get("User-Agent", ""),
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    extensions = {name: value for name, value in like.extensions.items() if name in ("timeout", "trace")}
    request = httpx.Request(
        "POST", authority + PATH, headers=headers, stream=httpx.ByteStream(body), extensions=extensions
    )
    request.read()
    return request


def code_exchange_request(
    authority: str,
    client_id: str,
    client_secret: str,
    *,
    code: str,
    redirect_uri: str,
    user_agent: str,
    timeout: Mapping[str, float | None],
) -> httpx.Request:
    """Build the request that exchanges the code of the consent page for tokens (RFC 6749 section 4.1.3)."""
    grant = {"grant_type": "authorization_code", "client_id": client_id, "client_secret": client_secret}
    return httpx.Request(
        "POST",
        authority + PATH,
        headers={"Accept": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": user_agent},
        json={**grant, "code": code, "redirect_uri": redirect_uri},
        extensions={"timeout": timeout},
    )


def parse_tokens(response: httpx.Response, before: Tokens | None, now: float) -> Tokens | str:
    """Read the tokens in a response; return a text that says what is wrong if there are none.

    Args:
        response: the response, already read.
        before: the tokens that were refreshed; they supply what the response leaves out (RFC 6749 sections 5.1 and 6).
            None if these are the first tokens.
        now: seconds since the epoch.
    """
    if response.status_code != 200:
        return "200 was expected"
    if len(response.content) > MAX_JSON_BYTES:
        return TOO_LONG
    fields = _parse_json(response.content)
    if not isinstance(fields, dict):
        return "the body is not a JSON object"
    access: Any = fields.get("access_token")
    refresh: Any = fields.get("refresh_token")
    if refresh is None:
        if before is None:
            return NO_REFRESH_TOKEN
        refresh = before.refresh_token
    scope = fields.get("scope")
    problem = find_ascii_problem("access_token", access) or find_ascii_problem("refresh_token", refresh)
    if problem:
        return problem
    scopes = tuple(scope.split()) if isinstance(scope, str) else (before.scopes if before else ())
    return Tokens(access, refresh, now + _lifetime(fields.get("expires_in")), scopes)


def is_retryable(response: httpx.Response, *secrets: str) -> bool:
    """Check whether the call may be retried because of this response: 429 and 5xx.

    The call is then retried as if Confluence itself had sent the response. A response that repeats a secret does not
    count, because the code that would report it does not know these secrets and could show them.

    Args:
        response: the response, already read.
        secrets: the secrets of the request.
    """
    if response.status_code != 429 and not response.is_server_error:
        return False
    forms = _forms(secrets)
    said = [response.content[:MAX_JSON_BYTES].decode("utf-8", "replace"), *response.headers.values()]
    return not (
        any(redact(forms, each) != each for each in said)
        or any(headers.is_secret(each, forms) for each in response.headers)
    )


def is_refresh_token_invalid(response: httpx.Response) -> bool:
    """Check whether the authority no longer accepts the refresh token, so that sending it again is pointless."""
    return response.status_code in (400, 401, 403) and _error_code(response) in INVALID_TOKEN_CODES


def token_error(response: httpx.Response, problem: str, *secrets: str, now: float) -> APIError:
    """Build the error for a response without tokens; it has neither body nor headers, because they may hold secrets.

    Args:
        response: the response, already read.
        problem: what is wrong with the response, used if its status is a success.
        secrets: the secrets to remove from the server's message.
        now: seconds since the epoch.
    """
    if response.is_success:
        error: APIError = validation_error(response, problem, now=now)
        error.message, error.remedy = None, CHECK_AUTHORITY
    else:
        kind, remedy = _error_kind(response)
        error = error_from_response(response, kind=kind, now=now)
        error.message = error_details.extract_message(_text(response), _forms(secrets), limit=MESSAGE_LIMIT)
        error.remedy = remedy or error.remedy
    request_id = headers.request_id(response.headers)
    error.request_id = request_id and redact(_forms(secrets), request_id)[:REQUEST_ID_LIMIT]
    error.body, error.headers = None, {}
    return error


def _error_kind(response: httpx.Response) -> tuple[type[APIStatusError] | None, str | None]:
    """Return the class of an error and its remedy, each None if that of the status fits."""
    status = response.status_code
    if is_refresh_token_invalid(response):
        return AuthenticationError, CONSENT_AGAIN
    if status == 401 or (status in (400, 403) and _error_code(response) in WRONG_CLIENT_CODES):
        return AuthenticationError, CHECK_CLIENT
    if status == 429 or response.is_server_error:
        return None, None
    return APIStatusError, CHECK_AUTHORITY  # for example not a NotFoundError, whose remedy speaks of a group


def _error_code(response: httpx.Response) -> str | None:
    """Return the error code in a response's body (RFC 6749 section 5.2)."""
    fields = _parse_json(_text(response))
    code = fields.get("error") if isinstance(fields, dict) else None
    return code if isinstance(code, str) else None


def _text(response: httpx.Response) -> str:
    """Return the body of an error; empty if it is longer than errors are, which keeps it from being parsed."""
    return response.content.decode("utf-8", "replace") if len(response.content) <= MAX_JSON_BYTES else ""


def _parse_json(content: bytes | str) -> object:
    """Parse JSON; return None if it is malformed."""
    try:
        return parse_json(content)
    except ValueError:
        return None


def _forms(secrets: tuple[str, ...]) -> list[str]:
    """Return the secrets in every form that a server may echo, the longest first."""
    return sorted({form for each in secrets for form in secrets_in(f"Bearer {each}")}, key=len, reverse=True)


def _lifetime(seconds: object) -> float:
    """Return the lifetime of an access token in seconds."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= MAX_LIFETIME_S:
        return DEFAULT_LIFETIME_S
    return float(seconds)
