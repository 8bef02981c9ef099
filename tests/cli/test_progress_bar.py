from __future__ import annotations

import io
import sys
import time
from typing import Any

import pytest
from rich.progress import Progress, Task

from confluence_groups_sdk import RateLimiter, RateLimiterStatus, membership
from confluence_groups_sdk.cli.rendering.progress_bar import RateLimiterColumn, progress_bar

NOON = time.mktime((2026, 11, 24, 12, 0, 0, 0, 0, -1))


class FixedRateLimiter(RateLimiter):
    """A rate limiter with a fixed status."""

    status = RateLimiterStatus(rate=None, held_until=None, in_flight=0, refused=0, points=0)

    def snapshot(self) -> RateLimiterStatus:
        return self.status


def render_column(description: str = "removing", *, waiting_until: float | None = None, **status: Any) -> str:
    """Return the text of the column after 10 s, with 40 of 100 calls done at 4 per second."""
    rate_limiter = FixedRateLimiter()
    rate_limiter.status = RateLimiterStatus(
        **{"rate": None, "held_until": None, "in_flight": 0, "refused": 0, "points": 0, **status}
    )
    now = [0.0]
    bar = Progress(get_time=lambda: now[0])
    task_id = bar.add_task(description, total=100)
    for step in range(1, 11):
        now[0] = float(step)
        bar.update(task_id, completed=4 * step)
    task: Task = bar.tasks[0]
    column = RateLimiterColumn(rate_limiter)
    column.held_until = waiting_until
    return column.render(task).plain


def test_rate_and_time_left_are_shown() -> None:
    assert render_column() == "4.0/s, 0:00:15 left"


def test_rate_limited_calls_are_counted() -> None:
    assert render_column(refused=3) == "4.0/s, 3 rate-limited, 0:00:15 left"


def test_no_time_left_is_shown_while_calls_are_held() -> None:
    assert render_column(held_until=NOON) == "4.0/s, held until 12:00:00"
    assert render_column(waiting_until=NOON) == "4.0/s, held until 12:00:00"


def test_reading_shows_the_number_of_people_read() -> None:
    assert render_column("reading", points=801) == "about 400 people read, 0:00:15 left"


def test_no_bar_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_bar(RateLimiter()) as on_progress:
        assert on_progress is None
    assert stream.getvalue() == ""


def test_bar_starts_again_with_each_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Screen()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with progress_bar(RateLimiter()) as on_progress:
        assert on_progress is not None
        on_progress(membership.Progress(phase="reading", done=3, total=3))
        on_progress(membership.Progress(phase="removing", done=1, total=7))
        on_progress(membership.Progress(phase="waiting", done=0, total=6, held_until=NOON))
    assert "1/7" in stream.getvalue()
    assert "held until 12:00:00" in stream.getvalue()
