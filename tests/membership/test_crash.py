"""Two thousand changes with many faults, by a process that is killed fifty times: the end matches the plan."""

from __future__ import annotations

import random
import signal
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import forked
import killed_process

from confluence_groups_sdk import ApiToken, ConfluenceGroups, RetryPolicy
from confluence_groups_sdk.membership import (
    Action,
    Change,
    Guards,
    Outcome,
    Plan,
    PlannedGroup,
    apply,
    read_journal,
    undo,
)
from confluence_groups_sdk.membership.planning.snapshot import members_digest
from confluence_groups_sdk.sandbox import Faults, Group, Person, Sandbox

GROUPS, STAYING, LEAVING, JOINING = 5, 50, 300, 100  # people in each group
KILLS = 50
FAULTS = Faults(error_rate=0.05, drop_before=0.05, drop_after=0.05, seed=5)
OPEN = Guards(max_removals=None, max_fraction=1.0)
QUICK = RetryPolicy(max_retries=30, first_delay=0.01, max_delay=0.05)


class World(NamedTuple):
    sandbox: Sandbox
    plan: Plan
    before: dict[str, set[str]]
    intended: dict[str, set[str]]

    def members(self) -> dict[str, set[str]]:
        directory = self.sandbox.directory
        return {each: {person.account_id for person in directory.members(each)} for each in directory.groups}


def world_in(sandbox: Sandbox) -> World:
    """Fill the sandbox with groups, and plan that some members leave and other people join."""
    directory = sandbox.directory
    ids = [f"id-{number:04d}" for number in range(STAYING + LEAVING + JOINING)]
    for account_id in ids:
        directory.add_person(Person(account_id, f"P {account_id}", f"{account_id}@example.com"))
    staying, leaving, joining = ids[:STAYING], ids[STAYING : STAYING + LEAVING], ids[-JOINING:]
    changes: list[Change] = []
    groups = [Group(f"group-{number}", f"group {number}") for number in range(GROUPS)]
    for group in groups:
        directory.add_group(group, [*staying, *leaving])
        for action, people in ((Action.ADD, joining), (Action.REMOVE, leaving)):
            changes += [
                Change(action=action, group_id=group.id, group_name=group.name, account_id=each) for each in people
            ]
    planned = [
        PlannedGroup(
            id=group.id,
            name=group.name,
            access=("user",),
            managed_by=None,
            members=STAYING + LEAVING,
            others=STAYING,
            digest=members_digest(staying),
        )
        for group in groups
    ]
    plan = Plan(
        site=sandbox.url.removeprefix("http://"),
        made_at="2026-11-24T08:00:00Z",
        made_by="me",
        asked="a bad day",
        guards=OPEN,
        groups=tuple(planned),
        changes=tuple(changes),
    )
    before = {each: {person.account_id for person in directory.members(each)} for each in directory.groups}
    intended = before | {group.id: {*staying, *joining} for group in groups}
    return World(sandbox, plan, before, intended)


def seeded_kills() -> list[tuple[str, int]]:
    """Return the spot and the count at which each process is killed: every spot in turn, with various counts."""
    chance = random.Random(5)
    kills = []
    for number in range(KILLS):
        spot = killed_process.SPOTS[number % len(killed_process.SPOTS)]
        most = {"before send": 60, "after answer": 60, "before sync": 3, "after sync": 3}.get(spot, 20)
        kills.append((spot, chance.randint(2, most)))
    return kills


def run(world: World, folder: Path, spot: str, count: int) -> forked.Ended:
    site, plan, journal = world.sandbox.url, str(folder / "plan.json"), str(folder / "journal")
    return forked.run(killed_process.main, site, *world.sandbox.admin, plan, journal, spot, str(count))


def test_fifty_kills_do_not_change_the_outcome(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        world = world_in(sandbox)
        world.plan.save(tmp_path / "plan.json")
        sandbox.faults = FAULTS
        finished: dict[tuple[str, str], int] = {}
        progress = []
        for spot, count in seeded_kills():
            process = run(world, tmp_path, spot, count)
            assert process.returncode == -signal.SIGKILL, (spot, count, process.stderr)
            results = read_journal(tmp_path / "journal").results if (tmp_path / "journal").read_bytes() else {}
            progress.append(len(results))
            assert sent_after(world, finished) == []
            for key in results:
                finished.setdefault(key, len(sandbox.requests))
        process = run(world, tmp_path, "never", 1)
        assert process.returncode == 0, process.stderr
        assert sent_after(world, finished) == []
        assert len(set(progress)) > KILLS // 2, "the kills are spread over the run"

        assert world.members() == world.intended
        contents = read_journal(tmp_path / "journal")
        assert set(contents.results) == {change.key for change in world.plan.changes}
        assert contents.in_doubt == {}
        assert Counter(result.outcome for result in contents.results.values()) == {
            Outcome.REMOVED: GROUPS * LEAVING,
            Outcome.ADDED: GROUPS * JOINING,
        }
        assert any(result.settled for result in contents.results.values())

        sandbox.faults = Faults()
        with ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin), retry=QUICK) as groups:
            back = undo(groups, tmp_path / "journal", guards=OPEN)
            assert len(back.changes) == len(world.plan.changes)
            assert apply(groups, back, journal=tmp_path / "back").unfinished == ()
        assert world.members() == world.before


def sent_after(world: World, finished: dict[tuple[str, str], int]) -> list[tuple[str, str]]:
    """Return the removals that were sent again although the journal had their results."""
    requests = world.sandbox.requests
    assert len(requests) < 10_000, "the sandbox remembers all of them"
    again = []
    for number, seen in enumerate(requests):
        if seen.method == "DELETE":
            query = parse_qs(urlsplit(seen.target).query)
            key = query["groupId"][0], query["accountId"][0]
            if number >= finished.get(key, len(requests)):
                again.append(key)
    return again
