"""The httpx clients under ours: made, checked, and lent to the generated client."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, TypeVar

import httpx

from ._exchange import Settings

if TYPE_CHECKING:
    from ._generated import AuthenticatedClient

DEFAULT_TIMEOUT = httpx.Timeout(30, connect=5)  # seconds

C = TypeVar("C", httpx.Client, httpx.AsyncClient)


def auth_problem(auth: object) -> str | None:
    """Return what is wrong with credentials, without their value; never raise with it in a frame."""
    if isinstance(auth, httpx.Auth):
        return None
    return f"auth must be an ApiToken, a BearerToken or another httpx.Auth, not {type(auth).__name__}"


def client_of(kind: type[C], given: C | None, settings: Settings) -> C:
    """Return the caller's httpx client, or a new one of this kind that keeps no cookies.

    On loopback it takes no proxy from the environment: plain http would show the token to the proxy.

    Raises:
        TypeError: the caller's is of another kind.
    """
    if given is None:
        beyond_loopback = settings.base.startswith("https:")  # plain http is for loopback alone
        no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
        return kind(cookies=no_cookies, trust_env=beyond_loopback)
    if not isinstance(given, kind):
        raise TypeError(f"http_client must be an httpx.{kind.__name__}, not {type(given).__name__}")
    return given


def raw_sync(settings: Settings, auth: httpx.Auth, http: httpx.Client) -> AuthenticatedClient:
    """Return the generated client, sending through ``http``."""
    return _generated_client(settings, _Through(http, settings.base, auth))


def raw_async(settings: Settings, auth: httpx.Auth, http: httpx.AsyncClient) -> AuthenticatedClient:
    """Return the generated client, sending through ``http``."""
    return _generated_client(settings, _AsyncThrough(http, settings.base, auth))


class _Through(httpx.BaseTransport):
    """Sends through a client that somebody else owns, so that its pool, proxies and certificates serve us too.

    The credentials are added here, behind the check of the host: they may have a host of their own to ask.
    """

    def __init__(self, http: httpx.Client, base: str, auth: httpx.Auth) -> None:
        self._http = http
        self._base = httpx.URL(base)
        self._auth = auth

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        _admit(request, self._base)
        return self._http.send(request, auth=self._auth, follow_redirects=False, stream=True)


class _AsyncThrough(httpx.AsyncBaseTransport):
    """The same for tasks."""

    def __init__(self, http: httpx.AsyncClient, base: str, auth: httpx.Auth) -> None:
        self._http = http
        self._base = httpx.URL(base)
        self._auth = auth

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _admit(request, self._base)
        return await self._http.send(request, auth=self._auth, follow_redirects=False, stream=True)


def _admit(request: httpx.Request, base: httpx.URL) -> None:
    """Keep the token at home, since it is added to every request that comes this way; send no cookies."""
    if (request.url.scheme, request.url.netloc) != (base.scheme, base.netloc):
        raise httpx.UnsupportedProtocol(f"this client sends to {base.host} alone")
    request.headers.pop("Cookie", None)


def _generated_client(
    settings: Settings, transport: httpx.BaseTransport | httpx.AsyncBaseTransport
) -> AuthenticatedClient:
    """Return a generated client whose copies (``with_headers`` and its like) keep credentials and transport, too.

    Its token is what goes into a header; ours go through the transport, so that header serves another purpose.
    """
    from ._generated import AuthenticatedClient

    return AuthenticatedClient(
        base_url=settings.base,
        headers={"Accept": "application/json", "User-Agent": settings.user_agent},
        timeout=httpx.Timeout(**settings.timeout),
        auth_header_name="X-Atlassian-Token",
        prefix="",
        token="no-check",
        httpx_args={"transport": transport},
    )
