"""Finds the site and the credentials: in options, the environment, a login, or a sandbox on this machine."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import frozen

from ..._core.limits.rate_limiter import RateLimiter
from ..._support import base_url, log
from ..._support.libraries.http import httpx
from ...auth import environment
from ...auth.credentials import BEARER_TOKEN_AT_SITE, ApiToken, BearerToken
from ...auth.oauth import OAuth2
from ...client import ConfluenceGroups
from ...errors import ConfigurationError, KnownProblem
from ..options import ConnectionOptions
from ..program import PROGRAM
from ..rendering.error_message import REMEDIES
from ..terminal import print_err
from . import keyring_store, profiles, state_store

NO_SITE = (
    "no site: give --site https://your-domain.atlassian.net, --cloud-id or --profile, set CONFLUENCE_SITE, log in with "
    f"{PROGRAM} login, or start a sandbox with {PROGRAM} sandbox"
)
NO_SANDBOX = f"no sandbox runs on this machine: start one with {PROGRAM} sandbox"
NO_CREDENTIALS = (
    "no credentials for {}: set CONFLUENCE_EMAIL and CONFLUENCE_API_TOKEN (or CONFLUENCE_ACCESS_TOKEN), or log in with "
    f"{PROGRAM} login"
)
AMBIGUOUS_LOGIN = "the login is for several sites or none: choose one with --site or --cloud-id (it gives access to {})"


@frozen
class ClientSource:
    """A site and the credentials for it.

    Attributes:
        site: the site's address; None if calls go through the gateway.
        cloud_id: the site's cloud id; None if calls go to the site's address.
        auth: the credentials.
        gateway: the gateway's address.
        named_by: what named the site, in words.
        kind: the kind of credentials and where they are kept, in words.
    """

    site: str | None
    cloud_id: str | None
    auth: httpx.Auth
    gateway: str = base_url.GATEWAY
    named_by: str = ""
    kind: str = ""

    def build_client(self, **options: Any) -> ConfluenceGroups:
        """Build a client for the site; print its warnings in the words of the command line."""
        if self.cloud_id is not None:
            return ConfluenceGroups.for_cloud(self.cloud_id, auth=self.auth, gateway=self.gateway, **options)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            client = ConfluenceGroups(self.site or "", auth=self.auth, **options)
        for each in caught:
            known = str(each.message) == BEARER_TOKEN_AT_SITE
            print_err(f"warning: {REMEDIES[KnownProblem.BEARER_TOKEN_AT_SITE] if known else each.message}")
        return client


@contextmanager
def open_client(connection: ConnectionOptions, rate_limiter: RateLimiter | None = None) -> Iterator[ConfluenceGroups]:
    """Open a client for the time of a command, and print the server's notices at the end.

    Args:
        connection: the options of the command.
        rate_limiter: the client's rate limiter; None for one of its own.

    Raises:
        ConfigurationError: there is no site, there are no credentials, or one of them is malformed.
    """
    with log_calls(connection.verbose):
        source = find_source(connection)
        with source.build_client(
            timeout=connection.timeout, rate_limiter=rate_limiter, application_name="confluence-groups-cli"
        ) as client:
            try:
                yield client
            finally:
                print_err(*(f"notice of the server: {each}" for each in client.notices))


@contextmanager
def log_calls(verbose: bool) -> Iterator[None]:
    """Print a line for each call on standard error, if ``verbose`` is set and nothing else logs the calls already."""
    if not verbose or log.logger.isEnabledFor(logging.INFO):
        yield
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    level = log.logger.level
    log.logger.addHandler(handler)
    log.logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.logger.setLevel(level)
        log.logger.removeHandler(handler)


def find_source(connection: ConnectionOptions) -> ClientSource:
    """Find the site and its credentials.

    An option overrides the environment, and the environment overrides a login. A running sandbox is the last resort. A
    profile, in an option or the environment, names both.

    Raises:
        ConfigurationError: several options name a site, or no site or no credentials are found.
    """
    profile = profiles.chosen_name(connection)
    if sum(map(bool, (connection.site, connection.cloud_id, connection.sandbox))) > 1:
        raise ConfigurationError(profiles.ONE_SITE)
    if connection.sandbox:
        return sandbox_source(state_store.running_sandbox())
    if profile:
        return _from_profile(profiles.load(profile))
    login = state_store.read(state_store.LOGIN)
    site, cloud_id, named_by = _site_from_options(connection)
    if site or cloud_id:
        return _with_credentials(site, cloud_id, login, named_by)
    if login is None:
        return _last_resort(has_credentials=environment.read_credentials() is not None)
    return _with_credentials(*_site_from_login(login), login, "the login")


def _site_from_options(connection: ConnectionOptions) -> tuple[str | None, str | None, str]:
    """Return the site's address or its cloud id from the options, or else from the environment, and which named it."""
    if connection.site or connection.cloud_id:
        return connection.site, connection.cloud_id, "--site" if connection.site else "--cloud-id"
    if cloud_id := environment.read_env("CLOUD_ID"):
        return None, cloud_id, "CONFLUENCE_CLOUD_ID"
    return environment.read_env("SITE") or None, None, "CONFLUENCE_SITE"


