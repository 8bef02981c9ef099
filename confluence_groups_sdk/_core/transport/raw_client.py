"""The generated client, which sends through our httpx client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from ..config import ClientConfig

if TYPE_CHECKING:
    from ..._generated import AuthenticatedClient


def raw_sync(config: ClientConfig, auth: httpx.Auth, http: httpx.Client) -> AuthenticatedClient:
    """Return the generated client, sending through ``http``."""
    return _generated_client(config, ForwardingTransport(http, config.base, auth))


def raw_async(config: ClientConfig, auth: httpx.Auth, http: httpx.AsyncClient) -> AuthenticatedClient:
    """Return the generated client, sending through ``http``."""
    return _generated_client(config, AsyncForwardingTransport(http, config.base, auth))


class ForwardingTransport(httpx.BaseTransport):
    """Sends through another client, and so uses its connections, proxies and certificates.

    The credentials are added after the check of the host: they may send requests to a host of their own.

    Args:
        http: the other client.
        base: the only site to send to.
        auth: the credentials.
    """

    def __init__(self, http: httpx.Client, base: str, auth: httpx.Auth) -> None:
        self._http = http
        self._base = httpx.URL(base)
        self._auth = auth

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        _check_request(request, self._base)
        return self._http.send(request, auth=self._auth, follow_redirects=False, stream=True)


class AsyncForwardingTransport(httpx.AsyncBaseTransport):
    """Sends through another asynchronous client; see `ForwardingTransport`."""

    def __init__(self, http: httpx.AsyncClient, base: str, auth: httpx.Auth) -> None:
        self._http = http
        self._base = httpx.URL(base)
        self._auth = auth

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _check_request(request, self._base)
        return await self._http.send(request, auth=self._auth, follow_redirects=False, stream=True)


def _check_request(request: httpx.Request, base: httpx.URL) -> None:
    """Accept requests to the site only, because each of them gets the token; remove cookies.

    Raises:
        httpx.UnsupportedProtocol: the request is for another host.
    """
    if (request.url.scheme, request.url.netloc) != (base.scheme, base.netloc):
        raise httpx.UnsupportedProtocol(f"this client sends only to {base.host}")
    request.headers.pop("Cookie", None)


def _generated_client(
    config: ClientConfig, transport: httpx.BaseTransport | httpx.AsyncBaseTransport
) -> AuthenticatedClient:
    """Build a generated client whose copies (by ``with_headers`` and the like) keep credentials and transport.

    It puts its token into a header of our choice. The transport adds our credentials, so that header is free for
    X-Atlassian-Token.
    """
    from ..._generated import AuthenticatedClient

    return AuthenticatedClient(
        base_url=config.base,
        headers={"Accept": "application/json", "User-Agent": config.user_agent},
        timeout=httpx.Timeout(**config.timeout),
        auth_header_name="X-Atlassian-Token",
        prefix="",
        token="no-check",
        httpx_args={"transport": transport},
    )
