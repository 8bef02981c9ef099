"""How far planning and applying have come, on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from .. import membership
from .._pacing import Pacer
from ..membership.draft import OnProgress
from .terminal import console


class PaceColumn(ProgressColumn):
    """Changes or groups a second, calls refused for their rate, and until when all calls are held."""

    def __init__(self, pacer: Pacer) -> None:
        super().__init__()
        self._pacer = pacer
        self.held_until: float | None = None

    def render(self, task: Task) -> Text:
        """Return what stands in the column now."""
        pace = self._pacer.snapshot()
        said = [f"{task.speed:.1f}/s"] if task.speed else []
        if pace.refused:
            said.append(f"{pace.refused} refused")
        if until := self.held_until or pace.held_until:
            said.append(f"held until {time.strftime('%H:%M:%S', time.localtime(until))}")
        return Text(", ".join(said))


@contextmanager
def watching(pacer: Pacer) -> Iterator[OnProgress | None]:
    """Give what draws a bar beside the output, None where nobody looks; the bar goes when all is done."""
    if not sys.stderr.isatty():
        yield None
        return
    pace = PaceColumn(pacer)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), pace)
    times = (TextColumn("left"), TimeRemainingColumn(compact=True), TextColumn("after"), TimeElapsedColumn())
    screen = console(beside=True, wide=False)
    with Progress(*columns, *times, console=screen, transient=True) as bar:
        yield _Bar(bar, pace).moved


class _Bar:
    """One bar, which begins anew with each phase."""

    def __init__(self, bar: Progress, pace: PaceColumn) -> None:
        self._bar = bar
        self._pace = pace
        self._phase = "reading"
        self._task: TaskID = bar.add_task(self._phase, total=None)

    def moved(self, progress: membership.Progress) -> None:
        """Show how far it is."""
        self._pace.held_until = progress.held_until
        if progress.phase == "waiting":
            return
        if progress.phase != self._phase:
            self._phase = progress.phase
            self._bar.reset(self._task, description=progress.phase)
        self._bar.update(self._task, completed=progress.done, total=progress.total)
