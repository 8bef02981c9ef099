"""Figures: what was measured, beside what it is measured against and what is to be reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from attrs import asdict, frozen

from .pairs import Ratio

HEADINGS = ("what", "measured", "goal", "against", "")
MARKS = {True: "met", False: "missed", None: ""}


@frozen(kw_only=True)
class Figure:
    """One number.

    Attributes:
        what: is measured.
        against: what it is measured with, where it is a ratio.
        value: the number; of a ratio, the median over all rounds.
        unit: ``x`` for a ratio, ``%`` for a share, ``s``, ``ms``, ``MB``, ``B``, or what is counted.
        low, high: its quartiles over the rounds, where there are several.
        goal: what it must not exceed; None for what is only reported.
        note: what else is to be known.
        short: what it is called in the short table; not in it where empty.
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
        """Whether the goal is reached; None where there is none."""
        return None if self.goal is None else self.value <= self.goal

    @property
    def number(self) -> str:
        """The number with its unit."""
        return f"{_text(self.value)} {self.unit}"

    def as_json(self) -> dict[str, Any]:
        """Return it with its verdict."""
        return {**asdict(self), "met": self.met}

    def cells(self) -> tuple[str, ...]:
        """Return it as a row under `HEADINGS`."""
        spread = "" if self.low is None or self.high is None else f" ({_text(self.low)} to {_text(self.high)})"
        goal = "" if self.goal is None else f"{_text(self.goal)} {self.unit}"
        against = "; ".join(filter(None, (self.against, self.note)))
        return self.what, f"{self.number}{spread}", goal, against, MARKS[self.met]


def ratio(
    what: str, against: str, measured: Ratio, *, goal: float | None = None, note: str = "", short: str = ""
) -> Figure:
    """Return the figure of a ratio."""
    return Figure(
        what=what,
        against=against,
        value=measured.median,
        unit="x",
        low=measured.low,
        high=measured.high,
        goal=goal,
        note=note,
        short=short,
    )


def as_table(figures: Iterable[Figure]) -> str:
    """Return the figures as a table in Markdown."""
    return "\n".join(as_lines([HEADINGS, *(figure.cells() for figure in figures)]))


def as_lines(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown; the first row is its head, and columns are as wide as they must be."""
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    head, *rest = rows
    for row in (head, tuple("-" * width for width in widths), *rest):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"


def _text(number: float) -> str:
    """Return a number with the digits that count."""
    if abs(number) >= 100 or number == int(number):
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"
