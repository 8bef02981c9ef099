"""``confluence-groups review who``: everything that one person is in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from ....membership import read_access
from ....models import Group, User
from ....review import Snapshot, SnapshotGroup, SnapshotUser, find_user, groups_of
from ...command import command
from ...exit_codes import INCOMPLETE
from ...lookup import resolve_user
from ...options import AccountArgument, ConnectionOptions, Format, OutputOptions
from ...rendering.snapshot_limits import limit_lines, unread_lines
from ...rendering.tables import Column, write_rows
from ...session.client_factory import open_client
from ...terminal import print_err, print_out
from .section import app

COLUMNS = (Column("group"), Column("access"), Column("managed_by"), Column("group_id"))
SnapshotOption = Annotated[
    Path | None,
    typer.Option("--snapshot", metavar="FILE", help="Read this snapshot instead of the site.", dir_okay=False),
]


@command(
    app,
    "who",
    "confluence-groups review who anna@example.com",
    "confluence-groups review who 557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f --snapshot q4.snapshot",
)
def who(
    account: AccountArgument, connection: ConnectionOptions, output: OutputOptions, snapshot: SnapshotOption = None
) -> None:
    """List all groups that a user is in, and the access that each gives: now, or in a snapshot.

    The exit code is 4 if the snapshot may lack members of some groups.
    """
    if snapshot is not None:
        taken = Snapshot.load(snapshot)
        user = find_user(taken, account)
        groups = groups_of(taken, user.account_id)
        _write(user, user.name, map(_snapshot_row, groups), output)
        period = f"The snapshot was read from {taken.started_at} to {taken.ended_at}."
        print_err("", period, *unread_lines(taken), *limit_lines(taken))
        if not taken.is_complete:
            raise typer.Exit(INCOMPLETE)
        return
    with open_client(connection) as client:
        found = resolve_user(client, account)
        access = read_access(client)
        listed = list(client.iter_memberships(account_id=found.account_id))
    listed.sort(key=lambda group: (group.name.casefold(), group.id))
    _write(found, found.display_name or found.public_name, (_row(group, access) for group in listed), output)


def _write(user: User | SnapshotUser, name: str | None, rows: Iterable[dict[str, Any]], output: OutputOptions) -> None:
    if output.format is Format.TABLE:
        facts = filter(None, (user.email, user.account_id, user.account_type, "guest" * bool(user.is_guest)))
        print_out(f"{name or 'no name'}: {', '.join(facts)}", "")
    write_rows(rows, COLUMNS, output)


def _row(group: Group, access: dict[str, frozenset[str]] | None) -> dict[str, Any]:
    given = "unknown" if access is None else ", ".join(sorted(access.get(group.id, ())))
    return {"group": group.name, "access": given, "managed_by": group.managed_by, "group_id": group.id}


def _snapshot_row(group: SnapshotGroup) -> dict[str, Any]:
    given = "unknown" if group.access is None else ", ".join(sorted(group.access))
    return {"group": group.name, "access": given, "managed_by": group.managed_by, "group_id": group.id}
