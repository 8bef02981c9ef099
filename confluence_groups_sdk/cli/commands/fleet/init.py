"""``confluence-groups fleet init``: the tables in the database."""

from __future__ import annotations

from typing import Annotated

import typer

from ....fleet import Postgres
from ...command import command
from ...options import DATABASE, DatabaseOptions
from ...terminal import print_err, print_out
from .section import app


@command(
    app,
    "init",
    "confluence-groups fleet init --dsn postgresql://admin@db.example.com/fleet",
    "CONFLUENCE_FLEET_DSN=postgresql://admin@db.example.com/fleet confluence-groups fleet init --with-dbos "
    "--grant-to worker",
)
def init(
    *,
    database: DatabaseOptions,
    grant_to: Annotated[
        str | None,
        typer.Option(
            "--grant-to",
            metavar="ROLE",
            help="Role that may work with the tables, but not change or remove them.",
            rich_help_panel=DATABASE,
        ),
    ] = None,
    with_dbos: Annotated[
        bool,
        typer.Option("--with-dbos", help="Also create the tables of DBOS, for workers that may not create a schema."),
    ] = False,
) -> None:
    """Create the tables in the database, or add those of a newer version; running it again changes nothing."""
    with database.open() as shared:
        steps = shared.init(grant_to=grant_to)
        if with_dbos:
            _create_workflow_tables(shared, grant_to)
    done = f"{steps} {'step' if steps == 1 else 'steps'} carried out" if steps else "up to date"
    granted = f"; {grant_to} has the rights to work with the tables" if grant_to else ""
    print_out(f"{shared}: {done}{granted}")
    print_err(f"next: {database.typed('submit', 'fleet.toml')}")


def _create_workflow_tables(shared: Postgres, grant_to: str | None) -> None:
    from ....fleet import create_workflow_tables  # only here: it needs the extra dbos

    create_workflow_tables(shared, grant_to=grant_to)
