"""Remove members from servers that limit the rate, in real time, and compare with the time that the limit allows."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
from attrs import frozen

from benchmarking.calls import EMAIL, GROUP_ID, TOKEN, account_ids
from benchmarking.figures import Figure
from benchmarking.servers import Limit, serving
from confluence_groups_sdk import ApiToken, ConfluenceGroups

WORKERS = 16
TRIALS = {
    "5 a second": (Limit(5), 200),
    "20 a second": (Limit(20), 800),
    "100 a second": (Limit(100), 4_000),
    "100 a second, 1,000 until a reset after 15 s": (Limit(100, quota=1_000, reset=15), 2_000),
}
RATE_FOUND_SHARE = 0.9  # of the server's rate: a client that reaches it has found the rate


def trial_figures(made: Mapping[str, Trial]) -> Iterator[Figure]:
    """Yield the results of the trials."""
    hundred = made["100 a second"]
    first = hundred.part(2_000)
    what = "2,000 removals, 100 a second let through"
    yield Figure(what, first.excess, "x", "2,000 / 100 s", goal=1.10, short=f"time of {what}")
    yield Figure("of them rate-limited", 100 * first.rate_limited_share(), "%", goal=2)
    yield Figure("rate-limited of the next 2,000", 100 * hundred.rate_limited_share(len(first.seen)), "%", goal=1)
    for name, each in made.items():
        note = f"{100 * each.rate_limited_share():.1f} % rate-limited"
        if each.found is not None:
            note += f"; the rate is found {each.found:.0f} s after the first 429"
        yield Figure(f"{each.calls:,} removals, {name}", each.excess, "x", f"{each.allowed:.0f} s", note=note)


@frozen
class Trial:
    """Calls against a limit, and the server's responses.

    Attributes:
        limit: the limit of the server.
        calls: the number of planned calls.
        seen: for each call, the seconds since the first one and the status of its response.
    """

    limit: Limit
    calls: int
    seen: Sequence[tuple[float, int]]

    @property
    def allowed(self) -> float:
        """The seconds that the limit requires, including the reset if the quota runs out."""
        limit = self.limit
        if limit.quota is None or self.calls <= limit.quota:
            return self.calls / limit.rate
        return max(limit.quota / limit.rate, limit.reset) + (self.calls - limit.quota) / limit.rate

    @property
    def seconds(self) -> float:
        """The seconds until the last accepted call."""
        return max(moment for moment, status in self.seen if status == 204)

    @property
    def excess(self) -> float:
        """The ratio of the needed time to the required time."""
        return self.seconds / self.allowed

    def rate_limited_share(self, start: int = 0, end: int | None = None) -> float:
        """Return the share of 429 in a range of responses."""
        part = self.seen[start:end]
        return sum(status == 429 for _, status in part) / len(part)

    def a_second(self, status: int) -> list[int]:
        """Return the number of responses with this status in each second."""
        counts = Counter(int(moment) for moment, each in self.seen if each == status)
        return [counts[second] for second in range(int(self.seen[-1][0]) + 1)]

    @property
    def found(self) -> float | None:
        """The seconds from the first 429 to the end of the first second at the server's rate, or None."""
        first = next((moment for moment, status in self.seen if status == 429), None)
        if first is None:
            return None
        accepted = self.a_second(204)
        rate = RATE_FOUND_SHARE * self.limit.rate
        second = next((each for each in range(int(first) + 1, len(accepted)) if accepted[each] >= rate), None)
        return None if second is None else second + 1 - first

    def part(self, calls: int) -> Trial:
        """Return the start of the trial, up to a number of accepted calls."""
        accepted = itertools.accumulate(status == 204 for _, status in self.seen)
        end = next(index for index, count in enumerate(accepted, 1) if count == calls)
        return Trial(self.limit, calls, self.seen[:end])


def run_trial(limit: Limit, calls: int) -> Trial:
    """Remove members with as many threads as a client sends calls at once."""
    with (
        serving(limit=limit) as url,
        ConfluenceGroups(url, auth=ApiToken(EMAIL, TOKEN)) as groups,
        ThreadPoolExecutor(WORKERS) as pool,
    ):
        ids = itertools.islice(account_ids(), calls)
        list(pool.map(lambda each: groups.remove_member(group_id=GROUP_ID, account_id=each), ids))
        return Trial(limit, calls, [(moment, status) for moment, status in httpx.get(f"{url}/log").json()])


def run_trials(asked: Mapping[str, tuple[Limit, int]]) -> dict[str, Trial]:
    """Run several trials at once, each with its own server: they wait most of the time."""
    with ThreadPoolExecutor(len(asked)) as pool:
        running = {name: pool.submit(run_trial, limit, calls) for name, (limit, calls) in asked.items()}
        return {name: each.result() for name, each in running.items()}
