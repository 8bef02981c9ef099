"""The httpx clients under ours: made, checked, and lent to the generated client."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpx

from ._exchange import Settings

if TYPE_CHECKING:
    from ._generated import AuthenticatedClient

DEFAULT_TIMEOUT = httpx.Timeout(30, connect=5)  # seconds


def check_auth(auth: httpx.Auth) -> httpx.Auth:
    """Return the credentials as they are.

    Raises:
        TypeError: they are no `httpx.Auth`.
    """
    if not isinstance(auth, httpx.Auth):
        raise TypeError(f"auth must be an ApiToken, a BearerToken or another httpx.Auth, not {type(auth).__name__}")
    return auth


def sync_client(given: httpx.Client | None, timeout: httpx.Timeout) -> httpx.Client:
    """Return the caller's client, or a new one that keeps no cookies.

    Raises:
        TypeError: the caller's is no `httpx.Client`.
    """
    if given is None:
        return httpx.Client(timeout=timeout, cookies=_no_cookies())
    if not isinstance(given, httpx.Client):
        raise TypeError(f"http_client must be an httpx.Client, not {type(given).__name__}")
    return given


def async_client(given: httpx.AsyncClient | None, timeout: httpx.Timeout) -> httpx.AsyncClient:
    """Return the caller's client, or a new one that keeps no cookies.

    Raises:
        TypeError: the caller's is no `httpx.AsyncClient`.
    """
    if given is None:
        return httpx.AsyncClient(timeout=timeout, cookies=_no_cookies())
    if not isinstance(given, httpx.AsyncClient):
        raise TypeError(f"http_client must be an httpx.AsyncClient, not {type(given).__name__}")
    return given


def raw_sync(settings: Settings, auth: httpx.Auth, http: httpx.Client) -> AuthenticatedClient:
    """Return the generated client, sending through ``http``."""
    outer = httpx.Client(
        base_url=settings.base,
        auth=auth,
        headers=_raw_headers(settings),
        timeout=_timeout(settings),
        cookies=_no_cookies(),
        transport=_Through(http, settings.base),
    )
    return _generated_client(settings).set_httpx_client(outer)


def raw_async(settings: Settings, auth: httpx.Auth, http: httpx.AsyncClient) -> AuthenticatedClient:
    """Return the generated client, sending through ``http``."""
    outer = httpx.AsyncClient(
        base_url=settings.base,
        auth=auth,
        headers=_raw_headers(settings),
        timeout=_timeout(settings),
        cookies=_no_cookies(),
        transport=_AsyncThrough(http, settings.base),
    )
    return _generated_client(settings).set_async_httpx_client(outer)


class _Through(httpx.BaseTransport):
    """Sends through a client that somebody else owns, so that its pool, proxies and certificates serve us too."""

    def __init__(self, http: httpx.Client, base: str) -> None:
        self._http = http
        self._base = httpx.URL(base)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        _check_origin(request.url, self._base)
        return self._http.send(request, auth=None, follow_redirects=False, stream=True)


class _AsyncThrough(httpx.AsyncBaseTransport):
    """The same for tasks."""

    def __init__(self, http: httpx.AsyncClient, base: str) -> None:
        self._http = http
        self._base = httpx.URL(base)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _check_origin(request.url, self._base)
        return await self._http.send(request, auth=None, follow_redirects=False, stream=True)


def _check_origin(url: httpx.URL, base: httpx.URL) -> None:
    """Keep the token at home: the generated client carries it with every request."""
    if (url.scheme, url.netloc) != (base.scheme, base.netloc):
        raise httpx.UnsupportedProtocol(f"this client sends to {base.host} alone")


def _generated_client(settings: Settings) -> AuthenticatedClient:
    from ._generated import AuthenticatedClient

    return AuthenticatedClient(base_url=settings.base, token="")  # the outer httpx client has the credentials


def _raw_headers(settings: Settings) -> dict[str, str]:
    return {"Accept": "application/json", "User-Agent": settings.user_agent, "X-Atlassian-Token": "no-check"}


def _timeout(settings: Settings) -> httpx.Timeout:
    return httpx.Timeout(**settings.timeout)


def _no_cookies() -> CookieJar:
    return CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
