"""``confluence-groups fleet plan`` and ``approve``: look at the plan of a job, and let it be applied."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from ...._support.text import format_count
from ....errors import InputError
from ....fleet import JobPhase, JobStatus
from ....membership import Plan
from ...command import command
from ...options import DatabaseOptions
from ...output_files import check_target, quote
from ...program import PROGRAM
from ...rendering.job_status import format_time
from ...rendering.plan_summary import summary_lines
from ...terminal import ask, print_err, print_out
from ..plans import Force
from .section import JobArgument, app, print_going_on

By = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Who does this, for the record. Default: your user name and host."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@command(app, "plan", "confluence-groups fleet plan 2026-11-leavers/acme acme.json")
def plan(
    *,
    job: JobArgument,
    out: Annotated[Path, typer.Argument(metavar="OUT.JSON", help="Save the plan to this file.", dir_okay=False)],
    database: DatabaseOptions,
    force: Force = False,
) -> None:
    """Write the plan of a job to a file, to look at it. Apply it only by fleet approve: workers have its journal."""
    check_target(out, force=force)
    with database.open() as shared:
        found = shared.jobs.plan(job)
        status = shared.jobs.get(job)
    found.save(out)
    print_out(*summary_lines(found), "", f"saved as {out}; nothing was changed")
    print_out(f"look at it: {PROGRAM} plan show {quote(out)} --html {quote(out.with_suffix('.html'))}")
    if status.phase is JobPhase.WAITING_FOR_APPROVAL:
        print_out(f"approve it: {database.typed('approve', job, found.digest)}")


@command(
    app,
    "approve",
    "confluence-groups fleet approve 2026-11-leavers/acme DIGEST",
    "confluence-groups fleet approve 2026-11-leavers/acme DIGEST --yes --by 'Anna, ticket 4711'",
)
def approve(
    *,
    job: JobArgument,
    digest: Annotated[
        str, typer.Argument(metavar="DIGEST", help="The digest of the plan that you have looked at, from fleet plan.")
    ],
    database: DatabaseOptions,
    by: By = None,
    yes: Yes = False,
) -> None:
    """Show the summary of a job's plan, ask, and let workers apply exactly this plan."""
    with database.open() as shared:
        found = shared.jobs.plan(job)
        _check_digest(job, found, digest)
        before = shared.jobs.get(job)
        if before.approved_digest == digest:
            print_out(f"{job} is approved: {_approval(before)}")
            return
        if not found.changes:
            nothing = "its plan has no changes, so there is nothing to approve"
            raise InputError(f"{job}: {nothing}: the job is {before.phase.value}")
        if not yes:
            print_err(*summary_lines(found))
            ask(f"approve {format_count(len(found.changes), 'change')} of {job} on {found.site}?")
        after = shared.jobs.approve(job, digest, by=by or this_user())
        print_out(f"approved {job}: {_approval(after)}")
        print_going_on(shared, database, job)


def _check_digest(job: str, found: Plan, digest: str) -> None:
    """Check that the user has looked at this plan.

    Raises:
        InputError: they looked at another one.
    """
    if digest != found.digest:
        raise InputError(
            f"{job}: its plan has another digest: look at it with {PROGRAM} fleet plan, and approve it by that digest"
        )


def _approval(job: JobStatus) -> str:
    when = format_time(job.approved_at) if job.approved_at else "at an unknown time"
    return f"{when} by {job.approved_by or 'somebody'}"


def this_user() -> str:
    """Return the user and the host, for the record."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # in a container, a user may have no name
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
