"""``confluence-groups sandbox``: run a Confluence on this machine."""

from __future__ import annotations

import math
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from attrs import field, frozen

from ...errors import ConfigurationError, InputError
from ..command import command
from ..options import check_value, is_share
from ..output_files import write_file
from ..session import state_store
from ..terminal import print_out

if TYPE_CHECKING:
    from ...sandbox import Sandbox

PANEL = "Faults"
END_SIGNALS = (signal.SIGINT, signal.SIGTERM)
USERS_GROUP_NAME = "confluence-users-sandbox"
WITHOUT_SANDBOX = "this copy of the package was made without its sandbox"
LARGE_GROUP_ID, LARGE_GROUP_NAME = "00000000-0000-4000-8000-00000000beef", "everybody"


@frozen
class FaultOptions:
    """The deliberate faults of the sandbox."""

    error_rate: Annotated[
        float,
        typer.Option(
            "--error-rate", metavar="SHARE", help="Share of the calls answered with 503.", rich_help_panel=PANEL
        ),
    ] = field(default=0.0, validator=check_value(is_share, "give a share of the calls, from 0 to 1"))
    drop_rate: Annotated[
        float,
        typer.Option(
            "--drop-rate", metavar="SHARE", help="Share of the calls done but never answered.", rich_help_panel=PANEL
        ),
    ] = field(default=0.0, validator=check_value(is_share, "give a share of the calls, from 0 to 1"))
    latency: Annotated[
        float, typer.Option("--latency", metavar="SECONDS", help="Delay of each call.", rich_help_panel=PANEL)
    ] = field(
        default=0.0,
        validator=check_value(lambda seconds: 0 <= seconds < math.inf, "give a number of seconds, 0 or more"),
    )
    rate_limit: Annotated[
        float | None,
        typer.Option(
            "--rate-limit",
            metavar="CALLS",
            help="Calls accepted per second; the others are rate-limited.",
            rich_help_panel=PANEL,
        ),
    ] = field(
        default=None,
        validator=check_value(lambda rate: rate is None or 0 < rate < math.inf, "give calls per second, above 0"),
    )
    quota: Annotated[
        int | None,
        typer.Option(
            "--quota", metavar="CALLS", help="Calls accepted until the next full hour.", rich_help_panel=PANEL
        ),
    ] = field(
        default=None,
        validator=check_value(lambda calls: calls is None or calls >= 1, "give a whole number of calls, 1 or more"),
    )


def add_to(app: typer.Typer) -> None:
    """Add this command to the application."""
    command(app, "sandbox", "confluence-groups sandbox --demo --files .")(sandbox)


def sandbox(
    *,
    port: Annotated[int, typer.Option("--port", help="Port to listen on; 0 for any free one.", min=0, max=65535)] = 0,
    people: Annotated[
        int,
        typer.Option(
            "--people",
            metavar="N",
            help=f"Number of people to add, to {USERS_GROUP_NAME} and, without --groups, to {LARGE_GROUP_NAME}.",
            min=0,
        ),
    ] = 0,
    groups: Annotated[
        int,
        typer.Option(
            "--groups",
            metavar="N",
            help="Number of groups to add, to rehearse a review of access. Guests, apps and deactivated people are "
            "then among the people, and they are in different groups.",
            min=0,
        ),
    ] = 0,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Seed that chooses the names and members of --groups.")
    ] = 0,
    demo: Annotated[
        bool, typer.Option("--demo", help="Add the groups and people of the documentation, to try its commands.")
    ] = False,
    files: Annotated[
        Path | None,
        typer.Option(
            "--files",
            metavar="DIR",
            help="Write the CSV files of the documentation into this folder; needs --demo.",
            file_okay=False,
        ),
    ] = None,
    faults: FaultOptions,
) -> None:
    """Run a sandbox until Ctrl-C. Other commands on this machine find it with --sandbox."""
    if groups and not people:
        raise InputError("--groups needs --people, who become the members of the groups")
    if files is not None and not demo:
        raise InputError("--files needs --demo, whose groups and people the files name")
    _require_sandbox()
    if files is not None:
        _write_demo_files(files)
    server = _build_sandbox(port, faults)
    if demo:
        _add_demo(server)
    if groups:
        _add_company(server, people, groups, seed)
    else:
        _add_large_group(server, people)
    with _recorded_end_signals() as wait_for_signal:
        with server:
            previous = state_store.running_sandbox()
            _write_note(server)
            try:
                print_out(*_connection_lines(server))
                if previous is not None:
                    print_out(f"Until it ends, --sandbox means this one, and not the one at {previous['url']}.")
                wait_for_signal()
            finally:
                _restore_note(previous)
        print_out("the sandbox has ended")


