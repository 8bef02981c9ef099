"""The life of one request with OAuth 2.0 tokens (refresh, send, refresh again if rejected), as a generator.

It is written the way `_core/exchange.py` is: it yields the next step and receives the reply. `OAuth2` only carries out
the steps, once with blocking calls and once with awaited ones, so every decision is made here.
"""

from __future__ import annotations

from collections.abc import Generator
from copy import copy
from typing import TypeAlias, TypeVar

from attrs import define, frozen

from .._core.responses.error_factory import error_from_response
from .._support.clock import Clock
from .._support.libraries.http import httpx
from .._support.log import logger
from .._support.observing.observer import NOTED, note
from ..errors import APIError, ConfigurationError, MissingScopeError
from . import token_endpoint
from .body_limits import body_problem, limit_body
from .token_cache import TokenCache
from .token_store import Tokens

EXPIRY_MARGIN_S = 60.0  # a token that expires within this time is refreshed before it is used
MAX_RENEWALS = 3  # for one request: other processes may refresh the tokens again while it is on its way
REJECTED_STATUSES = (401, 403)

T = TypeVar("T")


@frozen
class Lock:
    """Acquire the lock of the tokens. If the flow raises an error, the driver releases it."""


@frozen
class Unlock:
    """Release the lock."""


@frozen
class Load:
    """Load the tokens, under the lock; the reply is the tokens, or None if the store has none."""


@frozen
class Save:
    """Save new tokens, under the lock, in place of those whose refresh token is spent."""

    tokens: Tokens
    spent: Tokens


@frozen
class Send:
    """Send a request; the reply is its response, with the body still unread."""

    request: httpx.Request


@frozen
class Read:
    """Read the body of a request, or of a response whose body is limited."""

    message: httpx.Request | httpx.Response


Step: TypeAlias = Lock | Unlock | Load | Save | Send | Read
Reply: TypeAlias = httpx.Response | Tokens | None
Flow: TypeAlias = Generator[Step, Reply, T]


@define
class AuthAttempt:
    """A request, the tokens it is sent with, and whether they must be renewed first."""

    request: httpx.Request
    tokens: Tokens | None
    due: bool
    renewals: int = 0
    refreshed: bool = False  # for this request, which happens at most once


