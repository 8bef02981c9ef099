"""The workflows of jobs: each step of a job is a durable step, which any worker can do again."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..._support.log import logger
from ..._support.public import public
from ...errors import ConfigurationError, JobError, JobInUseError
from ..jobs.site_job import apply_job, plan_job
from ..jobs.status import JobPhase, JobStatus
from ..jobs.work import OpenClient
from .dbos_app import create_dbos_tables, import_dbos
from .lease import Lease, Run, WorkerStoppedError

if TYPE_CHECKING:
    from ..postgres import Postgres

PACKAGE = __name__.partition(".fleet.")[0]
RETRY_INTERVAL_S = 1.0
Workflow: TypeAlias = Callable[[str], str]
UNKNOWN_JOB = "unknown"


@public
class Workflows(NamedTuple):
    """The registered workflows; each takes a job's id, and returns the job's phase as a text.

    Attributes:
        offboard_site: for jobs of `OffboardRequest`.
        sync_site: for jobs of `SyncRequest`.
        review_site: for jobs of `ReviewRequest`.
    """

    offboard_site: Workflow
    sync_site: Workflow
    review_site: Workflow

    def of_kind(self, kind: str) -> Workflow:
        """Return the workflow for a kind of job."""
        workflow: Workflow = getattr(self, f"{kind}_site")
        return workflow


@public
def register_workflows(shared: "Postgres", open_client: OpenClient, *, lease: Lease | None = None) -> Workflows:
    """Register the workflows in the DBOS app of this process; call it before ``DBOS.launch``.

    A workflow makes the plan of a job and applies it. If a person has to decide something first, it ends; start another
    one when they have decided. Starting one for a job again is safe, and so is resuming it in another process.

    Args:
        shared: the database.
        open_client: is called with a site's name, where the work is done.
        lease: for `Worker`.

    Raises:
        ConfigurationError: dbos is not installed.
    """
    dbos = import_dbos()
    steps = JobSteps(shared, open_client, lease)

    def register(name: str, description: str) -> Workflow:
        def workflow(job_id: str) -> str:
            phase: str = dbos.DBOS.run_step({"name": "plan"}, steps.plan, job_id)
            if phase == JobPhase.APPLYING:
                phase = dbos.DBOS.run_step({"name": "apply"}, steps.apply, job_id)
            return phase

        workflow.__name__, workflow.__doc__ = name, description
        decorate = dbos.DBOS.workflow(name=f"{PACKAGE}.{name}", max_recovery_attempts=None)
        registered: Workflow = decorate(workflow)
        return registered

    return Workflows(
        register("offboard_site", "Remove people from all groups of a site."),
        register("sync_site", "Bring the members of a group into line with a list."),
        register("review_site", "Review who is in the groups of a site."),
    )


@public
def create_workflow_tables(shared: "Postgres", *, grant_to: str | None = None) -> None:
    """Create DBOS's tables, or bring them up to date; workers do this too, if their role may create a schema.

    Args:
        shared: the database.
        grant_to: a role of the server that gets the rights to work with these tables, and no more.

    Raises:
        ConfigurationError: dbos is not installed, this process runs DBOS, or the server cannot be reached or refuses.
    """
    create_dbos_tables(shared._connections, grant_to)


class JobSteps:
    """The steps of jobs as DBOS calls them: they return only texts, wait for locks, and try again without a database.

    Args:
        shared: the database.
        open_client: opens the client of a site.
        lease: the right of this process to send; None if it has no heartbeat.
    """

    def __init__(self, shared: "Postgres", open_client: OpenClient, lease: Lease | None) -> None:
        self._shared = shared
        self._open_client = open_client
        self._lease = lease or Lease.permanent()

    def plan(self, job_id: str) -> str:
        """Take a review's snapshot, or make the plan, and return the job's phase."""
        return self._repeat(job_id, self._plan)

    def apply(self, job_id: str) -> str:
        """Apply the plan or resume it, and return the job's phase."""
        return self._repeat(job_id, self._apply)

    def _plan(self, job_id: str, run: Run) -> JobStatus:
        run.is_reading = True
        return plan_job(self._shared, run.fence(self._open_client), job_id, check=run.check)

    def _apply(self, job_id: str, run: Run) -> JobStatus:
        return apply_job(self._shared, run.fence(self._open_client), job_id, check=run.check)

    def _repeat(self, job_id: str, step: Callable[[str, Run], JobStatus]) -> str:
        """Do a step of a job; wait while another process does it, and while the database cannot be reached."""
        problem = ""
        try:
            while True:
                with self._lease.run() as run:
                    try:
                        phase = self._do(job_id, step, run)
                        run.check_not_lost()
                        return phase.value
                    except (JobInUseError, ConfigurationError) as error:
                        run.check()
                        if str(error) != problem:
                            problem = str(error)
                            logger.warning("job %s waits: %s", job_id, problem)
                    except JobError as error:
                        logger.error("%s", error)
                        return UNKNOWN_JOB
                    run.wait(RETRY_INTERVAL_S)
        except WorkerStoppedError:
            logger.info("job %s: this run has ended, and another one goes on", job_id)
            raise

    def _do(self, job_id: str, step: Callable[[str, Run], JobStatus], run: Run) -> JobPhase:
        """Do a step of a job that has not ended, and let an error that nobody expected end this job alone."""
        phase = self._shared.jobs.get(job_id).phase
        if phase.can_run_again:  # an ended job is queued before it is run again
            return phase
        try:
            return step(job_id, run).phase
        except (JobError, ConfigurationError):
            raise
        except Exception as error:
            logger.exception("job %s: an unexpected error", job_id)
            problem = f"unexpected error: {type(error).__name__}"
        with self._shared.jobs.run(job_id) as job:
            job.update(phase=JobPhase.FAILED, error=problem, progress=None)
        return JobPhase.FAILED