@contextmanager
def _recorded_end_signals() -> Iterator[Callable[[], None]]:
    """Record Ctrl-C and SIGTERM from now on; yield a function that waits for the first of them.

    The interpreter writes each signal into a socket as soon as it arrives, in any thread, and the function reads the
    socket (https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd). A handler in Python could not end the
    wait at every moment: it runs between two instructions of this thread, which may hold the lock of a
    `threading.Event` then; and if the signal arrives just before a blocking call, it runs only after that call.

    The handlers stay until the process ends, so that a second Ctrl-C does not interrupt the end of the command.
    """
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)  # as set_wakeup_fd requires
        previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            for each in END_SIGNALS:
                signal.signal(each, lambda *_: None)

            def wait_for_signal() -> None:
                while reader.recv(1)[0] not in END_SIGNALS:
                    pass

            yield wait_for_signal
        finally:
            signal.set_wakeup_fd(previous)


def _require_sandbox() -> None:
    """Load the sandbox, so that nothing is written if it or its extra is missing."""
    try:
        from ...sandbox import Sandbox  # noqa: F401 - loading it is the check
    except ModuleNotFoundError:
        raise ConfigurationError(WITHOUT_SANDBOX) from None


def _build_sandbox(port: int, options: FaultOptions) -> Sandbox:
    from ...sandbox import Faults, Sandbox

    faults = Faults(
        error_rate=options.error_rate,
        drop_after=options.drop_rate,
        latency=options.latency,
        rate_limit=options.rate_limit,
        quota=options.quota,
    )
    try:
        return Sandbox(faults=faults, port=port)
    except OSError as error:
        raise ConfigurationError(f"port {port}: {error.strerror or error}: give another --port") from None


def _add_large_group(server: Sandbox, people: int) -> None:
    if not people:
        return
    from ...sandbox import Group, Person

    users = server.directory.group_named(USERS_GROUP_NAME)
    ids = [f"person-{number:06d}" for number in range(1, people + 1)]
    for number, account_id in enumerate(ids, 1):
        server.directory.add_person(Person(account_id, f"Person {number}", f"person{number}@example.com"))
        server.directory.add_member(users.id, account_id)  # as on real sites, where plans find e-mails in such a group
    server.directory.add_group(Group(LARGE_GROUP_ID, LARGE_GROUP_NAME, access=frozenset()), ids)


def _add_company(server: Sandbox, people: int, groups: int, seed: int) -> None:
    from ...sandbox import add_company

    add_company(server.directory, people=people, groups=groups, seed=seed)


def _add_demo(server: Sandbox) -> None:
    from ...sandbox import add_demo

    add_demo(server.directory)


def _write_demo_files(folder: Path) -> None:
    """Write the files into a folder, which is created if needed; a file of another content is not replaced."""
    from ...sandbox import demo_files

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be created ({error.strerror or error})") from None
    missing = {folder / name: text for name, text in demo_files().items() if not _has_content(folder / name, text)}
    for path in missing:
        if path.exists():
            raise InputError(f"{path} exists already: give --files an empty or new folder")
    for path, text in missing.items():
        write_file(path, text, force=False)
    print_out(f"{folder} has {', '.join(demo_files())}.")


def _has_content(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def _write_note(server: Sandbox) -> None:
    """Write the state file by which other commands find this sandbox."""
    client_id, client_secret = server.oauth_client
    state = {
        "pid": os.getpid(),
        "url": server.url,
        "email": server.admin.email,
        "token": server.admin.token,
        "client_id": client_id,
        "client_secret": client_secret,
    }
    state_store.write(state_store.SANDBOX, state)


def _connection_lines(server: Sandbox) -> list[str]:
    return [
        f"A Confluence sandbox listens on {server.url}; nothing leaves this machine. Ctrl-C ends it.",
        "In another terminal, give --sandbox to the other commands; for programs, set:",
        f"  export CONFLUENCE_SITE={server.url}",
        f"  export CONFLUENCE_EMAIL={server.admin.email}",
        f"  export CONFLUENCE_API_TOKEN={server.admin.token}",
    ]


def _restore_note(previous: dict[str, Any] | None) -> None:
    """Replace this sandbox's state with the previous one, unless a later sandbox has replaced it already."""
    state = state_store.read(state_store.SANDBOX)
    if state and state.get("pid") == os.getpid():
        state_store.remove(state_store.SANDBOX)
        if previous is not None:
            state_store.write(state_store.SANDBOX, previous)
