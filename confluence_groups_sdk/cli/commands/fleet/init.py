"""``confluence-groups fleet init``: the tables in the database."""

from __future__ import annotations

from typing import Annotated

import typer

from ....fleet import Postgres
from ...command import command
from ...options import DatabaseOptions
from ...terminal import print_err, print_out
from .section import app


@command(
    app,
    "init",
    "confluence-groups fleet init --dsn postgresql://admin@db.example.com/fleet",
    "CONFLUENCE_FLEET_DSN=postgresql://admin@db.example.com/fleet confluence-groups fleet init --with-dbos",
)
def init(
    *,
    database: DatabaseOptions,
    with_dbos: Annotated[
        bool,
        typer.Option("--with-dbos", help="Create the tables of DBOS, too, for workers that may not create a schema."),
    ] = False,
) -> None:
    """Create the tables in the database, or add those of a newer version; running it again changes nothing."""
    with database.open() as shared:
        steps = shared.init()
        if with_dbos:
            _create_workflow_tables(shared)
    print_out(f"{shared!r}: {f'{steps} steps carried out' if steps else 'up to date'}".replace("1 steps", "1 step"))
    print_err(f"next: {database.typed('submit', 'fleet.toml')}")


def _create_workflow_tables(shared: Postgres) -> None:
    from ....fleet import create_workflow_tables  # only here: it needs the extra dbos

    create_workflow_tables(shared)
