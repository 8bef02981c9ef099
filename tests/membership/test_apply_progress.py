"""The progress that `apply` reports: it begins at what was done before, never goes back, and ends at the total."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import FakeClock
from membership_fakes import OPEN, TEAM, client, members, people, removals, team

from confluence_groups_sdk.membership import Outcome, Plan, Progress, apply, plan_removals, plan_sync
from confluence_groups_sdk.sandbox import Answer, Group, Sandbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def steps(seen: list[Progress], phase: str) -> list[tuple[int, int]]:
    return [(each.done, each.total) for each in seen if each.phase == phase]


def make_plan(sandbox: Sandbox) -> Plan:
    """Plan to replace three of ten members by two new people, and to remove somebody from another group."""
    ids = team(sandbox, 10)
    sandbox.directory.add_group(Group("second", "Second"), ids[:3])
    new = people(sandbox, 2, first=900)
    with client(sandbox) as groups:
        return plan_sync(groups, group_id=TEAM, account_ids=[*ids[3:], *new], guards=OPEN)


def test_each_phase_counts_up_to_its_total(sandbox: Sandbox, path: Path) -> None:
    plan = make_plan(sandbox)
    seen: list[Progress] = []
    with client(sandbox) as groups:
        report = apply(groups, plan, journal=path, on_progress=seen.append, verify=True, clock=FakeClock())
    assert report.counts == {Outcome.ADDED: 2, Outcome.REMOVED: 3}
    assert steps(seen, "reading") == [(1, 1)]
    assert steps(seen, "verifying") == [(0, 5)]
    for phase, total in (("adding", 2), ("removing", 3)):
        done = [number for number, _ in steps(seen, phase)]
        assert {of for _, of in steps(seen, phase)} == {total}
        assert done == sorted(set(done))
        assert all(0 <= each <= total for each in done)
        assert done[-1] == total


def test_verifying_counts_what_is_visible(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox, 20)
    seen: list[Progress] = []

    def revert(progress: Progress) -> None:
        seen.append(progress)
        if progress.phase == "removing" and progress.done == progress.total:
            sandbox.directory.add_member(TEAM, ids[1])

    with client(sandbox) as groups:
        plan = removals(groups, ids[:3])
        apply(groups, plan, journal=path, verify=True, on_progress=revert, clock=FakeClock())
    assert steps(seen, "verifying") == [(0, 3)] + [(2, 3)] * 5


def test_a_run_that_stops_reports_no_progress_for_what_it_does_not_send(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox, 200)
    seen: list[Progress] = []

    def deny(progress: Progress) -> None:
        if progress.phase == "removing" and not steps(seen, "removing"):
            sandbox.answer_next(Answer(403, body="{}"))
        seen.append(progress)

    with client(sandbox) as groups:
        plan = removals(groups, ids[:150])
        report = apply(groups, plan, journal=path, on_progress=deny)
    assert report.stop is not None
    assert not report.interrupted
    assert len(report.unfinished) > 0
    assert all(done < 150 for done, _ in steps(seen, "removing"))
    assert len(members(sandbox)) == 200 - report.counts[Outcome.REMOVED]


def test_several_groups_are_counted_while_they_are_read(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox, 10)
    sandbox.directory.add_group(Group("second", "Second"), ids)
    seen: list[Progress] = []
    with client(sandbox) as groups:
        plan = plan_removals(groups, [(TEAM, ids[0]), ("second", ids[0])], guards=OPEN)
        apply(groups, plan, journal=path, on_progress=seen.append)
    assert steps(seen, "reading") == [(1, 2), (2, 2)]
