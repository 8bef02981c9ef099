"""Many processes and hosts: what they share is in one PostgreSQL database (extra ``postgres``).

shared = Postgres(dsn)
auth = OAuth2(client_id, client_secret, shared.token_store("offboarding"))
groups = ConfluenceGroups(site, auth=auth, rate_limiter=shared.rate_limiter(site))
apply(groups, plan, journal=shared.journal(plan))  # any host resumes it

status = site_job(shared, open_client, OffboardRequest(id="2026-11-leavers/acme", site="acme", people=people))
"""

from .job_watch import JobWatch as JobWatch
from .jobs.requests import JobRequest as JobRequest
from .jobs.requests import OffboardRequest as OffboardRequest
from .jobs.requests import PeopleFile as PeopleFile
from .jobs.requests import ReviewRequest as ReviewRequest
from .jobs.requests import SyncRequest as SyncRequest
from .jobs.site_job import apply_job as apply_job
from .jobs.site_job import plan_job as plan_job
from .jobs.site_job import site_job as site_job
from .jobs.status import JobCounts as JobCounts
from .jobs.status import JobPhase as JobPhase
from .jobs.status import JobStatus as JobStatus
from .jobs.store import JobStore as JobStore
from .jobs.work import OpenClient as OpenClient
from .overview_model import SiteStatus as SiteStatus
from .overview_model import WorkerStatus as WorkerStatus
from .postgres import Postgres as Postgres
from .sites.fleet_file import FleetFile as FleetFile
from .sites.site import FleetSite as FleetSite

TYPE_CHECKING = bool()  # noqa: UP018 - type checkers know the name; editors skip the branch of a literal False
if TYPE_CHECKING:
    from .engine.worker import Worker as Worker
    from .engine.workflows import Workflows as Workflows
    from .engine.workflows import create_workflow_tables as create_workflow_tables
    from .engine.workflows import register_workflows as register_workflows

_MODULE_OF = {
    "Worker": "engine.worker",
    "Workflows": "engine.workflows",
    "create_workflow_tables": "engine.workflows",
    "register_workflows": "engine.workflows",
}
"""The names that are for workers only (extra ``dbos``); they load on first use."""


if not TYPE_CHECKING:  # hidden from type checkers, which would accept any misspelt name because of it

    def __getattr__(name: str) -> object:
        module = _MODULE_OF.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value: object = getattr(import_module(f"{__name__}.{module}"), name)
        globals()[name] = value
        return value
