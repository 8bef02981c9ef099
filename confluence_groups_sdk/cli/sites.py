"""``confluence-groups sites``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from .. import _site
from ..auth import BearerToken
from ..errors import ConfigurationError
from ..models import Site
from ..sites import discover_sites
from . import PROGRAM, store
from .connection import calls_shown, oauth
from .options import Showing, Verbosity, command
from .output import Column, write_rows

COLUMNS = (Column("cloud_id"), Column("url"), Column("name"), Column("scopes"))


def add_to(app: typer.Typer) -> None:
    """Add this command to the application."""
    command(app, "sites", "confluence-groups sites")(sites)


def sites(showing: Showing, verbosity: Verbosity) -> None:
    """List the sites that the user has granted access to, with OAuth 2.0."""
    with calls_shown(verbosity.verbose):
        write_rows(rows_of(_discovered()), COLUMNS, showing)


def rows_of(found: list[Site]) -> Iterator[dict[str, Any]]:
    """Yield sites as rows."""
    for site in found:
        yield {"cloud_id": site.cloud_id, "url": site.url, "name": site.name, "scopes": sorted(site.scopes)}


def _discovered() -> list[Site]:
    auth = _site.credentials()
    if isinstance(auth, BearerToken):
        return discover_sites(auth)
    login = store.read(store.LOGIN)
    if login is None or login.get("kind") != "oauth":
        raise ConfigurationError(
            f"sites are granted with OAuth 2.0: log in with {PROGRAM} login, or set CONFLUENCE_ACCESS_TOKEN"
        )
    return discover_sites(oauth(login), gateway=login["gateway"])
