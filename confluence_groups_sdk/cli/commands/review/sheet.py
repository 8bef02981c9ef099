"""``confluence-groups review sheet``: sheets for reviewers to decide on."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ...._support.text import format_count
from ....errors import InputError
from ....review import (
    Decisions,
    ReviewerMap,
    SheetFormat,
    SheetRow,
    Snapshot,
    read_reviewers,
    sheet_content,
    sheet_rows,
    write_reviewer_sheets,
    write_sheet,
)
from ...command import command
from ...output_files import check_distinct, check_target
from ...program import PROGRAM
from ...terminal import print_err
from .section import app

SHEET = "Sheet"
ON_STDOUT = (SheetFormat.CSV, SheetFormat.JSON)


class Order(StrEnum):
    """The order of the rows."""

    GROUP = "group"
    USER = "user"


@command(
    app,
    "sheet",
    "confluence-groups review sheet q4.snapshot --xlsx --reviewers reviewers.csv --out sheets",
    "confluence-groups review sheet q4.snapshot --out admins.xlsx --only access=admin --only access=site-admin",
    "confluence-groups review sheet q4.snapshot --out q4.html --since q3.snapshot",
    "confluence-groups review sheet q4.snapshot --csv --previous q3.decisions.json > q4.csv",
)
def sheet(
    *,
    snapshot: Annotated[Path, typer.Argument(metavar="SNAPSHOT", help="A snapshot file.", dir_okay=False)],
    xlsx: Annotated[bool, typer.Option("--xlsx", help="Write workbooks.", rich_help_panel=SHEET)] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Write CSV.", rich_help_panel=SHEET)] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Write a page to read and print.", rich_help_panel=SHEET)
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Write JSON.", rich_help_panel=SHEET)] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="The file, whose ending can stand for the format; with --reviewers, the folder.",
            rich_help_panel=SHEET,
        ),
    ] = None,
    by: Annotated[Order, typer.Option("--by", help="Order of the rows.", rich_help_panel=SHEET)] = Order.GROUP,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="CONDITION",
            help="Choose memberships: access=admin (or user, site-admin, unknown), group=NAME or ID, account_type=app "
            "(or guest). The same property again adds memberships, another one narrows the choice.",
            rich_help_panel=SHEET,
        ),
    ] = None,
    reviewers: Annotated[
        Path | None,
        typer.Option(
            "--reviewers",
            metavar="FILE",
            help="CSV file with the columns group, reviewer and, optionally, account: write a sheet for each reviewer.",
            dir_okay=False,
        ),
    ] = None,
    previous: Annotated[
        Path | None,
        typer.Option(
            "--previous",
            metavar="FILE",
            help="Decisions of the last review: exceptions that have not ended are filled in.",
            dir_okay=False,
        ),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(
            "--since",
            metavar="FILE",
            help="Snapshot of the last review: the page shows what has changed since then.",
            dir_okay=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
) -> None:
    """Write review sheets: a row for each membership, to be filled in with decisions.

    Without --out, CSV and JSON are printed.
    """
    flags = {SheetFormat.XLSX: xlsx, SheetFormat.CSV: csv, SheetFormat.HTML: html, SheetFormat.JSON: json}
    wanted = _choose_format([each for each, given in flags.items() if given], out, is_folder=reviewers is not None)
    _check_out(wanted, out, is_folder=reviewers is not None)
    if since is not None and wanted is not SheetFormat.HTML:
        raise InputError("only pages show changes: give --html, or leave --since out", option="since")
    if out is not None and reviewers is None:
        check_distinct([out], [snapshot, *filter(None, [previous, since])])
        check_target(out, force=force)
    taken = Snapshot.load(snapshot)
    conditions = only or []
    found = read_reviewers(reviewers, taken) if reviewers else None
    decisions = Decisions.load(previous) if previous else None
    last = Snapshot.load(since) if since else None
    rows = sheet_rows(taken, by=by.value, only=conditions, reviewers=found, previous=decisions)
    if found is not None and out is not None:
        files = write_reviewer_sheets(
            out, rows, snapshot=taken, reviewers=found, format=wanted, previous=last, only=conditions, replace=force
        )
        _report_files(files, found, rows)
    elif out is not None:
        write_sheet(out, rows, snapshot=taken, format=wanted, previous=last, only=conditions)
        print_err(f"wrote {out}: {format_count(len(rows), 'membership')}")
    else:
        _print_bytes(sheet_content(wanted, rows, snapshot=taken))
    print_err(*_remarks(taken, rows, conditions), *_next_step(snapshot, wanted))


def _choose_format(given: Sequence[SheetFormat], out: Path | None, *, is_folder: bool) -> SheetFormat:
    """Return the format that the options name, or else the one that the file's ending stands for.

    Raises:
        InputError: there is none, or there are several.
    """
    options = ", ".join(f"--{each.value}" for each in SheetFormat)
    if len(given) > 1:
        raise InputError(f"give only one of {options}")
    if given:
        return given[0]
    if out is None or is_folder:
        raise InputError(f"give the format of the sheet: one of {options}")
    return SheetFormat.of(out)


def _check_out(wanted: SheetFormat, out: Path | None, *, is_folder: bool) -> None:
    """Check that a file is named if one is needed.

    Raises:
        InputError: none is.
    """
    if out is None and is_folder:
        raise InputError("a sheet for each reviewer needs a folder: give it with --out", option="out")
    if out is None and wanted not in ON_STDOUT:
        raise InputError(f"--{wanted.value} needs a file: give it with --out", option="out")


def _report_files(files: dict[str, Path], reviewers: ReviewerMap, rows: Sequence[SheetRow]) -> None:
    sizes = {reviewer: len(each) for reviewer, each in reviewers.split(rows).items()}
    for reviewer, file in files.items():
        whose = f"for {reviewer}" if reviewer else "that nobody reviews: name a reviewer for them"
        print_err(f"wrote {file}: {format_count(sizes[reviewer], 'membership')} {whose}")
    print_err(*(f"note: {each}" for each in reviewers.notes))
    if sizes.get(""):
        groups = dict.fromkeys(row.group for row in rows if not reviewers.reviewer_of(*row.key))
        print_err(*(f"note: no reviewer is named for {name}" for name in groups))


def _remarks(taken: Snapshot, rows: Sequence[SheetRow], only: Sequence[str]) -> list[str]:
    """Return what is missing in a sheet."""
    lines = [f"note: no membership matches {', '.join(only)}"] if only and not rows else []
    if unknown := _count_unknown(taken, only):
        are = "is" if unknown == 1 else "are"
        lines.append(
            f"note: {format_count(unknown, 'group')} with unknown access {are} left out: add --only access=unknown, "
            f"because {'it' if unknown == 1 else 'they'} may give any access"
        )
    incomplete = [group for group in taken.groups if not group.is_complete]
    lines += [f"note: {group.name} may have more members: {group.known_by}" for group in incomplete]
    return lines


def _count_unknown(taken: Snapshot, only: Sequence[str]) -> int:
    """Count the groups that conditions on the access leave out because their access is unknown."""
    if "access=unknown" in only or not any(each.startswith("access=") for each in only):
        return 0
    named = {each.removeprefix("group=") for each in only if each.startswith("group=")}
    return sum(
        group.access is None and (not named or not named.isdisjoint((group.id, group.name))) for group in taken.groups
    )


def _next_step(snapshot: Path, wanted: SheetFormat) -> list[str]:
    given = shlex.quote(str(snapshot))
    if wanted is SheetFormat.HTML:
        workbook = shlex.quote(f"{snapshot.stem}.xlsx")
        return [f"next: {PROGRAM} review sheet {given} --xlsx --out {workbook}"]
    plan = shlex.quote(f"{snapshot.stem}.plan.json")
    return [
        "have the sheets filled in, and collect them in a folder, such as returned",
        f"then: {PROGRAM} review decide {given} returned/*.{wanted.value} --plan {plan}",
    ]


def _print_bytes(pieces: Iterable[bytes]) -> None:
    """Print a file's content unchanged, which text streams of some systems would not."""
    sys.stdout.flush()
    stream = getattr(sys.stdout, "buffer", None)
    for piece in pieces:
        if stream is None:
            sys.stdout.write(piece.decode())
        else:
            stream.write(piece)
    if stream is not None:
        stream.flush()
