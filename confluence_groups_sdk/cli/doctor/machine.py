"""Checks of this machine, which need no site: versions, proxy and certificates."""

from __future__ import annotations

import os
import platform
import sys
from importlib import import_module
from importlib.util import find_spec
from urllib.request import getproxies

from ..._core.transport.http_client import BUNDLES, build_ssl_context
from ..._core.transport.proxies import find_proxy
from ..._support.libraries.http import httpx
from ..._version import __version__
from ...errors import ConfigurationError
from .finding import Finding, ok, problem

EXTRAS = {
    "aiohttp": ("aiohttp",),
    "files": ("filelock",),
    "keyring": ("keyring",),
    "review": ("xlsxwriter", "python_calamine"),
    "sandbox": ("starlette", "uvicorn"),
    "postgres": ("psycopg",),
    "dbos": ("dbos",),
}
"""The modules that each extra brings."""
CORRECT = "Correct the variable, or unset it."


def versions() -> Finding:
    """List the versions that matter, and the extras that are installed."""
    present = [name for name, modules in EXTRAS.items() if all(map(find_spec, modules))]
    parts = [
        f"confluence-groups-sdk {__version__}",
        f"Python {platform.python_version()} at {sys.executable}",
        f"httpx {httpx.__version__}",
        *(f"{name} {getattr(import_module(name), '__version__', '?')}" for name in ("httpcore", "typer")),
        platform.platform(terse=True),
        f"extras: {', '.join(['cli', *present])}",
    ]
    return ok("versions", "; ".join(parts))


def proxy(url: httpx.URL | None) -> Finding:
    """Check the proxy that the environment names.

    Args:
        url: the address to call; None if it is unknown.
    """
    if url is not None and url.scheme == "http":
        return ok("proxy", "none is used for a site on this machine")
    try:
        context = build_ssl_context()
    except ConfigurationError:  # the check of certificates reports it
        context = httpx.create_ssl_context(trust_env=False)
    # A text, an object and None: see find_proxy. Its address may have a password.
    found = find_proxy(getproxies(), context) if getproxies() else None
    if found is None:
        return ok("proxy", "none is set")
    if isinstance(found, str):
        return problem("proxy", found, CORRECT)
    address = f"{found.source} (host {found.proxy.url.host}, port {found.proxy.url.port or 'of its scheme'})"
    if url is None:
        return ok("proxy", address)
    if found.no_proxy.covers(url):
        return ok("proxy", f"{address}, but NO_PROXY covers {url.host}")
    return ok("proxy", f"{address}, for {url.host}")


def certificates(url: httpx.URL | None) -> Finding:
    """Check the certificate authorities.

    Args:
        url: the address to call; None if it is unknown.
    """
    try:
        build_ssl_context()
    except ConfigurationError as error:
        return problem("certificates", str(error), CORRECT)
    if url is not None and url.scheme == "http":
        return ok("certificates", "none are used for a site on this machine")
    variable = next(filter(os.environ.get, BUNDLES), None)
    if variable is None:
        return ok("certificates", f"the public authorities of certifi {import_module('certifi').__version__}")
    return ok("certificates", f"only the authorities in {variable}: {os.environ[variable]}")
