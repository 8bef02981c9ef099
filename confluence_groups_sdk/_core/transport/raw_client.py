"""The generated client, which sends through our httpx client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._support.libraries.http import httpx
from ..config import ClientConfig
from .closing import CLOSED_UNSENT, AttemptTimeoutError, InterruptedByClosingError
from .connections.attempt import AsyncAttempt, Attempt, attempt_timeout
from .connections.watching import distrust
from .http_client import HttpClientHolder

if TYPE_CHECKING:
    from ..._generated import AuthenticatedClient


def raw_sync(config: ClientConfig, auth: httpx.Auth, http: HttpClientHolder[httpx.Client]) -> AuthenticatedClient:
    """Return the generated client, sending through ``http``."""
    return _generated_client(config, ForwardingTransport(http, config, auth))


def raw_async(config: ClientConfig, auth: httpx.Auth, http: HttpClientHolder[httpx.AsyncClient]) -> AuthenticatedClient:
    """Return the generated client, sending through ``http``."""
    return _generated_client(config, AsyncForwardingTransport(http, config, auth))


class ForwardingTransport(httpx.BaseTransport):
    """Sends through another client, and so uses its connections, proxies and certificates.

    The credentials are added after the check of the host: they may send requests to a host of their own.

    Args:
        http: the other client.
        config: has the only site to send to, and the limit on the time until a response begins.
        auth: the credentials.
    """

    def __init__(self, http: HttpClientHolder[httpx.Client], config: ClientConfig, auth: httpx.Auth) -> None:
        self._http = http
        self._config = config
        self._auth = auth

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        _check_request(request, self._config.base_url)
        _check_open(self._http)
        Attempt(request, self._auth, self._http.closing if self._http.owned else None, self._config.total_timeout_s)
        try:
            response = _without_reason(
                self._http.client.send(_copy(request), auth=self._auth, follow_redirects=False, stream=True)
            )
            distrust(response)
            return response
        except (httpx.TransportError, RuntimeError) as error:
            if not self._http.is_closed:
                raise
            unsent = isinstance(error, httpx.ConnectError)
        raise _closing_error(unsent=unsent)


class AsyncForwardingTransport(httpx.AsyncBaseTransport):
    """Sends through another asynchronous client; see `ForwardingTransport`."""

    def __init__(self, http: HttpClientHolder[httpx.AsyncClient], config: ClientConfig, auth: httpx.Auth) -> None:
        self._http = http
        self._config = config
        self._auth = auth

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _check_request(request, self._config.base_url)
        _check_open(self._http)
        attempt = AsyncAttempt(request, self._auth)
        try:
            return await self._http.closing.run_until_closed(
                self._send, request, timeout_s=self._config.total_timeout_s
            )
        except InterruptedByClosingError:
            unsent = await attempt.abandon() is False
        except AttemptTimeoutError:
            raise attempt_timeout(sent=await attempt.abandon()) from None
        except (httpx.TransportError, RuntimeError) as error:
            if not self._http.is_closed:
                raise
            unsent = isinstance(error, httpx.ConnectError)
        raise _closing_error(unsent=unsent)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        response = _without_reason(
            await self._http.client.send(_copy(request), auth=self._auth, follow_redirects=False, stream=True)
        )
        distrust(response)
        return response


def _copy(request: httpx.Request) -> httpx.Request:
    """Copy a request, so that the credentials are added to the copy: error reporters show the variables of frames."""
    copied = httpx.Request(request.method, request.url, headers=request.headers, stream=request.stream)
    copied.extensions = request.extensions  # the same object, by which an attempt knows its request
    return copied


def _without_reason(response: httpx.Response) -> httpx.Response:
    """Drop the server's reason phrase, which ``repr`` shows: it has no meaning, and may repeat the credentials."""
    response.extensions.pop("reason_phrase", None)
    return response


def _check_request(request: httpx.Request, base: httpx.URL) -> None:
    """Accept requests to the site only, because each of them gets the token; remove cookies.

    Raises:
        httpx.UnsupportedProtocol: the request is for another host.
    """
    if (request.url.scheme, request.url.netloc) != (base.scheme, base.netloc):
        raise httpx.UnsupportedProtocol(f"this client sends only to {base.host}")
    request.headers.pop("Cookie", None)


def _check_open(http: HttpClientHolder[Any]) -> None:
    """Refuse a call after closing.

    Raises:
        httpx.ConnectError: the client is closed.
    """
    if http.is_closed:
        raise _closing_error(unsent=True)


def _closing_error(*, unsent: bool) -> httpx.TransportError:
    """Return the error for a call that ended because the client was closed."""
    if unsent:
        return httpx.ConnectError(CLOSED_UNSENT)
    return httpx.ReadError("the client was closed before the response came; a change may have been made")


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
