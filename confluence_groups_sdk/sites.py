"""Which sites a token was granted access to, and so the cloud ids for ``for_cloud``."""

from __future__ import annotations

import httpx

from . import _bodies, _connections, _settings, _site
from ._calls import Call
from .async_client import AsyncConfluenceGroups
from .client import ConfluenceGroups
from .models import Site

ACCESSIBLE_RESOURCES = Call(
    "accessible-resources",
    {"method": "get", "url": "/oauth/token/accessible-resources"},
    read=_bodies.sites,
    success=200,
    repeatable=True,
    writes=False,
    scopes="any scope",
)


def discover_sites(
    auth: httpx.Auth,
    *,
    gateway: str = _site.GATEWAY,
    http_client: httpx.Client | None = None,
    timeout: httpx.Timeout | float | None = _settings.DEFAULT_TIMEOUT,
) -> list[Site]:
    """Return the sites that the user has granted the app access to (accessible-resources), each once.

    Args:
        auth: `OAuth2` or `BearerToken`.
        gateway: its address.
        http_client: your own, as for `ConfluenceGroups`.
        timeout: as for `ConfluenceGroups`.

    Raises:
        ConfigurationError: the gateway or the timeout is malformed.
        TypeError: ``auth`` or ``http_client`` is of the wrong kind.
        AuthenticationError: the token was not accepted.
        APIError: as for every call of `ConfluenceGroups`.
    """
    if problem := _connections.auth_problem(auth):
        del auth  # a bare token, perhaps: this frame may be shown with its variables
        raise TypeError(problem)
    address = _site.bare("gateway", gateway, _site.GATEWAY)
    with ConfluenceGroups(address, auth=auth, http_client=http_client, timeout=timeout) as client:
        return client._send(ACCESSIBLE_RESOURCES)


async def discover_sites_async(
    auth: httpx.Auth,
    *,
    gateway: str = _site.GATEWAY,
    http_client: httpx.AsyncClient | None = None,
    timeout: httpx.Timeout | float | None = _settings.DEFAULT_TIMEOUT,
) -> list[Site]:
    """Return the same in a task."""
    if problem := _connections.auth_problem(auth):
        del auth  # as above
        raise TypeError(problem)
    address = _site.bare("gateway", gateway, _site.GATEWAY)
    async with AsyncConfluenceGroups(address, auth=auth, http_client=http_client, timeout=timeout) as client:
        return await client._send(ACCESSIBLE_RESOURCES)
