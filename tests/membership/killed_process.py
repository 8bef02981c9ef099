"""A process that applies a plan and kills itself, as ``kill -9`` does, at a given moment; test_crash.py runs it.

``spot`` is the point in the code, ``count`` the number of passes after which the process is killed; the spot ``never``
lets it finish.
"""

from __future__ import annotations

import os
import signal
import threading

import httpx

from confluence_groups_sdk import ApiToken, ConfluenceGroups, RateLimiter, RetryPolicy
from confluence_groups_sdk.membership import Plan, apply
from confluence_groups_sdk.membership.execution.append_only_file import AppendOnly

SPOTS = ("before append", "half an append", "after append", "before sync", "after sync", "before send", "after answer")
WRITES = ("POST", "DELETE")
RETRY = RetryPolicy(max_retries=30, first_delay=0.01, max_delay=0.05)


class Reaper:
    """A counter that kills this process after it has passed a spot a number of times."""

    def __init__(self, spot: str, count: int) -> None:
        self._spot = spot
        self._left = count
        self._lock = threading.Lock()

    def is_due(self, spot: str) -> bool:
        with self._lock:
            if spot != self._spot:
                return False
            self._left -= 1
            return self._left <= 0

    def count_pass(self, spot: str) -> None:
        if self.is_due(spot):
            kill()


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def watched_client(reaper: Reaper) -> httpx.Client:
    """Report writes of the journal to the reaper, and return an httpx client that reports its calls."""
    append, sync = AppendOnly.append, AppendOnly.sync

    def watched_append(self: AppendOnly, data: bytes) -> None:
        reaper.count_pass("before append")
        if reaper.is_due("half an append"):
            append(self, data[: len(data) // 2])
            kill()
        append(self, data)
        reaper.count_pass("after append")

    def watched_sync(self: AppendOnly) -> None:
        reaper.count_pass("before sync")
        sync(self)
        reaper.count_pass("after sync")

    AppendOnly.append, AppendOnly.sync = watched_append, watched_sync  # type: ignore[method-assign] # in this process

    class Transport(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.method in WRITES:
                reaper.count_pass("before send")
            response = super().handle_request(request)
            if request.method in WRITES:
                reaper.count_pass("after answer")
            return response

    return httpx.Client(transport=Transport(), trust_env=False)


def main(site: str, email: str, token: str, plan: str, journal: str, spot: str, count: str) -> None:
    with (
        watched_client(Reaper(spot, int(count))) as http,
        ConfluenceGroups(
            site, auth=ApiToken(email, token), retry=RETRY, rate_limiter=RateLimiter(max_in_flight=8), http_client=http
        ) as groups,
    ):
        print(apply(groups, Plan.load(plan), journal=journal, stop_after_failures=None))
