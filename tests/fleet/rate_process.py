"""A process on another host, in effect, that shares the rate of a site; the tests run it.

    python rate_process.py DSN SCHEMA SITE EMAIL TOKEN NAME COUNT KILL_AFTER

It prints a line when it is ready, waits for one, and removes COUNT users, whose ids begin with NAME, from a group. Then
it prints the found rate. After KILL_AFTER removals it kills itself as ``kill -9`` does; 0 is for never.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

from confluence_groups_sdk import ApiToken, ConfluenceGroups, RetryPolicy
from confluence_groups_sdk.fleet import Postgres

THREADS = 4


def remove(
    dsn: str, schema: str, site: str, email: str, token: str, name: str, count: int, kill_after: int
) -> float | None:
    passed = itertools.count(1)
    retry = RetryPolicy(max_retries=30, first_delay=0.01, max_delay=0.05)
    with Postgres(dsn, schema=schema) as shared:
        limiter = shared.rate_limiter(site)
        with (
            ConfluenceGroups(site, auth=ApiToken(email, token), retry=retry, rate_limiter=limiter) as groups,
            ThreadPoolExecutor(THREADS) as pool,
        ):

            def remove_one(number: int) -> None:
                groups.remove_member(group_id="team-id", account_id=f"{name}-{number}")
                if next(passed) == kill_after:
                    os.kill(os.getpid(), signal.SIGKILL)

            list(pool.map(remove_one, range(count)))
        return limiter.snapshot().rate


if __name__ == "__main__":
    *texts, calls, last = sys.argv[1:]
    print("ready", flush=True)
    sys.stdin.readline()
    dsn, schema, site, email, token, name = texts
    print(remove(dsn, schema, site, email, token, name, int(calls), int(last)), flush=True)
