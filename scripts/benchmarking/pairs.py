"""Timing of things that are compared: one after the other in each round, so that all see the same machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

from attrs import frozen

Action = Callable[[], object]


@frozen
class Ratio:
    """How one compares with another over all rounds.

    Attributes:
        median: of the ratios of the rounds.
        low, high: the quartiles.
    """

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} x ({self.low:.2f} to {self.high:.2f})"


@frozen
class Timings:
    """Seconds that each took, by name, in the order of the rounds."""

    seconds: Mapping[str, list[float]]

    def ratio(self, name: str, base: str) -> Ratio:
        """Return how many times as long as the base this took, round by round."""
        return ratio_of([one / other for one, other in zip(self.seconds[name], self.seconds[base], strict=True)])

    def median(self, name: str) -> float:
        """Return the seconds that it took as a rule."""
        return statistics.median(self.seconds[name])


def ratio_of(ratios: list[float]) -> Ratio:
    """Return the median of some ratios, and their quartiles; of a single one, three times itself."""
    if len(ratios) == 1:
        return Ratio(ratios[0], ratios[0], ratios[0])
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Ratio(median, low, high)


def interleaved(actions: Mapping[str, Action], *, rounds: int, times: int = 1, warm_up: int = 0) -> Timings:
    """Time each of them in each round, forwards in one round and backwards in the next.

    Args:
        actions: by name.
        rounds: how often each is timed.
        times: how often it is done each time; the seconds are for one.
        warm_up: how often each is done before.
    """
    for action in actions.values():
        for _ in range(warm_up):
            action()
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(rounds):
        for name in sorted(actions, key=list(actions).index, reverse=bool(number % 2)):
            seconds[name].append(_timed(actions[name], times))
    return Timings(seconds)


def _timed(action: Action, times: int) -> float:
    started = time.perf_counter()
    for _ in range(times):
        action()
    return (time.perf_counter() - started) / times