class OAuthFlow:
    """Sends requests with current tokens.

    Args:
        client_id: the app's client id.
        client_secret: the app's client secret.
        authority: address of the server that refreshes the tokens.
        cache: the tokens.
        clock: tells when a token expires.
    """

    def __init__(self, client_id: str, client_secret: str, authority: str, cache: TokenCache, clock: Clock) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._authority = authority
        self._cache = cache
        self._clock = clock
        self._invalid: tuple[str, APIError] | None = None  # the refresh token rejected last, and the error it gave

    def steps(self, request: httpx.Request) -> Flow[None]:
        """Send one request, with tokens that are refreshed if necessary.

        Yields:
            The steps; `Load` and `Send` have a reply.

        Raises:
            APIError: the authority gave no tokens.
            ConfigurationError: the store has no tokens, or the authority is plain http and the request is not.
        """
        yield Read(request)  # it may be sent twice
        attempt = self._begin(request)
        while True:
            if attempt.due:
                yield Lock()
                renewed = yield from self._renew(attempt)
                yield Unlock()
                if not renewed:
                    return
                if attempt.refreshed:
                    self._note_refresh(attempt)
            response = yield from _send(_sign(attempt))
            if response.status_code in REJECTED_STATUSES:
                limit_body(response)
                yield Read(response)
            attempt.due = self._is_renewal_due(attempt, response)
            if not attempt.due:
                return

    def _begin(self, request: httpx.Request) -> AuthAttempt:
        if self._authority.startswith("http:") and request.url.scheme != "http":
            # the httpx client may use a proxy, and plain http would show it the client secret
            raise ConfigurationError("authority: plain http is for a sandbox, whose gateway is plain http, too")
        tokens = self._cache.current
        return AuthAttempt(request, tokens, due=tokens is None or self._is_expiring(tokens))

    def _renew(self, attempt: AuthAttempt) -> Flow[bool]:
        """Give a request current tokens, under the lock: the store's if somebody refreshed them, else new ones.

        Returns:
            False if the authority answered 429 or 5xx. Its response then stands for that of the call, so that the
            call is retried as if Confluence had sent it.
        """
        stored = yield Load()
        assert not isinstance(stored, httpx.Response), "the reply to Load"
        if stored is None:
            raise ConfigurationError(
                "OAuth2: the store holds no tokens: let the user consent, and save the tokens you get"
            )
        is_new = attempt.tokens is None or attempt.tokens.access_token != stored.access_token
        attempt.tokens = stored
        attempt.renewals += 1
        if is_new and not self._is_expiring(stored):
            self._cache.current = stored
            return True
        response = yield from _send(self._refresh_request(attempt.request, stored))
        limit_body(response)
        yield Read(response)
        if token_endpoint.is_retryable(response, *self._secrets(stored)):
            return False
        tokens = self._parse(response, stored)
        yield Save(tokens, spent=stored)
        logger.info("OAuth 2.0: refreshed, valid for %.0f s", tokens.expires_at - self._clock.now())
        attempt.tokens, attempt.refreshed = tokens, True
        return True

    def _note_refresh(self, attempt: AuthAttempt) -> None:
        """Let the client of this request tell its observer, if it has one."""
        if NOTED in attempt.request.extensions and attempt.tokens is not None:
            from .._support.observing.events import TokensRefreshed  # loads only for programs that observe

            now = self._clock.now()
            note(attempt.request.extensions, TokensRefreshed(at=now, valid_for=attempt.tokens.expires_at - now))

    def _refresh_request(self, request: httpx.Request, stored: Tokens) -> httpx.Request:
        """Build the request for new tokens.

        Raises:
            APIError: the authority has rejected this refresh token before, and would do so again.
        """
        if self._invalid is not None and self._invalid[0] == stored.refresh_token:
            raise copy(self._invalid[1])  # each call gets an error of its own, with its own traceback
        logger.info("OAuth 2.0: refreshing the access token at %s", self._authority)
        return token_endpoint.refresh_request(
            self._authority, self._client_id, self._client_secret, stored.refresh_token, request
        )

    def _parse(self, response: httpx.Response, spent: Tokens) -> Tokens:
        """Read the new tokens in the authority's response.

        Raises:
            APIError: there are none.
        """
        now = self._clock.now()
        tokens = body_problem(response) or token_endpoint.parse_tokens(response, spent, now)
        if isinstance(tokens, Tokens):
            return tokens
        error = token_endpoint.token_error(response, tokens, *self._secrets(spent), now=now)
        logger.info("OAuth 2.0: not refreshed: %s", error.summary)
        if token_endpoint.is_refresh_token_invalid(response):
            self._invalid = (spent.refresh_token, copy(error))
        raise error

    def _is_renewal_due(self, attempt: AuthAttempt, response: httpx.Response) -> bool:
        """Decide whether to renew the tokens and send the request again, or to accept this response."""
        assert attempt.tokens is not None, "the request was sent with them"
        rejected = response.status_code == 403 and attempt.tokens.expires_at <= self._clock.now()
        if response.status_code == 401:
            rejected = not isinstance(error_from_response(response), MissingScopeError)
        return rejected and not attempt.refreshed and attempt.renewals < MAX_RENEWALS

    def _is_expiring(self, tokens: Tokens) -> bool:
        return tokens.expires_at - EXPIRY_MARGIN_S <= self._clock.now()

    def _secrets(self, tokens: Tokens) -> tuple[str, ...]:
        return self._client_secret, tokens.refresh_token, tokens.access_token


def advance(flow: Flow[None], reply: Reply) -> Step | None:
    """Give a flow the reply to its last step (None at its start); return its next step, None at its end."""
    try:
        return flow.send(reply)
    except StopIteration:
        return None


def _send(request: httpx.Request) -> Flow[httpx.Response]:
    response = yield Send(request)
    assert isinstance(response, httpx.Response), "the reply to Send"
    return response


def _sign(attempt: AuthAttempt) -> httpx.Request:
    assert attempt.tokens is not None, "they were renewed if there were none"
    attempt.request.headers["Authorization"] = f"Bearer {attempt.tokens.access_token}"
    return attempt.request
