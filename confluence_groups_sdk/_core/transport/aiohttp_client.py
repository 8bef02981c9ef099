"""Build an httpx client that sends over aiohttp, except through proxies."""

from __future__ import annotations

import ssl
from urllib.request import getproxies

import httpx

from ..._support.public import public
from ..._support.validation import is_integer
from ...errors import ConfigurationError
from . import http_client

MAX_CONNECTIONS = 100  # httpx's default


@public
def aiohttp_client(
    *, verify: ssl.SSLContext | bool = True, max_connections: int = MAX_CONNECTIONS
) -> httpx.AsyncClient:
    """Build an `httpx.AsyncClient` that sends over aiohttp, for an `AsyncConfluenceGroups` that many tasks share.

    You close it, and it serves one event loop. For https, the environment's proxies are used, over httpx's own
    transport; so are the hosts in NO_PROXY. Plain http never goes through a proxy.

    Args:
        verify: an `ssl.SSLContext`, or whether to check certificates, as in httpx.
        max_connections: the maximum number of connections in use at once, 1 or more. Idle ones do not count.

    Raises:
        ConfigurationError: aiohttp is not installed, or httpx cannot use the environment's settings.
    """
    if not is_integer(max_connections) or max_connections < 1:
        raise ConfigurationError(
            "aiohttp_client(max_connections=...): give a whole number, 1 or more", option="max_connections"
        )
    try:
        from .aiohttp_transport import AiohttpTransport
    except ImportError:
        raise ConfigurationError(
            "aiohttp_client() needs aiohttp: pip install 'confluence-groups-sdk[aiohttp]'"
        ) from None

    def build() -> httpx.AsyncClient:
        context = httpx.create_ssl_context(verify)
        transport = AiohttpTransport(context, max_connections)
        mounts: dict[str, httpx.AsyncBaseTransport] = {"http://": transport}  # takes precedence over HTTP_PROXY
        if not getproxies().get("all"):
            mounts["all://"] = transport  # would replace ALL_PROXY; HTTPS_PROXY takes precedence over it anyway
        return httpx.AsyncClient(
            verify=context,
            mounts=mounts,
            limits=httpx.Limits(max_connections=max_connections),
        )

    return http_client.build_http_client(build)
