"""``confluence-groups fleet report``: what became of a job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ....fleet import JobPhase
from ....membership import Report
from ...command import command
from ...exit_codes import FAILED, INCOMPLETE, REFUSED
from ...options import DatabaseOptions
from ...output_files import check_target
from ...rendering.job_status import job_lines, next_commands
from ...rendering.report_summary import not_made_lines
from ...rendering.tables import print_json
from ...terminal import print_err, print_out
from ..plans import Force
from .section import JobArgument, JsonOutput, app

CODES = {JobPhase.DONE: 0, JobPhase.REFUSED: REFUSED, JobPhase.FAILED: FAILED}


@command(
    app,
    "report",
    "confluence-groups fleet report 2026-11-leavers/acme",
    "confluence-groups fleet report 2026-11-leavers/acme --json > acme.report.json",
)
def report(
    *,
    job: JobArgument,
    database: DatabaseOptions,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Save the outcome of each change to this file as JSON.", dir_okay=False
        ),
    ] = None,
    force: Force = False,
    as_json: JsonOutput = False,
) -> None:
    """Show what became of the changes of a job, from its plan and its journal.

    The exit code is 0 if the job is done, 3 if it was refused, 1 if it failed, and 4 if changes failed or are left.
    """
    if out is not None:
        check_target(out, force=force)
    with database.open() as shared:
        has_plan = out is not None or shared.jobs.get(job).digest is not None
        found = shared.jobs.report(job) if has_plan else None
        status = shared.jobs.get(job)
    if out is not None and found:
        found.save(out)
    if as_json:
        print_json({"job": status.as_json(), "report": found and found.as_json()})
    else:
        print_out(*job_lines(status), *(_report_lines(found) if found else ()))
    if not found:
        print_err("note: there is no plan yet")
    print_err(*(f"{purpose}: {line}" for purpose, line in next_commands(status, database.typed)))
    if code := CODES.get(status.phase, INCOMPLETE):
        raise typer.Exit(code)


def _report_lines(found: Report) -> Iterator[str]:
    if found.journal_hash and found.journal_hash.strip("0"):  # some lines
        yield f"journal:   ends with {found.journal_hash}"
    lines = list(not_made_lines(found))
    yield from ["", *lines] if lines else []
