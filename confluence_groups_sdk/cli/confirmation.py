"""Confirmation of one change: show it, ask for it, or only print it."""

from __future__ import annotations

from .._support.libraries.http import httpx
from ..client import ConfluenceGroups
from .options import ConfirmationOptions
from .rendering.curl import curl_command
from .terminal import ask, print_out


def confirm(client: ConfluenceGroups, options: ConfirmationOptions, change: str, request: httpx.Request) -> bool:
    """Show a change, ask if the options say so, and return whether to make it now.

    Args:
        client: the client that would make the change.
        options: whether to ask, to print a curl command, or to do neither.
        change: the change in words.
        request: the prepared request of the change.

    Raises:
        RefusedError: the user answered no, or nobody answered.
    """
    if options.curl:
        print_out(curl_command(request))
        return False
    if options.dry_run:
        print_out(f"would {change} on {client.site}; nothing was sent")
        return False
    if not options.yes:
        ask(f"{change} on {client.site}?")
    return True
