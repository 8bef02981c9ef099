"""``confluence-groups fleet status``: sites, workers and jobs, or one job."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ....errors import InputError
from ....fleet import JobPhase, JobStatus, Postgres
from ...command import command
from ...options import DatabaseOptions, OutputOptions
from ...rendering.job_status import (
    JOB_COLUMNS,
    SITE_COLUMNS,
    WORKER_COLUMNS,
    hints,
    job_lines,
    job_row,
    next_commands,
    site_row,
    trouble_lines,
    waiting_lines,
    worker_row,
)
from ...rendering.tables import print_json, write_rows
from ...terminal import print_out
from .section import JsonOutput, app


@command(
    app,
    "status",
    "confluence-groups fleet status",
    "confluence-groups fleet status 2026-11-leavers/acme",
    "confluence-groups fleet status --phase 'waiting for approval' --json",
)
def status(
    *,
    job: Annotated[
        str | None, typer.Argument(metavar="[JOB]", help="The id of a job, for everything about it.")
    ] = None,
    database: DatabaseOptions,
    site: Annotated[str | None, typer.Option("--site", metavar="NAME", help="Only the jobs of this site.")] = None,
    phase: Annotated[JobPhase | None, typer.Option("--phase", help="Only the jobs in this phase.")] = None,
    as_json: JsonOutput = False,
) -> None:
    """Show the sites with rates, holds and points, the workers that are alive, and the jobs with what they wait for.

    The exit code does not depend on the jobs: that of fleet report does.
    """
    if job is not None and (site is not None or phase is not None):
        raise InputError("give either a job, or --site and --phase")
    with database.open() as shared:
        if job is not None:
            _show_job(shared.jobs.get(job), database, as_json=as_json)
        else:
            _show_all(shared, shared.jobs.list(site=site, phase=phase), database, site=site, as_json=as_json)


def _show_job(job: JobStatus, database: DatabaseOptions, *, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(job, database))
        return
    steps = next_commands(job, database.typed)
    width = max((len(purpose) for purpose, _ in steps), default=0) + 1
    lines = [*(f"{f'{purpose}:':{width}} {line}" for purpose, line in steps), *hints(job)]
    print_out(*job_lines(job), *[""] * bool(lines), *lines)


def _show_all(
    shared: Postgres, jobs: list[JobStatus], database: DatabaseOptions, *, site: str | None, as_json: bool
) -> None:
    sites = [each for each in shared.sites() if site in (None, each.site)]
    workers = shared.workers()
    if as_json:
        print_json(
            {
                "sites": [each.as_json() for each in sites],
                "workers": [each.as_json() for each in workers],
                "jobs": [_as_json(each, database) for each in jobs],
            }
        )
        return
    table = OutputOptions()
    if sites:
        write_rows(map(site_row, sites), SITE_COLUMNS, table)
        print_out("")
    if workers:
        write_rows(map(worker_row, workers), WORKER_COLUMNS, table)
    else:
        print_out(f"no worker is alive; to start one: {database.typed('worker', 'fleet.toml')}")
    print_out("")
    if jobs:
        write_rows(map(job_row, jobs), JOB_COLUMNS, table)
    else:
        print_out(f"no jobs; to submit some: {database.typed('submit', 'fleet.toml')}")
    print_out(*waiting_lines(jobs, database.typed), *trouble_lines(jobs, database.typed))


def _as_json(job: JobStatus, database: DatabaseOptions) -> dict[str, Any]:
    return {**job.as_json(), "next": [line for _, line in next_commands(job, database.typed)]}
