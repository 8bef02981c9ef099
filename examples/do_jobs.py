"""Do the jobs of a fleet once, without an engine: for cron, a Kubernetes CronJob, or the task of any scheduler.

    python examples/do_jobs.py fleet.toml

It submits the jobs of the file, does each one as far as possible, and prints its phase. Run it again after a crash or
an approval, or on several hosts at once: a job that another process does is left to that process.

Exit codes: 0 if all jobs are done, wait for a person or are done elsewhere; 4 if some are incomplete, were refused or
failed; 1 if the file or the database cannot be used.

It needs confluence-groups-sdk[postgres]. It reads the database's address from CONFLUENCE_FLEET_DSN, and credentials
from the variables that the file names.
"""

from __future__ import annotations

import argparse
import os
import sys

from confluence_groups_sdk import ConfluenceGroupsError, JobInUseError
from confluence_groups_sdk.fleet import FleetFile, JobPhase, JobRequest, Postgres, site_job

NOT_DONE = 4


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", metavar="FLEET.TOML", help="the file that names sites and jobs")
    options = parser.parse_args(arguments)
    if not (dsn := os.environ.get("CONFLUENCE_FLEET_DSN")):
        parser.error("set CONFLUENCE_FLEET_DSN to the database's address")
    try:
        fleet = FleetFile.load(options.file)
        with Postgres(dsn) as shared:
            phases = [do(shared, fleet, request) for request in fleet.requests()]
    except (ConfluenceGroupsError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return NOT_DONE if any(phase and phase.can_run_again for phase in phases) else 0


def do(shared: Postgres, fleet: FleetFile, request: JobRequest) -> JobPhase | None:
    """Do a job, and return its phase; None if another process does it."""
    try:
        job = site_job(shared, fleet.open_client(shared), request)
    except JobInUseError as error:
        print(error)
        return None
    print(f"{job.id}: {job.phase}{f': {job.error}' if job.error else ''}")
    return job.phase


if __name__ == "__main__":
    sys.exit(main())
