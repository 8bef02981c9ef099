"""The defaults of `apply`, and an interruption at its very end."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from membership_fakes import TEAM, client, people, removals, team

from confluence_groups_sdk import ConflictError, ConfluenceGroups
from confluence_groups_sdk._support.concurrency.threads import Notifier
from confluence_groups_sdk.membership import Outcome, StopReason, apply, plan_sync, rehearse
from confluence_groups_sdk.membership.execution import apply as apply_module
from confluence_groups_sdk.membership.execution.apply_run import ApplyRun
from confluence_groups_sdk.membership.execution.interrupts import CallerThread
from confluence_groups_sdk.sandbox import Sandbox


@pytest.mark.parametrize(("failures", "reason"), [(9, None), (10, StopReason.TOO_MANY_FAILURES)])
def test_ten_failures_stop_a_run(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int, reason: StopReason | None
) -> None:
    def fail(_self: ConfluenceGroups, **_: Any) -> None:
        raise ConflictError("409")

    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = removals(groups, ids[:failures])
        monkeypatch.setattr(ConfluenceGroups, "remove_member", fail)
        report = apply(groups, plan, journal=tmp_path / "journal")
    assert report.counts == {Outcome.FAILED: failures}
    assert (report.stop and report.stop.reason) == reason


def test_ctrl_c_when_everything_is_done_is_reported(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers: list[CallerThread] = []
    make_report = ApplyRun.report

    class Caller(CallerThread):
        def __init__(self) -> None:
            super().__init__()
            callers.append(self)

    def interrupt(run: ApplyRun, *arguments: Any, **options: Any) -> Any:
        report = make_report(run, *arguments, **options)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        while not callers[0].interrupted:
            Notifier().wait()
        return report

    monkeypatch.setattr(apply_module, "CallerThread", Caller)
    monkeypatch.setattr(ApplyRun, "report", interrupt)
    ids = team(sandbox)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with client(sandbox) as groups:
            report = apply(groups, removals(groups, ids[:3]), journal=tmp_path / "journal")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (report.counts, report.unfinished, report.interrupted) == ({Outcome.REMOVED: 3}, (), True)
    assert report.stop is not None
    assert report.stop.reason is StopReason.INTERRUPTED


def test_groups_are_read_once_and_a_rehearsal_has_additions_first(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox)
    (joining,) = people(sandbox, 1, first=900)
    with client(sandbox) as groups:
        plan = plan_sync(groups, group_id=TEAM, account_ids=[*ids[3:], joining])
        assert [change.action for change in rehearse(groups, plan).unfinished] == ["add", *["remove"] * 3]
        before = len(sandbox.requests)
        assert apply(groups, plan, journal=tmp_path / "journal").unfinished == ()
    assert sum("membersByGroupId" in seen.target for seen in sandbox.requests[before:]) == 1
