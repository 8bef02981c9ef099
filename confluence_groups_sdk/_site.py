"""Where the API is: the rules for addresses, the environment, and the name we go by."""

from __future__ import annotations

import ipaddress
import os
import sys
from urllib.parse import quote, unquote

import httpx

from ._version import __version__
from .auth import ApiToken, BearerToken
from .errors import ConfigurationError

GATEWAY = "https://api.atlassian.com"
AUTHORITY = "https://auth.atlassian.com"
API_ROOT = "/wiki/rest"
CLOUD_PATH = "/ex/confluence/"
SITE_PATHS = ("", "/wiki", API_ROOT)
PLACEHOLDER = "https://your-domain.atlassian.net"


class ApiAddress(str):
    """An address that has been checked: what the functions below return."""

    __slots__ = ()


def site_base(site: str) -> ApiAddress:
    """Return where the API of a site starts.

    Args:
        site: ``https://NAME.atlassian.net``, with or without ``/wiki`` or ``/wiki/rest`` behind it.

    Raises:
        ConfigurationError: it is anything else; plain http is for loopback addresses alone.
    """
    if isinstance(site, ApiAddress):
        return site
    url = _origin("site", site)
    if url.path.rstrip("/") not in SITE_PATHS:
        hint = "; use for_cloud for the gateway" if url.path.startswith("/ex/") else ""
        raise ConfigurationError(
            f"site: only /wiki or /wiki/rest may follow the host, such as {PLACEHOLDER}/wiki{hint}"
        )
    if url.host == httpx.URL(GATEWAY).host:
        raise ConfigurationError("site: this is the gateway, which serves many sites; use for_cloud with the cloud id")
    return ApiAddress(_address(url) + API_ROOT)


def gateway_base(cloud_id: str, gateway: str) -> ApiAddress:
    """Return where the API of a site starts behind the gateway.

    Raises:
        ConfigurationError: the cloud id is empty or cannot stand in a path, or the gateway is no bare https address.
    """
    if not isinstance(cloud_id, str) or not cloud_id.strip() or not cloud_id.isprintable() or cloud_id in (".", ".."):
        raise ConfigurationError("cloud_id: give the site's cloud id, as accessible-resources lists it")
    return ApiAddress(f"{bare('gateway', gateway, GATEWAY)}{CLOUD_PATH}{quote(cloud_id, safe='')}{API_ROOT}")


def identity(base: str) -> str:
    """Return what tells the site behind this address from others: the cloud id where it is known, else the host."""
    url = httpx.URL(base)
    _, _, behind = url.raw_path.decode("ascii").partition(CLOUD_PATH)
    return unquote(behind.removesuffix(API_ROOT)) if behind else url.netloc.decode("ascii")


def bare(name: str, address: str, example: str) -> ApiAddress:
    """Return the address of a server that has all its paths to itself.

    Raises:
        ConfigurationError: something follows the host, or it is no https address (http on loopback).
    """
    url = _origin(name, address)
    if url.path.rstrip("/"):
        raise ConfigurationError(f"{name}: nothing may follow the host, such as {example}")
    return ApiAddress(_address(url))


def environment(gateway: str) -> tuple[ApiAddress, httpx.Auth]:
    """Return address and credentials as the environment has them.

    Raises:
        ConfigurationError: something is missing, or two ways to authenticate are given at once.
    """
    if cloud_id := variable("CLOUD_ID"):
        base = gateway_base(cloud_id, gateway)
    elif site := variable("SITE"):
        base = site_base(site)
    else:
        raise ConfigurationError(f"set CONFLUENCE_SITE (such as {PLACEHOLDER}), or CONFLUENCE_CLOUD_ID for the gateway")
    return base, _given_credentials()


def credentials() -> httpx.Auth | None:
    """Return the credentials that the environment has; None where it has none.

    Raises:
        ConfigurationError: there is half of one, or there are two.
    """
    email, token, access = (bool(variable(name)) for name in ("EMAIL", "API_TOKEN", "ACCESS_TOKEN"))
    if access and (email or token):
        raise ConfigurationError("two ways to authenticate: unset CONFLUENCE_ACCESS_TOKEN, or e-mail and API token")
    if access:
        return BearerToken(variable("ACCESS_TOKEN"))
    if email and token:
        return ApiToken(variable("EMAIL"), variable("API_TOKEN"))
    if email or token:
        missing = "CONFLUENCE_API_TOKEN" if email else "CONFLUENCE_EMAIL"
        raise ConfigurationError(f"half a credential: {missing} is not set")
    return None


def user_agent(application_name: str | None) -> str:
    """Return the name we go by: a product of our own, since a browser's name fails Confluence's XSRF check.

    Raises:
        ConfigurationError: the application's name cannot stand in a header, or is a browser's.
    """
    own = f"confluence-groups-sdk/{__version__} (python {sys.version.partition(' ')[0]}; httpx {httpx.__version__})"
    if application_name is None:
        return own
    plain = isinstance(application_name, str) and application_name.isascii() and application_name.isprintable()
    if not plain or not application_name or application_name != application_name.strip():
        raise ConfigurationError("application_name: give a short name in printable ASCII, such as offboarding/1.2")
    if application_name.lower().startswith("mozilla"):
        raise ConfigurationError(
            "application_name: Confluence refuses changes from what calls itself a browser; choose another name"
        )
    return f"{application_name} {own}"


def _origin(name: str, address: str) -> httpx.URL:
    """Parse an address with the parser that sends to it, and refuse all that is no plain origin with a path.

    The messages do not show the address: a password may stand in it.
    """
    if not address:
        raise ConfigurationError(f"{name} is empty: give an address such as {PLACEHOLDER}")
    if not isinstance(address, str) or " " in address or not address.isprintable() or "\\" in address:
        raise ConfigurationError(f"{name}: give an address such as {PLACEHOLDER}, without spaces")
    url = _parsed(name, address)
    if url.scheme not in ("https", "http") or not url.host:
        raise ConfigurationError(f"{name}: give the whole address, starting with https://, such as {PLACEHOLDER}")
    if url.userinfo or "?" in address or "#" in address:
        raise ConfigurationError(f"{name}: no credentials, query or fragment may stand in it; credentials go to auth=")
    if not _is_host(url.raw_host.decode("ascii")) or (url.port is not None and not 0 < url.port < 65536):
        raise ConfigurationError(f"{name}: the host or the port cannot exist")
    if url.scheme == "http" and not _is_loopback(url.host):
        raise ConfigurationError(f"{name}: plain http would show the token to the network; write https://{url.host}")
    return url


def _parsed(name: str, address: str) -> httpx.URL:
    try:
        url = httpx.URL(address)
        url.host  # noqa: B018 - decodes it, which a malformed xn-- name fails
        return url
    except (httpx.InvalidURL, UnicodeError):
        raise ConfigurationError(f"{name}: this is no valid address; give one such as {PLACEHOLDER}") from None


def _address(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _is_host(host: str) -> bool:
    """Say whether the resolver can be asked for this name; it fails in odd ways otherwise."""
    return ":" in host or all(0 < len(label) < 64 for label in host.removesuffix(".").split("."))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def variable(name: str) -> str:
    """Return what the environment has under our name, empty where it has nothing."""
    return os.environ.get(f"CONFLUENCE_{name}", "")


def _given_credentials() -> httpx.Auth:
    if (auth := credentials()) is None:
        raise ConfigurationError(
            "no credentials: set CONFLUENCE_EMAIL and CONFLUENCE_API_TOKEN, or CONFLUENCE_ACCESS_TOKEN"
        )
    return auth
