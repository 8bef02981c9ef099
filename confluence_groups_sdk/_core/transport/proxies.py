"""The proxy that the environment names for https, and the hosts to reach without it.

They are read here and not by httpx, which fails on many values of NO_PROXY that other programs accept. Nothing here
changes the environment.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

from attrs import frozen

from ..._support import base_url
from ..._support.libraries.http import httpx
from ..._support.log import logger
from ..._support.redaction import REDACTED
from ..._support.text import escape_controls

SYSTEM_SETTINGS = "the system's proxy settings"
SOCKS = ("socks5", "socks5h")
SCHEMES = ("http", "https", *SOCKS)
MALFORMED = (
    "must be the address of a proxy, such as http://name:password@proxy.example.com:3128, with the special characters "
    "of the password percent-encoded; httpx knows the schemes http, https, socks5 and socks5h"
)
NO_SOCKS = "names a SOCKS proxy, which needs httpx[socks]: pip install 'httpx[socks]'"
MAX_SHOWN = 20  # ignored entries in a log line

# Patterns are compiled when they are first used: most programs have no NO_PROXY.
SEPARATORS = r"[\s,;]+"
WITH_PORT = r"(\[[^\]]*\]|[^:]*):([0-9]{1,5})"
BRACKETED = r"\[([^\]]*)\](/[0-9]+)?"
DOMAIN = r"(?:[a-z0-9_-]+\.)*[a-z0-9_-]*[a-z_-][a-z0-9_-]*"  # the last label is no number, or it is a damaged address
NO_PASSWORD = r"[0-9a-fA-F:./%\[\]]+|[^:@]*(?::[0-9]{0,5}(?:/[^:@]*)?)?"

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@frozen
class NoProxy:
    """The hosts that are reached without a proxy.

    Attributes:
        everything: whether these are all hosts.
        networks: IP addresses and networks, each with a port or None for all ports.
        domains: names, each with whether it means its subdomains only, and with a port or None.
    """

    everything: bool = False
    networks: tuple[tuple[Network, int | None], ...] = ()
    domains: tuple[tuple[str, bool, int | None], ...] = ()

    def covers(self, url: httpx.URL) -> bool:
        """Check whether the host of an https address is among them."""
        ports = (None, url.port or 443)
        host = url.raw_host.decode("ascii").lower().rstrip(".")
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return self.everything or any(
                port in ports and (host.endswith(f".{name}") or (host == name and not only_subdomains))
                for name, only_subdomains, port in self.domains
            )
        return self.everything or any(port in ports and address in network for network, port in self.networks)


@frozen(repr=False)
class EnvironmentProxy:
    """The proxy that the environment names.

    Attributes:
        source: the variable, or words for the system's settings.
        proxy: the address, with a password perhaps.
        no_proxy: the hosts that are reached without it.
    """

    source: str
    proxy: httpx.Proxy
    no_proxy: NoProxy


def find_proxy(settings: Mapping[str, str], context: ssl.SSLContext) -> EnvironmentProxy | str | None:
    """Find the proxy for https: HTTPS_PROXY or else ALL_PROXY, in any case.

    Args:
        settings: what `urllib.request.getproxies` found, in the environment or else in the system's settings.
        context: the TLS settings for a proxy that itself speaks TLS.

    Returns:
        The proxy; None if there is none, or no host needs it; or a text that says what is wrong with its address,
        instead of an exception, whose traceback would hold its password.
    """
    text = settings.get("no")
    no_proxy = parse_no_proxy(_variable("no_proxy", text), text) if text else NoProxy()
    for scheme in ("https", "all"):
        if (value := settings.get(scheme, "").strip()) and not no_proxy.everything:
            source = _variable(f"{scheme}_proxy", settings[scheme])
            proxy = _parse_proxy(value, context)
            if proxy is None:
                return f"{source} {MALFORMED}"
            if proxy.url.scheme in SOCKS and not _has_socks():
                return f"{source} {NO_SOCKS}"
            return EnvironmentProxy(source, proxy, no_proxy)
    return None


def _variable(name: str, value: str) -> str:
    """Return the name of the variable with this value, as it is spelt; the lower-case one counts first."""
    spellings = [each for each in os.environ if each.lower() == name and os.environ.get(each) == value]
    return max(spellings, default=SYSTEM_SETTINGS)


def _parse_proxy(value: str, context: ssl.SSLContext) -> httpx.Proxy | None:
    """Parse the address of a proxy; return None if it is malformed."""
    try:
        url = httpx.URL(value if "://" in value else f"http://{value}")
        # An "@" behind the host belongs to a password with "/", "?" or "#": the host would be a part of it.
        is_whole = b"@" not in url.raw_path and "@" not in url.fragment
        is_possible = base_url.can_exist(url) and b"%" not in url.raw_host
        if url.scheme in SCHEMES and url.host and is_possible and is_whole:
            return httpx.Proxy(url, ssl_context=context if url.scheme == "https" else None)
    except (ValueError, httpx.InvalidURL):
        pass
    return None


def _has_socks() -> bool:
    from importlib.util import find_spec

    return find_spec("socksio") is not None


# --- hosts to reach without a proxy


@lru_cache(maxsize=8)
def parse_no_proxy(variable: str, text: str) -> NoProxy:
    """Parse NO_PROXY, and warn once about the entries that mean nothing.

    Args:
        variable: its name, for the warning.
        text: entries between commas, semicolons or spaces. docs/networks.md has their forms.
    """
    networks: list[tuple[Network, int | None]] = []
    domains: list[tuple[str, bool, int | None]] = []
    ignored: list[str] = []
    entries = [entry for entry in re.split(SEPARATORS, text) if entry]
    for entry in entries:
        if entry == "*":
            continue
        host, port = _split_entry(entry)
        if network := _parse_network(host):
            networks.append((network, port))
        elif domain := _parse_domain(host):
            domains.append((*domain, port))
        else:
            ignored.append(entry)
    if ignored:
        shown = _without_passwords(entries)
        texts = [escape_controls(shown[entry]) for entry in ignored[:MAX_SHOWN]]
        more = f" and {len(ignored) - MAX_SHOWN} more" if len(ignored) > MAX_SHOWN else ""
        logger.warning("%s: ignored %s%s, which name no host; see docs/networks.md", variable, ", ".join(texts), more)
    return NoProxy("*" in entries, tuple(networks), tuple(domains))


def _split_entry(entry: str) -> tuple[str, int | None]:
    """Split an entry into the host and the port, if it names one; the host is empty if it is for another scheme."""
    scheme, mark, rest = entry.partition("://")
    if mark:
        if scheme.lower() not in ("https", "all"):
            return "", None
        entry = re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    match = re.fullmatch(WITH_PORT, entry)
    return (match[1], int(match[2])) if match else (entry, None)


def _parse_network(host: str) -> Network | None:
    match = re.fullmatch(BRACKETED, host)
    host = f"{match[1]}{match[2] or ''}" if match else host
    address, slash, prefix = host.partition("/")
    try:
        return ipaddress.ip_network(f"{address.partition('%')[0]}{slash}{prefix}", strict=False)
    except ValueError:
        return None


def _parse_domain(host: str) -> tuple[str, bool] | None:
    """Return a domain name in lower case and ASCII, and whether its subdomains only are meant."""
    name = host.removeprefix("*")
    only_subdomains = name.startswith(".")
    if name != host and not only_subdomains:
        return None
    try:
        name = httpx.URL(scheme="https", host=name.strip(".")).raw_host.decode("ascii").lower()
    except (ValueError, httpx.InvalidURL):
        return None
    return (name, only_subdomains) if re.fullmatch(DOMAIN, name) else None


def _without_passwords(entries: list[str]) -> dict[str, str]:
    """Return how to show each entry: those that may hold a password, or a part of one that was split, are redacted."""
    shown = {entry: REDACTED if _may_hold_password(entry) else entry for entry in entries}
    for end, entry in enumerate(entries):
        if "@" in entry and "://" not in entry:
            start = next(i for i, each in enumerate(entries) if ":" in each or i == end)
            shown |= dict.fromkeys(entries[start:end], REDACTED)
    return shown


def _may_hold_password(entry: str) -> bool:
    rest = entry.partition("://")[2] or entry
    return re.fullmatch(NO_PASSWORD, rest) is None
