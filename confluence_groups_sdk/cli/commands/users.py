"""``confluence-groups users``: show, groups, me."""

from __future__ import annotations

import attrs
import typer

from ..command import command
from ..lookup import resolve_user
from ..options import AccountArgument, ConnectionOptions, OutputOptions
from ..rendering.tables import write_one, write_rows
from ..session.client_factory import open_client
from . import groups, members

app = typer.Typer(name="users", help="Show users, their groups, and your own account.", no_args_is_help=True)


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


@command(app, "me", "confluence-groups users me -o json")
def me(connection: ConnectionOptions, output: OutputOptions) -> None:
    """Show the user whose credentials are in use."""
    with open_client(connection) as client:
        write_one(attrs.asdict(client.current_user()), members.COLUMNS, output)
