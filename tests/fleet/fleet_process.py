"""A process on another host, in effect: it holds a token's lock, or applies a plan, and is killed; the tests run it.

    python fleet_process.py hold DSN SCHEMA NAME
    python fleet_process.py refresh DSN SCHEMA NAME GATEWAY CLOUD_ID CLIENT_ID CLIENT_SECRET
    python fleet_process.py apply DSN SCHEMA SITE EMAIL TOKEN PLAN SPOT COUNT

``hold`` prints a line when it has the lock, and waits. ``refresh`` kills itself when it has saved new tokens. SPOT is
the point in the code, COUNT the number of passes after which ``apply`` kills itself as ``kill -9`` does; ``never`` lets
it finish, and ``wait`` prints a line and waits there.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

import httpx

from confluence_groups_sdk import ApiToken, ConfluenceGroups, OAuth2, RateLimiter, RetryPolicy, Tokens
from confluence_groups_sdk.fleet import Postgres
from confluence_groups_sdk.fleet.journal_storage import PostgresJournal
from confluence_groups_sdk.fleet.token_store import PostgresTokenStore
from confluence_groups_sdk.membership import Plan, apply

SPOTS = ("before append", "after append", "before send", "after answer")
RETRY = RetryPolicy(max_retries=30, first_delay=0.01, max_delay=0.05)


class Reaper:
    """Kills this process when it has passed a spot a number of times."""

    def __init__(self, spot: str, count: int) -> None:
        self._spot, self._left = spot, count
        self._lock = threading.Lock()

    def count_pass(self, spot: str) -> None:
        with self._lock:
            if self._spot == "wait" and spot == "before send":
                print("waiting", flush=True)
                threading.Event().wait()
            self._left -= spot == self._spot
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


def watched_client(reaper: Reaper) -> httpx.Client:
    append = PostgresJournal.append

    def watched_append(self: PostgresJournal, line: bytes, *, sync: bool) -> None:
        reaper.count_pass("before append")
        append(self, line, sync=sync)
        reaper.count_pass("after append")

    PostgresJournal.append = watched_append  # type: ignore[method-assign] # in this process

    class Transport(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            is_change = request.method in ("POST", "DELETE")
            if is_change:
                reaper.count_pass("before send")
            response = super().handle_request(request)
            if is_change:
                reaper.count_pass("after answer")
            return response

    return httpx.Client(transport=Transport(), trust_env=False)


def hold(dsn: str, schema: str, name: str) -> None:
    with Postgres(dsn, schema=schema) as shared, shared.token_store(name).lock():
        print("locked", flush=True)
        signal.pause()


def refresh(*arguments: str) -> None:
    dsn, schema, name, gateway, cloud_id, client_id, client_secret = arguments
    save = PostgresTokenStore.save

    def save_and_die(self: PostgresTokenStore, tokens: Tokens) -> None:
        save(self, tokens)
        os.kill(os.getpid(), signal.SIGKILL)

    PostgresTokenStore.save = save_and_die  # type: ignore[method-assign] # in this process
    with Postgres(dsn, schema=schema) as shared:
        auth = OAuth2(client_id, client_secret, shared.token_store(name), authority=gateway)
        with ConfluenceGroups.for_cloud(cloud_id, auth=auth, gateway=gateway) as groups:
            groups.current_user()


def apply_plan(dsn: str, schema: str, site: str, email: str, token: str, plan: str, spot: str, count: str) -> None:
    with (
        Postgres(dsn, schema=schema) as shared,
        watched_client(Reaper(spot, int(count))) as http,
        ConfluenceGroups(
            site, auth=ApiToken(email, token), retry=RETRY, rate_limiter=RateLimiter(max_in_flight=8), http_client=http
        ) as groups,
    ):
        loaded = Plan.load(plan)
        print(apply(groups, loaded, journal=shared.journal(loaded), stop_after_failures=None))


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    commands: dict[str, Callable[..., None]] = {"hold": hold, "refresh": refresh, "apply": apply_plan}
    commands[command](*arguments)
