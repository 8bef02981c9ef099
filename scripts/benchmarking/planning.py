"""Measure plans for a large group against set differences, journals with and without fsync, and reading CSV files."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from attrs import frozen

from benchmarking.figures import Figure, ratio
from benchmarking.pairs import time_interleaved
from benchmarking.reading import CALLER, GROUP, GROUP_ID, SITE, account_id, peak_bytes
from benchmarking.servers import serving
from confluence_groups_sdk import ApiToken, ConfluenceGroups, Group, User, UserList
from confluence_groups_sdk.membership import Guards, JournalStorage, Outcome, Plan, apply, plan_sync
from confluence_groups_sdk.membership.planning.rows.csv_reader import read_rows

CHANGES, JOURNAL_ROUNDS = 400, 5
LATENCY_S = 0.02  # of the server
SIZES = {10_000: 15, 100_000: 8, 1_000_000: 5}  # rounds by number of members or rows
CHANGED = 0.01  # of the members: half of them join, half of them leave
OPEN = Guards(max_removals=None, max_fraction=1.0)


def measure() -> Iterator[Figure]:
    """Time plans and set differences, and reading files, at growing sizes; measure the memory of a plan."""
    against = "the two set differences alone"
    seconds: dict[int, float] = {}
    for count, rounds in SIZES.items():
        given = make_task(count)
        client = CannedClient(given.members)
        current, wanted = {each.account_id for each in given.members}, set(given.wanted)
        ways: dict[str, Callable[[], object]] = {
            "plan": partial(make_plan, client, given.wanted),
            "differences": partial(count_differences, current, wanted),
            "built": partial(build_and_count_differences, given),
        }
        timings = time_interleaved(ways, rounds=rounds, warm_up=1)
        seconds[count] = timings.median("plan")
        what, measured = f"plan for {count:,} members, 1 % change", timings.ratio("plan", "differences")
        largest = count == max(SIZES)
        yield ratio(what, against, measured, goal=20 if largest else None)
        yield ratio("the same", "building both sets, and their differences", timings.ratio("plan", "built"))
        peak = peak_bytes(ways["plan"])
        yield Figure("its memory at the peak", peak / count, "B a member", goal=500)
    yield from _growth("a plan", seconds)
    yield from _files()


def _files() -> Iterator[Figure]:
    seconds: dict[int, float] = {}
    with TemporaryDirectory() as folder:
        for count, rounds in SIZES.items():
            path = Path(folder) / f"{count}.csv"
            write_csv(path, count)
            seconds[count] = time_interleaved({"read": partial(read_csv, path)}, rounds=rounds).median("read")
    yield Figure(f"CSV of {max(SIZES):,} rows read", seconds[max(SIZES)], "s", goal=15)
    yield from _growth("a CSV row", seconds)


def _growth(what: str, seconds: Mapping[int, float]) -> Iterator[Figure]:
    """Compare the cost per item at each size with the size before: 1 if it is linear."""
    for before, count in itertools.pairwise(seconds):
        each, earlier = seconds[count] / count, seconds[before] / before
        yield Figure(f"{what}, each of {count:,}", each / earlier, "x", f"each of {before:,}")


@frozen(kw_only=True)
class Task:
    """The present and the wanted members of a group.

    Attributes:
        members: the present members.
        wanted: account ids; other string objects than the members', as in real life.
    """

    members: Sequence[User]
    wanted: Sequence[str]


def make_task(count: int) -> Task:
    """Return a group with a number of members, some of whom leave while as many others join."""
    moved = max(1, round(count * CHANGED / 2))
    return Task(
        members=[_user(number) for number in range(count)],
        wanted=[account_id(number) for number in range(moved, count + moved)],
    )


def count_differences(current: set[str], wanted: set[str]) -> int:
    """Return the number of elements in both differences of two sets."""
    return len(wanted - current) + len(current - wanted)


def build_and_count_differences(given: Task) -> int:
    """Build two sets, and return the number of elements in both differences."""
    return count_differences({each.account_id for each in given.members}, set(given.wanted))


def make_plan(client: ConfluenceGroups, wanted: Sequence[str]) -> Plan:
    """Plan to give the group exactly the wanted members."""
    return plan_sync(client, group_id=GROUP_ID, account_ids=wanted, guards=OPEN)


class CannedClient(ConfluenceGroups):
    """A client with ready responses: it reads nothing, and sends only changes."""

    def __init__(self, members: Sequence[User], *, site: str = SITE) -> None:
        super().__init__(site, auth=ApiToken("me@example.com", "token"))
        self._members = members

    def get_group(self, *, group_id: str) -> Group:
        return Group(id=group_id, name=GROUP["name"], managed_by=GROUP["managedBy"])

    def iter_members(
        self,
        *,
        group_id: str,  # noqa: ARG002
        page_size: int = 200,  # noqa: ARG002
        in_parallel: int = 1,  # noqa: ARG002
    ) -> Generator[User, None, None]:
        yield from self._members

    def iter_groups(self, *, access_type: Any = None, page_size: int = 200) -> Generator[Group, None, None]:  # noqa: ARG002
        yield from ()

    def get_user(self, *, account_id: str) -> User:
        return User(account_id=account_id, account_type="atlassian", account_status="active", display_name="New")

    def get_users(self, *, account_ids: Iterable[str]) -> UserList:
        return UserList(self.get_user(account_id=each) for each in account_ids)

    def current_user(self) -> User:
        return User(account_id=CALLER["accountId"], display_name=CALLER["displayName"])


def write_csv(path: Path, count: int) -> None:
    """Write a CSV file with a number of rows, as an HR system would."""
    with path.open("w", encoding="utf-8") as file:
        file.write("group,accountId,reason\n")
        file.writelines(f"{GROUP_ID},{account_id(number)},has left\n" for number in range(count))


def read_csv(path: Path) -> int:
    """Return the number of rows of a CSV file."""
    return len(read_rows(path))


def _user(number: int) -> User:
    name = f"Person {number}"
    return User(
        account_id=account_id(number),
        type="known",
        account_type="atlassian",
        email=f"person.{number}@example.com",
        public_name=name,
        display_name=name,
        is_guest=False,
        account_status="active",
        locale="en_US",
    )


def measure_journal() -> Iterator[Figure]:
    """Time applying a plan with and without fsync."""
    given = make_task(2 * CHANGES)
    wanted = [each.account_id for each in given.members[CHANGES:]]
    with serving(latency=LATENCY_S) as url, TemporaryDirectory() as folder:
        client = CannedClient(given.members, site=url)
        plan = make_plan(client, wanted)
        journals = (Path(folder) / str(number) for number in itertools.count())
        ways = {
            "lasting": partial(apply_plan, client, plan, journals),
            "fleeting": partial(apply_plan, client, plan, journals, lasting=False),
        }
        timings = time_interleaved(ways, rounds=JOURNAL_ROUNDS)
    measured = timings.ratio("lasting", "fleeting")
    yield ratio("journal with fsync, 8 workers, answers after 20 ms", "the same without fsync", measured, goal=1.10)
    rate, note = CHANGES / timings.median("lasting"), f"{8 / LATENCY_S:.0f} would be the most"
    yield Figure("the same", rate, "changes a second", note=note)


def apply_plan(
    client: CannedClient, plan: Plan, journals: Iterator[Path | JournalStorage], *, lasting: bool = True
) -> None:
    """Apply the plan with a new journal."""
    with nullcontext() if lasting else patch.object(os, "fsync"):
        report = apply(client, plan, journal=next(journals))
    assert report.counts == {Outcome.REMOVED: len(plan.changes)}, "some changes were not made"
