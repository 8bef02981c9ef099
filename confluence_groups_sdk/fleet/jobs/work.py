"""What the steps of a job work with: the run, the request, the site's client, and how troubles end a job."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import define, field

from ..._support.clock import machine_monotonic
from ...client import ConfluenceGroups
from ...errors import (
    APIError,
    ConfigurationError,
    ConfluenceGroupsError,
    IncompleteReadError,
    InputError,
    JobError,
    JournalError,
    PlanError,
    ReviewError,
)
from ...membership import Progress
from ..connections import UnreachableError
from .job_run import JobRun
from .outcome import figures_columns
from .requests import JobRequest
from .status import JobPhase, JobStatus

if TYPE_CHECKING:
    from ..postgres import Postgres
    from .store import JobStore

PROGRESS_INTERVAL_S = 1.0  # between writes of the progress
MAX_ERROR = 10_000  # characters
MAX_WAIT_S = 366 * 24 * 3600.0
CLEAN: dict[str, Any] = {"error": None, "stop": None, "resume_at": None, "progress": None}
RATE_LIMITED = "rate_limited"
TROUBLES = (APIError, IncompleteReadError, InputError, ReviewError, JournalError, ConfigurationError)

OpenClient: TypeAlias = Callable[[str], ConfluenceGroups]
"""Opens the client for the site with this name, with credentials that it finds where it is called."""


@define
class Work:
    """A run of a job, and what it needs.

    Attributes:
        shared: the database.
        run: the run, which has the job's lock.
        request: what the job is asked to do.
        open_client: opens the site's client.
        check: is called now and then while the job is done; an exception that it raises ends the run in order.
        figures: returns the columns with the present figures, while the plan is applied.
    """

    shared: Postgres
    run: JobRun
    request: JobRequest
    open_client: OpenClient
    check: Callable[[], object] | None = None
    figures: Callable[[], dict[str, Any]] = dict
    _next_progress: float = field(init=False, factory=machine_monotonic)

    @property
    def jobs(self) -> JobStore:
        """The store of all jobs."""
        return self.shared.jobs

    def status(self) -> JobStatus:
        """Return the job's status."""
        return self.jobs.get(self.run.id)

    def enter(self, phase: JobPhase, **values: Any) -> None:
        """Give the job a phase, and clear what the last one left: error, stop and progress.

        Args:
            phase: the phase.
            values: other columns.
        """
        self.run.update(**CLEAN | {"phase": phase} | values)

    @contextmanager
    def client(self) -> Iterator[ConfluenceGroups]:
        """Open the site's client, and close it at the end.

        Raises:
            ConfigurationError: it cannot be opened.
        """
        try:
            client = self.open_client(self.request.site)
        except ConfluenceGroupsError:
            raise
        except Exception as error:  # of the program's function; its text may hold a credential
            name = type(error).__name__
        else:
            with client:
                yield client
            return
        raise ConfigurationError(f"the client of the site {self.request.site} cannot be opened: {name}")

    @contextmanager
    def ending_in_trouble(self) -> Iterator[None]:
        """Give the job a phase and an error if something goes wrong at its site.

        Raises:
            ConfigurationError: the database cannot be reached, or was lost during the run.
            JobInUseError: another process has gone on with the job.
        """
        try:
            yield
        except UnreachableError:
            raise
        except PlanError as error:
            self.enter(JobPhase.REFUSED, error=describe(error))
        except TROUBLES as error:
            if isinstance(error, JournalError) and error.recovered is not None:
                raise self._lost_journal(error, error.recovered) from error
            self.enter(JobPhase.FAILED, error=describe(error), **_hold(error), **self._figures())

    def _lost_journal(self, error: JournalError, copy: str) -> ConfigurationError:
        """Return the error of a run that has lost its journal, and store it if the database is there.

        The journal in the database has the intent of each change, so the next run needs no copy. The copy has outcomes
        that the database may lack.
        """
        place = f"{Path(copy).absolute()} on {socket.gethostname()}"
        problem = f"{self.run.id}: {error}. The copy is {place}. Run the job again"
        with suppress(ConfluenceGroupsError):
            self.run.update(error=describe(problem))
        return ConfigurationError(problem)

    def _figures(self) -> dict[str, Any]:
        """Return what the journal says about the plan, if there is one."""
        with suppress(PlanError, JobError, JournalError):
            report = self.jobs.report(self.run.id)
            return figures_columns(self.jobs.plan(self.run.id), report.counts + report.counts_before)
        return {}

    def report_progress(self, progress: Progress) -> None:
        """Store the progress, now and then; it matters less than what is being done."""
        if self.check:
            self.check()
        is_new_phase = progress.phase == "verifying"
        if machine_monotonic() < self._next_progress and not is_new_phase:
            return
        phase = {"phase": JobPhase.VERIFYING} if is_new_phase else {}
        with suppress(ConfluenceGroupsError):
            text = f"{progress.phase} {progress.done} of {progress.total}"
            self.run.update(progress=text, **phase, **self.figures())
        self._next_progress = machine_monotonic() + PROGRESS_INTERVAL_S


def describe(error: Exception | str) -> str:
    """Return the text of an error for the record."""
    text = str(error)
    return text if len(text) <= MAX_ERROR else f"{text[:MAX_ERROR]}…"


def _hold(error: Exception) -> dict[str, Any]:
    """Return when the site accepts calls again, if an error says so."""
    seconds = error.retry_after if isinstance(error, APIError) else None
    if seconds is None or not 0 <= seconds <= MAX_WAIT_S:
        return {}
    return {"stop": RATE_LIMITED, "resume_at": datetime.now(UTC) + timedelta(seconds=seconds)}
