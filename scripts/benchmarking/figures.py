"""Describe a measured number, its baseline and its goal, and print numbers as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from attrs import asdict, frozen

from benchmarking.pairs import Ratio

MAX_CALLS = 1.05  # compared with the fewest calls that can do a job
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

    headings: ClassVar = ("what", "measured", "goal", "against", "")

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
        """Return a table row under the headings."""
        spread = "" if self.low is None or self.high is None else f" ({_text(self.low)} to {_text(self.high)})"
        goal = "" if self.goal is None else f"{_text(self.goal)} {self.unit}"
        against = "; ".join(filter(None, (self.against, self.note)))
        return self.what, f"{self.number}{spread}", goal, against, MARKS[self.met]


@frozen
class Count:
    """The calls that a job makes, and the fewest that can do it.

    Attributes:
        what: the job.
        calls: the calls that the server received.
        points: the points that Atlassian would count for them.
        fewest: the calls that cannot be avoided, by their purpose.
        short: the name in the short table; left out of it if empty.
    """

    headings: ClassVar = ("job", "calls", "points", "fewest", "why no fewer", "")

    what: str
    calls: int
    points: int
    fewest: Mapping[str, int]
    short: str = ""

    @property
    def least(self) -> int:
        """The fewest calls that can do the job."""
        return sum(self.fewest.values())

    @property
    def met(self) -> bool:
        """Whether the calls are at most 1.05 times the fewest."""
        return self.calls <= MAX_CALLS * self.least

    @property
    def number(self) -> str:
        """The calls and the points."""
        return f"{format_count(self.calls, 'call')}, {format_count(self.points, 'point')}"

    @property
    def against(self) -> str:
        """The fewest calls."""
        return f"at least {format_count(self.least, 'call')}"

    def as_json(self) -> dict[str, Any]:
        """Return the fields, the fewest calls and whether the goal is met."""
        return {**asdict(self), "least": self.least, "met": self.met}

    def cells(self) -> tuple[str, ...]:
        """Return a table row under the headings."""
        reason = ", ".join(f"{number:,} for {purpose}" for purpose, number in self.fewest.items())
        return self.what, f"{self.calls:,}", f"{self.points:,}", f"{self.least:,}", reason, MARKS[self.met]


Row: TypeAlias = Figure | Count


def ratio(
    what: str, against: str, measured: Ratio, *, goal: float | None = None, note: str = "", short: str = ""
) -> Figure:
    """Return the figure of a ratio."""
    return Figure(what, measured.median, "x", against, measured.low, measured.high, goal, note, short)


def as_table(rows: Sequence[Row]) -> str:
    """Return rows, which have the same headings, as a Markdown table."""
    cells = [rows[0].headings if rows else Figure.headings, *(row.cells() for row in rows)]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, tuple("-" * width for width in widths))
    padded = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in cells)
    return "\n".join(f"| {' | '.join(row)} |" for row in padded)


def format_count(number: int, noun: str) -> str:
    """Return a number of things, such as ``1 call`` or ``2,000 calls``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _text(number: float) -> str:
    """Return a number with its significant digits."""
    if abs(number) >= 100 or number == int(number):
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"
