"""``confluence-groups sites``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from ...auth import environment
from ...auth.credentials import BearerToken
from ...auth.site_discovery import discover_sites
from ...errors import ConfigurationError
from ...models import Site
from ..command import command
from ..options import CallOptions, OutputOptions
from ..program import PROGRAM
from ..rendering.tables import Column, write_rows
from ..session import state_store
from ..session.client_factory import log_calls, oauth_of

COLUMNS = (Column("cloud_id"), Column("url"), Column("name"), Column("scopes"))


def add_to(app: typer.Typer) -> None:
    """Add this command to the application."""
    command(app, "sites", "confluence-groups sites")(sites)


def sites(output: OutputOptions, calls: CallOptions) -> None:
    """List the sites to which you have granted access with OAuth 2.0."""
    with log_calls(calls.verbose):
        write_rows(_to_rows(_discover(calls.timeout)), COLUMNS, output)


def _to_rows(granted: list[Site]) -> Iterator[dict[str, Any]]:
    for site in granted:
        yield {"cloud_id": site.cloud_id, "url": site.url, "name": site.name, "scopes": sorted(site.scopes)}


def _discover(timeout: float) -> list[Site]:
    auth = environment.read_credentials()
    if isinstance(auth, BearerToken):
        return discover_sites(auth, timeout=timeout)
    login = state_store.read(state_store.LOGIN)
    if login is None or login.get("kind") != "oauth":
        raise ConfigurationError(
            f"listing sites needs OAuth 2.0: log in with {PROGRAM} login, or set CONFLUENCE_ACCESS_TOKEN"
        )
    return discover_sites(oauth_of(login), gateway=login["gateway"], timeout=timeout)
