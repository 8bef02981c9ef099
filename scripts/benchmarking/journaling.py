"""Changes a second with a journal that lasts, beside one whose lines may be lost with the power."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from confluence_groups_sdk.membership import Outcome, Plan, apply

from .figures import Figure, ratio
from .pairs import interleaved
from .planning import Answered, plan_of, task
from .servers import serving

CHANGES, ROUNDS = 400, 5
LATENCY = 0.02  # seconds that the server takes


def measure() -> Iterator[Figure]:
    """Time the applying of a plan, with fsync and without."""
    given = task(2 * CHANGES)
    wanted = [each.account_id for each in given.members[CHANGES:]]
    with serving(latency=LATENCY) as url, TemporaryDirectory() as folder:
        client = Answered(given.members, site=url)
        plan = plan_of(client, wanted)
        journals = (Path(folder) / str(number) for number in count())
        ways = {
            "lasting": partial(applied, client, plan, journals),
            "fleeting": partial(applied, client, plan, journals, lasting=False),
        }
        timings = interleaved(ways, rounds=ROUNDS)
    yield ratio(
        "journal with fsync, 8 workers, answers after 20 ms",
        "the same without fsync",
        timings.ratio("lasting", "fleeting"),
        goal=1.10,
    )
    yield Figure(
        what="the same",
        value=CHANGES / timings.median("lasting"),
        unit="changes a second",
        note=f"{8 / LATENCY:.0f} would be the most",
    )


def applied(client: Answered, plan: Plan, journals: Iterator[Path], *, lasting: bool = True) -> None:
    """Apply the plan, with a new journal."""
    with nullcontext() if lasting else patch.object(os, "fsync"):
        report = apply(client, plan, journal=next(journals))
    assert report.counts == {Outcome.REMOVED: len(plan.changes)}, "all was done"
