from __future__ import annotations

import io
import sys
import time
from typing import Any

import pytest
from rich.progress import Progress, Task

from confluence_groups_sdk import Pace, Pacer, membership
from confluence_groups_sdk.cli.watch import PaceColumn, watching

NOON = time.mktime((2026, 11, 24, 12, 0, 0, 0, 0, -1))


class Pacing(Pacer):
    """A pacer that says what it is told."""

    said = Pace(rate=None, held_until=None, in_flight=0, refused=0, points=0)

    def snapshot(self) -> Pace:
        return self.said


def shown(description: str = "removing", *, waiting_until: float | None = None, **said: Any) -> str:
    """Return what the column shows 10 s after the beginning, 40 of 100 done at 4 a second."""
    pacer = Pacing()
    pacer.said = Pace(**{"rate": None, "held_until": None, "in_flight": 0, "refused": 0, "points": 0, **said})
    now = [0.0]
    bar = Progress(get_time=lambda: now[0])
    task_id = bar.add_task(description, total=100)
    for step in range(1, 11):
        now[0] = float(step)
        bar.update(task_id, completed=4 * step)
    task: Task = bar.tasks[0]
    column = PaceColumn(pacer)
    column.held_until = waiting_until
    return column.render(task).plain


def test_rate_and_time_left_are_shown() -> None:
    assert shown() == "4.0/s, 0:00:15 left"


def test_refused_calls_are_counted() -> None:
    assert shown(refused=3) == "4.0/s, 3 refused, 0:00:15 left"


def test_while_all_are_held_nobody_says_how_long_it_takes() -> None:
    assert shown(held_until=NOON) == "4.0/s, held until 12:00:00"
    assert shown(waiting_until=NOON) == "4.0/s, held until 12:00:00"


def test_reading_shows_how_many_were_read() -> None:
    assert shown("reading", points=801) == "about 400 people read, 0:00:15 left"


def test_nothing_is_drawn_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with watching(Pacer()) as told:
        assert told is None
    assert stream.getvalue() == ""


def test_the_bar_begins_anew_with_each_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Screen()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with watching(Pacer()) as told:
        assert told is not None
        told(membership.Progress(phase="reading", done=3, total=3))
        told(membership.Progress(phase="removing", done=1, total=7))
        told(membership.Progress(phase="waiting", done=0, total=6, held_until=NOON))
    assert "1/7" in stream.getvalue()
    assert "held until 12:00:00" in stream.getvalue()
