"""The httpx clients that calls are sent with: built here, or given by the caller."""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.request import getproxies

from ..._support.lazy_import import LazyModule
from ..._support.libraries.http import httpx
from ...errors import ConfigurationError
from ..config import ClientConfig
from .closing import Closing

if TYPE_CHECKING:
    from . import proxies
    from .connections import attempt
else:
    attempt = LazyModule(__package__, "connections.attempt")
    proxies = LazyModule(__package__, "proxies")  # loads only if the environment names one

BUNDLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # the first that is set counts
PROTOCOLS = ["http/1.1"]
VIA_PROXY = "confluence_groups.proxy"  # the extension of a request that names the variable with its proxy

C = TypeVar("C", bound="httpx.Client | httpx.AsyncClient")


def auth_problem(auth: object) -> str | None:
    """Return what is wrong with credentials; a text instead of an exception, whose traceback would hold their value."""
    if isinstance(auth, httpx.Auth):
        return None
    return f"auth must be an ApiToken, a BearerToken or another httpx.Auth, not {_type_of(auth)}"


def client_problem(kind: type, given: object) -> str | None:
    """Return what is wrong with the caller's httpx client; one of httpx2 looks the same."""
    if isinstance(given, kind):
        return None
    problem = f"http_client must be an httpx.{kind.__name__}, not {_type_of(given)}"
    if type(given).__name__ != kind.__name__:
        return problem
    own = f"this package sends with httpx {httpx.__version__}"
    return f"{problem}: {own}. Pass an httpx.{kind.__name__} with the same options, or none"


def _type_of(value: object) -> str:
    """Name the type of a value, with its library, and with the version of a library other than httpx."""
    name, library = type(value).__name__, type(value).__module__.partition(".")[0]
    if library == "builtins":
        return name
    version = getattr(sys.modules.get(library), "__version__", None)
    is_other = library.startswith("httpx") and library != httpx.__name__ and isinstance(version, str)
    return f"{library}.{name} ({library} {version})" if is_other else f"{library}.{name}"


def skip_cookies(_response: httpx.Response) -> None:
    """Ignore a response's cookies; looking for them costs httpx as much as making a request."""


def keep_no_cookies(client: httpx.Client | httpx.AsyncClient) -> None:
    """Replace the cookie jar's reader. A client class of our own would bypass tools that replace httpx's classes."""
    vars(client.cookies)["extract_cookies"] = skip_cookies


class HttpClientHolder(Generic[C]):
    """Holds the caller's httpx client, or one of ours that is built anew in each child process.

    Args:
        kind: the class of httpx clients.
        given: the caller's client; None to build one.
        config: has the address; for plain http, which is for loopback only, no proxy is used.
        sends_once: whether the credentials send no requests of their own.

    Attributes:
        owned: whether the client is ours.
        is_private: whether it sends nothing but the requests of calls.
        closing: ends the calls when the client is closed.

    Raises:
        TypeError: the caller's client has another class.
        ConfigurationError: the environment's proxy or certificate authorities are unusable.
    """

    def __init__(self, kind: type[C], given: C | None, config: ClientConfig, *, sends_once: bool) -> None:
        if given is not None and (problem := client_problem(kind, given)):
            raise TypeError(problem)
        self._kind = kind
        self._sends_once = sends_once
        self._uses_environment = config.base.startswith("https:")  # a proxy could read the token in plain http
        self.owned = given is None
        self.is_private = self.owned and sends_once
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
        hooks: list[Callable[..., Any]] = []
        if not self._sends_once:
            follow = _follow_other if issubclass(self._kind, httpx.Client) else _follow_other_async
            hooks.append(partial(follow, self.closing))  # not a method of this object, which would make a cycle
        return open_http_client(self._kind, uses_environment=self._uses_environment, event_hooks={"request": hooks})


def _follow_other(closing: Closing, request: httpx.Request) -> None:
    """Follow a request that the credentials make; an event hook of httpx."""
    if "trace" not in request.extensions:
        attempt.Attempt(request, None, closing)


async def _follow_other_async(_closing: Closing, request: httpx.Request) -> None:
    if "trace" not in request.extensions:
        attempt.AsyncAttempt(request, None)


def open_http_client(kind: type[C], *, uses_environment: bool, **options: Any) -> C:
    """Open an httpx client that keeps no cookies.

    Args:
        kind: the class of httpx clients.
        uses_environment: whether to use the proxy and the certificate authorities that the environment names.
        options: more arguments of the class.

    Raises:
        ConfigurationError: the environment's proxy or certificate authorities are unusable.
    """
    context = build_ssl_context() if uses_environment else _public_authorities()
    if uses_environment:
        options["mounts"] = proxy_mounts(kind, context)
    client = kind(trust_env=False, verify=context, **options)
    keep_no_cookies(client)
    return client


