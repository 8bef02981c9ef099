"""The section ``confluence-groups review``, to which each module of this folder adds its commands."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

ORDER = ("snapshot", "diff", "who", "sheet", "decide", "evidence", "verify")


class _Steps(TyperGroup):
    """Lists the commands in the order in which a review uses them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=ORDER.index)


app = typer.Typer(
    name="review",
    cls=_Steps,
    help="Review who has access: record it, decide about it, and prove what was done.",
    no_args_is_help=True,
)
