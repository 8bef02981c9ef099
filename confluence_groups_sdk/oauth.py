"""OAuth 2.0 with rotating refresh tokens (3LO), as credentials for both clients."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING

import httpx
from attrs import define

from . import _site, _token_endpoint
from ._clock import Clock, SystemClock
from ._logging import logger
from .auth import Secretive, problem_with
from .errors import APIError, ConfigurationError, MissingScopeError, error_from_response
from .token_store import Tokens, TokenStore

if TYPE_CHECKING:
    from ._aside import Queues

MARGIN = 60.0  # seconds before its end at which a token is no longer used
MOST_RENEWALS = 3  # for one request: others may renew while it is on its way, each time a moment too late
REFUSALS = (401, 403)


@define
class _Signing:
    """One request on its way: the tokens it carries, and whether they must be renewed before it is sent."""

    request: httpx.Request
    tokens: Tokens | None
    due: bool
    renewals: int = 0
    refreshed: bool = False  # by this request itself, which it does once
    over: bool = False


class OAuth2(Secretive):
    """OAuth 2.0 access tokens that are refreshed before they expire, for the gateway (``for_cloud``).

    One of these may be shared by any number of clients, threads and tasks: one of them refreshes, the others wait, and
    through the store's lock so do other processes. New tokens are saved before they are used. A token that is refused
    (401, or 403 once its time has passed) is refreshed once, and the request is sent once more. Where a scope is
    missing nothing is refreshed: that is a `MissingScopeError`.

    Calls may raise, beside their own errors: an AuthenticationError (the authority no longer accepts the refresh token,
    and the user must consent again; or it does not know the client), another APIError of ``POST /oauth/token``, and
    what the store raises, a ConfigurationError if it holds no tokens.

    Args:
        client_id: of your app.
        client_secret: of your app.
        store: where the tokens are, and where refreshed ones are saved.
        authority: that refreshes them.
        clock: tells when a token expires, replaced in tests.

    Raises:
        ConfigurationError: client id, client secret or authority is malformed, or the authority is plain http beyond
            loopback.
        TypeError: ``store`` or ``clock`` is of the wrong kind.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        store: TokenStore,
        *,
        authority: str = _site.AUTHORITY,
        clock: Clock = SystemClock(),
    ) -> None:
        problem = problem_with("client_id", client_id) or problem_with("client_secret", client_secret)
        self._client_id = client_id
        self._client_secret = client_secret
        del client_id, client_secret  # this frame may be shown with its variables
        if problem:
            raise ConfigurationError(f"OAuth2: {problem}")
        for name, value, kind in (("store", store, TokenStore), ("clock", clock, Clock)):
            if not isinstance(value, kind):
                problem = f"{name} must have the methods of {kind.__name__}, and {type(value).__name__} does not"
                del value, store, clock  # bare tokens, perhaps
                raise TypeError(problem)
        self._store = store
        self._authority = _site.bare("authority", authority, _site.AUTHORITY)
        self._clock = clock
        self._tokens: Tokens | None = None  # as they were when last seen, so that not every call asks the store
        self._unsaved: tuple[str, Tokens] | None = None  # the refresh token that was spent, and what it gave
        self._void: tuple[str, APIError] | None = None  # a refresh token that the authority has refused, and how
        self._alone = threading.Lock()
        self._queues: Queues | None = None

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.read()  # it may be sent twice
        signing = self._begin(request)
        while not signing.over:
            if signing.due:
                with self._locked():
                    refresh = self._refresh(signing, self._load())
                    if refresh is not None:
                        answer = yield refresh
                        answer.read()
                        if self._is_passed_on(signing, answer):
                            return
                        self._keep(signing, self._renewed(signing, answer))
            response = yield self._signed(signing)
            if response.status_code in REFUSALS:
                response.read()
            self._judge(signing, response)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        from ._aside import Aside, Queues

        self._queues = self._queues or Queues()
        await request.aread()
        signing = self._begin(request)
        while not signing.over:
            if signing.due:
                async with Aside(self._queues.of_this_loop(), self._locked) as aside:
                    refresh = self._refresh(signing, await aside.do(self._load))
                    if refresh is not None:
                        answer = yield refresh
                        await answer.aread()
                        if self._is_passed_on(signing, answer):
                            return
                        await aside.do(self._keep, signing, self._renewed(signing, answer))
            response = yield self._signed(signing)
            if response.status_code in REFUSALS:
                await response.aread()
            self._judge(signing, response)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep out the other threads of this object, and by the store's lock everybody else."""
        with self._alone, self._store.lock():
            yield

    def _begin(self, request: httpx.Request) -> _Signing:
        if self._authority.startswith("http:") and request.url.scheme != "http":
            # the httpx client that reaches beyond loopback may have a proxy, which plain http would show the secret to
            raise ConfigurationError("authority: plain http is for a sandbox, whose gateway is plain http, too")
        return _Signing(request, self._tokens, due=self._tokens is None or self._is_stale(self._tokens))

    def _load(self) -> Tokens | None:
        """Return the store's tokens, with the lock held; what could not be saved before is saved now."""
        stored = self._store.load()
        if self._unsaved is None:
            return stored
        spent, tokens = self._unsaved
        if stored is not None and stored.refresh_token == spent:  # else a user has consented anew, or taken it back
            self._store.save(tokens)
            stored = tokens
        self._unsaved = None
        return stored

    def _refresh(self, signing: _Signing, stored: Tokens | None) -> httpx.Request | None:
        """Return the request for new tokens, with the lock held; None where somebody else has them already."""
        if stored is None:
            raise ConfigurationError(
                "OAuth2: the store holds no tokens: let the user consent, and save what comes back"
            )
        signing.due = False
        signing.renewals += 1
        known = signing.tokens is not None and signing.tokens.access_token == stored.access_token
        signing.tokens = stored
        if not known and not self._is_stale(stored):
            self._tokens = stored
            return None
        if self._void is not None and self._void[0] == stored.refresh_token:
            raise copy(self._void[1])  # asked before, and the answer was final
        logger.info("OAuth 2.0: refreshing the access token at %s", self._authority)
        return _token_endpoint.refresh_request(
            self._authority, self._client_id, self._client_secret, stored.refresh_token, signing.request
        )

    def _is_passed_on(self, signing: _Signing, answer: httpx.Response) -> bool:
        return _token_endpoint.is_passed_on(answer, *self._secrets(signing))

    def _renewed(self, signing: _Signing, answer: httpx.Response) -> Tokens:
        """Return the tokens in the authority's answer.

        Raises:
            APIError: there are none.
        """
        assert signing.tokens is not None, "it was refreshed with them"
        now = self._clock.now()
        found: Tokens | str = "200 was expected"
        if answer.status_code == 200:
            found = _token_endpoint.tokens_of(answer, signing.tokens, now)
        if isinstance(found, Tokens):
            return found
        error = _token_endpoint.error_of(answer, found, *self._secrets(signing), now=now)
        logger.info("OAuth 2.0: not refreshed: %s", error.summary)
        if _token_endpoint.is_void(error):
            self._void = (signing.tokens.refresh_token, copy(error))
        raise error

    def _keep(self, signing: _Signing, tokens: Tokens) -> None:
        """Save new tokens, and only then use them. If it fails, it is tried again before anything else is asked for."""
        assert signing.tokens is not None, "they were refreshed"
        self._unsaved = (signing.tokens.refresh_token, tokens)
        try:
            self._store.save(tokens)
        except Exception:
            logger.error("OAuth 2.0: new tokens could not be saved and are not used; the next call tries again")
            raise
        self._unsaved = None
        self._tokens = signing.tokens = tokens
        signing.refreshed = True
        logger.info("OAuth 2.0: refreshed, good for %.0f s", tokens.expires_at - self._clock.now())

    def _signed(self, signing: _Signing) -> httpx.Request:
        assert signing.tokens is not None, "it has been renewed where there were none"
        signing.request.headers["Authorization"] = f"Bearer {signing.tokens.access_token}"
        return signing.request

    def _judge(self, signing: _Signing, response: httpx.Response) -> None:
        """Decide whether the answer stands, or new tokens may change it."""
        assert signing.tokens is not None, "it was sent with them"
        refused = response.status_code == 403 and signing.tokens.expires_at <= self._clock.now()
        if response.status_code == 401:
            refused = not isinstance(error_from_response(response), MissingScopeError)
        signing.due = refused and not signing.refreshed and signing.renewals < MOST_RENEWALS
        signing.over = not signing.due

    def _is_stale(self, tokens: Tokens) -> bool:
        return tokens.expires_at - MARGIN <= self._clock.now()

    def _secrets(self, signing: _Signing) -> tuple[str, ...]:
        tokens = signing.tokens
        return (self._client_secret, *((tokens.refresh_token, tokens.access_token) if tokens else ()))
