"""The section ``confluence-groups fleet``, to which each module of this folder adds its commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ....fleet import Postgres
from ...options import OUTPUT, DatabaseOptions
from ...terminal import print_err

app = typer.Typer(
    name="fleet",
    help="Do jobs at many sites, with processes and hosts that share a PostgreSQL database.",
    no_args_is_help=True,
)

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The id of a job, as fleet status shows it.")]
FleetArgument = Annotated[
    Path, typer.Argument(metavar="FLEET.TOML", help="The file that names sites and jobs.", dir_okay=False)
]
JsonOutput = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=OUTPUT)]


def print_going_on(shared: Postgres, database: DatabaseOptions, job_id: str) -> None:
    """Say who goes on with a job, and how to follow it."""
    if not shared.workers():
        print_err(f"note: no worker is alive; to start one: {database.typed('worker', 'fleet.toml')}")
    print_err(f"next: {database.typed('status', job_id)}")
