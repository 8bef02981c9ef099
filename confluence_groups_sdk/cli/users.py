"""``confluence-groups users``: show, groups, me."""

from __future__ import annotations

import attrs
import typer

from . import groups, members
from .connection import connected
from .find import user_of
from .options import AccountArgument, Connecting, Showing, command
from .output import write_one, write_rows

app = typer.Typer(name="users", help="Show users, their groups, and who is calling.", no_args_is_help=True)


@command(app, "show", "confluence-groups users show 557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f")
def show(account: AccountArgument, connecting: Connecting, showing: Showing) -> None:
    """Show a user."""
    with connected(connecting) as client:
        write_one(attrs.asdict(user_of(client, account)), members.COLUMNS, showing)


@command(app, "groups", "confluence-groups users groups 557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f")
def groups_of(account: AccountArgument, connecting: Connecting, showing: Showing) -> None:
    """List the groups that a user is in."""
    with connected(connecting) as client:
        user = user_of(client, account)
        write_rows(groups.rows_of(client.iter_memberships(account_id=user.account_id)), groups.COLUMNS, showing)


@command(app, "me", "confluence-groups users me -o json")
def me(connecting: Connecting, showing: Showing) -> None:
    """Show who is calling."""
    with connected(connecting) as client:
        write_one(attrs.asdict(client.current_user()), members.COLUMNS, showing)
