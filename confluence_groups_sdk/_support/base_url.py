"""Addresses of sites and of the gateway, and the user agent.

docs/confluence-behaviour.md#authentication says which credentials go to which address.
"""

from __future__ import annotations

import ipaddress
import sys
from urllib.parse import quote, unquote

from .._version import __version__
from ..errors import ConfigurationError
from .libraries.http import httpx

GATEWAY = "https://api.atlassian.com"
AUTHORITY = "https://auth.atlassian.com"
API_ROOT = "/wiki/rest"
CLOUD_PATH = "/ex/confluence/"
SITE_DOMAIN = ".atlassian.net"  # of every site; a site may have a domain of its own, too
SITE_PATHS = ("", "/wiki", API_ROOT)
PLACEHOLDER = "https://your-domain.atlassian.net"
BROWSER_PREFIX = "mozilla"  # a user agent that begins with it fails the XSRF check: see user_agent()
MAX_HOST_LABEL = 63  # characters (RFC 1035 section 2.3.4)
MAX_PORT = 65535


class ApiAddress(str):
    """An address that one of the functions below has checked."""

    __slots__ = ()


def site_base(site: str) -> ApiAddress:
    """Return the address of a site's API.

    Args:
        site: ``https://NAME.atlassian.net``, optionally followed by ``/wiki`` or ``/wiki/rest``.

    Raises:
        ConfigurationError: the site has another form, or is plain http and not on loopback.
    """
    if isinstance(site, ApiAddress):
        return site
    url = _parse_address("site", site)
    if url.path.startswith("/ex/") or url.host == httpx.URL(GATEWAY).host:
        raise ConfigurationError(
            "site: this is the gateway, which serves many sites: use for_cloud with the site's cloud id",
            option="cloud_id",
        )
    if url.path.rstrip("/") not in SITE_PATHS:
        raise ConfigurationError(
            f"site: only /wiki or /wiki/rest may follow the host, such as {PLACEHOLDER}/wiki", option="site"
        )
    return ApiAddress(_origin(url) + API_ROOT)


def gateway_base(cloud_id: str, gateway: str) -> ApiAddress:
    """Return the address of a site's API behind the gateway.

    Raises:
        ConfigurationError: the cloud id is empty or unusable in a path, or the gateway is not an https origin.
    """
    if not isinstance(cloud_id, str) or not cloud_id.strip() or not cloud_id.isprintable() or cloud_id in (".", ".."):
        raise ConfigurationError(
            "cloud_id: give the site's cloud id, as accessible-resources lists it", option="cloud_id"
        )
    return ApiAddress(
        f"{parse_origin_url('gateway', gateway, GATEWAY)}{CLOUD_PATH}{quote(cloud_id, safe='')}{API_ROOT}"
    )


def site_id(base: str) -> str:
    """Return the identity of the site at an API address: its cloud id behind the gateway, otherwise its host."""
    url = httpx.URL(base)
    _, _, behind = url.raw_path.decode("ascii").partition(CLOUD_PATH)
    return unquote(behind.removesuffix(API_ROOT)) if behind else url.netloc.decode("ascii")


def is_site(base: str) -> bool:
    """Check whether an API address is a site's own for certain, not the gateway, a sandbox or an unknown domain."""
    return httpx.URL(base).host.removesuffix(".").endswith(SITE_DOMAIN)


def can_exist(url: httpx.URL) -> bool:
    """Check whether the host and the port of an address can exist; the resolver reports wrong ones in odd ways."""
    return _is_host(url.raw_host.decode("ascii")) and (url.port is None or 0 < url.port <= MAX_PORT)


def parse_origin_url(name: str, address: str, example: str) -> ApiAddress:
    """Parse the address of a server, without a path.

    Args:
        name: the argument, for messages.
        address: its value.
        example: an address, for messages.

    Raises:
        ConfigurationError: a path follows the host, or the address is not https (or http on loopback).
    """
    url = _parse_address(name, address)
    if url.path.rstrip("/"):
        raise ConfigurationError(f"{name}: nothing may follow the host, such as {example}", option=name)
    return ApiAddress(_origin(url))


def user_agent(application_name: str | None) -> str:
    """Build the User-Agent header (RFC 9110 section 10.1.5).

    Confluence fails its XSRF check for browsers: docs/confluence-behaviour.md#headers.

    Raises:
        ConfigurationError: the application's name is unusable in a header, or is a browser's.
    """
    own = f"confluence-groups-sdk/{__version__} (python {sys.version.partition(' ')[0]}; httpx {httpx.__version__})"
    if application_name is None:
        return own
    plain = isinstance(application_name, str) and application_name.isascii() and application_name.isprintable()
    if not plain or not application_name or application_name != application_name.strip():
        problem = "give a short name in printable ASCII, such as offboarding/1.2"
    elif application_name.lower().startswith(BROWSER_PREFIX):
        problem = "Confluence rejects changes from a browser's user agent; choose another name"
    else:
        return f"{application_name} {own}"
    raise ConfigurationError(f"application_name: {problem}", option="application_name")


def _parse_address(name: str, address: str) -> httpx.URL:
    """Parse an address with httpx, which also sends to it, and accept only an origin with a path.

    Raises:
        ConfigurationError: the message does not show the address, which may contain a password.
    """
    if not address:
        raise ConfigurationError(f"{name} is empty: give an address such as {PLACEHOLDER}", option=name)
    problem, url = None, None
    if not isinstance(address, str) or " " in address or not address.isprintable() or "\\" in address:
        problem = f"give an address such as {PLACEHOLDER}, without spaces"
    elif (url := _parsed(address)) is None:
        problem = f"not a valid address; give one such as {PLACEHOLDER}"
    elif url.userinfo or "?" in address or "#" in address:
        problem = "no credentials, query or fragment may be in it; pass credentials as auth="
    else:
        problem = _problem_with(url)
    if problem or url is None:
        raise ConfigurationError(f"{name}: {problem}", option=name)
    return url


def _parsed(address: str) -> httpx.URL | None:
    try:
        url = httpx.URL(address)
        url.host  # noqa: B018 - decodes it, which fails for a malformed xn-- name
        return url
    except (httpx.InvalidURL, UnicodeError):
        return None


def _problem_with(url: httpx.URL) -> str | None:
    if url.scheme not in ("https", "http") or not url.host:
        return f"give the whole address, starting with https://, such as {PLACEHOLDER}"
    if not can_exist(url):
        return "such a host or port cannot exist"
    if url.scheme == "http" and not _is_loopback(url.host):
        return f"plain http would show the token to the network; write https://{url.host}"
    return None


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _is_host(host: str) -> bool:
    """Check the length of each part of a host name; the resolver reports a wrong one in unhelpful ways."""
    return ":" in host or all(0 < len(label) <= MAX_HOST_LABEL for label in host.removesuffix(".").split("."))


def _is_loopback(host: str) -> bool:
    """Check for ``localhost`` or a loopback address (RFC 6761 section 6.3)."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
