"""A process that takes a snapshot and kills itself, as ``kill -9`` does, at a given moment; test_progress_file runs it.

``spot`` is the point in the code, ``count`` the number of passes after which the process is killed; the spot ``never``
lets it finish.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

from confluence_groups_sdk import ApiToken, ConfluenceGroups, RetryPolicy
from confluence_groups_sdk.review import take_snapshot
from confluence_groups_sdk.review.taking.progress_file import ProgressFile

SPOTS = ("before a line", "half a line", "after a line")
RETRY = RetryPolicy(max_retries=30, first_delay=0.01, max_delay=0.05)


def watch_lines(spot: str, count: int) -> None:
    """Kill this process at a spot, when it has been passed so many times."""
    append = ProgressFile._append
    passed = 0

    def watched_append(self: ProgressFile, pieces: Iterable[bytes]) -> None:
        nonlocal passed
        passed += 1
        is_due = passed == count
        if is_due and spot == "before a line":
            kill()
        if is_due and spot == "half a line":
            line = b"".join(pieces)
            assert self._file is not None
            self._file.write(line[: len(line) // 2])
            self._file.flush()
            kill()
        append(self, pieces)
        if is_due and spot == "after a line":
            kill()

    ProgressFile._append = watched_append  # type: ignore[method-assign] # in this process


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(site: str, email: str, token: str, progress: str, out: str, spot: str, count: str) -> None:
    watch_lines(spot, int(count))
    with ConfluenceGroups(site, auth=ApiToken(email, token), retry=RETRY) as groups:
        take_snapshot(groups, resume=progress, workers=4).save(out)
