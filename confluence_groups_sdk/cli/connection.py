"""Which site, with which credentials: from options, the environment, a login, or a sandbox that runs here."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from attrs import frozen

from .. import _logging, _site
from .._pacing import Pacer
from ..auth import ApiToken
from ..client import ConfluenceGroups
from ..errors import ConfigurationError
from ..oauth import OAuth2
from . import PROGRAM, store
from .options import Connecting
from .terminal import say

NO_SITE = (
    "no site: give --site https://your-domain.atlassian.net or --cloud-id, set CONFLUENCE_SITE, log in with "
    f"{PROGRAM} login, or start a sandbox with {PROGRAM} sandbox"
)
NO_CREDENTIALS = (
    "no credentials for {}: set CONFLUENCE_EMAIL and CONFLUENCE_API_TOKEN (or CONFLUENCE_ACCESS_TOKEN), or log in with "
    f"{PROGRAM} login"
)
SEVERAL = "the login is for no one site: say which with --site or --cloud-id (it opens {})"


@frozen
class Access:
    """A site, and what lets one in."""

    site: str | None
    cloud_id: str | None
    auth: httpx.Auth
    gateway: str = _site.GATEWAY

    def client(self, **options: Any) -> ConfluenceGroups:
        """Return a client of it."""
        if self.cloud_id is not None:
            return ConfluenceGroups.for_cloud(self.cloud_id, auth=self.auth, gateway=self.gateway, **options)
        return ConfluenceGroups(self.site or "", auth=self.auth, **options)


@contextmanager
def connected(connecting: Connecting, pacer: Pacer | None = None) -> Iterator[ConfluenceGroups]:
    """Give a client for as long as a command takes.

    Raises:
        ConfigurationError: no site or no credentials are to be found, or they are malformed.
    """
    with calls_shown(connecting.verbose):
        access = access_for(connecting)
        with access.client(timeout=connecting.timeout, pacer=pacer, application_name="confluence-groups-cli") as client:
            yield client


@contextmanager
def calls_shown(wanted: bool) -> Iterator[None]:
    """Show a line for each call beside the output where that is wanted, for as long as this lasts."""
    if not wanted or _logging.logger.isEnabledFor(logging.INFO):  # or they are shown already
        yield
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    level = _logging.logger.level
    _logging.logger.addHandler(handler)
    _logging.logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        _logging.logger.setLevel(level)
        _logging.logger.removeHandler(handler)


def access_for(connecting: Connecting) -> Access:
    """Return the site that is meant, and its credentials.

    Raises:
        ConfigurationError: there is none, or more than one is meant.
    """
    options = ("--site", connecting.site), ("--cloud-id", connecting.cloud_id), ("--sandbox", connecting.sandbox)
    if len([name for name, value in options if value]) > 1:
        raise ConfigurationError("give one of --site, --cloud-id and --sandbox")
    if connecting.sandbox:
        return _sandbox_access(store.running_sandbox())
    site, cloud_id = connecting.site, connecting.cloud_id
    if not site and not cloud_id:
        cloud_id = _site.variable("CLOUD_ID") or None
        site = None if cloud_id else _site.variable("SITE") or None
    login = store.read(store.LOGIN)
    if not site and not cloud_id:
        if login is None:
            return _last_resort(_site.credentials() is not None)
        site, cloud_id = login.get("site"), login.get("cloud_id")
        site = None if cloud_id else site
    if not site and not cloud_id:
        opened = ", ".join(str(each.get("site") or each["cloud_id"]) for each in (login or {}).get("sites", []))
        raise ConfigurationError(SEVERAL.format(opened or "none"))
    return _with_credentials(site, cloud_id, login)


def _with_credentials(site: str | None, cloud_id: str | None, login: dict[str, Any] | None) -> Access:
    if auth := _site.credentials():
        return Access(site, cloud_id, auth)
    if site and (kept := store.from_keyring(_site.identity(_site.site_base(site)))):
        return Access(site, None, ApiToken(*kept))
    if login and login.get("kind") == "oauth":
        sites = login.get("sites") or [login]
        host = site and _site.identity(_site.site_base(site))
        for each in sites:
            url = each.get("site")
            if each.get("cloud_id") == cloud_id or (host and url and _site.identity(_site.site_base(url)) == host):
                return Access(None, each["cloud_id"], oauth(login), login["gateway"])
    raise ConfigurationError(NO_CREDENTIALS.format(site or cloud_id))


def oauth(login: dict[str, Any]) -> OAuth2:
    """Return the credentials of a login with OAuth 2.0."""
    return OAuth2(login["client_id"], login["client_secret"], store.tokens(), authority=login["authority"])


def _last_resort(has_credentials: bool) -> Access:
    sandbox = None if has_credentials else store.running_sandbox()
    if sandbox is None:
        raise ConfigurationError(NO_SITE)
    say(f"on the sandbox at {sandbox['url']}, since no site is set")
    return _sandbox_access(sandbox)


def _sandbox_access(sandbox: dict[str, Any] | None) -> Access:
    if sandbox is None:
        raise ConfigurationError(f"no sandbox runs on this machine: start one with {PROGRAM} sandbox")
    return Access(sandbox["url"], None, ApiToken(sandbox["email"], sandbox["token"]))
