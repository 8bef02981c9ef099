"""Off-board people in a process of its own, which reports its time and the peak of its memory.

Run it with an address, the numbers of leavers and groups, and a folder for the journal.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import asdict, frozen

from benchmarking.calls import EMAIL, TOKEN
from benchmarking.jobs.company import leaving_company
from benchmarking.jobs.plans import offboarding
from confluence_groups_sdk import ApiToken, ConfluenceGroups
from confluence_groups_sdk.membership import Outcome, apply

STATUS = Path("/proc/self/status")


@frozen
class Leaving:
    """An off-boarding, planned and applied.

    Attributes:
        seconds: how long it took.
        changes: the number of people removed from a group.
        peak_bytes: the peak of the resident memory of the whole process.
    """

    seconds: float
    changes: int
    peak_bytes: int


def run_leaving(url: str, leavers: int, groups: int) -> Leaving:
    """Off-board people in a process of its own."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", __name__, url, str(leavers), str(groups), folder]
        root = Path(__file__).parents[2]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=root)
    return Leaving(**json.loads(done.stdout))


def off_board(url: str, leavers: int, groups: int, folder: Path) -> Leaving:
    """Plan and apply in this process, with one client."""
    task = offboarding(leaving_company(leavers, groups))
    start = time.perf_counter()
    with ConfluenceGroups(url, auth=ApiToken(EMAIL, TOKEN)) as client:
        plan = task.plan(client)
        report = apply(client, plan, journal=folder / "journal")
    seconds = time.perf_counter() - start
    assert report.counts == {Outcome.REMOVED: len(plan.changes)}, "some changes were not made"
    return Leaving(seconds, len(plan.changes), peak_resident_bytes())


def peak_resident_bytes() -> int:
    """Return the peak of the resident memory of this process, without that of the process that started it.

    After `fork`, Linux counts the memory of the parent in ``ru_maxrss``, so ``VmHWM`` is read where it exists.
    """
    if STATUS.exists():
        line = next(each for each in STATUS.read_text().splitlines() if each.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    _, address, number_of_leavers, number_of_groups, for_journal = sys.argv
    print(json.dumps(asdict(off_board(address, int(number_of_leavers), int(number_of_groups), Path(for_journal)))))
