"""``confluence-groups groups``: list, search, show, create, delete."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

import attrs
import typer

from .. import _calls
from ..client import ConfluenceGroups
from ..membership.live import ADMIN_ACCESS, access_of_groups
from ..models import Group
from .changing import carry_out
from .connection import connected
from .find import group_of
from .options import SAFETY, Changing, Connecting, GroupArgument, Showing, command
from .output import Column, write_one, write_rows
from .terminal import RefusedError, put

app = typer.Typer(name="groups", help="List, search, show, create and delete groups.", no_args_is_help=True)

COLUMNS = (
    Column("id"),
    Column("name"),
    Column("managed_by"),
    Column("usage_type"),
    Column("type", in_table=False),
    Column("resource_ari", in_table=False),
)


class AccessType(StrEnum):
    """What groups may give access as."""

    USER = "user"
    ADMIN = "admin"
    SITE_ADMIN = "site-admin"


def rows_of(groups: Iterable[Group]) -> Iterable[dict[str, Any]]:
    """Return groups as rows."""
    return map(attrs.asdict, groups)


@command(
    app, "list", "confluence-groups groups list --access admin", "confluence-groups groups list -o csv > groups.csv"
)
def list_groups(
    connecting: Connecting,
    showing: Showing,
    access: Annotated[AccessType | None, typer.Option("--access", help="Only those that give this access.")] = None,
) -> None:
    """List all groups."""
    with connected(connecting) as client:
        write_rows(rows_of(client.iter_groups(access_type=access.value if access else None)), COLUMNS, showing)


@command(app, "search", "confluence-groups groups search editors")
def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Part of the name.")],
    connecting: Connecting,
    showing: Showing,
) -> None:
    """List the groups whose names contain a text."""
    with connected(connecting) as client:
        write_rows(rows_of(client.search_groups(query=text)), COLUMNS, showing)


@command(app, "show", "confluence-groups groups show docs-editors")
def show(group: GroupArgument, connecting: Connecting, showing: Showing) -> None:
    """Show a group."""
    with connected(connecting) as client:
        write_one(attrs.asdict(group_of(client, group)), COLUMNS, showing)


@command(app, "create", "confluence-groups groups create release-managers")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the new group.")],
    connecting: Connecting,
    showing: Showing,
    changing: Changing,
) -> None:
    """Create a group without members."""
    with connected(connecting) as client:
        call = _calls.create_group(name)
        if carry_out(client, changing, f"create the group {name}", call):
            write_one(attrs.asdict(client.create_group(name=name)), COLUMNS, showing)


@command(app, "delete", "confluence-groups groups delete old-project --dry-run")
def delete(
    group: GroupArgument,
    connecting: Connecting,
    changing: Changing,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Even one that gives admin rights, or that others manage.", rich_help_panel=SAFETY
        ),
    ] = False,
) -> None:
    """Delete a group for good. Its members lose what it gave them, and there is no undo."""
    with connected(connecting) as client:
        found = group_of(client, group)
        if not force and (problem := _objection(client, found)):
            raise RefusedError(f"{found.name} {problem} (--force overrides it)")
        members = client.count_members(group_id=found.id)
        what = f"delete the group {found.name} ({found.id}) with its {members} members, for good"
        if carry_out(client, changing, what, _calls.delete_group(found.id)):
            client.delete_group(group_id=found.id)
            put(f"DELETED {found.name} ({found.id})")


def _objection(client: ConfluenceGroups, group: Group) -> str | None:
    """Return what speaks against deleting a group."""
    if group.is_externally_managed:
        return "is managed by an identity provider"
    access = access_of_groups(client)
    if access is None or access.get(group.id, frozenset()) & ADMIN_ACCESS:
        return "gives admin rights" if access else "may give admin rights: the site does not say"
    return None
