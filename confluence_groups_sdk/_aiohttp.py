"""The switch to aiohttp: which requests go over it, and which go over httpx's own transport."""

from __future__ import annotations

import ssl
from urllib.request import getproxies

import httpx

from . import _connections
from .errors import ConfigurationError

MAX_CONNECTIONS = 100  # as httpx has it


def aiohttp_client(
    *, verify: ssl.SSLContext | bool = True, max_connections: int = MAX_CONNECTIONS
) -> httpx.AsyncClient:
    """Return an `httpx.AsyncClient` that sends over aiohttp: for `AsyncConfluenceGroups`, where many tasks share it.

    It is yours: you close it, and it serves one event loop. Proxies of the environment are used for https, over httpx's
    own transport, and so is what NO_PROXY names; plain http never goes to a proxy.

    Args:
        verify: an `ssl.SSLContext`, or whether certificates are checked, as httpx takes it.
        max_connections: that are in use at the same time; idle ones, which may be to other hosts, are not counted.

    Raises:
        ConfigurationError: aiohttp is not installed, or httpx cannot use what the environment says.
    """
    if isinstance(max_connections, bool) or not isinstance(max_connections, int) or max_connections < 1:
        raise ConfigurationError("aiohttp_client(max_connections=...): give a whole number, 1 or more")
    try:
        from ._aiohttp_transport import AiohttpTransport
    except ImportError:
        raise ConfigurationError(
            "aiohttp_client() needs aiohttp: pip install 'confluence-groups-sdk[aiohttp]'"
        ) from None

    def build() -> httpx.AsyncClient:
        context = httpx.create_ssl_context(verify)
        transport = AiohttpTransport(context, max_connections)
        mounts: dict[str, httpx.AsyncBaseTransport] = {"http://": transport}  # not to a proxy that HTTP_PROXY names
        if not getproxies().get("all"):
            mounts["all://"] = transport  # else in place of the one that ALL_PROXY names; HTTPS_PROXY goes first anyway
        return httpx.AsyncClient(
            verify=context,
            mounts=mounts,
            limits=httpx.Limits(max_connections=max_connections),
        )

    return _connections.in_these_surroundings(build)
