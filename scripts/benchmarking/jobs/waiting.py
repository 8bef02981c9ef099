"""Time whole jobs on a site that answers after 100 ms and accepts 50 calls a second, and compare with that limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import httpx

from benchmarking.calls import EMAIL, TOKEN
from benchmarking.figures import Figure
from benchmarking.jobs.company import equal_groups, group_id, leaving_company, one_group
from benchmarking.jobs.counting import LARGE
from benchmarking.jobs.leaving import run_leaving
from benchmarking.jobs.plans import CALLER, offboarding
from benchmarking.jobs.server import serving_company
from benchmarking.reading import PAGE
from confluence_groups_sdk import ApiToken, ConfluenceGroups, membership

LATENCY_S = 0.1
RATE = 50  # accepted calls a second, and at once
IN_FLIGHT = 16  # the limit of a client
MEMBERS = 100_000  # of one group
GROUPS, EACH = 1_000, 40
MAX_MB = 300


def measure() -> Iterator[Figure]:
    """Time reading one large group, reading many groups, and an off-boarding."""
    yield from measure_one_group(MEMBERS, rate=RATE)
    yield from measure_one_group(MEMBERS, rate=None)
    yield measure_many_groups(GROUPS, EACH)
    yield from measure_leaving(*LARGE)


def measure_one_group(members: int, *, rate: float | None) -> Iterator[Figure]:
    """Time reading a large group, under the rate limit or with as many calls at once as a client sends."""
    calls = members // PAGE + 1
    with serving_company(one_group, members, latency=LATENCY_S, rate=rate) as url:
        seconds, refused = time_job(url, lambda groups: _read_group(groups, members))
    if rate is None:
        what, least = "the same, without a limit", calls * LATENCY_S / IN_FLIGHT
        against = f"{calls:,} calls, {IN_FLIGHT} at once"
    else:
        what, least, against = f"{members:,} members of one group", calls / rate, f"{calls:,} calls / {rate:g}"
    yield Figure(what, seconds / least, "x", against, goal=1.15, note=_note(seconds, refused))


def measure_many_groups(groups: int, members: int) -> Figure:
    """Time reading the members of many groups."""
    with serving_company(equal_groups, groups, members, latency=LATENCY_S, rate=RATE) as url:
        seconds, refused = time_job(url, lambda client: _read_groups(client, groups, members))
    what, against = f"{groups:,} groups of {members} members", f"{groups:,} calls / {RATE}"
    return Figure(what, seconds * RATE / groups, "x", against, goal=1.10, note=_note(seconds, refused))


def measure_leaving(leavers: int, groups: int) -> Iterator[Figure]:
    """Time an off-boarding, planned and applied with one client, and measure its memory."""
    task = offboarding(leaving_company(leavers, groups))
    with serving_company(leaving_company, leavers, groups, latency=LATENCY_S, rate=RATE) as url:
        done = run_leaving(url, leavers, groups)
        refused = _refused(url)
    fewest = [task.to_plan, task.to_apply, {"the changes": done.changes}]
    calls = sum(sum(each.values()) for each in fewest) - sum(CALLER.values())  # who calls is read once
    yield Figure(
        f"off-boarding {leavers:,} people from {groups:,} groups, planned and applied",
        done.seconds * RATE / calls,
        "x",
        f"{calls:,} calls / {RATE}",
        goal=1.10,
        note=_note(done.seconds, refused),
    )
    yield Figure("memory of its process at the peak", done.peak_bytes / 1e6, "MB", goal=MAX_MB)


def time_job(url: str, job: Callable[[ConfluenceGroups], object]) -> tuple[float, int]:
    """Do a job with a client of its own; return its seconds and the number of refused calls."""
    with ConfluenceGroups(url, auth=ApiToken(EMAIL, TOKEN)) as client:
        start = time.perf_counter()
        job(client)
        seconds = time.perf_counter() - start
    return seconds, _refused(url)


def _read_group(client: ConfluenceGroups, members: int) -> None:
    users = client.iter_members(group_id=group_id(0), in_parallel=IN_FLIGHT)
    assert sum(1 for _ in users) == members, "some members were not read"


def _read_groups(client: ConfluenceGroups, groups: int, members: int) -> None:
    ids = [group_id(index) for index in range(groups)]
    sizes = [len(each.members) for each in membership.read_groups(client, ids)]
    assert sizes == [members] * groups, "some members were not read"


def _refused(url: str) -> int:
    return int(httpx.get(f"{url}/log").json()["refused"])


def _note(seconds: float, refused: int) -> str:
    return f"{seconds:.1f} s; {refused:,} calls rate-limited"
