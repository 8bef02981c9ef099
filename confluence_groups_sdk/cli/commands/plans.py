"""``confluence-groups plan``: remove, sync, offboard, show."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..._core.limits.rate_limiter import RateLimiter
from ..._support.text import format_count
from ...client import ConfluenceGroups
from ...errors import InputError
from ...membership import Plan, plan_offboarding, plan_removals, plan_sync
from ..command import command
from ..exit_codes import REFUSED
from ..options import ConnectionOptions, Format, GroupArgument, OutputOptions, PlanArgument, PlanGuardOptions
from ..output_files import check_target, write_file
from ..problems import report_problems
from ..program import PROGRAM
from ..rendering.plan_summary import COLUMNS, plan_rows, summary_lines
from ..rendering.progress_bar import OnProgress, progress_bar
from ..rendering.tables import write_rows
from ..session.client_factory import open_client
from ..terminal import print_err, print_out

app = typer.Typer(name="plan", help="Plan changes of many memberships; only apply makes them.", no_args_is_help=True)

OutFile = Annotated[Path, typer.Option("--out", metavar="FILE", help="Save the plan to this file.", dir_okay=False)]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Reason to record with each change.")]
ChangeRows = Annotated[
    Path,
    typer.Option(
        "--csv", metavar="FILE", help="CSV file with the columns group, account (or email) and, optionally, reason."
    ),
]
AccountRows = Annotated[
    Path | None,
    typer.Option(
        "--csv", metavar="FILE", help="CSV file with a column account (or email), such as members list -o csv writes."
    ),
]
ProblemsFile = Annotated[
    Path | None,
    typer.Option(
        "--problems",
        metavar="FILE",
        help="Write the problems that prevent a plan to this file: as JSON if its name ends in .json.",
        dir_okay=False,
    ),
]
DEFAULT_FILE = Path("plan.json")


class Mode(StrEnum):
    """The kinds of changes that a sync may make."""

    EXACT = "exact"
    ADD_ONLY = "add-only"
    REMOVE_ONLY = "remove-only"


@command(
    app,
    "remove",
    "confluence-groups plan remove --csv leavers.csv --out leavers.json",
    "confluence-groups plan remove --csv leavers.csv --max-removals 500",
)
def remove(
    *,
    csv: ChangeRows,
    connection: ConnectionOptions,
    guards: PlanGuardOptions,
    output: OutputOptions,
    out: OutFile = DEFAULT_FILE,
    force: Force = False,
    problems: ProblemsFile = None,
) -> None:
    """Plan to remove users from groups, one for each row of a CSV file."""
    make_plan(
        connection,
        out,
        output,
        force=force,
        problems=problems,
        plan_changes=lambda client, on_progress: plan_removals(
            client, csv, guards=guards.build_guards(client), on_progress=on_progress
        ),
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
    connection: ConnectionOptions,
    guards: PlanGuardOptions,
    output: OutputOptions,
    account: Annotated[
        list[str] | None,
        typer.Option(
            "--account", metavar="ACCOUNT", help="Account id or e-mail of a user who is to be a member (repeatable)."
        ),
    ] = None,
    csv: AccountRows = None,
    mode: Annotated[Mode, typer.Option("--mode", help="Kinds of changes to plan.")] = Mode.EXACT,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Accept an empty list; usually its source has failed.")
    ] = False,
    reason: Reason = None,
    out: OutFile = DEFAULT_FILE,
    force: Force = False,
    problems: ProblemsFile = None,
) -> None:
    """Plan to bring the members of a group into line with a list; see --mode."""
    members = join_accounts(account or [], csv, allow_empty=allow_empty)
    make_plan(
        connection,
        out,
        output,
        force=force,
        problems=problems,
        plan_changes=lambda client, on_progress: plan_sync(
            client,
            group_id=group,
            account_ids=members,
            mode=mode.value,
            allow_empty=allow_empty,
            reason=reason,
            guards=guards.build_guards(client),
            on_progress=on_progress,
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
    connection: ConnectionOptions,
    guards: PlanGuardOptions,
    output: OutputOptions,
    accounts: Annotated[
        list[str] | None, typer.Argument(metavar="[ACCOUNT]...", help="Account ids, or e-mails that members show.")
    ] = None,
    csv: AccountRows = None,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="GROUP", help="Leave the users in this group (repeatable)."),
    ] = None,
    reason: Reason = None,
    out: OutFile = DEFAULT_FILE,
    force: Force = False,
    problems: ProblemsFile = None,
) -> None:
    """Plan to remove users from all their groups."""
    leavers = join_accounts(accounts or [], csv)
    make_plan(
        connection,
        out,
        output,
        force=force,
        problems=problems,
        plan_changes=lambda client, on_progress: plan_offboarding(
            client,
            account_ids=leavers,
            keep_groups=keep or (),
            reason=reason,
            guards=guards.build_guards(client),
            on_progress=on_progress,
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
    output: OutputOptions,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", help="Write an HTML page for the approver to this file.", dir_okay=False
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Show the changes that a plan makes, refuses and skips, and the digest to approve it by."""
    loaded = Plan.load(plan)
    if html is not None:
        from ..rendering.approval_page import render_approval_page  # only here, because loading Jinja takes time

        write_file(html, render_approval_page(loaded), force=force)
        print_err(f"wrote {html}")
        return
    if output.format is Format.TABLE:
        print_out(*summary_lines(loaded), "")
    write_rows(plan_rows(loaded), COLUMNS, output)


