"""The address of a site in a file: its own, or the gateway's with a cloud id."""

from __future__ import annotations

from ...errors import ConfigurationError
from ..base_url import AUTHORITY, GATEWAY, gateway_base, parse_origin_url, site_base
from .section import Section


def check_address(
    section: Section, url: str | None, cloud_id: str | None, *, gateway: str, authority: str = AUTHORITY
) -> None:
    """Note what is wrong with the address of a site."""
    if (url is None) == (cloud_id is None):
        section.note("", "give either url, the site's address, or cloud_id, for the gateway")
        return
    try:
        if url is not None:
            site_base(url)
        elif cloud_id is not None:
            gateway_base(cloud_id, gateway)
        parse_origin_url("gateway", gateway, GATEWAY)
        parse_origin_url("authority", authority, AUTHORITY)
    except ConfigurationError as error:
        section.note("", str(error))
