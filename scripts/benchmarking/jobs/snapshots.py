"""Take and load a snapshot, each in a process of its own, which reports its time and the peak of its memory.

Run it with the path of the snapshot, and with an address to take it from.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import asdict, frozen

from benchmarking.calls import EMAIL, TOKEN
from benchmarking.figures import Figure
from benchmarking.jobs.company import large_company
from benchmarking.jobs.leaving import peak_resident_bytes
from benchmarking.jobs.server import serving_company
from confluence_groups_sdk import ApiToken, ConfluenceGroups
from confluence_groups_sdk.review import Snapshot, take_snapshot

GROUPS, EACH, EVERYBODY = 1_000, 200, 100_000
MAX_MB = 300


@frozen
class Snapshotting:
    """A snapshot that was taken or loaded.

    Attributes:
        seconds: how long it took.
        memberships: the number of memberships in it.
        calls: the number of calls that it took.
        peak_bytes: the peak of the resident memory of the whole process.
    """

    seconds: float
    memberships: int
    calls: int
    peak_bytes: int


def measure() -> Iterator[Figure]:
    """Measure a snapshot of many groups and a large one."""
    yield from measure_snapshot(GROUPS, EACH, EVERYBODY)


def measure_snapshot(groups: int, members: int, everybody: int) -> Iterator[Figure]:
    """Take a snapshot with a progress file, and load it."""
    with TemporaryDirectory() as folder, serving_company(large_company, groups, members, everybody) as url:
        path = Path(folder) / "snapshot"
        taken, loaded = run_process(path, url), run_process(path)
        size = path.stat().st_size
    assert taken.memberships == loaded.memberships == groups * members + everybody, "memberships are missing"
    what = f"{groups:,} groups of {members}, and one of {everybody:,}"
    yield Figure(f"snapshot of {what}", taken.seconds, "s", note=f"{taken.calls:,} calls, without a network")
    yield Figure("memory of its process at the peak", taken.peak_bytes / 1e6, "MB", goal=MAX_MB)
    yield Figure("the same, loaded", loaded.seconds, "s", note=f"a file of {size / 1e6:.0f} MB")
    yield Figure("memory of that process at the peak", loaded.peak_bytes / 1e6, "MB", goal=MAX_MB)


def run_process(path: Path, url: str = "") -> Snapshotting:
    """Take a snapshot from an address, or load one, in a process of its own."""
    command = [sys.executable, "-m", __name__, str(path), *([url] if url else [])]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    return Snapshotting(**json.loads(done.stdout))


def take_or_load(path: Path, url: str = "") -> Snapshotting:
    """Take a snapshot from an address and save it, or load it, in this process."""
    start = time.perf_counter()
    if url:
        with ConfluenceGroups(url, auth=ApiToken(EMAIL, TOKEN)) as client:
            snapshot = take_snapshot(client, resume=f"{path}.progress")
        snapshot.save(path)
    else:
        snapshot = Snapshot.load(path)
    seconds = time.perf_counter() - start
    memberships = sum(len(group.members) for group in snapshot.groups)
    assert snapshot.is_complete, "some groups were not read"
    return Snapshotting(seconds, memberships, snapshot.calls, peak_resident_bytes())


if __name__ == "__main__":
    print(json.dumps(asdict(take_or_load(Path(sys.argv[1]), *sys.argv[2:]))))
