"""``confluence-groups sandbox``: a Confluence on this machine."""

from __future__ import annotations

import os
import signal
import threading
from typing import Annotated, Any

import typer

from ..errors import ConfigurationError
from . import store
from .options import command
from .terminal import put

PANEL = "What goes wrong"


def add_to(app: typer.Typer) -> None:
    """Add this command to the application."""
    command(app, "sandbox", "confluence-groups sandbox --people 5000 --error-rate 0.02 --rate-limit 50")(sandbox)


def sandbox(
    *,
    port: Annotated[int, typer.Option("--port", help="0: any that is free.", min=0, max=65535)] = 0,
    people: Annotated[int, typer.Option("--people", metavar="N", help="People in the group everybody.", min=0)] = 0,
    error_rate: Annotated[
        float, typer.Option("--error-rate", metavar="SHARE", help="Calls answered 503.", rich_help_panel=PANEL)
    ] = 0.0,
    drop_rate: Annotated[
        float,
        typer.Option("--drop-rate", metavar="SHARE", help="Calls done, but never answered.", rich_help_panel=PANEL),
    ] = 0.0,
    latency: Annotated[
        float, typer.Option("--latency", metavar="SECONDS", help="Each call takes so long.", rich_help_panel=PANEL)
    ] = 0.0,
    rate_limit: Annotated[
        float | None,
        typer.Option("--rate-limit", metavar="CALLS", help="A second; more are refused.", rich_help_panel=PANEL),
    ] = None,
    quota: Annotated[
        int | None, typer.Option("--quota", metavar="CALLS", help="Until the next full hour.", rich_help_panel=PANEL)
    ] = None,
) -> None:
    """Run a sandbox until Ctrl-C; on this machine, the other commands find it with --sandbox."""
    try:
        from ..sandbox import Faults, Group, Person, Sandbox
    except ModuleNotFoundError:
        raise ConfigurationError("this copy of the package was made without its sandbox") from None

    faults = Faults(error_rate=error_rate, drop_after=drop_rate, latency=latency, rate_limit=rate_limit, quota=quota)
    try:
        server = Sandbox(faults=faults, port=port)
    except OSError as error:
        raise ConfigurationError(f"port {port}: {error.strerror or error}: give another --port") from None
    for number in range(1, people + 1):
        server.directory.add_person(Person(f"person-{number:06d}", f"Person {number}", f"person{number}@example.com"))
    if people:
        everybody = Group("00000000-0000-4000-8000-00000000beef", "everybody", access=frozenset())
        server.directory.add_group(everybody, (f"person-{number:06d}" for number in range(1, people + 1)))
    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: ended.set())
    with server:
        client_id, client_secret = server.oauth_client
        before = store.running_sandbox()
        store.write(
            store.SANDBOX,
            {
                "pid": os.getpid(),
                "url": server.url,
                "email": server.admin.email,
                "token": server.admin.token,
                "client_id": client_id,
                "client_secret": client_secret,
            },
        )
        try:
            put(
                f"a Confluence sandbox listens on {server.url}; nothing leaves this machine. Ctrl-C ends it.",
                "In another terminal, give --sandbox to the other commands; or, for programs:",
                f"  export CONFLUENCE_SITE={server.url}",
                f"  export CONFLUENCE_EMAIL={server.admin.email}",
                f"  export CONFLUENCE_API_TOKEN={server.admin.token}",
            )
            if before is not None:
                put(f"Until it ends, --sandbox means this one, and not the one at {before['url']}.")
            ended.wait()
        finally:
            _forget(before)
    put("the sandbox has ended")


def _forget(before: dict[str, Any] | None) -> None:
    """Remove the note on this sandbox, unless it is another's by now; one that ran before has its note again."""
    kept = store.read(store.SANDBOX)
    if kept and kept.get("pid") == os.getpid():
        store.remove(store.SANDBOX)
        if before is not None:
            store.write(store.SANDBOX, before)
