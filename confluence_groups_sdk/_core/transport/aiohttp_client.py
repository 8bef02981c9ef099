"""Build an httpx client that sends over aiohttp, except through proxies."""

from __future__ import annotations

import ssl

from ..._support.libraries.http import httpx
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
        ConfigurationError: aiohttp is not installed, or the environment's proxy or certificate authorities are
            unusable.
    """
    if not is_integer(max_connections) or max_connections < 1:
        raise ConfigurationError(
            "aiohttp_client(max_connections=...): give a whole number, 1 or more", option="max_connections"
        )
    try:
        from .aiohttp_transport import AiohttpTransport
    except ImportError:
        from ..._support.libraries.extras import missing_extra

        raise missing_extra("aiohttp", "aiohttp_client() needs aiohttp") from None

    context = http_client.build_ssl_context() if verify is True else httpx.create_ssl_context(verify)
    transport = AiohttpTransport(context, max_connections)
    limits = httpx.Limits(max_connections=max_connections)
    proxied = http_client.proxy_mounts(httpx.AsyncClient, context, limits=limits)
    client = httpx.AsyncClient(transport=transport, mounts=proxied)
    http_client.keep_no_cookies(client)
    return client
