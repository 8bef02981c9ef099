"""Some of the runs of scripts/prove ctrl-c."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from proving.ctrl_c import make_runs
from proving.interrupted_runs import EVERY_STEP, RANDOM


def problems(runs: Iterator[Mapping[str, Any]], at_least: int) -> list[Mapping[str, Any]]:
    made = list(runs)
    assert len(made) >= at_least
    assert any(run["seen"] != "report" for run in made), "some runs were interrupted"
    return [run for run in made if run["problem"]]


def test_signals_at_random_moments_lose_nothing() -> None:
    assert problems(make_runs(RANDOM, 7, 30), 30) == []


def test_an_exception_at_any_step_loses_nothing() -> None:
    assert problems(islice(make_runs(EVERY_STEP, 0, None, step=53), 25), 15) == []
