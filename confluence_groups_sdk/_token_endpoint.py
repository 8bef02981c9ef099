"""The token endpoint of an OAuth 2.0 authority: how it is asked, and what its answers mean. Pure functions."""

from __future__ import annotations

import json
from typing import Any

import httpx

from . import _answers, _headers
from ._logging import secrets_of, without
from .auth import problem_with_ascii
from .errors import (
    MESSAGE_LIMIT,
    REQUEST_ID_LIMIT,
    APIError,
    APIStatusError,
    AuthenticationError,
    error_from_response,
    unexpected_answer,
)
from .token_store import Tokens

PATH = "/oauth/token"
USUAL_LIFETIME = 3600.0  # seconds, taken where the answer does not say or says nonsense
LONGEST_LIFETIME = 366 * 24 * 3600.0  # seconds

VOID_TOKEN = ("invalid_grant", "unauthorized_client")  # documented, and measured
WRONG_CLIENT = ("access_denied", "invalid_client")

CONSENT_AGAIN = (
    "The refresh token is no longer accepted: it was used up or revoked, nobody used it for 90 days, or the password "
    "was changed. Let the user consent again, and save the new tokens in the store."
)
NO_REFRESH_TOKEN = "the authority gave no refresh token: ask for the scope offline_access, too"
CHECK_CLIENT = "Check the client id and the client secret: the authority does not know this pair."
CHECK_AUTHORITY = "Check authority=, and what stands before it: this is not how Atlassian's token endpoint answers."


def refresh_request(
    authority: str, client_id: str, client_secret: str, refresh_token: str, like: httpx.Request
) -> httpx.Request:
    """Return the request for new tokens, whole, with the time limits and the user agent of the request it is for."""
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
    extensions = {"timeout": like.extensions["timeout"]} if "timeout" in like.extensions else {}
    request = httpx.Request(
        "POST", authority + PATH, headers=headers, stream=httpx.ByteStream(body), extensions=extensions
    )
    request.read()
    return request


def first_request(
    authority: str, client_id: str, client_secret: str, *, code: str, redirect_uri: str, user_agent: str
) -> httpx.Request:
    """Return the request for the tokens that a user's consent gives: the code came back from the consent page."""
    grant = {"grant_type": "authorization_code", "client_id": client_id, "client_secret": client_secret}
    return httpx.Request(
        "POST",
        authority + PATH,
        headers={"Accept": "application/json", "User-Agent": user_agent},
        json={**grant, "code": code, "redirect_uri": redirect_uri},
    )


def tokens_of(answer: httpx.Response, before: Tokens | None, now: float) -> Tokens | str:
    """Return the new tokens, or what is wrong with the answer.

    Args:
        answer: with status 200, already read.
        before: the tokens that were refreshed; what the answer leaves out stays as it was. None for the first ones.
        now: seconds since the epoch.
    """
    try:
        said = json.loads(answer.content)
    except (ValueError, RecursionError):
        return "the body is no JSON"
    if not isinstance(said, dict):
        return "the body is no JSON object"
    access: Any = said.get("access_token")
    refresh: Any = said.get("refresh_token")
    if refresh is None:
        if before is None:
            return NO_REFRESH_TOKEN
        refresh = before.refresh_token
    scope = said.get("scope")
    problem = problem_with_ascii("access_token", access) or problem_with_ascii("refresh_token", refresh)
    if problem:
        return problem
    scopes = tuple(scope.split()) if isinstance(scope, str) else (before.scopes if before else ())
    return Tokens(access, refresh, now + _lifetime(said.get("expires_in")), scopes)


def is_passed_on(answer: httpx.Response, *secrets: str) -> bool:
    """Say whether this answer ends the call in the refresh's place, to be retried as any call is: 429 and 5xx.

    One that repeats a secret is not: whoever reads it knows nothing of ours.
    """
    if answer.status_code != 429 and not answer.is_server_error:
        return False
    shown = answer.content.decode("utf-8", "replace") + "".join(answer.headers.values())
    return not any(form in shown for form in _forms(secrets))


def error_of(answer: httpx.Response, problem: str, *secrets: str, now: float) -> APIError:
    """Return the error for an answer without tokens; with neither body nor headers: who knows what secrets stand there.

    Args:
        answer: already read.
        problem: with an answer that says success.
        secrets: to be struck from the server's words.
        now: seconds since the epoch.
    """
    if answer.is_success:
        error: APIError = unexpected_answer(answer, problem, now=now)
        error.message, error.remedy = None, CHECK_AUTHORITY
    else:
        text = answer.content.decode("utf-8", "replace")
        kind, remedy = _meaning(answer.status_code, _code(text))
        error = error_from_response(answer, kind=kind, now=now)
        error.message = _answers.message(text, _forms(secrets), limit=MESSAGE_LIMIT)
        error.remedy = remedy or error.remedy
    found = _headers.request_id(answer.headers)
    error.request_id = found and without(_forms(secrets), found)[:REQUEST_ID_LIMIT]
    error.body, error.headers = None, {}
    return error


def is_void(error: APIError) -> bool:
    """Say whether this error ends the refresh token, so that asking again is pointless."""
    return error.remedy == CONSENT_AGAIN


def _meaning(status: int, code: object) -> tuple[type[APIStatusError] | None, str | None]:
    """Return the kind of error and its remedy; None where those of the status will do."""
    if status in (400, 401, 403) and code in VOID_TOKEN:
        return AuthenticationError, CONSENT_AGAIN
    if status == 401 or (status in (400, 403) and code in WRONG_CLIENT):
        return AuthenticationError, CHECK_CLIENT
    if status == 429 or 500 <= status <= 599:
        return None, None
    return APIStatusError, CHECK_AUTHORITY  # no NotFoundError, say: it would speak of a group


def _code(text: str) -> object:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    code = said.get("error") if isinstance(said, dict) else None
    return code if isinstance(code, str) else None


def _forms(secrets: tuple[str, ...]) -> list[str]:
    """Return these in the forms a server may echo, the longest first."""
    return sorted({form for each in secrets for form in secrets_of(f"Bearer {each}")}, key=len, reverse=True)


def _lifetime(seconds: object) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_LIFETIME:
        return USUAL_LIFETIME
    return float(seconds)
