"""The httpx clients that calls are sent with: built here, or given by the caller."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

import httpx

from ..._support.lazy_import import LazyModule
from ...errors import ConfigurationError
from ..config import ClientConfig
from .closing import Closing

if TYPE_CHECKING:
    from .connections import attempt
else:
    attempt = LazyModule(__package__, "connections.attempt")

BAD_ENVIRONMENT = (
    "httpx cannot use the environment's settings: check the proxies (HTTPS_PROXY, ALL_PROXY; SOCKS needs httpx[socks]; "
    "NO_PROXY) and the certificates (SSL_CERT_FILE, SSL_CERT_DIR)"
)

C = TypeVar("C", bound="httpx.Client | httpx.AsyncClient")


def auth_problem(auth: object) -> str | None:
    """Return what is wrong with credentials; a text instead of an exception, whose traceback would hold their value."""
    if isinstance(auth, httpx.Auth):
        return None
    return f"auth must be an ApiToken, a BearerToken or another httpx.Auth, not {type(auth).__name__}"


def skip_cookies(_response: httpx.Response) -> None:
    """Ignore a response's cookies; looking for them costs httpx as much as making a request."""


class HttpClientHolder(Generic[C]):
    """Holds the caller's httpx client, or one of ours that is built anew in each child process.

    Args:
        kind: the class of httpx clients.
        given: the caller's client; None to build one.
        config: has the address; for plain http, which is for loopback only, no proxy is used.

    Raises:
        TypeError: the caller's client has another class.
        ConfigurationError: httpx cannot use the environment's settings.
    """

    def __init__(self, kind: type[C], given: C | None, config: ClientConfig) -> None:
        if given is not None and not isinstance(given, kind):
            raise TypeError(f"http_client must be an httpx.{kind.__name__}, not {type(given).__name__}")
        self._kind = kind
        self._uses_environment = config.base.startswith("https:")  # a proxy could read the token in plain http
        self.owned = given is None
        self.closing = Closing()
        self._client = given if given is not None else self._build()
        self._process = os.getpid()

    @property
    def client(self) -> C:
        """The client to send with; a child process must not use its parent's connections."""
        if self.owned and self._process != os.getpid():
            self.closing = Closing(closed=self.closing.closed)
            self._client = self._build()
            self._process = os.getpid()
        return self._client

    @property
    def is_closed(self) -> bool:
        """Whether our client or the caller's httpx client is closed."""
        return self.closing.closed or (not self.owned and self._client.is_closed)

    def _build(self) -> C:
        follow = self._follow_other if issubclass(self._kind, httpx.Client) else self._follow_other_async
        hooks = {"request": [follow]}
        return build_http_client(lambda: self._kind(trust_env=self._uses_environment, event_hooks=hooks))

    def _follow_other(self, request: httpx.Request) -> None:
        """Follow a request that the credentials make; an event hook of httpx."""
        if "trace" not in request.extensions:
            attempt.Attempt(request, None, self.closing)

    async def _follow_other_async(self, request: httpx.Request) -> None:
        if "trace" not in request.extensions:
            attempt.AsyncAttempt(request, None)


def build_http_client(build: Callable[[], C]) -> C:
    """Build an httpx client that keeps no cookies.

    Raises:
        ConfigurationError: httpx cannot use the environment's settings.
    """
    try:
        client = build()
    except (ValueError, ImportError, OSError, httpx.InvalidURL):
        client = None  # its text may show a proxy's password: raise the error below, without it as context
    if client is None:
        raise ConfigurationError(BAD_ENVIRONMENT)
    # Replaced on this one jar. A client class of our own would bypass tools that replace httpx's classes.
    vars(client.cookies)["extract_cookies"] = skip_cookies
    return client
