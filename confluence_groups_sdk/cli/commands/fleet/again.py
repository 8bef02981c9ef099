"""``confluence-groups fleet run-again`` and ``discard-plan``: what can be done about a job that is not done."""

from __future__ import annotations

from typing import Annotated

import typer

from ....errors import JobError
from ....fleet import JobPhase
from ...command import command
from ...exit_codes import USAGE
from ...options import DatabaseOptions
from ...terminal import ask, print_err, print_out
from .approve import Yes
from .section import JobArgument, app, print_going_on


@command(app, "run-again", "confluence-groups fleet run-again 2026-11-leavers/acme 2026-11-leavers/beta")
def run_again(
    *,
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="The ids of jobs that ended without being done.")],
    database: DatabaseOptions,
) -> None:
    """Let workers go on with jobs that are incomplete, were refused or failed, from where they ended."""
    refused = False
    with database.open() as shared:
        for each in dict.fromkeys(jobs):
            try:
                changed, job = shared.jobs.queue_again(each), shared.jobs.get(each)
            except JobError as error:
                print_err(f"error: {error}")
                refused = True
                continue
            if changed or job.phase is JobPhase.QUEUED:
                print_out(f"{each} waits for a worker")
            else:
                print_err(f"error: {each}: it is {_state(job.phase)}, so it cannot be run again")
                refused = True
        if len(jobs) == 1 and not refused:
            print_going_on(shared, database, jobs[0])
    if refused:
        raise typer.Exit(USAGE)


@command(app, "discard-plan", "confluence-groups fleet discard-plan 2026-11-leavers/acme")
def discard_plan(*, job: JobArgument, database: DatabaseOptions, yes: Yes = False) -> None:
    """Discard the plan of a job and its approval, so that a worker plans it again; only before it was begun.

    The decisions of a review are discarded too: hand in the sheets again.
    """
    with database.open() as shared:
        before = shared.jobs.get(job)
        if before.digest is None:
            print_out(f"{job} has no plan")
            return
        if not yes:
            ask(f"discard the plan {before.digest[:12]} of {job}, and plan it again?")
        after = shared.jobs.discard_plan(job)
        if after.phase is JobPhase.WAITING_FOR_DECISIONS:
            print_out(f"discarded the plan of {job}, and the decisions that it was made from: decide again")
            print_err(f"next: {database.typed('decide', job, 'returned')}")
            return
        print_out(f"discarded the plan of {job}: it waits for a worker, which plans it again")
        print_going_on(shared, database, job)


def _state(phase: JobPhase) -> str:
    return phase.value if phase in (JobPhase.DONE, JobPhase.PLANNING, JobPhase.APPLYING) else f"still {phase.value}"
