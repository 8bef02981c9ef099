"""The section ``confluence-groups review``, to which each module of this folder adds its commands."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="review",
    help="Review who has access: record it, decide about it, and prove what was done.",
    no_args_is_help=True,
)
