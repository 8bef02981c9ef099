"""Lists the sites that a token can reach, with the cloud ids that ``for_cloud`` takes."""

from __future__ import annotations

from .._core.api import deserialization
from .._core.api.operations import Call
from .._core.session import AsyncSession, Session
from .._core.timeout import DEFAULT_TIMEOUT
from .._core.transport.http_client import auth_problem
from .._support import base_url
from .._support.libraries.http import httpx
from .._support.public import public
from ..models import Site

ACCESSIBLE_RESOURCES = Call(
    "accessible-resources",
    {"method": "get", "url": "/oauth/token/accessible-resources"},
    read=deserialization.sites,
    success=200,
    repeatable=True,
    writes=False,
    scopes="any scope",
)


@public
def discover_sites(
    auth: httpx.Auth,
    *,
    gateway: str = base_url.GATEWAY,
    http_client: httpx.Client | None = None,
    timeout: httpx.Timeout | float | None = DEFAULT_TIMEOUT,
) -> list[Site]:
    """List the sites that the user has granted the app access to (accessible-resources).

    Atlassian lists a site once for each of its products; this lists it once, with the scopes of all of them
    (docs/confluence-behaviour.md#oauth).

    Args:
        auth: `OAuth2` or `BearerToken`.
        gateway: the gateway's address.
        http_client: your own httpx client; its owner closes it.
        timeout: as for `ConfluenceGroups`, in seconds.

    Raises:
        ConfigurationError: the gateway or the timeout is malformed.
        TypeError: ``auth`` or ``http_client`` has the wrong type.
        AuthenticationError: the token was not accepted.
        APIError: as for every call of `ConfluenceGroups`.
    """
    if problem := auth_problem(auth):
        del auth  # it may be a bare token, and error reporters show the variables of this frame
        raise TypeError(problem)
    address = base_url.parse_origin_url("gateway", gateway, base_url.GATEWAY)
    session = Session.open(address, auth, timeout=timeout, http_client=http_client)
    try:
        return session.send(ACCESSIBLE_RESOURCES)
    finally:
        session.close()


@public
async def discover_sites_async(
    auth: httpx.Auth,
    *,
    gateway: str = base_url.GATEWAY,
    http_client: httpx.AsyncClient | None = None,
    timeout: httpx.Timeout | float | None = DEFAULT_TIMEOUT,
) -> list[Site]:
    """List the sites that the user has granted the app access to, as `discover_sites` does."""
    if problem := auth_problem(auth):
        del auth  # as above
        raise TypeError(problem)
    address = base_url.parse_origin_url("gateway", gateway, base_url.GATEWAY)
    session = AsyncSession.open(address, auth, timeout=timeout, http_client=http_client)
    try:
        return await session.send(ACCESSIBLE_RESOURCES)
    finally:
        await session.aclose()
