"""Reads the site's address and the credentials from environment variables."""

from __future__ import annotations

import os

from .._support.base_url import PLACEHOLDER, ApiAddress, gateway_base, site_base
from .._support.libraries.http import httpx
from ..errors import ConfigurationError
from .credentials import ApiToken, BearerToken


def read_connection(gateway: str) -> tuple[ApiAddress, httpx.Auth]:
    """Read the API's address and the credentials.

    Args:
        gateway: the gateway's address, used if CONFLUENCE_CLOUD_ID is set.

    Raises:
        ConfigurationError: a variable is missing or malformed, or both kinds of credentials are set.
    """
    if cloud_id := read_env("CLOUD_ID"):
        address = gateway_base(cloud_id, gateway)
    elif site := read_env("SITE"):
        address = site_base(site)
    else:
        raise ConfigurationError(f"set CONFLUENCE_SITE (such as {PLACEHOLDER}), or CONFLUENCE_CLOUD_ID for the gateway")
    if (auth := read_credentials()) is None:
        raise ConfigurationError(
            "no credentials: set CONFLUENCE_EMAIL and CONFLUENCE_API_TOKEN, or CONFLUENCE_ACCESS_TOKEN"
        )
    return address, auth


def read_credentials() -> httpx.Auth | None:
    """Read the credentials; return None if no variable for them is set.

    Raises:
        ConfigurationError: e-mail or API token is missing, a value is malformed, or both kinds of credentials are set.
    """
    email, token, access = (bool(read_env(name)) for name in ("EMAIL", "API_TOKEN", "ACCESS_TOKEN"))
    if access and (email or token):
        raise ConfigurationError(
            "both kinds of credentials are set: unset CONFLUENCE_ACCESS_TOKEN, or CONFLUENCE_EMAIL and "
            "CONFLUENCE_API_TOKEN"
        )
    if access:
        return BearerToken(read_env("ACCESS_TOKEN"))
    if email and token:
        return ApiToken(read_env("EMAIL"), read_env("API_TOKEN"))
    if email or token:
        missing = "CONFLUENCE_API_TOKEN" if email else "CONFLUENCE_EMAIL"
        raise ConfigurationError(f"incomplete credentials: {missing} is not set")
    return None


def read_env(name: str) -> str:
    """Read the variable ``CONFLUENCE_<name>``; return an empty text if it is not set."""
    return os.environ.get(f"CONFLUENCE_{name}", "")
