"""One change: shown, asked for, or only rehearsed."""

from __future__ import annotations

from typing import Any

from .._calls import Call
from ..client import ConfluenceGroups
from .curl import command_for
from .options import Changing
from .terminal import ask, put


def carry_out(client: ConfluenceGroups, changing: Changing, what: str, call: Call[Any]) -> bool:
    """Say whether a change is to be made now: it was shown, and somebody agreed.

    Args:
        client: that would make it.
        changing: what is to be asked.
        what: is to be done, in words.
        call: that does it.

    Raises:
        RefusedError: nobody agreed.
    """
    if changing.curl:
        put(command_for(client, call))
        return False
    if changing.dry_run:
        put(f"would {what} on {client.site}; nothing was sent")
        return False
    if not changing.yes:
        ask(f"{what} on {client.site}?")
    return True