def _site_from_login(login: dict[str, Any]) -> tuple[str | None, str | None]:
    site, cloud_id = login.get("site"), login.get("cloud_id")
    if not site and not cloud_id:
        granted = ", ".join(str(each.get("site") or each["cloud_id"]) for each in login.get("sites", []))
        raise ConfigurationError(AMBIGUOUS_LOGIN.format(granted or "none"))
    return (None if cloud_id else site), cloud_id


def _with_credentials(
    site: str | None, cloud_id: str | None, login: dict[str, Any] | None, named_by: str
) -> ClientSource:
    """Add the credentials from the environment, the keyring or an OAuth 2.0 login, in this order."""
    if auth := environment.read_credentials():
        bearer = isinstance(auth, BearerToken)
        kind = "access token in CONFLUENCE_ACCESS_TOKEN" if bearer else "API token in CONFLUENCE_API_TOKEN"
        return ClientSource(site, cloud_id, auth, named_by=named_by, kind=kind)
    found = _from_keyring(site, named_by) or _from_login(site, cloud_id, login, named_by)
    if found is None:
        raise ConfigurationError(NO_CREDENTIALS.format(site or cloud_id))
    return found


def _from_keyring(site: str | None, named_by: str) -> ClientSource | None:
    if site and (credentials := keyring_store.load(_host_of(site))):
        return ClientSource(site, None, ApiToken(*credentials), named_by=named_by, kind="API token in the keyring")
    return None


def _from_login(
    site: str | None, cloud_id: str | None, login: dict[str, Any] | None, named_by: str
) -> ClientSource | None:
    if login and login.get("kind") == "oauth":
        for granted in login.get("sites") or [login]:
            if matches_site(site, cloud_id, granted.get("site"), granted.get("cloud_id")):
                auth, gateway = oauth_of(login), login["gateway"]
                return ClientSource(None, granted["cloud_id"], auth, gateway, named_by, "OAuth 2.0 login")
    return None


def _from_profile(profile: profiles.Profile) -> ClientSource:
    """Add the credentials that a profile names, and no others."""
    url, cloud_id, named_by = profile.url, profile.cloud_id, f"the profile {profile.name}"
    if profile.access_token:
        kind, auth = f"access token in {profile.access_token}", BearerToken(profile.read_variable("access_token"))
        return ClientSource(url, cloud_id, auth, profile.gateway, named_by, kind)
    if profile.api_token:
        api_token = ApiToken(profile.read_variable("email"), profile.read_variable("api_token"))
        return ClientSource(url, cloud_id, api_token, profile.gateway, named_by, f"API token in {profile.api_token}")
    if profile.credentials == "keyring":
        found, kept, how = _from_keyring(url, named_by), "API token in the keyring", "--api-token --profile"
    else:
        login = state_store.read(state_store.LOGIN)
        found, kept, how = _from_login(url, cloud_id, login, named_by), "login", "--profile"
    if found is None:
        raise ConfigurationError(
            f"{profile.path}: profiles.{profile.name}.credentials: there is no {kept} for this site: "
            f"run {PROGRAM} login {how} {profile.name}"
        )
    return found


def matches_site(
    site: str | None, cloud_id: str | None, granted_site: str | None, granted_cloud_id: str | None
) -> bool:
    """Check whether a granted site has the wanted cloud id or the wanted address."""
    if cloud_id and cloud_id == granted_cloud_id:
        return True
    return bool(site and granted_site and _host_of(site) == _host_of(granted_site))


def _host_of(site: str) -> str:
    return base_url.site_id(base_url.site_base(site))


def oauth_of(login: dict[str, Any]) -> OAuth2:
    """Build the credentials of an OAuth 2.0 login."""
    store = state_store.tokens()
    return OAuth2(login["client_id"], login["client_secret"].value, store, authority=login["authority"])


def _last_resort(*, has_credentials: bool) -> ClientSource:
    """Choose a running sandbox, unless there are credentials: then the user forgot to name their site."""
    sandbox = None if has_credentials else state_store.running_sandbox()
    if sandbox is None:
        raise ConfigurationError(NO_SITE)
    print_err(f"using the sandbox at {sandbox['url']}, because no site is set")
    return sandbox_source(sandbox)


def sandbox_source(sandbox: dict[str, Any] | None) -> ClientSource:
    """Return the source for a running sandbox.

    Raises:
        ConfigurationError: no sandbox runs.
    """
    if sandbox is None:
        raise ConfigurationError(NO_SANDBOX)
    auth = ApiToken(sandbox["email"], sandbox["token"].value)
    return ClientSource(sandbox["url"], None, auth, named_by="the running sandbox", kind="the sandbox's API token")
