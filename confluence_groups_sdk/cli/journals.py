"""``confluence-groups journal``: show, verify."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ..membership import Change, Contents, Outcome, read_journal
from .options import Format, JournalArgument, Showing, command
from .output import Column, write_rows
from .terminal import options_of, put

app = typer.Typer(name="journal", help="Look at what was applied.", no_args_is_help=True)

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
Hash = Annotated[
    str | None, typer.Option("--expect-hash", metavar="HASH", help="That the last report on it ended with.")
]


@command(
    app,
    "show",
    "confluence-groups journal show leavers.journal",
    "confluence-groups journal show leavers.journal -o csv",
)
def show(journal: JournalArgument, showing: Showing) -> None:
    """Show what became of each change, by group and name."""
    contents = read_journal(journal)
    if showing.output is Format.TABLE:
        put(*_header(contents), "")
    write_rows(_rows(contents), COLUMNS, showing)


@command(app, "verify", "confluence-groups journal verify leavers.journal --expect-hash HASH")
def verify(journal: JournalArgument, expect_hash: Hash = None) -> None:
    """See whether a journal is whole: each line has the hash of the one before."""
    contents = read_journal(journal, expect_hash=expect_hash)
    put(f"{journal} is whole: {contents.lines} lines, ends with {contents.last_hash}")
    if expect_hash is None:
        put("whether it was cut shows with --expect-hash, which apply prints")


def _header(contents: Contents) -> Iterator[str]:
    yield f"plan:      {contents.plan}"
    yield f"site:      {contents.site}"
    yield f"begun:     {contents.began_at} by {contents.by}"
    if contents.overrides:
        yield f"overrides: {options_of(contents.overrides)}"
    if contents.in_doubt:
        yield f"in doubt:  {len(contents.in_doubt)}; applying again with this journal settles them"
    yield f"ends with: {contents.last_hash}"


def _rows(contents: Contents) -> Iterator[dict[str, Any]]:
    for result in sorted(contents.results.values(), key=lambda each: _place(each.change)):
        yield _row(result.change) | {
            "outcome": result.outcome.value,
            "error": result.error,
            "request_id": result.request_id,
            "settled": result.settled,
            "final": result.final,
        }
    for change in sorted(contents.in_doubt.values(), key=_place):
        if change.key not in contents.results:
            yield _row(change) | {"outcome": Outcome.UNKNOWN.value, "error": "in doubt", "final": False}


def _place(change: Change) -> tuple[str, ...]:
    return change.group_name, change.group_id, change.display_name or "", change.account_id


def _row(change: Change) -> dict[str, Any]:
    names = ("group_name", "group_id", "account_id", "display_name", "reason")
    return {name: getattr(change, name) for name in names} | {"action": change.action.value}
