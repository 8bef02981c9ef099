"""``confluence-groups apply`` and ``undo``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..._core.limits.rate_limiter import RateLimiter
from ..._support.text import format_count
from ...client import ConfluenceGroups
from ...errors import InputError
from ...membership import Outcome, Plan, Report, read_report, rehearse, undo
from ...membership import apply as apply_plan
from ..command import command
from ..exit_codes import ALREADY_COMPLETE, INCOMPLETE, INTERRUPTED, REFUSED
from ..options import (
    ConfirmationOptions,
    ConnectionOptions,
    JournalArgument,
    OutputOptions,
    PlanArgument,
    PlanGuardOptions,
)
from ..output_files import check_target
from ..program import PROGRAM
from ..rendering.plan_summary import summary_lines
from ..rendering.progress_bar import progress_bar
from ..rendering.report_summary import FAILURES, completion_lines, curl_lines, rehearsal_lines, report_lines
from ..session.client_factory import open_client
from ..terminal import ask, print_err, print_out
from .plans import Force, ProblemsFile, make_plan


class OnDrift(StrEnum):
    """What to do if memberships have changed since the plan was made."""

    REFUSE = "refuse"
    CONTINUE = "continue"


def add_to(app: typer.Typer) -> None:
    """Add these commands to the application."""
    command(
        app,
        "apply",
        "confluence-groups apply leavers.json",
        "confluence-groups apply leavers.json --expect-digest DIGEST --yes --report report.json",
    )(apply)
    command(app, "undo", "confluence-groups undo leavers.journal --out undo.json", "confluence-groups apply undo.json")(
        undo_journal
    )


def apply(
    *,
    plan: PlanArgument,
    connection: ConnectionOptions,
    confirmation: ConfirmationOptions,
    journal: Annotated[
        Path | None,
        typer.Option(
            "--journal",
            metavar="FILE",
            help="Record every change in this file. Default: PLAN with the suffix .journal.",
            dir_okay=False,
        ),
    ] = None,
    expect_digest: Annotated[
        str | None,
        typer.Option("--expect-digest", metavar="DIGEST", help="Apply only if the plan has this digest."),
    ] = None,
    on_drift: Annotated[
        OnDrift, typer.Option("--on-drift", help="What to do if memberships have changed since the plan was made.")
    ] = OnDrift.REFUSE,
    stop_after_failures: Annotated[
        int,
        typer.Option(
            "--stop-after-failures", metavar="N", help="Stop after this many failed changes; 0 for never.", min=0
        ),
    ] = 10,
    wait_for_quota: Annotated[
        bool,
        typer.Option("--wait-for-quota", help="Wait until the site accepts calls again, however long that takes."),
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read the groups again at the end to check the changes.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FILE", help="Save the outcome of each change to this file as JSON.", dir_okay=False
        ),
    ] = None,
) -> None:
    """Make the changes of a plan. After an interruption, the same command continues where it ended.

    If the plan's journal is already complete, nothing is sent, and the exit code is 5.
    """
    loaded = Plan.load(plan)
    journal_file = journal or plan.with_suffix(".journal")
    if report is not None:
        _check_report(report, plan, journal_file)
    if not loaded.changes and expect_digest in (None, loaded.digest):
        print_out("the plan changes nothing: there is nothing to apply")
        return
    rate_limiter = RateLimiter()
    with open_client(connection, rate_limiter) as client:
        if confirmation.dry_run or confirmation.curl:
            with progress_bar(rate_limiter) as on_progress:
                rehearsal = rehearse(
                    client,
                    loaded,
                    journal=journal_file,
                    on_drift=on_drift.value,
                    on_progress=on_progress,
                    expect_digest=expect_digest,
                )
            _show_rehearsal(rehearsal, client, curl=confirmation.curl)
            return
        if not confirmation.yes:
            _ask_to_apply(loaded, journal_file, client.site)
        with progress_bar(rate_limiter) as on_progress:
            finished = apply_plan(
                client,
                loaded,
                journal=journal_file,
                on_drift=on_drift.value,
                on_progress=on_progress,
                stop_after_failures=stop_after_failures or None,
                wait_for_quota=wait_for_quota,
                verify=verify,
                expect_digest=expect_digest,
            )
    if report is not None:
        finished.save(report)
    print_out(*report_lines(finished, journal_file))
    if finished.unfinished:
        print_err(f"to continue: {PROGRAM} apply {plan}" + (f" --journal {journal}" if journal else ""))
    if code := exit_code_of(finished):
        raise typer.Exit(code)


def _check_report(report: Path, *inputs: Path) -> None:
    """Check that a report can be written, before anything is sent.

    Raises:
        InputError: it cannot be written, or it would replace the plan or its journal.
    """
    check_target(report, force=True)
    if any(report.resolve() == each.resolve() for each in inputs):
        raise InputError(f"{report}: the report would replace the plan or its journal: give it another name")


def _show_rehearsal(rehearsal: Report, client: ConfluenceGroups, *, curl: bool) -> None:
    """Print what would be sent.

    Raises:
        typer.Exit: with code 5, if the journal is already complete.
    """
    if curl:
        print_out(*curl_lines(rehearsal, client))
        print_err(*completion_lines(rehearsal))
    else:
        print_out(*rehearsal_lines(rehearsal, client))
    if rehearsal.already_complete:
        raise typer.Exit(ALREADY_COMPLETE)


def _ask_to_apply(plan: Plan, journal: Path, site: str) -> None:
    """Print the summary of a plan, and ask whether to apply what is left of it; if nothing is left, do neither."""
    earlier = read_report(plan, journal)
    if earlier.already_complete:
        return
    print_err(*summary_lines(plan))
    number = format_count(len(plan.changes), "change")
    resumed = ", continuing where the last run ended" if earlier.earlier_runs else ""
    if done := len(earlier.done_before):
        number = f"{len(earlier.unfinished)} of {number}"
        resumed += f"; {done} {'was' if done == 1 else 'were'} done before"
    ask(f"apply {number} on {site}{resumed}?")


def exit_code_of(report: Report) -> int:
    """Return the exit code for a report. Failures and refusals of earlier runs count too, because they are final."""
    if report.already_complete:
        return ALREADY_COMPLETE
    if report.interrupted:
        return INTERRUPTED
    counts = report.counts + report.counts_before
    if report.unfinished or report.unverified or any(counts[outcome] for outcome in FAILURES):
        return INCOMPLETE
    return REFUSED if counts[Outcome.REFUSED] else 0


def undo_journal(
    *,
    journal: JournalArgument,
    connection: ConnectionOptions,
    guards: PlanGuardOptions,
    output: OutputOptions,
    expect_hash: Annotated[
        str | None,
        typer.Option("--expect-hash", metavar="HASH", help="Fail unless the journal ends with this hash."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Save the plan to this file. Default: JOURNAL with the suffix .undo.json.",
            dir_okay=False,
        ),
    ] = None,
    force: Force = False,
    problems: ProblemsFile = None,
) -> None:
    """Make a plan that reverses the changes in a journal. Nothing changes until you apply it."""
    make_plan(
        connection,
        out or journal.with_suffix(".undo.json"),
        output,
        force=force,
        problems=problems,
        plan_changes=lambda client, on_progress: undo(
            client, journal, guards=guards.build_guards(client), on_progress=on_progress, expect_hash=expect_hash
        ),
    )
