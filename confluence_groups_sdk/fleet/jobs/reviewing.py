"""The snapshot of a review, which another host can go on with where one was killed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..._support.clock import machine_monotonic
from ...client import ConfluenceGroups
from ...errors import ReviewError
from ...membership import Progress
from ...review import Snapshot, take_snapshot
from . import table
from .requests import ReviewRequest
from .work import Work

SAVE_INTERVAL_S = 5.0  # between copies of the progress to the database, if they are quick
MAX_SHARE = 0.05  # of the time, for copies
PROGRESS, SNAPSHOT = "progress", "snapshot"  # kinds of files


def ensure_snapshot(work: Work, client: ConfluenceGroups) -> bool:
    """Take the snapshot unless it is there, and return whether somebody has decided about it."""
    request = work.request
    assert isinstance(request, ReviewRequest), "the caller checks"
    if work.status().snapshot is None:
        with TemporaryDirectory() as folder:
            snapshot = _take(work, client, request, Path(folder, "progress") if find_spec("filelock") else None)
        work.run.store_snapshot(snapshot.digest, snapshot.as_bytes())
    work.run.change(table.FOLLOW_SNAPSHOT)
    return work.jobs.decided(request.id)[0] is not None


def _take(work: Work, client: ConfluenceGroups, request: ReviewRequest, progress: Path | None) -> Snapshot:
    options: dict[str, Any] = {"groups": request.groups, "access": request.access}
    if progress is None:  # an interrupted snapshot begins again
        return take_snapshot(client, **options, on_progress=work.report_progress)
    for content in work.jobs.files(request.id, PROGRESS).values():
        progress.write_bytes(content)
    copies = _Copies(work, progress)
    try:
        return take_snapshot(client, **options, resume=progress, on_progress=copies.keep_up(work.report_progress))
    except ReviewError:  # the progress is of another selection or user: the next run begins again
        progress.unlink(missing_ok=True)
        work.run.delete_files(PROGRESS)
        raise
    finally:
        copies.save()


class _Copies:
    """Copies a progress file to the database: lines are only added to it, and an incomplete last one does no harm.

    Args:
        work: the run.
        path: the file.
    """

    def __init__(self, work: Work, path: Path) -> None:
        self._work = work
        self._path = path
        self._next = machine_monotonic() + SAVE_INTERVAL_S

    def keep_up(self, report: Callable[[Progress], object]) -> Callable[[Progress], object]:
        """Return a function for ``on_progress`` that also copies the file now and then."""

        def on_progress(progress: Progress) -> None:
            report(progress)
            if machine_monotonic() >= self._next:
                self.save()

        return on_progress

    def save(self) -> None:
        """Copy the file."""
        began = machine_monotonic()
        if self._path.exists():
            self._work.run.store_file(PROGRESS, PROGRESS, self._path.read_bytes())
        ended = machine_monotonic()
        self._next = ended + max(SAVE_INTERVAL_S, (ended - began) / MAX_SHARE)
