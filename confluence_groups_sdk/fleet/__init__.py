"""Many processes and hosts: what they share is in one PostgreSQL database (extra ``postgres``).

shared = Postgres(dsn)
auth = OAuth2(client_id, client_secret, shared.token_store("offboarding"))
groups = ConfluenceGroups(site, auth=auth, rate_limiter=shared.rate_limiter(site))
apply(groups, plan, journal=shared.journal(plan))  # any host resumes it
"""

from .postgres import Postgres as Postgres