def join_accounts(
    accounts: list[str], csv: Path | None, *, allow_empty: bool | None = None
) -> list[str | os.PathLike[str]]:
    """Return the accounts that are given, followed by the CSV file, which the planner reads.

    Args:
        accounts: the accounts that are given.
        csv: the file; None for no file.
        allow_empty: whether there may be no accounts; None if the command has no option for this.

    Raises:
        InputError: neither accounts nor a file are given.
    """
    if not accounts and csv is None and not allow_empty:
        raise InputError(
            "no users are named: give accounts, or a file of them with --csv",
            option="allow_empty" if allow_empty is not None else None,
        )
    found: list[str | os.PathLike[str]] = [*accounts]
    if csv is not None:
        found.append(csv)
    return found


def make_plan(
    connection: ConnectionOptions,
    out: Path,
    output: OutputOptions,
    *,
    force: bool,
    problems: Path | None,
    plan_changes: Callable[[ConfluenceGroups, OnProgress | None], Plan],
) -> None:
    """Make a plan, save it, and print its summary, or its rows as JSON or CSV.

    Args:
        connection: the options of the command.
        out: the file for the plan.
        output: the format of the output.
        force: whether to replace a file if it exists.
        problems: the file for the problems that prevent a plan.
        plan_changes: makes the plan.

    Raises:
        typer.Exit: with code 3, if guards refused changes; with code 2, if problems prevent a plan.
    """
    check_target(out, force=force)
    rate_limiter = RateLimiter()
    with (
        report_problems(problems, output, force=force),
        open_client(connection, rate_limiter) as client,
        progress_bar(rate_limiter) as on_progress,
    ):
        plan = plan_changes(client, on_progress)
    plan.save(out)
    if output.format is Format.TABLE:
        print_out(*summary_lines(plan), "", *_next_steps(plan, out))
    else:
        write_rows(plan_rows(plan), COLUMNS, output)
        print_err(*_next_steps(plan, out))
    if plan.refused:
        refused = format_count(len(plan.refused), "change")
        print_err(f"refused: guards refused {refused}, which the plan does not contain (exit code {REFUSED})")
        raise typer.Exit(REFUSED)


def _next_steps(plan: Plan, out: Path) -> list[str]:
    show, apply = f"look at it:    {PROGRAM} plan show {out}", f"then apply it: {PROGRAM} apply {out}"
    steps = [show, apply] if plan.changes else [show] if plan.refused or plan.skipped else []
    return [f"saved as {out}; nothing was changed", *steps]
