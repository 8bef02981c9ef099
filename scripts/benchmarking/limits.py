"""Removals against servers that refuse what comes too fast, in real time: how close to what they allow they come."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
from attrs import frozen

from confluence_groups_sdk import ApiToken, ConfluenceGroups

from .calls import EMAIL, GROUP_ID, TOKEN, account_ids
from .figures import Figure
from .servers import Limit, serving

WORKERS = 16
ASKED = {
    "5 a second": (Limit(5), 200),
    "20 a second": (Limit(20), 800),
    "100 a second": (Limit(100), 4_000),
    "100 a second, 1,000 until a reset after 15 s": (Limit(100, quota=1_000, reset=15), 2_000),
}
FOUND = 0.9  # of the rate that the server allows: then it counts as found


def figures(made: Mapping[str, Trial]) -> Iterator[Figure]:
    """Return what the trials of `ASKED` show."""
    hundred = made["100 a second"]
    first = hundred.part(2_000)
    against = "2,000 / 100 s"
    yield Figure(
        what="2,000 removals, 100 a second let through",
        against=against,
        value=first.excess,
        unit="x",
        goal=1.10,
        short="2,000 removals, 100 a second let through",
    )
    yield Figure(what="of them refused", value=100 * first.refused(), unit="%", goal=2)
    yield Figure(what="refused of the next 2,000", value=100 * hundred.refused(len(first.seen)), unit="%", goal=1)
    for name, each in made.items():
        yield Figure(
            what=f"{each.calls:,} removals, {name}",
            against=f"{each.allowed:.0f} s",
            value=each.excess,
            unit="x",
            note=f"{100 * each.refused():.1f} % refused; the rate is found {each.found:.0f} s after the first refusal"
            if each.found is not None
            else f"{100 * each.refused():.1f} % refused",
        )


@frozen
class Trial:
    """Some calls against a limit, and what the server did with them.

    Attributes:
        limit: what the server lets through.
        calls: that were to be made.
        seen: seconds since the first call, and the status of its answer, for each.
    """

    limit: Limit
    calls: int
    seen: Sequence[tuple[float, int]]

    @property
    def allowed(self) -> float:
        """Seconds that the limit asks for; those of the reset on top, where a quota runs out."""
        limit = self.limit
        if limit.quota is None or self.calls <= limit.quota:
            return self.calls / limit.rate
        return max(limit.quota / limit.rate, limit.reset) + (self.calls - limit.quota) / limit.rate

    @property
    def seconds(self) -> float:
        """Seconds until the last was accepted."""
        return max(moment for moment, status in self.seen if status == 204)

    @property
    def excess(self) -> float:
        """How many times as long it took as the limit asks for."""
        return self.seconds / self.allowed

    def refused(self, start: int = 0, end: int | None = None) -> float:
        """Return the share of the answers from one to another that were refusals."""
        part = self.seen[start:end]
        return sum(status == 429 for _, status in part) / len(part)

    def a_second(self, status: int) -> list[int]:
        """Return how many answers with this status there were in each second."""
        counts = Counter(int(moment) for moment, each in self.seen if each == status)
        return [counts[second] for second in range(int(self.seen[-1][0]) + 1)]

    @property
    def found(self) -> float | None:
        """Seconds from the first refusal until a second at the server's rate is over; None where there is none."""
        first = next((moment for moment, status in self.seen if status == 429), None)
        if first is None:
            return None
        accepted = self.a_second(204)
        second = next(
            (each for each in range(int(first) + 1, len(accepted)) if accepted[each] >= FOUND * self.limit.rate), None
        )
        return None if second is None else second + 1 - first

    def part(self, calls: int) -> Trial:
        """Return the beginning of it, until so many were accepted."""
        accepted = itertools.accumulate(status == 204 for _, status in self.seen)
        end = next(index for index, count in enumerate(accepted, 1) if count == calls)
        return Trial(self.limit, calls, self.seen[:end])


def trial(limit: Limit, calls: int) -> Trial:
    """Remove so many members, by as many threads as a client sends at once."""
    with (
        serving(limit=limit) as url,
        ConfluenceGroups(url, auth=ApiToken(EMAIL, TOKEN)) as groups,
        ThreadPoolExecutor(WORKERS) as pool,
    ):
        ids = itertools.islice(account_ids(), calls)
        list(pool.map(lambda each: groups.remove_member(group_id=GROUP_ID, account_id=each), ids))
        return Trial(limit, calls, [(moment, status) for moment, status in httpx.get(f"{url}/log").json()])


def trials(asked: Mapping[str, tuple[Limit, int]]) -> dict[str, Trial]:
    """Make several trials at once, each with a server of its own: they wait most of the time."""
    with ThreadPoolExecutor(len(asked)) as pool:
        running = {name: pool.submit(trial, limit, calls) for name, (limit, calls) in asked.items()}
        return {name: each.result() for name, each in running.items()}
