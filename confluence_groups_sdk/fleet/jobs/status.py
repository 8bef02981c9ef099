"""What is known about a job: its phase, its figures and its last error."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import asdict, field, frozen

from ..._support.pickling import VersionTolerantPickle
from ..._support.public import public


@public
class JobPhase(StrEnum):
    """How far a job has come."""

    QUEUED = "queued"
    """It waits for a process that does it."""
    PLANNING = "planning"
    """A process reads the site and makes the plan; for a review, it takes the snapshot."""
    WAITING_FOR_DECISIONS = "waiting for decisions"
    """The snapshot of a review is there, and `JobStore.decide` is called next."""
    WAITING_FOR_APPROVAL = "waiting for approval"
    """The plan is there, and `JobStore.approve` is called next."""
    APPLYING = "applying"
    """A process makes the changes of the plan."""
    VERIFYING = "verifying"
    """A process reads the groups again."""
    DONE = "done"
    """All changes of the plan are made and visible."""
    INCOMPLETE = "incomplete"
    """Some changes of the plan failed, were refused, are left, or are not visible. The job can be run again."""
    REFUSED = "refused"
    """A guard refused all changes, memberships have changed since the plan was made, or the plan is not the approved
    one. Nothing was sent. The job can be run again."""
    FAILED = "failed"
    """An error ended the job, and it can be run again."""

    @property
    def can_run_again(self) -> bool:
        """Whether the job has ended without reaching its goal."""
        return self in (JobPhase.INCOMPLETE, JobPhase.REFUSED, JobPhase.FAILED)

    @property
    def is_waiting(self) -> bool:
        """Whether the job goes on when a person has decided something."""
        return self in (JobPhase.WAITING_FOR_DECISIONS, JobPhase.WAITING_FOR_APPROVAL)


@public
@frozen(kw_only=True)
class JobCounts(VersionTolerantPickle):
    """The changes of a job's plan; ``planned`` is the sum of ``done``, ``failed``, ``refused`` and ``left``.

    Attributes:
        planned: the changes of the plan.
        done: those that were made or needed no call.
        failed: those that failed or whose outcome is unknown.
        refused: those that a guard refused when the plan was applied.
        left: those that nobody has tried yet, or whose response was lost.
        refused_by_plan: the requested changes that a guard refused when the plan was made; they are not in the plan.
    """

    planned: int = 0
    done: int = 0
    failed: int = 0
    refused: int = 0
    left: int = 0
    refused_by_plan: int = 0


@public
@frozen(kw_only=True)
class JobStatus(VersionTolerantPickle):
    """What is known about a job.

    Attributes:
        id: the job's id.
        site: the site's name.
        kind: ``offboard``, ``sync`` or ``review``.
        phase: how far the job has come.
        digest: the plan's digest; None before there is a plan.
        approved_digest: the digest that was approved; None before that.
        approved_by: who approved it, as given to `JobStore.approve`.
        approved_at: when it was approved.
        snapshot: the digest of a review's snapshot; None before it is taken.
        counts: the changes of the plan; while a process applies it, as of about a second ago.
        progress: what the running process does, such as ``removing 60 of 190``; None if no process runs the job.
        summary: the outcomes in words, as of the same moment; None before the plan was applied.
        error: why the last run did not reach its end, in words; None if it did.
        stop: a `StopReason` that ended the last run early, such as ``rate_limited``; None if there was none.
        resume_at: when the site accepts calls again, if it said so.
        worker: the host and process id of the last run; None before the first run.
        runs: the number of runs.
        created_at: when the job was submitted.
        updated_at: when anything of this changed.
    """

    id: str
    site: str
    kind: str
    phase: JobPhase
    digest: str | None = None
    approved_digest: str | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    snapshot: str | None = None
    counts: JobCounts = field(factory=JobCounts)
    progress: str | None = None
    summary: str | None = None
    error: str | None = None
    stop: str | None = None
    resume_at: datetime | None = None
    worker: str | None = None
    runs: int = 0
    created_at: datetime
    updated_at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the status as JSON objects; times are in ISO 8601."""
        fields = asdict(self) | {"phase": self.phase.value}
        return {name: each.isoformat() if isinstance(each, datetime) else each for name, each in fields.items()}
