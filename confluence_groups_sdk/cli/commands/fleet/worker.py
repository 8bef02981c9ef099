"""``confluence-groups fleet worker``: a process that does jobs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Annotated

import typer

from ...._support import log
from ...._support.text import format_count
from ....errors import ConfigurationError
from ....fleet import FleetFile, JobStatus, JobWatch, Postgres
from ...command import command
from ...options import DatabaseOptions
from ...rendering.job_status import reason_of
from ...terminal import print_err, print_out
from .section import FleetArgument, app

WATCH_INTERVAL_S = 1.0


@command(
    app,
    "worker",
    "confluence-groups fleet worker fleet.toml",
    "confluence-groups fleet worker fleet.toml --at-once 10",
)
def worker(
    *,
    file: FleetArgument,
    database: DatabaseOptions,
    at_once: Annotated[
        int,
        typer.Option(
            "--at-once",
            metavar="N",
            help="Number of sites whose jobs each worker does at once. The last worker to start decides for all.",
            min=1,
        ),
    ] = 4,
) -> None:
    """Do the jobs of the sites in a file, until Ctrl-C or SIGTERM; run one or more on each host.

    It prints a line when it takes a job, and when a job reaches another phase. At its end, it finishes the calls that
    are under way, and other workers go on with its jobs. If it is killed, they do so within ten seconds.
    """
    from ....fleet import Worker  # only here: it needs the extra dbos

    sites = FleetFile.load(file).sites
    with database.open() as shared, _printed_log_lines():
        process = Worker(shared, sites, at_once=at_once)
        with _printed_events(shared):
            known = f"{format_count(len(sites), 'site')}, {format_count(at_once, 'job')} at once"
            print_out(f"worker {process.id}: {known}; Ctrl-C ends it in order")
            for site in sites.values():
                for missing in site.missing_variables():
                    print_err(f"warning: {missing}; jobs of {site.name} fail here")
            process.run()
    print_out(f"worker {process.id}: ended")


@contextmanager
def _printed_events(shared: Postgres) -> Iterator[None]:
    """Print a line whenever a job of this process reaches another phase; the last ones at the end."""
    watch, ended = JobWatch(shared), threading.Event()

    def print_changes() -> None:
        with suppress(ConfigurationError):  # the worker itself reports that
            print_out(*map(_event, watch.changes()))

    def repeat() -> None:
        while not ended.wait(WATCH_INTERVAL_S):
            print_changes()

    thread = threading.Thread(target=repeat, name="confluence-groups-events", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        print_changes()


def _event(job: JobStatus) -> str:
    """Describe what a job has reached, in one line."""
    details = reason_of(job) or job.summary
    reached = job.phase.value + (f": {details}" if details else "")
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {job.id}: {reached}"


class _Printer(logging.Handler):
    """Prints log lines on standard error, with control characters escaped."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        print_err(f"{record.levelname.lower()}: {record.getMessage()}")


@contextmanager
def _printed_log_lines() -> Iterator[None]:
    """Print the warnings of the package, such as lost connections and jobs that were taken over."""
    printer = _Printer(logging.WARNING)
    log.logger.addHandler(printer)
    try:
        yield
    finally:
        log.logger.removeHandler(printer)
