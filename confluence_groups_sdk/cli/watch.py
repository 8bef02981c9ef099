"""How far planning and applying have come, on a terminal."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.text import Text

from .. import membership
from .._pacing import Pacer
from ..membership.draft import OnProgress
from .terminal import console

READING = "reading"
SETTLED = 1.0  # seconds after which a rate means something
POINTS_A_PERSON = 2  # as Atlassian counts them


class PaceColumn(ProgressColumn):
    """How much was read, changes a second, calls refused for their rate, until when all are held, and the time left."""

    def __init__(self, pacer: Pacer) -> None:
        super().__init__()
        self._pacer = pacer
        self.held_until: float | None = None

    def render(self, task: Task) -> Text:
        """Return what stands in the column now."""
        pace = self._pacer.snapshot()
        said = []
        if task.description == READING and pace.points >= POINTS_A_PERSON:
            said.append(f"about {pace.points // POINTS_A_PERSON} people read")
        elif task.speed and (task.elapsed or 0.0) >= SETTLED:
            said.append(f"{task.speed:.1f}/s")
        if pace.refused:
            said.append(f"{pace.refused} refused")
        until = self.held_until or pace.held_until
        if until:
            said.append(f"held until {time.strftime('%H:%M:%S', time.localtime(until))}")
        elif task.time_remaining:
            said.append(f"{timedelta(seconds=math.ceil(task.time_remaining))} left")
        return Text(", ".join(said))


@contextmanager
def watching(pacer: Pacer) -> Iterator[OnProgress | None]:
    """Give what draws a bar beside the output, None where nobody looks; the bar goes when all is done."""
    if not sys.stderr.isatty():
        yield None
        return
    pace = PaceColumn(pacer)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), pace)
    screen = console(beside=True, wide=False)
    with Progress(*columns, console=screen, transient=True) as bar:
        yield _Bar(bar, pace).moved


class _Bar:
    """One bar, which begins anew with each phase."""

    def __init__(self, bar: Progress, pace: PaceColumn) -> None:
        self._bar = bar
        self._pace = pace
        self._phase = READING
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
