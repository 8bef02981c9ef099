"""``confluence-groups members``: list, count, add, remove."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import attrs
import typer

from ..._core.call_metadata import record_call_metadata
from ..._support.text import format_count
from ...membership import Action, Outcome, Preflight, check_change
from ...models import User
from ..command import command
from ..confirmation import confirm
from ..lookup import resolve_group, resolve_user
from ..options import (
    AccountArgument,
    ConfirmationOptions,
    ConnectionOptions,
    Format,
    GroupArgument,
    GuardOptions,
    OutputOptions,
)
from ..rendering.plan_summary import format_guard
from ..rendering.tables import Column, write_one, write_rows
from ..session.client_factory import open_client
from ..terminal import RefusedError, print_err, print_out

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

MemberArgument = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="Account id of the user, or the e-mail that the member shows.")
]


def _to_rows(users: Iterable[User]) -> Iterable[dict[str, Any]]:
    return map(attrs.asdict, users)


@command(
    app,
    "list",
    "confluence-groups members list docs-editors",
    "confluence-groups members list docs-editors -o csv > members.csv",
)
def list_members(group: GroupArgument, connection: ConnectionOptions, output: OutputOptions) -> None:
    """List the members of a group while they are read. Confluence leaves out deactivated accounts."""
    with open_client(connection) as client, record_call_metadata() as metadata:
        target = resolve_group(client, group)
        write_rows(_to_rows(client.iter_members(group_id=target.id)), COLUMNS, output)
    if metadata.unidentified:
        number = format_count(metadata.unidentified, "member")
        print_err(f"{number} not listed: Confluence sends no account id for them")


@command(app, "count", "confluence-groups members count docs-editors")
def count(group: GroupArgument, connection: ConnectionOptions, output: OutputOptions) -> None:
    """Count the members of a group."""
    with open_client(connection) as client:
        target = resolve_group(client, group)
        number = client.count_members(group_id=target.id)
    if output.format is Format.TABLE:
        print_out(str(number))
    else:
        row = {"group_id": target.id, "group_name": target.name, "members": number}
        write_one(row, [Column(name) for name in row], output)


@command(app, "add", "confluence-groups members add docs-editors 557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f")
def add(
    group: GroupArgument,
    account: AccountArgument,
    connection: ConnectionOptions,
    confirmation: ConfirmationOptions,
    guards: GuardOptions,
) -> None:
    """Add a user to a group."""
    with open_client(connection) as client:
        target = resolve_group(client, group)
        user = resolve_user(client, account)
        preflight = check_change(client, Action.ADD, target, user, guards.build_guards(client))
        ids = {"group_id": target.id, "account_id": user.account_id}
        if _is_needed(preflight, Outcome.ALREADY_A_MEMBER) and confirm(
            client, confirmation, str(preflight.change), client.prepare("add_member", **ids)
        ):
            client.add_member(**ids)
            print_out(f"{Outcome.ADDED} {_describe(preflight)}")


@command(app, "remove", "confluence-groups members remove docs-editors chiara@example.com")
def remove(
    group: GroupArgument,
    account: MemberArgument,
    connection: ConnectionOptions,
    confirmation: ConfirmationOptions,
    guards: GuardOptions,
) -> None:
    """Remove a user from a group."""
    with open_client(connection) as client:
        target = resolve_group(client, group)
        user = resolve_user(client, account, group=target)
        preflight = check_change(client, Action.REMOVE, target, user, guards.build_guards(client))
        ids = {"group_id": target.id, "account_id": user.account_id}
        if _is_needed(preflight, Outcome.NOT_A_MEMBER) and confirm(
            client, confirmation, str(preflight.change), client.prepare("remove_member", **ids)
        ):
            client.remove_member(**ids)
            print_out(f"{Outcome.REMOVED} {_describe(preflight)}")


def _is_needed(preflight: Preflight, otherwise: Outcome) -> bool:
    """Check whether a change is still to be made; print the outcome if it is not.

    Raises:
        RefusedError: a guard refuses the change.
    """
    if preflight.is_done:
        print_out(f"{otherwise} {_describe(preflight)}: there is nothing to do")
        return False
    if refusal := preflight.refusal:
        raise RefusedError(f"{refusal.change}: {refusal.why}{format_guard(refusal.guard, refusal.option)}")
    return True


def _describe(preflight: Preflight) -> str:
    """Describe the user and the group of a change."""
    change = preflight.change
    who = f"{change.display_name} ({change.account_id})" if change.display_name else change.account_id
    return f"{who} {'from' if change.action is Action.REMOVE else 'to'} {change.group_name}"
