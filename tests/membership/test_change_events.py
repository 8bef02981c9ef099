"""`apply` tells the client's observer what became of each change."""

from __future__ import annotations

import threading
from pathlib import Path

from membership_fakes import TEAM, client, removals, team

from confluence_groups_sdk import CallEnded, ChangeSettled, Event
from confluence_groups_sdk._support.redaction import hash_id
from confluence_groups_sdk.membership import apply, rehearse
from confluence_groups_sdk.sandbox import Sandbox


def test_each_recorded_change_is_told_outside_the_callers_thread(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox)
    events, threads = list[Event](), set[str]()

    def observe(event: Event) -> None:
        if isinstance(event, ChangeSettled):
            threads.add(threading.current_thread().name)
            assert not event.account.startswith("557058")
        events.append(event)

    with client(sandbox, observe=observe) as groups:
        plan = removals(groups, ids[:3])
        rehearse(groups, plan)
        assert not [event for event in events if isinstance(event, ChangeSettled)], "a rehearsal settles nothing"
        apply(groups, plan, journal=tmp_path / "journal")
        told = [event for event in events if isinstance(event, ChangeSettled)]
        apply(groups, plan, journal=tmp_path / "journal")
    assert {(event.action, event.group, event.outcome, event.error, event.final) for event in told} == {
        ("remove", hash_id(TEAM), "REMOVED", None, True)
    }
    assert sorted(event.account for event in told) == sorted(map(hash_id, ids[:3]))
    assert all(event.request_id for event in told)
    assert threads == {"membership-apply"}
    assert [event for event in events if isinstance(event, ChangeSettled)] == told, "a finished plan settles nothing"
    assert sum(isinstance(event, CallEnded) and event.operation.startswith("remove") for event in events) == 3


def test_a_failed_change_has_its_error_and_the_callable_stops_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox)
    told: list[ChangeSettled] = []

    def observe(event: Event) -> None:
        if isinstance(event, ChangeSettled):
            told.append(event)
            raise RuntimeError("mine")

    with client(sandbox, observe=observe) as groups:
        plan = removals(groups, ids[:2])
        sandbox.directory.delete_group(TEAM)
        report = apply(groups, plan, journal=tmp_path / "journal", on_drift="continue")
    assert [(event.outcome, event.error) for event in told] == [("FAILED", "NotFoundError")] * 2
    assert len(report.results) == 2
