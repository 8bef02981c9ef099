"""``confluence-groups fleet submit``: the jobs of a file become jobs of the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ...._support.text import format_count
from ....errors import InputError, JobError
from ....fleet import FleetFile, JobRequest
from ...command import command
from ...exit_codes import USAGE
from ...options import DatabaseOptions, OutputOptions
from ...output_files import quote
from ...rendering.tables import Column, print_json, write_rows
from ...terminal import print_err
from .section import FleetArgument, JsonOutput, app

COLUMNS = tuple(map(Column, ("job", "kind", "state")))
NEW, KNOWN, CONFLICT = "submitted", "submitted before", "another request has this id"


@command(
    app,
    "submit",
    "confluence-groups fleet submit fleet.toml",
    "confluence-groups fleet submit fleet.toml --job leavers-2026-11 --site acme",
)
def submit(
    *,
    file: FleetArgument,
    database: DatabaseOptions,
    job: Annotated[
        list[str] | None, typer.Option("--job", metavar="NAME", help="Only this job of the file (repeatable).")
    ] = None,
    site: Annotated[
        list[str] | None, typer.Option("--site", metavar="NAME", help="Only the jobs of this site (repeatable).")
    ] = None,
    as_json: JsonOutput = False,
) -> None:
    """Submit the jobs of a file, one for each site; what was submitted before stays as it is.

    Nothing changes at the sites until somebody approves the plans, unless a job needs no approval.
    """
    requests = _select(FleetFile.load(file).requests(job or None), site or ())
    rows: list[dict[str, Any]] = []
    with database.open() as shared:
        for each in requests:
            try:
                state = NEW if shared.jobs.submit(each) else KNOWN
            except JobError:
                state = CONFLICT
            rows.append({"job": each.id, "kind": each.kind, "state": state})
        has_workers = bool(shared.workers())
    if as_json:
        print_json(rows)
    else:
        write_rows(rows, COLUMNS, OutputOptions())
    if not has_workers:
        print_err(f"note: no worker is alive; to start one: {database.typed('worker', str(file))}")
    print_err(f"next: {database.typed('status')}")
    if conflicts := sum(row["state"] == CONFLICT for row in rows):
        what = "it has" if conflicts == 1 else "they have"
        print_err(
            f"error: {format_count(conflicts, 'job')} not submitted, because {what} the id of another request: "
            f"give the job another name in {quote(file)}"
        )
        raise typer.Exit(USAGE)


def _select(requests: Sequence[JobRequest], sites: Sequence[str]) -> list[JobRequest]:
    """Return the requests of these sites; of all without names.

    Raises:
        InputError: no job is for a site of a name, or there are no jobs at all.
    """
    if not requests:
        raise InputError("the file has no jobs: add a table such as [jobs.leavers-2026-11]")
    known = {each.site for each in requests}
    for name in sites:
        if name not in known:
            raise InputError(f"--site {name}: no job is for this site; there are jobs for {', '.join(sorted(known))}")
    return [each for each in requests if not sites or each.site in sites]
