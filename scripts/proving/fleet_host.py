"""A process of a fleet, which the proofs start, and kill: it applies a plan as soon as no other does, or makes calls.

    python -m proving.fleet_host apply DSN SITE EMAIL TOKEN PLAN NAME
    python -m proving.fleet_host call DSN SITE CLOUD_ID CLIENT_ID CLIENT_SECRET THREADS CALLS
    python -m proving.fleet_host work DSN EMAIL TOKEN NAME=SITE...

It prints ``ready``. ``apply`` then begins; ``call`` waits for a line on its standard input, and prints as JSON how many
calls were made, and the errors. ``work`` does the jobs of all sites. ``share-apply`` and ``share-work`` do the same as
``apply`` and ``work`` with a rate that the database has.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from attrs import frozen

from confluence_groups_sdk import (
    ApiToken,
    ConfluenceGroups,
    ConfluenceGroupsError,
    JournalError,
    OAuth2,
    RateLimiter,
    RetryPolicy,
)
from confluence_groups_sdk.fleet import Postgres, Worker
from confluence_groups_sdk.membership import Plan, apply

TOKENS = "proof"
PAUSE_S = 0.02
RETRY = RetryPolicy(first_delay=0.02, max_delay=0.1)


def apply_plan(*arguments: str, shares_rate: bool = False) -> None:
    """Apply a plan when the lock is free, until nothing is left."""
    dsn, site, email, token, path, name = arguments
    plan, auth = Plan.load(path), ApiToken(email, token)
    with Postgres(dsn) as shared:
        limiter = shared.rate_limiter(site) if shares_rate else None
        with ConfluenceGroups(site, auth=auth, application_name=name, retry=RETRY, rate_limiter=limiter) as groups:
            apply_until_complete(shared, groups, plan)


def apply_until_complete(shared: Postgres, groups: ConfluenceGroups, plan: Plan) -> None:
    """Apply a plan when the lock is free, until nothing is left."""
    shared.journal(plan).read()
    print("ready", flush=True)
    while True:
        try:
            report = apply(groups, plan, journal=shared.journal(plan), stop_after_failures=None)
        except JournalError as error:
            if "wait until it ends" not in str(error):
                raise
            time.sleep(PAUSE_S)
        else:
            if not report.unfinished:
                print("complete", flush=True)
                return


def make_calls(*arguments: str) -> None:
    """Make calls in several threads, with tokens that others refresh, too."""
    dsn, site, cloud_id, client_id, client_secret, threads, calls = arguments
    with Postgres(dsn) as shared:
        auth = OAuth2(client_id, client_secret, shared.token_store(TOKENS), authority=site)
        with ConfluenceGroups.for_cloud(cloud_id, auth=auth, gateway=site) as groups:

            def call(_number: int) -> str:
                try:
                    groups.current_user()
                except ConfluenceGroupsError as error:
                    return f"{type(error).__name__}: {error}"
                return ""

            print("ready", flush=True)
            sys.stdin.readline()
            with ThreadPoolExecutor(int(threads)) as pool:
                errors = [error for error in pool.map(call, range(int(calls))) if error]
    print(json.dumps({"calls": int(calls), "errors": errors}), flush=True)


@frozen
class Site:
    """A site at an address."""

    address: str
    auth: ApiToken
    shares_rate: bool

    def open_client(self, shared: Postgres) -> ConfluenceGroups:
        """Open a client."""
        limiter = shared.rate_limiter(self.address) if self.shares_rate else RateLimiter(max_in_flight=4)
        return ConfluenceGroups(self.address, auth=self.auth, retry=RETRY, rate_limiter=limiter)


def work(*arguments: str, shares_rate: bool = False) -> None:
    """Do the jobs of all sites."""
    dsn, email, token, *sites = arguments
    auth = ApiToken(email, token)
    with Postgres(dsn) as shared:
        named = (site.partition("=") for site in sites)
        worker = Worker(shared, {name: Site(address, auth, shares_rate) for name, _, address in named})
        print("ready", flush=True)
        worker.run()


COMMANDS: dict[str, Callable[..., None]] = {
    "apply": apply_plan,
    "call": make_calls,
    "work": work,
    "share-apply": partial(apply_plan, shares_rate=True),
    "share-work": partial(work, shares_rate=True),
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
