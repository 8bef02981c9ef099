"""Let processes remove members from one site that limits the rate, and compare with the time that the limit allows."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from attrs import evolve, frozen
from databases.embedded import running_postgres

from benchmarking.figures import Figure
from benchmarking.fleet.worker import Work
from benchmarking.limits import Trial
from benchmarking.servers import Limit, serving
from confluence_groups_sdk.fleet import Postgres

CALLS = {100: 2_000, 20: 800, 5: 320}  # by calls a second
IN_FLIGHT = 32  # of all processes
MAX_RATE_LIMITED = {100: 1.0, 20: 1.0, 5: 8.0}  # %
UNEVEN = [0.4, 0.3, 0.2, 0.1]  # of the calls
MUCH_S = 0.5
LATE_S = [0.0, 0.0, 2.0, 4.0]
ROUNDS = 5


@frozen
class FleetTrial:
    """What came of the processes' work.

    Attributes:
        trial: what the server saw.
        spread: seconds between the ends of the first process and the last.
        processes: their number.
        trips: the seconds of each question to the database.
    """

    trial: Trial
    spread: float
    processes: int
    trips: Sequence[float]


def measure() -> Iterator[Figure]:
    """Measure 4 and 8 processes, uneven shares, and the event loop."""
    with running_postgres() as server:
        Postgres(server.dsn).init()
        trips: list[float] = []
        for processes in (4, 8):
            made = run_trials({rate: even_work(server.dsn, processes, calls) for rate, calls in CALLS.items()})
            for rate, each in made.items():
                yield from figures(each, rate, f"{processes} processes, {rate} a second")
                trips += each.trips
        uneven = [
            Work("", server.dsn, round(2_000 * part), 8, delay) for part, delay in zip(UNEVEN, LATE_S, strict=True)
        ]
        alone = [evolve(each, dsn=None) for each in even_work(server.dsn, 4, CALLS[100])]
        result = run_trials({100: uneven})[100]
        what = "4 processes, 100 a second, 10 to 40 % of the work each, two join late"
        yield Figure(what, result.trial.excess, "x", f"{result.trial.allowed:.0f} s", goal=1.05)
        result = run_trials({100: alone})[100]
        what = "4 processes, 100 a second, each with a rate limiter of its own"
        note = f"{100 * result.trial.rate_limited_share():.1f} % rate-limited; ends {result.spread:.1f} s apart"
        yield Figure(what, result.trial.excess, "x", f"{result.trial.allowed:.0f} s", note=note)
        yield Figure("one question to the database, median", 1_000 * statistics.median(trips), "ms", goal=1.0)
        yield from measure_event_loop(server.dsn)


def figures(made: FleetTrial, rate: int, what: str) -> Iterator[Figure]:
    """Yield the results of one trial."""
    trial = made.trial
    name = f"{trial.calls:,} removals, {what}"
    yield Figure(name, trial.excess, "x", f"{trial.allowed:.0f} s", goal=1.05)
    yield Figure("rate-limited", 100 * trial.rate_limited_share(), "%", goal=MAX_RATE_LIMITED[rate])
    in_turn = (made.processes - 1) / rate
    note = f"{in_turn:.1f} s if each takes its turn" if in_turn >= MUCH_S else ""
    yield Figure("from the first process's end to the last one's", made.spread, "s", goal=1.0, note=note)


def measure_event_loop(dsn: str) -> Iterator[Figure]:
    """Compare the longest block of an event loop with a shared rate limiter and with one of its own, in turn.

    Other work on the machine can only make it longer.
    """
    made: dict[str | None, list[dict[str, Any]]] = {dsn: [], None: []}
    with serving() as url:
        for each in (dsn, None) * ROUNDS:
            made[each] += run_processes([Work(url, each, 2_000, 16, tasks=True)])

    def median(of: str | None, what: str) -> float:
        seconds: list[float] = [done[what] for done in made[of]]
        return 1_000 * statistics.median(seconds)

    note = f"median of {ROUNDS} runs of 2,000 calls"
    yield Figure(
        "longest use of the rate limiter in an event loop", median(dsn, "in_limiter"), "ms", goal=5.0, note=note
    )
    note = f"{median(None, 'blocked'):.1f} ms with a rate limiter of its own"
    yield Figure("longest block of this event loop by anything", median(dsn, "blocked"), "ms", note=note)


def even_work(dsn: str, processes: int, calls: int) -> list[Work]:
    """Return equal parts of the work."""
    return [Work("", dsn, calls // processes, IN_FLIGHT // processes) for _ in range(processes)]


def run_trials(asked: Mapping[int, Sequence[Work]]) -> dict[int, FleetTrial]:
    """Run several trials at once, each with its own server: they wait most of the time."""
    with ThreadPoolExecutor(len(asked)) as pool:
        running = {rate: pool.submit(run_trial, rate, works) for rate, works in asked.items()}
        return {rate: each.result() for rate, each in running.items()}


def run_trial(rate: int, works: Sequence[Work]) -> FleetTrial:
    """Run processes against a server that lets through a number of calls a second."""
    limit = Limit(rate)
    with serving(limit=limit) as url:
        done = run_processes([evolve(work, url=url) for work in works])
        seen = [(moment, status) for moment, status in httpx.get(f"{url}/log").json()]
    ends = [each["ended"] for each in done]
    trips = [seconds for each in done for seconds in each["trips"]]
    return FleetTrial(Trial(limit, sum(work.calls for work in works), seen), max(ends) - min(ends), len(works), trips)


def run_processes(works: Sequence[Work]) -> list[dict[str, Any]]:
    """Run one process for each part of the work, all at once, and return what they print."""
    command = [sys.executable, "-m", "benchmarking.fleet.worker"]
    folder = Path(__file__).parents[2]
    processes = [
        subprocess.Popen(
            [*command, work.as_json()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder
        )
        for work in works
    ]
    try:
        for each in processes:
            assert each.stdout is not None, "it is a pipe"
            each.stdout.readline()
        for each in processes:
            assert each.stdin is not None, "it is a pipe"
            each.stdin.write("\n")
            each.stdin.flush()
        return [json.loads(each.communicate()[0]) for each in processes]
    finally:
        for each in processes:
            each.kill()
            each.wait()
