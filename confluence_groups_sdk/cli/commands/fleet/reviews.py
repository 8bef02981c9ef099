"""``confluence-groups fleet snapshot`` and ``decide``: the review of a site, between its snapshot and its plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...._support.text import format_count
from ....fleet import JobPhase
from ...command import command
from ...options import DatabaseOptions, OutputOptions
from ...output_files import check_distinct, check_target, quote
from ...problems import report_problems
from ...program import PROGRAM
from ...terminal import print_err, print_out
from ..plans import Force, ProblemsFile
from ..review.decide import list_sheets, print_decisions
from .approve import By, this_user
from .section import JobArgument, app, print_going_on


@command(app, "snapshot", "confluence-groups fleet snapshot q4/acme acme.snapshot")
def snapshot(
    *,
    job: JobArgument,
    out: Annotated[Path, typer.Argument(metavar="FILE", help="Save the snapshot to this file.", dir_okay=False)],
    database: DatabaseOptions,
    force: Force = False,
) -> None:
    """Write the snapshot of a review to a file, to make sheets from it."""
    check_target(out, force=force)
    with database.open() as shared:
        taken = shared.jobs.snapshot(job)
        status = shared.jobs.get(job)
    taken.save(out)
    print_out(f"saved as {out}: {format_count(len(taken.groups), 'group')} of {taken.site}, digest {taken.digest}")
    print_out(f"next: {PROGRAM} review sheet {quote(out)} --xlsx --out {quote(out.with_suffix('.xlsx'))}")
    if status.phase is JobPhase.WAITING_FOR_DECISIONS:
        print_out(f"then: {database.typed('decide', job, 'returned')}")


@command(
    app,
    "decide",
    "confluence-groups fleet decide q4/acme returned/*.xlsx",
    "confluence-groups fleet decide q4/acme returned --problems problems.txt",
)
def decide(
    *,
    job: JobArgument,
    sheets: Annotated[
        list[Path], typer.Argument(metavar="SHEET...", help="The returned sheets, or folders with nothing else.")
    ],
    database: DatabaseOptions,
    output: OutputOptions,
    by: By = None,
    problems: ProblemsFile = None,
    force: Force = False,
) -> None:
    """Hand in the returned sheets of a review, from which a worker makes the plan.

    JSON and CSV output has the undecided memberships. Other sheets replace these until there is a plan.
    """
    returned = list_sheets(sheets)
    check_distinct([problems] if problems else [], returned)
    with database.open() as shared:
        with report_problems(problems, output, force=force):
            decided = shared.jobs.decide(job, returned, by=by or this_user())
        print_decisions(shared.jobs.snapshot(job), decided, output)
        print_err("", f"stored the decisions of {job}; nothing was removed")
        if undecided := len(decided.undecided):
            what = "membership is undecided and stays" if undecided == 1 else "memberships are undecided and stay"
            later = "it" if undecided == 1 else "them"
            discard = database.typed("discard-plan", job)
            print_err(f"note: {undecided} {what}; to decide about {later} later: {discard}, and decide again")
        print_going_on(shared, database, job)
