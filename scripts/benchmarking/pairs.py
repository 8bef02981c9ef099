"""Time functions in alternating order, so that load on the machine affects all of them alike."""

from __future__ import annotations

import statistics
import timeit
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
        for name in reversed(seconds) if number % 2 else seconds:
            seconds[name].append(timeit.Timer(actions[name], "gc.enable()").timeit(times) / times)
    return Timings(seconds)
