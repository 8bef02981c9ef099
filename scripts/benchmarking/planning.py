"""Planning for a large group beside the set differences that a plan comes to, and reading what is asked for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import frozen

from confluence_groups_sdk import ApiToken, ConfluenceGroups, Group, User
from confluence_groups_sdk.membership import Guards, Plan, plan_sync
from confluence_groups_sdk.membership.csv_input import read_rows

from .figures import Figure, ratio
from .pairs import interleaved
from .reading import CALLER, GROUP, GROUP_ID, SITE, account_id, peak_bytes

SIZES = {10_000: 15, 100_000: 8, 1_000_000: 5}  # members or rows, and rounds
CHANGED = 0.01  # of the members: half of them join, half of them leave
OPEN = Guards(max_removals=None, max_fraction=1.0)


def measure() -> Iterator[Figure]:
    """Time plans beside set differences, and the reading of files, as they grow; trace what a plan holds."""
    against = "the two set differences alone"
    seconds: dict[int, float] = {}
    for count, rounds in SIZES.items():
        given = task(count)
        client, current, wanted = (
            Answered(given.members),
            {each.account_id for each in given.members},
            set(given.wanted),
        )
        ways: dict[str, Callable[[], object]] = {
            "plan": partial(plan_of, client, given.wanted),
            "differences": partial(differences, current, wanted),
            "built": partial(built_differences, given),
        }
        timings = interleaved(ways, rounds=rounds, warm_up=1)
        seconds[count] = timings.median("plan")
        goal = 20 if count == max(SIZES) else None
        yield ratio(
            f"plan for {count:,} members, 1 % change",
            against,
            timings.ratio("plan", "differences"),
            goal=goal,
            short="a plan for 1,000,000 members" if goal else "",
        )
        yield ratio("the same", "building both sets, and their differences", timings.ratio("plan", "built"))
        peak = peak_bytes(ways["plan"])
        yield Figure(what="its memory at the peak", value=peak / count, unit="B a member", goal=500)
    yield from _growth("a plan", seconds)
    yield from _files()


def _files() -> Iterator[Figure]:
    seconds: dict[int, float] = {}
    with TemporaryDirectory() as folder:
        for count, rounds in SIZES.items():
            path = Path(folder) / f"{count}.csv"
            write_csv(path, count)
            seconds[count] = interleaved({"read": partial(read_csv, path)}, rounds=rounds).median("read")
    yield Figure(what=f"CSV of {max(SIZES):,} rows read", value=seconds[max(SIZES)], unit="s", goal=15)
    yield from _growth("a CSV row", seconds)


def _growth(what: str, seconds: Mapping[int, float]) -> Iterator[Figure]:
    """Compare the cost of one at each size with that of the size before: 1 where it is linear."""
    for before, count in pairwise(seconds):
        each, earlier = seconds[count] / count, seconds[before] / before
        yield Figure(what=f"{what}, each of {count:,}", against=f"each of {before:,}", value=each / earlier, unit="x")


@frozen(kw_only=True)
class Task:
    """A group as it is and as it is to be.

    Attributes:
        members: of the group, as a client gives them.
        wanted: account ids; other texts than the members', as they come from elsewhere.
    """

    members: Sequence[User]
    wanted: Sequence[str]


def task(count: int) -> Task:
    """Return a group of so many of whom some are to leave, and as many others to join."""
    moved = max(1, round(count * CHANGED / 2))
    return Task(
        members=[_user(number) for number in range(count)],
        wanted=[account_id(number) for number in range(moved, count + moved)],
    )


def differences(current: set[str], wanted: set[str]) -> int:
    """Take the two differences of two ready sets; return how many are in them."""
    return len(wanted - current) + len(current - wanted)


def built_differences(given: Task) -> int:
    """Build the two sets, and take their differences; return how many are in them."""
    return differences({each.account_id for each in given.members}, set(given.wanted))


def plan_of(client: ConfluenceGroups, wanted: Sequence[str]) -> Plan:
    """Plan to make the group's members those who are wanted."""
    return plan_sync(client, group_id=GROUP_ID, account_ids=wanted, guards=OPEN)


class Answered(ConfluenceGroups):
    """A client whose answers are ready: it reads nothing, and sends nothing but changes."""

    def __init__(self, members: Sequence[User], *, site: str = SITE) -> None:
        super().__init__(site, auth=ApiToken("me@example.com", "token"))
        self._members = members

    def get_group(self, *, group_id: str) -> Group:
        return Group(id=group_id, name=GROUP["name"], managed_by=GROUP["managedBy"])

    def iter_members(self, *, group_id: str, page_size: int = 200) -> Generator[User, None, None]:  # noqa: ARG002
        yield from self._members

    def iter_groups(self, *, access_type: Any = None, page_size: int = 200) -> Generator[Group, None, None]:  # noqa: ARG002
        yield from ()

    def get_user(self, *, account_id: str) -> User:
        return User(account_id=account_id, account_type="atlassian", display_name="New")

    def current_user(self) -> User:
        return User(account_id=CALLER["accountId"], display_name=CALLER["displayName"])


def write_csv(path: Path, count: int) -> None:
    """Write a file of so many rows as an HR system would."""
    with path.open("w", encoding="utf-8") as file:
        file.write("group,accountId,reason\n")
        file.writelines(f"{GROUP_ID},{account_id(number)},has left\n" for number in range(count))


def read_csv(path: Path) -> int:
    """Read the rows of such a file; return how many there are."""
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
