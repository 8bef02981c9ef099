"""A prepared request as the equivalent curl command, without credentials."""

from __future__ import annotations

import shlex

from ..._support.libraries.http import httpx

HEADERS = ("authorization", "x-atlassian-token", "content-type")
"""The headers to print; `ConfluenceGroups.prepare` has redacted the credentials."""


def curl_command(request: httpx.Request) -> str:
    """Format a prepared request as a curl command; the reader adds the credentials."""
    words = ["curl", "-X", request.method]
    for name in HEADERS:
        if name in request.headers:
            words += ["-H", f"{name.title()}: {request.headers[name]}"]
    if request.content:
        words += ["--data-raw", request.content.decode()]
    return shlex.join([*words, str(request.url)])
