"""``confluence-groups plan``: from a CSV file, to a desired state, for leavers; and a look at a plan."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .._pacing import Pacer
from ..client import ConfluenceGroups
from ..errors import InputError
from ..membership import Plan, plan_offboarding, plan_removals, plan_sync, read_accounts
from ..membership.draft import OnProgress
from . import PROGRAM
from .approval import page
from .connection import connected
from .exit_codes import REFUSED
from .files import check_target, written
from .options import Connecting, Format, GroupArgument, Guarding, PlanArgument, Showing, command
from .output import write_rows
from .plan_text import COLUMNS, counted, rows_of, summary
from .terminal import put, say
from .watch import watching

app = typer.Typer(name="plan", help="Plan changes of many memberships; nothing is changed.", no_args_is_help=True)

Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the plan is saved.", dir_okay=False)]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Noted with each change.")]
Rows = Annotated[
    Path, typer.Option("--csv", metavar="FILE", help="Rows with group, account (or email) and, if you like, reason.")
]
Accounts = Annotated[
    Path | None,
    typer.Option("--csv", metavar="FILE", help="Rows with an account (or email), such as members list -o csv."),
]
DEFAULT = Path("plan.json")


class Mode(StrEnum):
    """What a sync may do."""

    EXACT = "exact"
    ADD_ONLY = "add-only"
    REMOVE_ONLY = "remove-only"


@command(
    app,
    "remove",
    "confluence-groups plan remove --csv leavers.csv --out leavers.json",
    "confluence-groups plan remove --csv leavers.csv --max-removals 500",
)
def remove(csv: Rows, connecting: Connecting, guarding: Guarding, out: Out = DEFAULT, force: Force = False) -> None:
    """Plan to take people out of groups, row by row of a CSV file."""
    make(
        connecting,
        out,
        force=force,
        maker=lambda client, told: plan_removals(client, csv, guards=guarding.guards(), on_progress=told),
    )


@command(
    app,
    "sync",
    "confluence-groups members list docs-editors -o csv > editors.csv",
    "confluence-groups plan sync docs-writers --csv editors.csv --mode add-only",
)
def sync(
    *,
    group: GroupArgument,
    connecting: Connecting,
    guarding: Guarding,
    account: Annotated[
        list[str] | None, typer.Option("--account", metavar="ID", help="Is to be in it (repeatable).")
    ] = None,
    csv: Accounts = None,
    mode: Annotated[Mode, typer.Option("--mode", help="Which changes are made.")] = Mode.EXACT,
    reason: Reason = None,
    out: Out = DEFAULT,
    force: Force = False,
) -> None:
    """Plan to make a group's members those of a list."""
    wanted = accounts_of(account or [], csv)
    make(
        connecting,
        out,
        force=force,
        maker=lambda client, told: plan_sync(
            client,
            group_id=group,
            account_ids=wanted,
            mode=mode.value,
            reason=reason,
            guards=guarding.guards(),
            on_progress=told,
        ),
    )


@command(
    app,
    "offboard",
    "confluence-groups plan offboard 557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f --reason 'has left'",
    "confluence-groups plan offboard --csv leavers.csv --keep alumni",
)
def offboard(
    *,
    connecting: Connecting,
    guarding: Guarding,
    accounts: Annotated[
        list[str] | None, typer.Argument(metavar="[ACCOUNT]...", help="Account ids, or e-mails that members show.")
    ] = None,
    csv: Accounts = None,
    keep: Annotated[
        list[str] | None, typer.Option("--keep", metavar="GROUP", help="Is left alone (repeatable).")
    ] = None,
    reason: Reason = None,
    out: Out = DEFAULT,
    force: Force = False,
) -> None:
    """Plan to take people out of every group they are in."""
    leavers = accounts_of(accounts or [], csv)
    make(
        connecting,
        out,
        force=force,
        maker=lambda client, told: plan_offboarding(
            client,
            account_ids=leavers,
            keep_groups=keep or (),
            reason=reason,
            guards=guarding.guards(),
            on_progress=told,
        ),
    )


@command(
    app,
    "show",
    "confluence-groups plan show plan.json",
    "confluence-groups plan show plan.json -o csv > plan.csv",
    "confluence-groups plan show plan.json --html plan.html",
)
def show(
    plan: PlanArgument,
    showing: Showing,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the approver's page there.", dir_okay=False)
    ] = None,
    force: Force = False,
) -> None:
    """Show a plan: what is planned, refused and left out, and the digest to approve it by."""
    shown = Plan.load(plan)
    if html is not None:
        written(html, page(shown), force=force)
        say(f"wrote {html}")
        return
    if showing.output is Format.TABLE:
        put(*summary(shown), "")
    write_rows(rows_of(shown), COLUMNS, showing)


def accounts_of(given: list[str], csv: Path | None) -> list[str]:
    """Return the accounts that are given and those in a file.

    Raises:
        InputError: there are none, or the file is bad.
    """
    accounts = [*given, *(read_accounts(csv) if csv else ())]
    if not accounts:
        raise InputError("nobody is named: give account ids, or --csv with a file of them")
    return accounts


def make(
    connecting: Connecting,
    out: Path,
    *,
    force: bool,
    maker: Callable[[ConfluenceGroups, OnProgress | None], Plan],
) -> None:
    """Make a plan, save it, and show what it says in short.

    Raises:
        typer.Exit: with 3, where a guard refused something.
    """
    check_target(out, force=force)
    pacer = Pacer()
    with connected(connecting, pacer) as client, watching(pacer) as told:
        plan = maker(client, told)
    plan.save(out)
    put(*summary(plan), "")
    put(f"saved as {out}; nothing was changed")
    if plan.changes:
        put(f"look at it:    {PROGRAM} plan show {out}", f"then apply it: {PROGRAM} apply {out}")
    if plan.refused:
        say(f"refused: guards refused {counted(len(plan.refused), 'change')}; not in the plan (exit code {REFUSED})")
        raise typer.Exit(REFUSED)
