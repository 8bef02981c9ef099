"""``confluence-groups groups``: list, search, show, create, delete."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

import attrs
import typer

from ...client import ConfluenceGroups
from ...membership import read_access
from ...models import Group
from ..command import command
from ..confirmation import confirm
from ..lookup import resolve_group
from ..options import SAFETY, ConfirmationOptions, ConnectionOptions, GroupArgument, OutputOptions
from ..rendering.tables import Column, write_one, write_rows
from ..session.client_factory import open_client
from ..terminal import RefusedError, print_err, print_out

app = typer.Typer(name="groups", help="List, search, show, create and delete groups.", no_args_is_help=True)

COLUMNS = (
    Column("id"),
    Column("name"),
    Column("managed_by"),
    Column("usage_type"),
    Column("type", in_table=False),
    Column("resource_ari", in_table=False),
)


NOT_EVERY_ADMIN = "note: groups do not show every admin: a person may be a site admin by a role, without any group"
"""Source: docs/confluence-behaviour.md#permissions."""


class AccessType(StrEnum):
    """The kind of access that a group gives."""

    USER = "user"
    ADMIN = "admin"
    SITE_ADMIN = "site-admin"


def to_rows(groups: Iterable[Group]) -> Iterable[dict[str, Any]]:
    """Convert groups to rows."""
    return map(attrs.asdict, groups)


@command(
    app, "list", "confluence-groups groups list --access admin", "confluence-groups groups list -o csv > groups.csv"
)
def list_groups(
    connection: ConnectionOptions,
    output: OutputOptions,
    access: Annotated[
        AccessType | None,
        typer.Option("--access", help="Only groups that give this access. Groups do not show every site admin."),
    ] = None,
) -> None:
    """List all groups."""
    with open_client(connection) as client:
        write_rows(to_rows(client.iter_groups(access_type=access.value if access else None)), COLUMNS, output)
    if access is AccessType.SITE_ADMIN:
        print_err(NOT_EVERY_ADMIN)


@command(app, "search", "confluence-groups groups search editors")
def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Part of the group's name.")],
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """List the groups whose names contain a text."""
    with open_client(connection) as client:
        write_rows(to_rows(client.search_groups(query=text)), COLUMNS, output)


@command(app, "show", "confluence-groups groups show docs-editors")
def show(group: GroupArgument, connection: ConnectionOptions, output: OutputOptions) -> None:
    """Show a group."""
    with open_client(connection) as client:
        write_one(attrs.asdict(resolve_group(client, group)), COLUMNS, output)


@command(app, "create", "confluence-groups groups create release-managers")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new group.")],
    connection: ConnectionOptions,
    output: OutputOptions,
    confirmation: ConfirmationOptions,
) -> None:
    """Create a group without members."""
    with open_client(connection) as client:
        request = client.prepare("create_group", name=name)
        if confirm(client, confirmation, f"create the group {name}", request):
            write_one(attrs.asdict(client.create_group(name=name)), COLUMNS, output)


@command(app, "delete", "confluence-groups groups delete old-project --dry-run")
def delete(
    group: GroupArgument,
    connection: ConnectionOptions,
    confirmation: ConfirmationOptions,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Delete the group even if it gives admin rights or an identity provider manages it.",
            rich_help_panel=SAFETY,
        ),
    ] = False,
) -> None:
    """Delete a group for good. Its members lose the access it gave them, and there is no undo."""
    with open_client(connection) as client:
        target = resolve_group(client, group)
        if not force and (objection := _objection(client, target)):
            raise RefusedError(f"{target.name} {objection} (--force overrides it)")
        members = client.count_members(group_id=target.id)
        change = f"delete the group {target.name} ({target.id}) with its {members} members, for good"
        if confirm(client, confirmation, change, client.prepare("delete_group", group_id=target.id)):
            client.delete_group(group_id=target.id)
            print_out(f"DELETED {target.name} ({target.id})")


def _objection(client: ConfluenceGroups, group: Group) -> str | None:
    """Return the reason not to delete a group, to follow its name; None if there is none."""
    if group.is_externally_managed:
        return "is managed by an identity provider"
    access = read_access(client)
    if access is None or access.get(group.id, frozenset()) - {"user"}:
        return "gives admin rights" if access else "may give admin rights: the site does not say"
    return None
