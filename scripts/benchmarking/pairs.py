"""Time functions in alternating order, so that load on the machine affects all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

from attrs import frozen

Action = Callable[[], object]


@frozen
class Ratio:
    """A comparison over all rounds.

    Attributes:
        median: the median of the rounds' ratios.
        low, high: their quartiles.
    """

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} x ({self.low:.2f} to {self.high:.2f})"


@frozen
class Timings:
    """The seconds of each function, by name, in the order of the rounds."""

    seconds: Mapping[str, list[float]]

    def ratio(self, name: str, base: str) -> Ratio:
        """Return how many times the base's time a function took, round by round."""
        return median_ratio([one / other for one, other in zip(self.seconds[name], self.seconds[base], strict=True)])

    def median(self, name: str) -> float:
        """Return the median seconds of a function."""
        return statistics.median(self.seconds[name])


def median_ratio(ratios: list[float]) -> Ratio:
    """Return the median and the quartiles of ratios."""
    if len(ratios) == 1:
        return Ratio(ratios[0], ratios[0], ratios[0])
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Ratio(median, low, high)


def time_interleaved(actions: Mapping[str, Action], *, rounds: int, times: int = 1, warm_up: int = 0) -> Timings:
    """Time each function in each round, in reverse order in every second round.

    Args:
        actions: the functions by name.
        rounds: the number of rounds.
        times: the calls per measurement; the seconds are for one call.
        warm_up: the calls before the first round.
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
