"""``confluence-groups journal``: show, verify, export."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ...membership import Change, JournalState, Outcome, Plan, read_journal
from ..command import command
from ..options import DatabaseOptions, Format, JournalArgument, OutputOptions
from ..output_files import check_distinct, check_target, write_file
from ..rendering.tables import Column, write_rows
from ..terminal import format_options, print_out
from .plans import Force

app = typer.Typer(name="journal", help="Show, verify and export journals of applied plans.", no_args_is_help=True)

COLUMNS = (
    Column("outcome"),
    Column("action"),
    Column("group_name"),
    Column("account_id"),
    Column("display_name"),
    Column("error"),
    Column("request_id", in_table=False),
    Column("group_id", in_table=False),
    Column("reason", in_table=False),
    Column("settled", in_table=False),
    Column("final", in_table=False),
)
CHANGE_FIELDS = ("group_name", "group_id", "account_id", "display_name", "reason")
DIGEST = re.compile("[0-9a-f]{64}")
ExpectedHash = Annotated[
    str | None,
    typer.Option("--expect-hash", metavar="HASH", help="Fail unless the journal ends with this hash."),
]


@command(
    app,
    "show",
    "confluence-groups journal show leavers.journal",
    "confluence-groups journal show leavers.journal -o csv",
)
def show(journal: JournalArgument, output: OutputOptions) -> None:
    """Show the outcome of each change, sorted by group and name."""
    state = read_journal(journal)
    if output.format is Format.TABLE:
        print_out(*_header_lines(state), "")
    write_rows(_to_rows(state), COLUMNS, output)


@command(app, "verify", "confluence-groups journal verify leavers.journal --expect-hash HASH")
def verify(journal: JournalArgument, expect_hash: ExpectedHash = None) -> None:
    """Verify that a journal is complete: each line contains the hash of the line before."""
    state = read_journal(journal, expect_hash=expect_hash)
    print_out(f"{journal} is whole: {state.lines} lines, ends with {state.last_hash}")
    if expect_hash is None:
        print_out("to check that no lines were cut off its end, give the hash that apply printed as --expect-hash")


@command(
    app,
    "export",
    "confluence-groups journal export leavers.json --dsn postgresql://me@db.example.com/fleet",
    "confluence-groups journal export DIGEST --out leavers.journal",
)
def export(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="A plan file, or the digest of a plan.")],
    database: DatabaseOptions,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Save to this file. Default: PLAN with the suffix .journal.", dir_okay=False
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Write the journal of a plan from a fleet's database to a file, which every command takes."""
    is_digest = DIGEST.fullmatch(plan) is not None
    target = out or (Path(f"{plan[:12]}.journal") if is_digest else Path(plan).with_suffix(".journal"))
    check_distinct([target], [] if is_digest else [Path(plan)])
    check_target(target, force=force)
    with database.open() as shared:
        journal = shared.journal(plan if is_digest else Plan.load(plan))
        read_journal(journal)
        write_file(target, journal.read(), force=force)
    state = read_journal(target)
    print_out(f"{target}: {state.lines} lines, ends with {state.last_hash}")


def _header_lines(state: JournalState) -> Iterator[str]:
    yield f"plan:      {state.plan}"
    yield f"site:      {state.site}"
    first, *later = state.runs
    yield f"begun:     {first}"
    yield from (f"continued: {run}" for run in later)
    if state.overrides:
        yield f"overrides: {format_options(state.overrides)}"
    if state.in_doubt:
        yield f"in doubt:  {len(state.in_doubt)}; applying the plan again with this journal settles them"
    yield f"ends with: {state.last_hash}"


def _to_rows(state: JournalState) -> Iterator[dict[str, Any]]:
    for result in sorted(state.results.values(), key=lambda each: _sort_key(each.change)):
        yield _change_row(result.change) | {
            "outcome": result.outcome.value,
            "error": result.error,
            "request_id": result.request_id,
            "settled": result.settled,
            "final": result.final,
        }
    for change in sorted(state.in_doubt.values(), key=_sort_key):
        if change.key not in state.results:
            yield _change_row(change) | {"outcome": Outcome.UNKNOWN.value, "error": "in doubt", "final": False}


def _sort_key(change: Change) -> tuple[str, ...]:
    return change.group_name, change.group_id, change.display_name or "", change.account_id


def _change_row(change: Change) -> dict[str, Any]:
    return {name: getattr(change, name) for name in CHANGE_FIELDS} | {"action": change.action.value}
