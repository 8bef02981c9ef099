"""``confluence-groups review diff``: what changed between two snapshots."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import attrs
import typer

from ....review import DifferenceRow, Snapshot, diff, difference_lines, difference_rows, render_diff
from ...command import command
from ...exit_codes import DIFFERENT, INCOMPLETE
from ...options import Format, OutputOptions
from ...output_files import write_file
from ...rendering.snapshot_limits import limit_lines
from ...rendering.tables import Column, write_rows
from ...terminal import print_err, print_out
from .section import app

COLUMNS = tuple(Column(field.name) for field in attrs.fields(DifferenceRow))
BeforeArgument = Annotated[Path, typer.Argument(metavar="BEFORE", help="The first snapshot file.", dir_okay=False)]
AfterArgument = Annotated[Path, typer.Argument(metavar="AFTER", help="The second snapshot file.", dir_okay=False)]
HtmlFile = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write an HTML page to this file.", dir_okay=False)
]


class By(StrEnum):
    """What differences are listed under."""

    GROUP = "group"
    USER = "user"


@command(
    app,
    "diff",
    "confluence-groups review diff q3.snapshot q4.snapshot",
    "confluence-groups review diff yesterday.snapshot today.snapshot --by user",
    "confluence-groups review diff q3.snapshot q4.snapshot --html changes.html",
)
def compare(
    *,
    before: BeforeArgument,
    after: AfterArgument,
    output: OutputOptions,
    by: Annotated[By, typer.Option("--by", help="List differences under their group or their user.")] = By.GROUP,
    html: HtmlFile = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Show what changed between two snapshots.

    The exit code is 5 if something changed, and 0 if nothing did. It is 4 if nothing changed, but some groups could not
    be read or their access is unknown. Groups that only one snapshot was asked for are listed, and do not count.
    """
    found = diff(Snapshot.load(before), Snapshot.load(after))
    by_user = by is By.USER
    if html is not None:
        write_file(html, render_diff(found, by_user=by_user), force=force)
        print_err(f"wrote {html}")
    elif output.format is Format.TABLE:
        print_out(*difference_lines(found, by_user=by_user))
        print_err("", *limit_lines(found.after))
    else:
        write_rows(map(attrs.asdict, difference_rows(found, by_user=by_user)), COLUMNS, output)
    if not found.is_empty:
        raise typer.Exit(DIFFERENT)
    if not found.is_complete:
        print_err("some groups could not be compared, so the snapshots may still be different")
        raise typer.Exit(INCOMPLETE)
