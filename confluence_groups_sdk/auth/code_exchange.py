"""Exchanges the code of the consent page for the first tokens, within the limits of a client's calls."""

from __future__ import annotations

from attrs import field, frozen

from .._core.session import Session
from .._core.timeout import DEFAULT_TIMEOUT
from .._core.transport.replies import NoResponse, UnreadableResponse
from .._support import base_url
from .._support.clock import Clock, SystemClock
from .._support.libraries.http import httpx
from ..errors import APIConnectionError, APIError, APITimeoutError, ResponseValidationError
from . import token_endpoint
from .token_store import Tokens

NO_TOKENS = "Log in again: the code from the browser works only once."


@frozen
class OAuthApp:
    """An OAuth 2.0 app, and the servers it is registered with. Its repr hides the secret."""

    client_id: str
    client_secret: str = field(repr=False)
    authority: str = base_url.AUTHORITY
    gateway: str = base_url.GATEWAY


@frozen
class AuthorizationCode:
    """A code that the consent page has given. Its repr hides it.

    Args:
        value: the code.
        redirect_uri: the address to which the authority sent the browser with the code.
    """

    value: str = field(repr=False)
    redirect_uri: str


def exchange_code(
    app: OAuthApp,
    code: AuthorizationCode,
    *,
    application_name: str | None = None,
    timeout: httpx.Timeout | float | None = DEFAULT_TIMEOUT,
    clock: Clock = SystemClock(),
) -> Tokens:
    """Exchange a code for tokens (RFC 6749 section 4.1.3); it is sent once, because it works once.

    Raises:
        APIError: the authority gave no tokens.
        ConfigurationError: the address of the authority, the application's name or the timeout is malformed.
    """
    address = base_url.parse_origin_url("authority", app.authority, base_url.AUTHORITY)
    session = Session.open(address, httpx.Auth(), timeout=timeout, application_name=application_name, clock=clock)
    try:
        response, problem = _send(session, app, code)
    finally:
        session.close()
    tokens = problem or token_endpoint.parse_tokens(response, None, clock.now())
    if isinstance(tokens, Tokens):
        return tokens
    raise token_endpoint.token_error(response, tokens, app.client_secret, code.value, now=clock.now())


def _send(session: Session, app: OAuthApp, code: AuthorizationCode) -> tuple[httpx.Response, str | None]:
    """Send the code; return the response, and what is wrong with its body.

    Raises:
        APIConnectionError: no response came.
        ResponseValidationError: the response is unreadable.
    """
    request = token_endpoint.code_exchange_request(
        session.config.base,
        app.client_id,
        app.client_secret,
        code=code.value,
        redirect_uri=code.redirect_uri,
        user_agent=session.config.user_agent,
        timeout=session.config.timeout,
    )
    reply = session.send_once(request)  # without `exchange`: a code must not be sent again, and errors must hide it
    if isinstance(reply, NoResponse):
        raise _error_without_response(reply)
    response, problem = (reply.response, reply.problem) if isinstance(reply, UnreadableResponse) else (reply, None)
    assert isinstance(response, httpx.Response), "the reply to a request without credentials"
    return response, problem


def _error_without_response(reply: NoResponse) -> APIError:
    name = type(reply.cause).__name__
    kind: type[APIError] = APITimeoutError if isinstance(reply.cause, httpx.TimeoutException) else APIConnectionError
    summary = f"no response ({name}): {reply.problem}" if reply.problem else f"no response ({name})"
    remedy = f"Nothing was sent. {reply.remedy}" if reply.failure.unsent else NO_TOKENS
    if isinstance(reply.cause, httpx.DecodingError):
        kind, summary = ResponseValidationError, f"the response is unreadable ({name})"
    error = kind(summary, method="POST", path=token_endpoint.PATH, remedy=remedy)
    error.__cause__ = reply.cause
    return error
