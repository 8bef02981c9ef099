"""The httpx clients under ours: made, or checked where they are the caller's."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

import httpx

from ._settings import Settings
from .errors import ConfigurationError

BAD_SURROUNDINGS = (
    "httpx cannot use what the environment says: check the proxies (HTTPS_PROXY, ALL_PROXY; SOCKS needs httpx[socks]; "
    "NO_PROXY) and the certificates (SSL_CERT_FILE, SSL_CERT_DIR)"
)

C = TypeVar("C", bound="httpx.Client | httpx.AsyncClient")


def auth_problem(auth: object) -> str | None:
    """Return what is wrong with credentials, without their value; never raise with it in a frame."""
    if isinstance(auth, httpx.Auth):
        return None
    return f"auth must be an ApiToken, a BearerToken or another httpx.Auth, not {type(auth).__name__}"


def _look_for_none(_answer: httpx.Response) -> None:
    """Look for no cookies in an answer, which costs httpx as much as making a request."""


class Connections(Generic[C]):
    """The httpx client of the caller, or one of our own, which a child process makes anew for itself."""

    def __init__(self, kind: type[C], given: C | None, settings: Settings) -> None:
        if given is not None and not isinstance(given, kind):
            raise TypeError(f"http_client must be an httpx.{kind.__name__}, not {type(given).__name__}")
        self._kind = kind
        self._beyond_loopback = settings.base.startswith("https:")  # plain http is for loopback alone
        self.owned = given is None
        self._client = given if given is not None else self._new()
        self._process = os.getpid()

    @property
    def client(self) -> C:
        """The client to send with; a connection of the parent process must not be used by its child."""
        if self.owned and self._process != os.getpid():
            self._client = self._new()
            self._process = os.getpid()
        return self._client

    def _new(self) -> C:
        """Return a client; on loopback without proxies of the environment: plain http would show the token to them."""
        return in_these_surroundings(lambda: self._kind(trust_env=self._beyond_loopback))


def in_these_surroundings(build: Callable[[], C]) -> C:
    """Return the client that is built so; it keeps no cookies of answers.

    Raises:
        ConfigurationError: httpx cannot use what the environment says.
    """
    try:
        client = build()
    except (ValueError, ImportError, OSError, httpx.InvalidURL):
        client = None  # the text may show a proxy's password: the error is raised where this one is no longer known
    if client is None:
        raise ConfigurationError(BAD_SURROUNDINGS)
    # Of this jar alone, and no class of ours for the client: tools that watch httpx put their own in its place.
    vars(client.cookies)["extract_cookies"] = _look_for_none
    return client