def build_ssl_context() -> ssl.SSLContext:
    """Return the TLS settings: the authorities that the environment names, otherwise the public ones of certifi.

    The clients of a process share them, because reading all authorities takes much longer than building the rest
    of a client.

    Raises:
        ConfigurationError: they cannot be read.
    """
    variable = next(filter(os.environ.get, BUNDLES), None)
    if variable is None:
        return _public_authorities()
    path = os.environ[variable]
    is_folder = variable == "SSL_CERT_DIR" or (variable == "REQUESTS_CA_BUNDLE" and os.path.isdir(path))
    context = _trust_folder(path) if is_folder else _trust_file(path)
    if isinstance(context, str):
        raise ConfigurationError(f"{variable} {context}")
    return context


@lru_cache(maxsize=1)
def _public_authorities() -> ssl.SSLContext:
    return _shared(httpx.create_ssl_context(trust_env=False))


@lru_cache(maxsize=8)
def _authorities_in(path: str, _version: tuple[int, ...]) -> ssl.SSLContext:
    return _shared(ssl.create_default_context(cafile=path))


def _shared(context: ssl.SSLContext) -> ssl.SSLContext:
    """Fix the protocols: httpx would set them again for each connection, while other threads open theirs."""
    context.set_alpn_protocols(PROTOCOLS)
    vars(context)["set_alpn_protocols"] = _keep_protocols
    return context


def _keep_protocols(_protocols: Iterable[str]) -> None:
    """Ignore protocols; the clients of this package use no others."""


def _trust_file(path: str) -> ssl.SSLContext | str:
    """Trust the certificates in a file; return what is wrong with it instead of raising an error with its path."""
    if not os.path.exists(path):
        return "names a file that does not exist"
    try:
        status = os.stat(path)
        version = status.st_dev, status.st_ino, status.st_ctime_ns, status.st_mtime_ns, status.st_size
        return _authorities_in(path, version)
    except ssl.SSLError:
        return "must name a PEM file with the certificates of authorities: this one has none, or is damaged"
    except (OSError, ValueError):
        return "names a file that cannot be read"


def _trust_folder(path: str) -> ssl.SSLContext | str:
    if not any(map(os.path.isdir, path.split(os.pathsep))):
        return "names a folder that does not exist"
    return ssl.create_default_context(capath=path)


def proxy_mounts(kind: type[C], context: ssl.SSLContext, **options: Any) -> Mapping[str, Any] | None:
    """Return the transport for https, as `mounts` for an httpx client, if the environment names a proxy; else None.

    Args:
        kind: the class of httpx clients.
        context: the TLS settings.
        options: more arguments of httpx's transports.

    Raises:
        ConfigurationError: the address of the proxy is malformed.
    """
    # Not kept in a variable, which error reporters show: an address may hold a password.
    proxy = proxies.find_proxy(getproxies(), context) if getproxies() else None
    if proxy is None:
        return None
    if isinstance(proxy, str):
        raise ConfigurationError(proxy)
    options["verify"] = context
    if issubclass(kind, httpx.Client):
        direct, proxied = httpx.HTTPTransport(**options), httpx.HTTPTransport(proxy=proxy.proxy, **options)
        return {"https://": ProxyTransport(proxy, direct, proxied)}
    return {
        "https://": AsyncProxyTransport(
            proxy, httpx.AsyncHTTPTransport(**options), httpx.AsyncHTTPTransport(proxy=proxy.proxy, **options)
        )
    }


class ProxyTransport(httpx.BaseTransport):
    """Sends through the environment's proxy, or directly to the hosts in NO_PROXY.

    Args:
        settings: the proxy, and these hosts.
        direct: sends without the proxy.
        proxied: sends through the proxy.
    """

    def __init__(
        self, settings: proxies.EnvironmentProxy, direct: httpx.BaseTransport, proxied: httpx.BaseTransport
    ) -> None:
        self._settings = settings
        self._direct = direct
        self._proxied = proxied

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, which notes the proxy."""
        if self._settings.no_proxy.covers(request.url):
            return self._direct.handle_request(request)
        request.extensions[VIA_PROXY] = self._settings.source
        return self._proxied.handle_request(request)

    def close(self) -> None:
        """Close all connections."""
        self._direct.close()
        self._proxied.close()


class AsyncProxyTransport(httpx.AsyncBaseTransport):
    """Sends as `ProxyTransport` does."""

    def __init__(
        self,
        settings: proxies.EnvironmentProxy,
        direct: httpx.AsyncBaseTransport,
        proxied: httpx.AsyncBaseTransport,
    ) -> None:
        self._settings = settings
        self._direct = direct
        self._proxied = proxied

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, which notes the proxy."""
        if self._settings.no_proxy.covers(request.url):
            return await self._direct.handle_async_request(request)
        request.extensions[VIA_PROXY] = self._settings.source
        return await self._proxied.handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._direct.aclose()
        await self._proxied.aclose()
