"""A site of the file: its address, and the names of the variables that hold its credentials."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import frozen

from ..._support.base_url import AUTHORITY, GATEWAY
from ..._support.config_file.address import check_address
from ..._support.config_file.section import Section, join_keys
from ..._support.libraries.http import httpx
from ..._support.public import public
from ...auth.credentials import ApiToken, BearerToken
from ...auth.oauth import OAuth2
from ...client import ConfluenceGroups
from ...errors import ConfigurationError

if TYPE_CHECKING:
    from ..postgres import Postgres

KINDS = (("email", "api_token"), ("access_token",), ("client_id", "client_secret", "token_store"))
"""The keys of each kind of credentials."""
KEYS = ("url", "cloud_id", *(key for keys in KINDS for key in keys), "gateway", "authority")


@public
@frozen(kw_only=True)
class FleetSite:
    """A site of a fleet; it has the names of environment variables, and no credentials.

    Attributes:
        name: the site's name.
        url: the site's address; None if it is called through the gateway.
        cloud_id: the site's cloud id, for calls through the gateway; None for calls of its address.
        email: the name of the variable with the e-mail; None for other kinds of credentials, as below.
        api_token: the name of the variable with the API token.
        access_token: the name of the variable with an OAuth 2.0 access token.
        client_id: the name of the variable with the id of the OAuth 2.0 app.
        client_secret: the name of the variable with its secret.
        token_store: the name of the tokens in the database, for OAuth 2.0; None for other kinds of credentials.
        gateway: the gateway's address.
        authority: the address of the server that refreshes tokens.
    """

    name: str
    url: str | None = None
    cloud_id: str | None = None
    email: str | None = None
    api_token: str | None = None
    access_token: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    token_store: str | None = None
    gateway: str = GATEWAY
    authority: str = AUTHORITY

    def open_client(self, shared: Postgres) -> ConfluenceGroups:
        """Open a client with the credentials in the environment, and the rate that all processes share.

        Args:
            shared: the database.

        Raises:
            ConfigurationError: a variable is not set or malformed, or the database cannot be reached.
        """
        auth = self._auth(shared)
        if self.cloud_id is not None:
            limiter = shared.rate_limiter(self.cloud_id)
            return ConfluenceGroups.for_cloud(self.cloud_id, auth=auth, gateway=self.gateway, rate_limiter=limiter)
        assert self.url is not None, "the reader checks"
        return ConfluenceGroups(self.url, auth=auth, rate_limiter=shared.rate_limiter(self.url))

    def missing_variables(self) -> list[str]:
        """Return what is missing in the environment, as ``open_client`` names it."""
        keys = ("email", "api_token", "access_token", "client_id", "client_secret")
        return [self._missing(key) for key in keys if getattr(self, key) and not os.environ.get(getattr(self, key))]

    def _auth(self, shared: Postgres) -> httpx.Auth:
        if self.token_store is not None:
            store = shared.token_store(self.token_store)
            return OAuth2(self._read("client_id"), self._read("client_secret"), store, authority=self.authority)
        if self.access_token is not None:
            return BearerToken(self._read("access_token"))
        return ApiToken(self._read("email"), self._read("api_token"))

    def _read(self, key: str) -> str:
        value = os.environ.get(getattr(self, key))
        if not value:
            raise ConfigurationError(self._missing(key))
        return value

    def _missing(self, key: str) -> str:
        return f"sites.{self.name}.{key}: the environment variable {getattr(self, key)} is not set"


def read_site(name: str, section: Section) -> FleetSite | None:
    """Return the site of a table; None if it has mistakes, which the table notes."""
    before = len(section.problems)
    if not section.is_table:
        return None
    given = {key for keys in KINDS for key in keys if key in section}
    values: dict[str, str | None] = {key: section.text(key) for key in ("url", "cloud_id", "token_store")}
    values |= {key: section.variable(key) for keys in KINDS for key in keys if key != "token_store"}
    values |= {"gateway": section.text("gateway") or GATEWAY, "authority": section.text("authority") or AUTHORITY}
    section.reject_unknown_keys(KEYS)
    if len(section.problems) == before:
        check_address(
            section,
            values["url"],
            values["cloud_id"],
            gateway=values["gateway"] or GATEWAY,
            authority=values["authority"] or AUTHORITY,
        )
        _check_credentials(section, given, values)
    if len(section.problems) > before:
        return None
    return FleetSite(name=name, **values)  # type: ignore[arg-type] # gateway and authority are never None


def _check_credentials(section: Section, given: set[str], values: dict[str, str | None]) -> None:
    choices = "; or ".join(join_keys(keys) for keys in KINDS)
    kinds = [keys for keys in KINDS if given & set(keys)]
    if len(kinds) != 1:
        problem = "several kinds of credentials" if kinds else "no credentials"
        section.note("", f"{problem}: give {choices}")
        return
    if missing := [key for key in kinds[0] if key not in given]:
        section.note("", f"{join_keys(missing)} must be given with {join_keys(sorted(given))}")
    if kinds[0] != KINDS[0] and values["cloud_id"] is None and kinds[0] == KINDS[2]:
        section.note("", "OAuth 2.0 works through the gateway only: give cloud_id instead of url")
