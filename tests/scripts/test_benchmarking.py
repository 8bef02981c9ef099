"""The timed tasks do all their work: they read every member, and their plans have the requested changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarking import planning, reading

from confluence_groups_sdk.membership import Action, Plan

MEMBERS = 450  # three pages, the last one partly filled


def actions(plan: Plan) -> list[Action]:
    return [change.action for change in plan.changes]


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, MEMBERS])
def test_all_members_are_read_from_all_pages(count: int) -> None:
    pages = reading.pages(count)
    assert len(pages) == -(-count // 200)
    assert reading.loads_all(pages) == reading.read_all(pages) == count
    assert reading.fetch_all(pages) == len(pages)


def test_members_are_different_people() -> None:
    with reading.client(reading.pages(MEMBERS)) as groups:
        members = list(groups.iter_members(group_id=reading.GROUP_ID))
    assert len({member.account_id for member in members}) == len({member.email for member in members}) == MEMBERS


def test_peak_counts_only_memory_held_at_the_same_time() -> None:
    assert 1_000_000 <= reading.peak_bytes(lambda: bytes(1_000_000)) < 1_100_000
    assert reading.peak_bytes(lambda: [len(bytes(100_000)) for _ in range(10)]) < 200_000


def test_one_percent_of_members_change_and_half_of_these_are_added() -> None:
    task = planning.make_task(1000)
    assert len(task.members) == len(set(task.wanted)) == 1000
    current = {member.account_id for member in task.members}
    assert planning.count_differences(current, set(task.wanted)) == planning.build_and_count_differences(task) == 10
    plan = planning.make_plan(planning.CannedClient(task.members), task.wanted)
    assert actions(plan) == [Action.ADD] * 5 + [Action.REMOVE] * 5
    assert plan.refused == plan.skipped == ()
    (group,) = plan.groups
    assert (group.members, group.others) == (1000, 995)


def test_the_plan_is_the_same_over_http() -> None:
    task = planning.make_task(MEMBERS)
    with reading.client(reading.pages(MEMBERS)) as groups:
        over_http = planning.make_plan(groups, task.wanted)
    ready = planning.make_plan(planning.CannedClient(task.members), task.wanted)
    assert over_http.changes == ready.changes
    assert over_http.groups == ready.groups
    assert actions(over_http) == [Action.ADD] * 2 + [Action.REMOVE] * 2


def test_all_rows_of_the_file_are_read(tmp_path: Path) -> None:
    planning.write_csv(tmp_path / "rows.csv", 300)
    assert planning.read_csv(tmp_path / "rows.csv") == 300
