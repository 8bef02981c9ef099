"""``confluence-groups apply`` and ``undo``."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .. import _calls
from .._exchange import LOOK_FIRST
from .._pacing import Pacer
from ..client import ConfluenceGroups
from ..errors import InputError
from ..membership import Action, Change, Outcome, Plan, Report, Result, rehearse, undo
from ..membership import apply as apply_plan
from . import PROGRAM
from .connection import connected
from .curl import command_for
from .exit_codes import INCOMPLETE, INTERRUPTED, REFUSED
from .files import check_target
from .options import Changing, Connecting, Guarding, JournalArgument, PlanArgument, command
from .plan_text import counted, summary
from .plans import Force, make
from .terminal import ask, in_options, put, say
from .watch import watching

FAILURES = (Outcome.FAILED, Outcome.UNKNOWN)


class OnDrift(StrEnum):
    """What to do where memberships have changed since the plan was made."""

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
    connecting: Connecting,
    changing: Changing,
    journal: Annotated[
        Path | None,
        typer.Option(
            "--journal",
            metavar="FILE",
            help="Where all is written down; PLAN with .journal if not given.",
            dir_okay=False,
        ),
    ] = None,
    expect_digest: Annotated[
        str | None, typer.Option("--expect-digest", metavar="DIGEST", help="That was approved.")
    ] = None,
    on_drift: Annotated[
        OnDrift, typer.Option("--on-drift", help="What to do where memberships have changed since.")
    ] = OnDrift.REFUSE,
    stop_after_failures: Annotated[
        int, typer.Option("--stop-after-failures", metavar="N", help="Failures that end the run; 0: never.", min=0)
    ] = 10,
    wait_for_quota: Annotated[
        bool, typer.Option("--wait-for-quota", help="Wait until the site takes calls again, however long.")
    ] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Read the groups once more at the end.")] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Save what became of each change, as JSON.", dir_okay=False),
    ] = None,
) -> None:
    """Do what a plan says; given again after an interruption, go on where it ended."""
    loaded = Plan.load(plan)
    book = journal or plan.with_suffix(".journal")
    if report is not None:
        _check_report(report, plan, book)
    if not loaded.changes and expect_digest in (None, loaded.digest):
        put("the plan changes nothing: there is nothing to apply")
        return
    pacer = Pacer()
    with connected(connecting, pacer) as client:
        if changing.dry_run or changing.curl:
            with watching(pacer) as told:
                rehearsal = rehearse(
                    client,
                    loaded,
                    journal=book,
                    on_drift=on_drift.value,
                    on_progress=told,
                    expect_digest=expect_digest,
                )
            put(*_rehearsed(client, rehearsal, curl=changing.curl))
            return
        if not changing.yes:
            say(*summary(loaded))
            going_on = ", going on where it ended" if book.exists() and book.stat().st_size else ""
            ask(f"apply {counted(len(loaded.changes), 'change')} on {client.site}{going_on}?")
        with watching(pacer) as told:
            done = apply_plan(
                client,
                loaded,
                journal=book,
                on_drift=on_drift.value,
                on_progress=told,
                stop_after_failures=stop_after_failures or None,
                wait_for_quota=wait_for_quota,
                verify=verify,
                expect_digest=expect_digest,
            )
    if report is not None:
        done.save(report)
    put(*told_of(done, book))
    if code := code_of(done):
        if done.unfinished:
            say(f"to go on: {PROGRAM} apply {plan}" + (f" --journal {journal}" if journal else ""))
        raise typer.Exit(code)


def _check_report(report: Path, *kept: Path) -> None:
    """See that a report can be written, before anything is sent.

    Raises:
        InputError: it cannot, or it would take the place of a file that is still needed.
    """
    check_target(report, force=True)
    if any(report.resolve() == each.resolve() for each in kept):
        raise InputError(f"{report}: the report would replace the plan or its journal: give it another name")


def undo_journal(
    *,
    journal: JournalArgument,
    connecting: Connecting,
    guarding: Guarding,
    expect_hash: Annotated[
        str | None, typer.Option("--expect-hash", metavar="HASH", help="That the journal ended with.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where the plan is saved.", dir_okay=False)
    ] = None,
    force: Force = False,
) -> None:
    """Plan the reverse of what a journal did; nothing is changed."""
    make(
        connecting,
        out or journal.with_suffix(".undo.json"),
        force=force,
        maker=lambda client, told: undo(
            client, journal, guards=guarding.guards(), on_progress=told, expect_hash=expect_hash
        ),
    )


def told_of(report: Report, journal: Path) -> Iterator[str]:
    """Yield what became of a plan, line by line: each change that was not made, and how many had which outcome."""
    for result in report.results:
        if result.outcome in (*FAILURES, Outcome.REFUSED):
            yield f"{result.outcome} {result.change}: {_why(result)}"
    for change in report.unverified:
        yield f"does not show yet: {change}"
    said = ", ".join(f"{number} {outcome}" for outcome in Outcome if (number := report.counts[outcome]))
    yield said or "nothing to do"
    if report.unfinished:
        yield f"{len(report.unfinished)} left to do"
    if report.stopped:
        yield f"stopped: {in_options(report.stopped)}"
    yield f"journal: {journal}, ends with {report.journal_hash}"


def _why(result: Result) -> str:
    """Return why a change was not made; where that is not known, the remedy is another run, and not to look oneself."""
    why = in_options(result.error or "")
    if result.in_doubt:
        why = f"{why.removesuffix(LOOK_FIRST).rstrip(' .')}; applying again settles it"
    return why if not result.request_id or result.request_id in why else f"{why} [request id {result.request_id}]"


def code_of(report: Report) -> int:
    """Return the exit code for a report."""
    if report.interrupted:
        return INTERRUPTED
    if report.unfinished or report.unverified or any(report.counts[outcome] for outcome in FAILURES):
        return INCOMPLETE
    return REFUSED if report.counts[Outcome.REFUSED] else 0


def _rehearsed(client: ConfluenceGroups, report: Report, *, curl: bool) -> Iterator[str]:
    if curl:
        for change in report.unfinished:
            yield command_for(client, _call(change))
        return
    for change in report.unfinished:
        yield f"would {change}"
    for result in report.results:
        yield f"{result.outcome} {result.change}" + (f": {in_options(result.error)}" if result.error else "")
    yield f"{counted(len(report.unfinished), 'change')} would be made on {client.site}; nothing was sent"


def _call(change: Change) -> _calls.Call[None]:
    make_call = _calls.remove_member if change.action is Action.REMOVE else _calls.add_member
    return make_call(change.group_id, change.account_id)
