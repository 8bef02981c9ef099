"""The jobs of all sites, in tables."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from ..._support.public import public
from ..._support.strict_json import ShapeError, parse_strict
from ...errors import ConfigurationError, JobError
from ...membership import JournalStorage, Plan, Report, read_report
from ...review import Decisions, Snapshot, read_decisions
from ..connections import Connections
from . import table
from .job_run import JobRun, open_run
from .requests import JobRequest, ReviewRequest, request_as_text, request_from_text
from .status import JobPhase, JobStatus

if TYPE_CHECKING:
    from psycopg import Connection

DISCARD_FIRST = (
    "Discard it first, with confluence-groups fleet discard-plan {} or JobStore.discard_plan, then decide again"
)
BEGUN = "the plan from other decisions was begun, so it cannot be discarded: submit another review to decide again"
Statuses: TypeAlias = list[JobStatus]
Sheets: TypeAlias = "Iterable[str | os.PathLike[str]]"


@public
class JobStore:
    """The jobs of all sites; `Postgres.jobs` makes it.

    Every method raises a ConfigurationError if the server cannot be reached or refuses, and a JobError if there is no
    job with the id.

    Args:
        connections: the connections to the server.
        check: checks the tables before their first use.
        journal: returns the journal of a plan or a digest.
    """

    def __init__(
        self, connections: Connections, check: Callable[[], object], journal: Callable[[Plan | str], JournalStorage]
    ) -> None:
        self._connections = connections
        self._check = check
        self._journal = journal

    def submit(self, request: JobRequest) -> bool:
        """Add a job, which has the phase ``queued``; the same request again changes nothing.

        Returns:
            Whether the job is new.

        Raises:
            JobError: there is another request with this id.
        """
        values = [request.id, request.site, request.kind, request_as_text(request), JobPhase.QUEUED.value]
        if self._change(table.SUBMIT, values):
            return True
        if self.request(request.id) != request:
            raise JobError(f"{request.id}: another request has this id: choose another id")
        return False

    def request(self, job_id: str) -> JobRequest:
        """Return what a job was asked to do."""
        (text,) = self._fetch_one(job_id, table.REQUEST)
        try:
            return request_from_text(text)
        except ShapeError as error:
            raise ConfigurationError(
                f"{self._connections}: the request of job {job_id} cannot be read ({error}): a newer version of this "
                "package stored it, or it was edited"
            ) from None

    def get(self, job_id: str) -> JobStatus:
        """Return what is known about a job."""
        return table.status_of(self._fetch_one(job_id, table.GET))

    def plan(self, job_id: str) -> Plan:
        """Return a job's plan.

        Raises:
            JobError: there is none yet.
            PlanError: it was edited.
        """
        (text,) = self._fetch_one(job_id, table.PLAN)
        if text is None:
            raise JobError(f"{job_id}: there is no plan yet")
        return Plan.from_json(parse_strict(text.encode()))

    def approve(self, job_id: str, digest: str, *, by: str | None = None) -> JobStatus:
        """Approve the plan with this digest; approving it again changes nothing.

        A job in the phase ``waiting for approval`` gets the phase ``queued``.

        Args:
            job_id: the job's id.
            digest: the digest of the plan that was looked at.
            by: who approves it, for the record.

        Raises:
            JobError: the job has no plan, or its plan has another digest.
        """
        values = {"id": job_id, "digest": digest, "by": by and table.storable(by)}
        self._change(table.APPROVE, values)
        status = self.get(job_id)
        if status.digest is None:
            raise JobError(f"{job_id}: there is no plan yet, so none can be approved")
        if status.digest != digest:
            raise JobError(f"{job_id}: this is not the digest of the job's plan, which is {status.digest}")
        return status

    def queue_again(self, job_id: str) -> bool:
        """Give an ended job that is not ``done`` the phase ``queued``; return whether that changed something."""
        self.get(job_id)
        return self._change(table.QUEUE_AGAIN, [job_id])

    def discard_plan(self, job_id: str) -> JobStatus:
        """Discard a plan and its approval, so that the job is planned again; approve the new plan by its own digest.

        The decisions of a review are discarded too: the job waits for `decide`.

        Raises:
            JobError: the plan was begun; submit another job for what is left.
            JobInUseError: a process does the job.
        """
        with self.run(job_id) as run:
            status = self.get(job_id)
            if status.digest is not None:
                if self._journal(status.digest).read():
                    raise JobError(f"{job_id}: the plan was begun: submit another job for what is left")
                run.check_is_last(run.change(table.DISCARD_PLAN))
        return self.get(job_id)

    def snapshot(self, job_id: str) -> Snapshot:
        """Return the snapshot of a review.

        Raises:
            JobError: the job is no review, or there is no snapshot yet.
            ReviewError: the snapshot was edited.
        """
        self._check_review(job_id)
        for content in self.files(job_id, "snapshot").values():
            return Snapshot.from_bytes(content, name=f"the snapshot of {job_id}")
        raise JobError(f"{job_id}: there is no snapshot yet")

    def decide(self, job_id: str, sheets: Sheets, *, by: str | None = None) -> Decisions:
        """Store the returned sheets of a review; later ones replace them until there is a plan.

        A job in the phase ``waiting for decisions`` gets the phase ``queued``.

        Args:
            job_id: the job's id.
            sheets: the paths of all returned sheets, as for `read_decisions`.
            by: who stores them, for the record.

        Raises:
            InputError: a sheet cannot be used; the error lists the problems of all sheets.
            JobError: the job is no review, there is no snapshot yet, or there is a plan from other decisions, which
                `discard_plan` can discard unless it was begun.
        """
        request, snapshot = self._check_review(job_id), self.snapshot(job_id)
        paths = [Path(sheet) for sheet in sheets]
        today = datetime.now(UTC).date()
        decisions = read_decisions(snapshot, paths, allow_own_access=request.allow_own_access, today=today)
        contents = {path.name: path.read_bytes() for path in paths}
        values = {"id": job_id, "decisions": decisions.digest, "by": by and table.storable(by), "on": today}

        def store(connection: Connection[Any]) -> bool:
            with connection.transaction():
                sql = self._connections.sql(table.DECIDE)
                if not connection.execute(sql, {**values, "snapshot": snapshot.digest}).rowcount:
                    return False
                self._store_files(connection, job_id, "sheet", contents)
                return True

        if not self._connections.run(store) and self.decided(job_id)[0] != decisions.digest:
            digest = self.get(job_id).digest
            if digest is not None and self._journal(digest).read():
                raise JobError(f"{job_id}: {BEGUN}")
            raise JobError(f"{job_id}: there is a plan from other decisions. {DISCARD_FIRST.format(job_id)}")
        return decisions

    def decisions(self, job_id: str) -> Decisions:
        """Return the decisions of a review.

        Raises:
            JobError: the job is no review, or nothing was decided yet.
            InputError, ReviewError: what is stored cannot be used.
        """
        request, (digest, today) = self._check_review(job_id), self.decided(job_id)
        if digest is None:
            raise JobError(f"{job_id}: nothing was decided yet")
        with TemporaryDirectory() as folder:
            paths = [Path(folder, name) for name in self.files(job_id, "sheet")]
            for path, content in zip(paths, self.files(job_id, "sheet").values(), strict=True):
                path.write_bytes(content)
            return read_decisions(self.snapshot(job_id), paths, allow_own_access=request.allow_own_access, today=today)

    def report(self, job_id: str) -> Report:
        """Return the report on all runs of a job, from its plan and its journal.

        Raises:
            JobError: there is no plan yet.
            PlanError, JournalError: what is stored was edited.
        """
        plan = self.plan(job_id)
        return read_report(plan, self._journal(plan))

    def run(self, job_id: str) -> AbstractContextManager[JobRun]:
        """Keep out all other processes that do a job, on any host, until this one dies.

        Raises:
            JobInUseError: another process does it.
        """
        self._check()
        return open_run(self._connections, job_id)

    # --- for the steps of a job

    def decided(self, job_id: str) -> tuple[Any, ...]:
        """Return the digest of a review's decisions and the day on which they were stored, or None and None."""
        return self._fetch_one(job_id, table.DECISIONS)

    def files(self, job_id: str, kind: str) -> dict[str, bytes]:
        """Return the content of a job's files by name."""
        self._check()
        sql = self._connections.sql(table.FILES)
        rows = self._connections.run(lambda connection: connection.execute(sql, [job_id, kind]).fetchall())
        return {name: zlib.decompress(content) for name, content in rows}

    def _store_files(self, connection: Connection[Any], job_id: str, kind: str, contents: dict[str, bytes]) -> None:
        connection.execute(self._connections.sql(table.DELETE_FILES), [job_id, kind])
        for name, content in contents.items():
            connection.execute(self._connections.sql(table.ADD_FILE), [job_id, kind, name, zlib.compress(content)])

    def _check_review(self, job_id: str) -> ReviewRequest:
        request = self.request(job_id)
        if not isinstance(request, ReviewRequest):
            raise JobError(f"{job_id}: this job is no review")
        return request

    def _fetch_one(self, job_id: str, statement: str) -> tuple[Any, ...]:
        self._check()
        sql = self._connections.sql(statement)
        row = self._connections.run(lambda connection: connection.execute(sql, [job_id]).fetchone())
        if row is None:
            raise JobError(f"{table.storable(job_id)}: there is no job with this id")
        return tuple(row)

    def _change(self, statement: str, values: Any) -> bool:
        self._check()
        sql = self._connections.sql(statement)
        return self._connections.run(lambda connection: connection.execute(sql, values).rowcount) > 0

    def __repr__(self) -> str:
        return f"<JobStore: {self._connections}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("job stores are never pickled or copied: make a Postgres in each process")

    def list(self, *, site: str | None = None, phase: JobPhase | None = None) -> Statuses:
        """Return what is known about all jobs, or those of a site or in a phase, in the order of submission."""
        self._check()
        sql, values = self._connections.sql(table.LIST), [site, phase and phase.value]
        rows = self._connections.run(lambda connection: connection.execute(sql, values).fetchall())
        return [table.status_of(row) for row in rows]
