"""Describe a measured number, its baseline and its goal, and print numbers as tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import asdict, frozen

from benchmarking.pairs import Ratio

HEADINGS = ("what", "measured", "goal", "against", "")
MARKS = {True: "met", False: "missed", None: ""}


@frozen
class Figure:
    """One measured number.

    Attributes:
        what: the measured thing.
        value: the number; for a ratio, the median over all rounds.
        unit: ``x`` for a ratio, ``%`` for a share, ``s``, ``ms``, ``MB``, ``B``, or the counted thing.
        against: the baseline of a ratio.
        low, high: the quartiles over the rounds, if there are several.
        goal: the upper limit; None for a number that is only reported.
        note: any remark.
        short: the name in the short table; left out of it if empty.
    """

    what: str
    value: float
    unit: str
    against: str = ""
    low: float | None = None
    high: float | None = None
    goal: float | None = None
    note: str = ""
    short: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without a goal."""
        return None if self.goal is None else self.value <= self.goal

    @property
    def number(self) -> str:
        """The number with its unit."""
        return f"{_text(self.value)} {self.unit}"

    def as_json(self) -> dict[str, Any]:
        """Return the fields and whether the goal is met."""
        return {**asdict(self), "met": self.met}

    def cells(self) -> tuple[str, ...]:
        """Return a table row under `HEADINGS`."""
        spread = "" if self.low is None or self.high is None else f" ({_text(self.low)} to {_text(self.high)})"
        goal = "" if self.goal is None else f"{_text(self.goal)} {self.unit}"
        against = "; ".join(filter(None, (self.against, self.note)))
        return self.what, f"{self.number}{spread}", goal, against, MARKS[self.met]


def ratio(
    what: str, against: str, measured: Ratio, *, goal: float | None = None, note: str = "", short: str = ""
) -> Figure:
    """Return the figure of a ratio."""
    return Figure(what, measured.median, "x", against, measured.low, measured.high, goal, note, short)


def as_table(figures: Iterable[Figure]) -> str:
    """Return the figures as a Markdown table."""
    rows = [HEADINGS, *(figure.cells() for figure in figures)]
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    padded = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in padded)


def _text(number: float) -> str:
    """Return a number with its significant digits."""
    if abs(number) >= 100 or number == int(number):
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"
