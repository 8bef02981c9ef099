"""``confluence-groups users``: show, groups, find, me."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from ..._support.text import format_count
from ...errors import InputError
from ...membership import GroupMembers, read_groups, resolve_groups
from ...models import User
from ...review import Snapshot, SnapshotUser, find_users
from ..command import command
from ..exit_codes import INCOMPLETE
from ..lookup import resolve_user
from ..options import AccountArgument, ConnectionOptions, OutputOptions
from ..rendering.snapshot_limits import unread_lines
from ..rendering.tables import write_one, write_rows
from ..session.client_factory import open_client
from ..terminal import print_err
from . import groups, members

app = typer.Typer(name="users", help="Show and find users, their groups, and your own account.", no_args_is_help=True)


@command(app, "show", "confluence-groups users show 557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f")
def show(account: AccountArgument, connection: ConnectionOptions, output: OutputOptions) -> None:
    """Show a user."""
    with open_client(connection) as client:
        write_one(attrs.asdict(resolve_user(client, account)), members.COLUMNS, output)


@command(app, "groups", "confluence-groups users groups 557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f")
def list_groups(account: AccountArgument, connection: ConnectionOptions, output: OutputOptions) -> None:
    """List the groups of a user."""
    with open_client(connection) as client:
        user = resolve_user(client, account)
        write_rows(groups.to_rows(client.iter_memberships(account_id=user.account_id)), groups.COLUMNS, output)


@command(
    app,
    "find",
    "confluence-groups users find anna",
    "confluence-groups users find @example.com --group docs-editors -o csv",
    "confluence-groups users find anna --snapshot q4.snapshot",
)
def find(
    *,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Part of a name, an e-mail or an account id.")],
    connection: ConnectionOptions,
    output: OutputOptions,
    group: Annotated[
        list[str] | None,
        typer.Option(
            "--group",
            metavar="GROUP",
            help="Search the members of this group, by id or exact name (repeatable), instead of all groups that give "
            "access to Confluence.",
        ),
    ] = None,
    snapshot: Annotated[
        Path | None,
        typer.Option("--snapshot", metavar="FILE", help="Search this snapshot instead of the site.", dir_okay=False),
    ] = None,
) -> None:
    """Find members by a part of their name, e-mail or account id; neither case nor accents matter.

    The exit code is 4 if the members of some groups could not be searched.
    """
    if snapshot is not None:
        if group:
            raise InputError("--group and --snapshot exclude each other: a snapshot is searched as a whole")
        taken = Snapshot.load(snapshot)
        if not _write(map(_snapshot_row, find_users(taken.users.values(), text)), output):
            print_err(f"nobody was found in {snapshot}")
        print_err(*unread_lines(taken))
        if not taken.is_complete:
            raise typer.Exit(INCOMPLETE)
        return
    find_users((), text)  # rejects an empty text before anything is sent
    with open_client(connection) as client:
        searched = resolve_groups(client, group).values() if group else client.iter_groups(access_type="user")
        names = {each.id: each.name for each in searched}
        unread: list[GroupMembers] = []
        users = _distinct_members(read_groups(client, names), unread)
        is_found = _write(map(attrs.asdict, find_users(users, text)), output)
    if not is_found:
        others = "" if group else ", which give access to Confluence; for other groups, give --group or --snapshot"
        print_err(f"nobody was found in {format_count(len(names), 'group')}{others}")
    for each in unread:
        print_err(f"not searched: {names[each.group_id]} ({each.group_id}): {each.error or _unidentified(each)}")
    if unread:
        raise typer.Exit(INCOMPLETE)


@command(app, "me", "confluence-groups users me -o json")
def me(connection: ConnectionOptions, output: OutputOptions) -> None:
    """Show the user whose credentials are in use."""
    with open_client(connection) as client:
        write_one(attrs.asdict(client.current_user()), members.COLUMNS, output)


def _write(rows: Iterator[dict[str, Any]], output: OutputOptions) -> bool:
    """Print rows as they come, and return whether there was one."""
    first = list(islice(rows, 1))
    write_rows(chain(first, rows), members.COLUMNS, output)
    return bool(first)


def _distinct_members(groups: Iterable[GroupMembers], unread: list[GroupMembers]) -> Iterator[User]:
    """Yield each member of several groups once, and collect the groups that cannot be searched completely."""
    seen: set[str] = set()
    for group in groups:
        if group.error or group.unidentified:
            unread.append(group)
        for user in group.members:
            if user.account_id not in seen:
                seen.add(user.account_id)
                yield user


def _unidentified(group: GroupMembers) -> str:
    return f"{format_count(group.unidentified, 'member')} without an account id"


def _snapshot_row(user: SnapshotUser) -> dict[str, Any]:
    return attrs.asdict(user) | {"display_name": user.name, "account_status": user.status}
