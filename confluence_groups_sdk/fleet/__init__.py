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
from .overview import SiteStatus as SiteStatus
from .overview import WorkerStatus as WorkerStatus
from .postgres import Postgres as Postgres
