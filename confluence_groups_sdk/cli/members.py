"""``confluence-groups members``: list, count, add, remove."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import attrs
import typer

from .. import _calls
from ..membership import Action, Outcome
from ..membership.single import Single, consider
from ..models import User
from .changing import carry_out
from .connection import connected
from .find import group_of, user_of
from .options import Changing, Connecting, Format, GroupArgument, Overriding, Showing, command
from .output import Column, write_one, write_rows
from .terminal import RefusedError, in_options, put

app = typer.Typer(name="members", help="List, count, add and remove members of a group.", no_args_is_help=True)

COLUMNS = (
    Column("account_id"),
    Column("display_name"),
    Column("email"),
    Column("account_type"),
    Column("account_status", in_table=False),
    Column("is_guest", in_table=False),
    Column("public_name", in_table=False),
    Column("time_zone", in_table=False),
    Column("locale", in_table=False),
    Column("type", in_table=False),
)

Somebody = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Account id, or the e-mail that a member shows.")]
Anybody = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Account id.")]


def rows_of(users: Iterable[User]) -> Iterable[dict[str, Any]]:
    """Return users as rows."""
    return map(attrs.asdict, users)


@command(
    app,
    "list",
    "confluence-groups members list docs-editors",
    "confluence-groups members list docs-editors -o csv > members.csv",
)
def list_members(group: GroupArgument, connecting: Connecting, showing: Showing) -> None:
    """List the members of a group, as they are read. Deactivated accounts are not among them."""
    with connected(connecting) as client:
        found = group_of(client, group)
        write_rows(rows_of(client.iter_members(group_id=found.id)), COLUMNS, showing)


@command(app, "count", "confluence-groups members count docs-editors")
def count(group: GroupArgument, connecting: Connecting, showing: Showing) -> None:
    """Count the members of a group."""
    with connected(connecting) as client:
        found = group_of(client, group)
        number = client.count_members(group_id=found.id)
    if showing.output is Format.TABLE:
        put(str(number))
    else:
        row = {"group_id": found.id, "group_name": found.name, "members": number}
        write_one(row, [Column(name) for name in row], showing)


@command(app, "add", "confluence-groups members add docs-editors 557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f")
def add(
    group: GroupArgument, account: Anybody, connecting: Connecting, changing: Changing, overriding: Overriding
) -> None:
    """Add somebody to a group."""
    with connected(connecting) as client:
        found = group_of(client, group)
        single = consider(client, Action.ADD, found, user_of(client, account), overriding.guards())
        change = single.change
        if _is_to_be_done(single, Outcome.ALREADY_A_MEMBER) and carry_out(
            client, changing, str(change), _calls.add_member(change.group_id, change.account_id)
        ):
            client.add_member(group_id=change.group_id, account_id=change.account_id)
            put(f"{Outcome.ADDED} {_named(single)}")


@command(app, "remove", "confluence-groups members remove docs-editors chiara@example.com")
def remove(
    group: GroupArgument, account: Somebody, connecting: Connecting, changing: Changing, overriding: Overriding
) -> None:
    """Remove somebody from a group."""
    with connected(connecting) as client:
        found = group_of(client, group)
        user = user_of(client, account, group=found)
        single = consider(client, Action.REMOVE, found, user, overriding.guards())
        change = single.change
        if _is_to_be_done(single, Outcome.NOT_A_MEMBER) and carry_out(
            client, changing, str(change), _calls.remove_member(change.group_id, change.account_id)
        ):
            client.remove_member(group_id=change.group_id, account_id=change.account_id)
            put(f"{Outcome.REMOVED} {_named(single)}")


def _is_to_be_done(single: Single, otherwise: Outcome) -> bool:
    """Say whether there is something to do.

    Raises:
        RefusedError: a guard forbids it.
    """
    if single.is_done:
        put(f"{otherwise} {_named(single)}: there is nothing to do")
        return False
    if single.refusal is not None:
        raise RefusedError(in_options(str(single.refusal)))
    return True


def _named(single: Single) -> str:
    change = single.change
    who = f"{change.display_name} ({change.account_id})" if change.display_name else change.account_id
    return f"{who} {'from' if change.action is Action.REMOVE else 'to'} {change.group_name}"
