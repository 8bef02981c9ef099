"""A worker in a process of its own, as on another host; the tests start, stop and kill it.

    python worker_process.py DSN SCHEMA AT_ONCE SITE=ADDRESS...

The credentials of all sites are in CONFLUENCE_EMAIL and CONFLUENCE_API_TOKEN. Log lines go to standard error.
"""

from __future__ import annotations

import logging
import os
import sys

from attrs import frozen

from confluence_groups_sdk import ApiToken, ConfluenceGroups, RateLimiter, RetryPolicy
from confluence_groups_sdk.fleet import Postgres, Worker

QUICK = RetryPolicy(max_retries=2, first_delay=0.01, max_delay=0.05)


@frozen
class Site:
    """A site at an address."""

    url: str

    def open_client(self, shared: Postgres) -> ConfluenceGroups:  # noqa: ARG002 - the protocol has it
        auth = ApiToken(os.environ["CONFLUENCE_EMAIL"], os.environ["CONFLUENCE_API_TOKEN"])
        return ConfluenceGroups(self.url, auth=auth, retry=QUICK, rate_limiter=RateLimiter(max_in_flight=3))


def main(dsn: str, schema: str, at_once: str, *sites: str) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    named = dict(each.split("=", 1) for each in sites)
    with Postgres(dsn, schema=schema) as shared:
        worker = Worker(shared, {name: Site(url) for name, url in named.items()}, at_once=int(at_once))
        print(worker.id, flush=True)
        worker.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
