"""A call as the curl command that makes it, without the token."""

from __future__ import annotations

import shlex
from typing import Any

from .._calls import Call
from .._logging import REDACTED
from .._request import prepare
from ..auth import ApiToken
from ..client import ConfluenceGroups

SHOWN = ("x-atlassian-token", "content-type")


def command_for(client: ConfluenceGroups, call: Call[Any]) -> str:
    """Return the curl command for a call; the credentials are to be put in by whoever runs it."""
    request = prepare(call, client._settings)
    scheme = "Basic" if isinstance(client._auth, ApiToken) else "Bearer"
    headers = [f"Authorization: {scheme} {REDACTED}"]
    headers += [f"{name.title()}: {value}" for name, value in request.headers.items() if name in SHOWN]
    words = ["curl", "-X", request.method]
    for header in headers:
        words += ["-H", header]
    if request.content:
        words += ["--data-raw", request.content.decode()]
    return shlex.join([*words, str(request.url)])
