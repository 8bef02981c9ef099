"""The section ``confluence-groups fleet``, to which each module of this folder adds its commands."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="fleet",
    help="Share tokens and journals between processes and hosts, in a PostgreSQL database.",
    no_args_is_help=True,
)


@app.callback()
def fleet() -> None:
    """Keep the section's name in its commands while it has only one."""
