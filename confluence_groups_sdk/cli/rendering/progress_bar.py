"""A progress bar on a terminal while a plan is made or applied."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeAlias

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

from ... import membership
from ..._core.limits.rate_limiter import RateLimiter
from ..terminal import build_console

OnProgress: TypeAlias = Callable[[membership.Progress], None]

READING, WAITING = "reading", "waiting"  # phases
MIN_ELAPSED_S = 1.0  # seconds until a rate is worth showing
POINTS_PER_USER = 2  # for reading a user, see docs/confluence-behaviour.md#rate-limits


class RateLimiterColumn(ProgressColumn):
    """Shows users read or changes per second, rate-limited calls, the end of a hold, and the time left."""

    def __init__(self, rate_limiter: RateLimiter) -> None:
        super().__init__()
        self._rate_limiter = rate_limiter
        self.held_until: float | None = None

    def render(self, task: Task) -> Text:
        """Render the column for the current state of the rate limiter."""
        status = self._rate_limiter.snapshot()
        parts = [*self._speed(task, status.points)]
        if status.refused:
            parts.append(f"{status.refused} rate-limited")
        held_until = self.held_until or status.held_until
        if held_until:
            parts.append(f"held until {time.strftime('%H:%M:%S', time.localtime(held_until))}")
        elif task.time_remaining:
            parts.append(f"{timedelta(seconds=math.ceil(task.time_remaining))} left")
        return Text(", ".join(parts))

    def _speed(self, task: Task, points: int) -> Iterator[str]:
        if task.description == READING and points >= POINTS_PER_USER:
            yield f"about {points // POINTS_PER_USER} people read"
        elif task.speed and (task.elapsed or 0.0) >= MIN_ELAPSED_S:
            yield f"{task.speed:.1f}/s"


@contextmanager
def progress_bar(rate_limiter: RateLimiter) -> Iterator[OnProgress | None]:
    """Show a progress bar on standard error; yield the callback that moves it, or None if there is no terminal.

    The bar disappears at the end.
    """
    if not sys.stderr.isatty():
        yield None
        return
    column = RateLimiterColumn(rate_limiter)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), column)
    console = build_console(stderr=True, wide=False)
    with Progress(*columns, console=console, transient=True) as bar:
        yield _PhaseBar(bar, column).update


class _PhaseBar:
    """A bar that starts again with each phase."""

    def __init__(self, bar: Progress, column: RateLimiterColumn) -> None:
        self._bar = bar
        self._column = column
        self._phase = READING
        self._task: TaskID = bar.add_task(self._phase, total=None)

    def update(self, progress: membership.Progress) -> None:
        """Move the bar to the progress of its phase."""
        self._column.held_until = progress.held_until
        if progress.phase == WAITING:
            return
        if progress.phase != self._phase:
            self._phase = progress.phase
            self._bar.reset(self._task, description=progress.phase)
        self._bar.update(self._task, completed=progress.done, total=progress.total)
