"""A process on another host, in effect: it does a job, and is killed at a moment that the tests choose.

    python job_process.py DSN SCHEMA SITE EMAIL TOKEN REQUEST MOMENT

REQUEST is a file. A moment is before or after a statement of the database or a call; the process kills itself at this
one, counted from 1, as ``kill -9`` does. 0 lets it finish and print the number of moments, and -1 lets it print a line
and wait at the first change.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import psycopg

from confluence_groups_sdk import ApiToken, ConfluenceGroups, RateLimiter, RetryPolicy
from confluence_groups_sdk.fleet import Postgres, site_job
from confluence_groups_sdk.fleet.jobs.requests import request_from_text

RETRY = RetryPolicy(max_retries=30, first_delay=0.01, max_delay=0.05)


class Reaper:
    """Kills this process at a moment."""

    def __init__(self, moment: int) -> None:
        self.passed = 0
        self._moment = moment
        self._lock = threading.Lock()

    def count(self) -> None:
        with self._lock:
            self.passed += 1
            if self.passed == self._moment:
                os.kill(os.getpid(), signal.SIGKILL)

    def wait_at_change(self) -> None:
        if self._moment == -1:
            with self._lock:
                print("waiting", flush=True)
                threading.Event().wait()

    def watch_database(self) -> None:
        execute = psycopg.Connection.execute

        def watched(connection: Any, *arguments: Any, **options: Any) -> Any:
            self.count()
            cursor = execute(connection, *arguments, **options)
            self.count()
            return cursor

        psycopg.Connection.execute = watched  # type: ignore[method-assign, assignment] # in this process

    def watched_transport(self) -> httpx.HTTPTransport:
        reaper = self

        class Transport(httpx.HTTPTransport):
            def handle_request(self, request: httpx.Request) -> httpx.Response:
                if request.method in ("POST", "DELETE"):
                    reaper.wait_at_change()
                reaper.count()
                response = super().handle_request(request)
                reaper.count()
                return response

        return Transport()


def main(dsn: str, schema: str, site: str, email: str, token: str, request: str, moment: str) -> None:
    reaper = Reaper(int(moment))
    reaper.watch_database()

    def open_client(_name: str) -> ConfluenceGroups:
        http = httpx.Client(transport=reaper.watched_transport(), trust_env=False)
        limiter = RateLimiter(max_in_flight=8)
        return ConfluenceGroups(site, auth=ApiToken(email, token), retry=RETRY, rate_limiter=limiter, http_client=http)

    with Postgres(dsn, schema=schema) as shared:
        site_job(shared, open_client, request_from_text(Path(request).read_text("utf-8")))
    print(reaper.passed, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
