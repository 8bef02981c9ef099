"""OAuth 2.0 (3LO) with refresh tokens that are replaced by each refresh, as credentials for both clients."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING

from .._support import base_url
from .._support.clock import Clock, SystemClock
from .._support.libraries.http import httpx
from .._support.public import public
from ..errors import ConfigurationError
from .credentials import SecretAuth, find_problem
from .oauth_flow import Load, Lock, OAuthFlow, Read, Reply, Save, Send, Unlock, advance
from .token_cache import TokenCache
from .token_store import TokenStore

if TYPE_CHECKING:
    from .lock_thread import LockThread, PerLoopLocks


@public
class OAuth2(SecretAuth):
    """OAuth 2.0 access tokens that are refreshed before they expire, for the gateway (``for_cloud``).

    Any number of clients, threads and tasks may share one object: one of them refreshes, the others wait. Other
    processes wait, too, through the store's lock. New tokens are saved before they are used, because a refresh makes
    the previous refresh token invalid (docs/confluence-behaviour.md#oauth).

    If a token is rejected (401, or 403 after it has expired), it is refreshed once and the request is sent once more.
    If a scope is missing, `MissingScopeError` is raised without a refresh, because a refresh adds no scope.

    Besides its own errors, a call may raise:

    - AuthenticationError: the authority no longer accepts the refresh token, so the user must consent again; or it
      does not know the client.
    - another APIError of ``POST /oauth/token``.
    - any error of the store; a ConfigurationError if it holds no tokens.

    Args:
        client_id: your app's client id.
        client_secret: your app's client secret.
        store: holds the tokens, and keeps refreshed ones.
        authority: address of the server that refreshes the tokens.
        clock: tells when a token expires; replace it in tests.

    Raises:
        ConfigurationError: client id, client secret or authority is malformed, or the authority is plain http and not
            on loopback.
        TypeError: ``store`` or ``clock`` has the wrong type.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        store: TokenStore,
        *,
        authority: str = base_url.AUTHORITY,
        clock: Clock = SystemClock(),
    ) -> None:
        problem = find_problem("client_id", client_id) or find_problem("client_secret", client_secret)
        if problem:
            del client_id, client_secret  # error reporters show the variables of this frame
            raise ConfigurationError(f"OAuth2: {problem}")
        for name, value, kind in (("store", store, TokenStore), ("clock", clock, Clock)):
            if not isinstance(value, kind):
                problem = f"{name} must have the methods of {kind.__name__}, and {type(value).__name__} does not"
                del client_id, client_secret, value, store, clock  # the last three may be bare tokens
                raise TypeError(problem)
        self._cache = TokenCache(store)
        self._client_secret = client_secret
        del client_secret  # the next lines may raise
        address = base_url.parse_origin_url("authority", authority, base_url.AUTHORITY)
        self._flow = OAuthFlow(client_id, self._client_secret, address, self._cache, clock)
        self._loop_locks: PerLoopLocks | None = None

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the access token to a request, and refresh it if needed; httpx calls this."""
        flow = self._flow.steps(request)
        with ExitStack() as lock:
            step = advance(flow, None)
            while step is not None:
                reply: Reply = None
                match step:
                    case Send():
                        reply = yield step.request
                    case Read():
                        step.message.read()
                    case Lock():
                        lock.enter_context(self._cache.lock())
                    case Load():
                        reply = self._cache.load()
                    case Save():
                        self._cache.save(step.tokens, step.spent)
                    case Unlock():
                        lock.close()
                step = advance(flow, reply)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Add the access token to a request, and refresh it if needed; httpx calls this."""
        flow = self._flow.steps(request)
        async with AsyncExitStack() as lock:
            step = advance(flow, None)
            while step is not None:
                reply: Reply = None
                match step:
                    case Send():
                        reply = yield step.request
                    case Read():
                        await step.message.aread()
                    case Lock():
                        thread = await lock.enter_async_context(self._lock_thread())
                    case Load():
                        reply = await thread.run(self._cache.load)
                    case Save():
                        await thread.run(self._cache.save, step.tokens, step.spent)
                    case Unlock():
                        await lock.aclose()
                step = advance(flow, reply)

    def _lock_thread(self) -> LockThread:
        from .lock_thread import LockThread, PerLoopLocks

        self._loop_locks = self._loop_locks or PerLoopLocks()
        return LockThread(self._loop_locks.for_running_loop(), self._cache.lock)
