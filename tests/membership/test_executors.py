"""Executors that break the promises of concurrent.futures: nothing is lost, and nothing claimed that is unknown."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import Any

import pytest
from attrs import evolve
from fakes import FakeClock
from membership_fakes import TEAM, client, members, people, removals, team, writes

from confluence_groups_sdk import APITimeoutError, ConfluenceGroups, PermissionDeniedError
from confluence_groups_sdk._support.concurrency.threads import WORKERS
from confluence_groups_sdk.membership import (
    Outcome,
    Plan,
    Progress,
    Report,
    StopReason,
    apply,
    plan_sync,
    read_journal,
    undo,
)
from confluence_groups_sdk.membership.execution import submitted_call
from confluence_groups_sdk.membership.execution.interrupts import CallerThread
from confluence_groups_sdk.sandbox import Answer, Sandbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture(autouse=True)
def _short_silences(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SILENCE_S", "SILENCE_AFTER_STOP_S", "SILENCE_HERE_S", "SILENCE_WITH_RESULT_S"):
        monkeypatch.setattr(submitted_call, name, 0.2)


class Hostile(Executor):
    """An executor that makes calls at once, or does something else with them."""

    def __init__(self, behave: Callable[[Callable[[], Any], int], Future[Any]]) -> None:
        self.behave = behave
        self.number = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.number += 1
        return self.behave(lambda: fn(*args, **kwargs), self.number)


def finished(value: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def cancelled() -> Future[Any]:
    future: Future[Any] = Future()
    future.cancel()
    future.set_running_or_notify_cancel()
    return future


def joining(sandbox: Sandbox, groups: ConfluenceGroups, number: int) -> Plan:
    """Plan to add people to the team."""
    ids = team(sandbox, 3)
    return plan_sync(groups, group_id=TEAM, account_ids=[*ids, *people(sandbox, number, first=900)])


def leaving(sandbox: Sandbox, groups: ConfluenceGroups, number: int) -> Plan:
    """Plan to remove people from the team."""
    return removals(groups, team(sandbox, number + 10)[:number])


def assert_true(report: Report, sandbox: Sandbox, path: Path) -> None:
    """Check that no change is claimed that was not made, and that each one that was made is known or in doubt."""
    state = read_journal(path)
    for change in (*(result.change for result in report.results), *report.unfinished):
        made = (change.account_id in members(sandbox)) is (change.action == "add")
        result = state.results.get(change.key)
        claimed = result is not None and result.outcome in (Outcome.ADDED, Outcome.REMOVED)
        assert made or not claimed, change
        assert claimed or not made or change.key in state.in_doubt, change


def assert_completes(groups: ConfluenceGroups, plan: Plan, sandbox: Sandbox, path: Path) -> None:
    """Check that a resumed run completes the plan, and that its undo restores the members before."""
    assert apply(groups, plan, journal=path).unfinished == ()
    planned = {change.account_id for change in plan.changes if change.action == "add"}
    leaving = {change.account_id for change in plan.changes if change.action == "remove"}
    now = set(members(sandbox))
    assert planned <= now
    assert not leaving & now
    apply(groups, undo(groups, path), journal=path.with_name("back"))
    assert set(members(sandbox)) == (now - planned) | leaving


# --- calls that are cancelled although they run


class CancellingPool(ThreadPoolExecutor):
    """Threads whose futures say that they are cancelled, whether their calls run or not, as Dask's do."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        claimed: Future[Any] = Future()
        inner = super().submit(fn, *args, **kwargs)

        def pass_on(done: Future[Any]) -> None:
            if claimed.cancelled():
                return
            if (error := done.exception()) is not None:
                claimed.set_exception(error)
            else:
                claimed.set_result(done.result())

        inner.add_done_callback(pass_on)
        return claimed


def test_results_of_cancelled_calls_that_were_running_are_recorded(sandbox: Sandbox, path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.phase == "removing" and progress.done > 10:
            raise KeyboardInterrupt

    with client(sandbox) as groups, CancellingPool(4) as pool:
        plan = leaving(sandbox, groups, 60)
        report = apply(groups, plan, journal=path, executor=pool, on_progress=interrupt)
        made = 70 - len(members(sandbox))
        assert report.interrupted
        assert 10 < report.counts[Outcome.REMOVED] == made < 60
        assert_true(report, sandbox, path)
        assert_completes(groups, plan, sandbox, path)


def test_calls_cancelled_before_they_run_are_in_doubt_and_looked_up(sandbox: Sandbox, path: Path) -> None:
    """Every second cancelled call was made, where this process cannot see it."""

    def behave(_call: Callable[[], Any], number: int) -> Future[Any]:
        change = plan.changes[number - 1]
        if number % 2:
            sandbox.directory.remove_member(TEAM, change.account_id)
        return cancelled()

    with client(sandbox) as groups:
        plan = leaving(sandbox, groups, 10)
        report = apply(groups, plan, journal=path, executor=Hostile(behave))
        assert report.counts == {Outcome.REMOVED: 5}
        assert all(result.settled for result in report.results)
        assert read_journal(path).in_doubt.keys() == {change.key for change in plan.changes[1::2]}
        assert set(report.unfinished) == set(plan.changes[1::2])
        assert_true(report, sandbox, path)
        assert_completes(groups, plan, sandbox, path)


def test_python_s_own_pools_are_believed(sandbox: Sandbox, path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.phase == "removing" and progress.done:
            raise KeyboardInterrupt

    with client(sandbox) as groups, ThreadPoolExecutor(2) as pool:
        plan = leaving(sandbox, groups, 60)
        report = apply(groups, plan, journal=path, executor=pool, on_progress=interrupt)
        assert report.unfinished
        assert read_journal(path).in_doubt == {}
        assert not any("memberof" in seen.target for seen in sandbox.requests), "nothing is looked up"


def test_a_failed_look_up_leaves_changes_in_doubt(sandbox: Sandbox, path: Path) -> None:
    def behave(_call: Callable[[], Any], _number: int) -> Future[Any]:
        sandbox.answer_next(Answer(403))
        return cancelled()

    with client(sandbox) as groups:
        plan = leaving(sandbox, groups, 3)
        report = apply(groups, plan, journal=path, executor=Hostile(behave))
    assert (report.counts, len(report.unfinished), len(read_journal(path).in_doubt)) == ({}, 3, 3)


def test_looking_up_ends_when_the_site_cannot_be_reached(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def fail(_: ConfluenceGroups, *, group_id: str, account_id: str) -> bool:
        tried.append(f"{group_id} {account_id}")
        raise APITimeoutError("no response")

    monkeypatch.setattr(ConfluenceGroups, "is_member", fail)
    with client(sandbox) as groups:
        plan = leaving(sandbox, groups, 100)
        report = apply(groups, plan, journal=path, executor=Hostile(lambda *_: cancelled()))
    assert len(tried) <= WORKERS
    assert len(report.unfinished) == len(read_journal(path).in_doubt) == 100


# --- calls that are made twice


@pytest.mark.parametrize("lookup_fails", [False, True])
def test_additions_made_twice_are_added_and_undone(sandbox: Sandbox, path: Path, lookup_fails: bool) -> None:
    def behave(call: Callable[[], Any], _number: int) -> Future[Any]:
        call()
        if lookup_fails:
            sandbox.answer_next(Answer(400), Answer(403))
        return finished(call())

    with client(sandbox) as groups:
        plan = joining(sandbox, groups, 4)
        report = apply(groups, plan, journal=path, executor=Hostile(behave))
        assert report.counts == {Outcome.ADDED: 4}
        assert all(result.settled for result in report.results)
        assert writes(sandbox) == ["POST"] * 8
        assert {change.account_id for change in undo(groups, path).changes} == {
            change.account_id for change in plan.changes
        }


@pytest.mark.parametrize("status", [204, 404])
def test_removals_made_twice_are_removed_and_undone(sandbox: Sandbox, path: Path, status: int) -> None:
    def behave(call: Callable[[], Any], _number: int) -> Future[Any]:
        call()
        if status == 404:
            sandbox.answer_next(Answer(404))
        return finished(call())

    with client(sandbox) as groups:
        plan = leaving(sandbox, groups, 4)
        report = apply(groups, plan, journal=path, executor=Hostile(behave))
        assert report.counts == {Outcome.REMOVED: 4}
        assert [result.settled for result in report.results] == [status == 404] * 4
        assert len(undo(groups, path).changes) == 4


def test_a_member_stays_already_a_member_with_python_s_pools_and_if_the_read_saw_it(
    sandbox: Sandbox, path: Path
) -> None:
    with client(sandbox) as groups, ThreadPoolExecutor(2) as pool:
        plan = joining(sandbox, groups, 2)
        first, second = (change.account_id for change in plan.changes)
        sandbox.directory.add_member(TEAM, first)

        def race(progress: Progress) -> None:
            if progress.phase == "reading":
                sandbox.directory.add_member(TEAM, second)

        report = apply(groups, plan, journal=path, executor=pool, on_drift="continue", on_progress=race)
        assert report.counts == {Outcome.ALREADY_A_MEMBER: 2}
        sandbox.directory.remove_member(TEAM, second)
        other = apply(
            groups,
            plan,
            journal=path.with_name("other"),
            executor=Hostile(lambda call, _: finished(call())),
            on_drift="continue",
            on_progress=race,
        )
    assert [(result.outcome, result.settled) for result in other.results] == [
        (Outcome.ALREADY_A_MEMBER, False),  # the read saw this one
        (Outcome.ADDED, True),  # the read did not
    ]


@pytest.mark.parametrize("prepare", [joining, leaving])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 429])
@pytest.mark.parametrize("opens", [False, True])
@pytest.mark.parametrize("reads_fail", [False, True])
def test_a_second_call_that_fails_does_not_hide_the_first(
    sandbox: Sandbox,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    prepare: Callable[..., Plan],
    status: int,
    opens: bool,
    reads_fail: bool,
) -> None:
    def behave(call: Callable[[], Any], _number: int) -> Future[Any]:
        call()
        sandbox.answer_next(*[Answer(status)] * (3 if status == 429 else 1))
        return finished(call())

    def fail(*_: object, **__: object) -> bool:
        raise PermissionDeniedError("no", status_code=403)

    with client(sandbox, clock=FakeClock()) as groups:
        plan = prepare(sandbox, groups, 1)
        options: dict[str, Any] = {"open_client": lambda: groups} if opens else {}
        with monkeypatch.context() as patch:
            if reads_fail:
                patch.setattr(ConfluenceGroups, "is_member", fail)
            report = apply(groups, plan, journal=path, executor=Hostile(behave), **options)
        assert_true(report, sandbox, path)
        if not reads_fail:
            assert report.counts == {Outcome.ADDED if prepare is joining else Outcome.REMOVED: 1}
        apply(groups, plan, journal=path, on_drift="continue")
        assert [change.account_id for change in undo(groups, path).changes] == [plan.changes[0].account_id]


@pytest.mark.parametrize("prepare", [joining, leaving])
def test_a_change_that_failed_and_does_not_show_has_failed(
    sandbox: Sandbox, path: Path, prepare: Callable[..., Plan]
) -> None:
    def behave(call: Callable[[], Any], _number: int) -> Future[Any]:
        sandbox.answer_next(Answer(400))
        return finished(call())

    with client(sandbox) as groups:
        plan = prepare(sandbox, groups, 3)
        report = apply(groups, plan, journal=path, executor=Hostile(behave), open_client=lambda: groups)
    assert (report.counts, report.unfinished) == ({Outcome.FAILED: 3}, ())
    assert [result.settled for result in report.results] == [False] * 3
    assert read_journal(path).in_doubt == {}


def test_a_removal_from_a_group_that_is_gone_is_not_claimed(sandbox: Sandbox, path: Path) -> None:
    def behave(call: Callable[[], Any], _number: int) -> Future[Any]:
        sandbox.directory.delete_group(TEAM)
        return finished(call())

    with client(sandbox) as groups:
        plan = leaving(sandbox, groups, 1)
        report = apply(groups, plan, journal=path, executor=Hostile(behave), open_client=lambda: groups)
    assert report.counts == {Outcome.FAILED: 1}


def test_a_failed_call_whose_repetition_succeeds_stops_the_run(sandbox: Sandbox, path: Path) -> None:
    """Both run at the same time; the failure would meet every other change, and the executor returns the success."""
    both_run, failed = threading.Barrier(2), threading.Event()

    class FailingClient:
        def remove_member(self, **_: object) -> None:
            raise PermissionDeniedError("no", status_code=403)

    class SpeculativePool(ThreadPoolExecutor):
        number = 0

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            self.number += 1
            if self.number != 3:
                return super().submit(fn, *args, **kwargs)
            open_client, change = args

            def open_failing() -> Any:
                both_run.wait(10)
                return FailingClient()

            def open_true() -> Any:
                both_run.wait(10)
                failed.wait(10)
                return open_client()

            super().submit(fn, open_failing, change).add_done_callback(lambda _: failed.set())
            return super().submit(fn, open_true, change)

    with client(sandbox) as groups, SpeculativePool(4) as pool:
        plan = leaving(sandbox, groups, 200)
        report = apply(groups, plan, journal=path, executor=pool)
        assert report.stop is not None
        assert report.stop.reason is StopReason.FATAL_ERROR
        assert report.counts.keys() == {Outcome.REMOVED}
        assert_true(report, sandbox, path)
        assert_completes(groups, plan, sandbox, path)


# --- calls that are lost


def test_a_call_that_is_made_and_never_ended_keeps_its_result(sandbox: Sandbox, path: Path) -> None:
    def behave(call: Callable[[], Any], number: int) -> Future[Any]:
        result = call()
        return Future() if number == 2 else finished(result)

    with client(sandbox) as groups:
        report = apply(groups, leaving(sandbox, groups, 4), journal=path, executor=Hostile(behave))
    assert (report.counts, report.stop) == ({Outcome.REMOVED: 4}, None)


def test_a_call_that_is_neither_made_nor_ended_stops_the_run_and_stays_in_doubt(sandbox: Sandbox, path: Path) -> None:
    kept: list[Callable[[], Any]] = []

    def behave(call: Callable[[], Any], number: int) -> Future[Any]:
        if number != 2:
            return finished(call())
        kept.append(call)
        return Future()

    with client(sandbox) as groups:
        plan = leaving(sandbox, groups, 4)
        report = apply(groups, plan, journal=path, executor=Hostile(behave))
        assert report.stop is not None
        assert report.stop.reason is StopReason.WORKER_FAILED
        assert "no result for" in str(report.stop)
        assert report.counts == {Outcome.REMOVED: 3}
        assert list(read_journal(path).in_doubt) == [plan.changes[1].key]
        with pytest.raises(submitted_call.NotSentError):
            kept[0]()
        assert len(writes(sandbox)) == 3, "a late call sends nothing"
        assert_completes(groups, plan, sandbox, path)


@pytest.mark.parametrize("opens", [False, True])
def test_an_interrupted_run_does_not_wait_for_a_lost_call_for_ever(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch, opens: bool
) -> None:
    monkeypatch.setattr(submitted_call, "SILENCE_S", 1e9)

    def interrupt(progress: Progress) -> None:
        if progress.phase == "removing" and progress.done:
            raise KeyboardInterrupt

    def behave(call: Callable[[], Any], number: int) -> Future[Any]:
        return Future() if number == 2 else finished(call())

    with client(sandbox) as groups:
        plan = leaving(sandbox, groups, 4)
        options: dict[str, Any] = {"open_client": lambda: groups} if opens else {}
        report = apply(groups, plan, journal=path, executor=Hostile(behave), on_progress=interrupt, **options)
    assert report.interrupted
    assert len(report.unfinished) == 1


def test_a_second_ctrl_c_ends_the_wait_for_a_lost_call(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SILENCE_S", "SILENCE_AFTER_STOP_S", "SILENCE_HERE_S"):
        monkeypatch.setattr(submitted_call, name, 1e9)

    handled: SimpleQueue[None] = SimpleQueue()
    handle = CallerThread._handle

    def handle_and_tell(self: CallerThread, number: int, frame: FrameType | None) -> None:
        try:
            handle(self, number, frame)
        finally:
            handled.put(None)

    monkeypatch.setattr(CallerThread, "_handle", handle_and_tell)

    def behave(_call: Callable[[], Any], _number: int) -> Future[Any]:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        handled.get(timeout=30)  # two signals before the handler runs would count as one
        return Future()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with client(sandbox) as groups:
            report = apply(groups, leaving(sandbox, groups, 2), journal=path, executor=Hostile(behave))
    finally:
        signal.signal(signal.SIGINT, before)
    assert report.interrupted
    assert len(report.unfinished) == len(read_journal(path).in_doubt) == 2


class SilentFuture(Future[Any]):
    """A future that never calls back."""

    def add_done_callback(self, fn: Any) -> None:
        """Forget the function."""


class EagerFuture(Future[Any]):
    """A future that calls back at once and again at its end, twice each."""

    def add_done_callback(self, fn: Any) -> None:
        for _ in range(2):
            fn(self)
            super().add_done_callback(fn)


@pytest.mark.parametrize("kind", [SilentFuture, EagerFuture])
def test_futures_that_never_or_always_call_back(sandbox: Sandbox, path: Path, kind: type[Future[Any]]) -> None:
    def behave(call: Callable[[], Any], _number: int) -> Future[Any]:
        future = kind()
        threading.Thread(target=lambda: future.set_result(call())).start()
        return future

    with client(sandbox) as groups:
        report = apply(groups, leaving(sandbox, groups, 9), journal=path, executor=Hostile(behave))
    assert (report.counts, report.stop) == ({Outcome.REMOVED: 9}, None)
    assert len(writes(sandbox)) == 9


# --- executors that raise, or return something else


@pytest.mark.parametrize("error", [ValueError("odd"), RuntimeError("closed"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("takes", [False, True])
def test_an_executor_that_raises_stops_the_run(sandbox: Sandbox, path: Path, error: BaseException, takes: bool) -> None:
    def behave(call: Callable[[], Any], number: int) -> Future[Any]:
        if number < 3:
            return finished(call())
        if takes:
            call()
        raise error

    with client(sandbox) as groups:
        plan = leaving(sandbox, groups, 9)
        report = apply(groups, plan, journal=path, executor=Hostile(behave))
        reasons = {ValueError: "worker_failed", RuntimeError: "executor_closed", KeyboardInterrupt: "interrupted"}
        assert report.stop is not None
        assert report.stop.reason == reasons.get(type(error), "worker_failed")
        assert list(read_journal(path).in_doubt) == [plan.changes[2].key], "the executor may have taken this one"
        assert_true(report, sandbox, path)
        assert_completes(groups, plan, sandbox, path)


def not_a_future(_call: Callable[[], Any], _result: Any) -> Any:
    return "ok"


def not_a_result(_call: Callable[[], Any], _result: Any) -> Any:
    return finished({"outcome": "REMOVED"})


def result_of_another(_call: Callable[[], Any], result: Any) -> Any:
    return finished(evolve(result, change=evolve(result.change, account_id="somebody-else")))


@pytest.mark.parametrize("answer", [not_a_future, not_a_result, result_of_another])
@pytest.mark.parametrize("makes", [False, True])
def test_a_wrong_answer_is_no_result(sandbox: Sandbox, path: Path, answer: Callable[..., Any], makes: bool) -> None:
    def behave(call: Callable[[], Any], number: int) -> Future[Any]:
        if number == 1:
            first.append(call())
            return finished(first[0])
        future: Future[Any] = answer(call, call() if makes else first[0])
        return future

    first: list[Any] = []
    with client(sandbox) as groups:
        plan = leaving(sandbox, groups, 9)
        report = apply(groups, plan, journal=path, executor=Hostile(behave))
        assert_true(report, sandbox, path)
        assert "somebody-else" not in path.read_text()
        if not makes:
            assert report.stop is not None
            assert report.stop.reason is StopReason.WORKER_FAILED
            assert report.counts[Outcome.REMOVED] == 1
        assert_completes(groups, plan, sandbox, path)


# --- the hint


@pytest.mark.parametrize("opens", [False, True])
def test_the_hint_about_open_client_is_given_only_without_one(sandbox: Sandbox, path: Path, opens: bool) -> None:
    def behave(_call: Callable[[], Any], _number: int) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(OSError("the worker died"))
        return future

    with client(sandbox) as groups:
        plan = leaving(sandbox, groups, 2)
        options: dict[str, Any] = {"open_client": lambda: groups} if opens else {}
        report = apply(groups, plan, journal=path, executor=Hostile(behave), **options)
    assert report.stop is not None
    assert (report.stop.option, "need open_client" in str(report.stop)) == (
        (None, False) if opens else ("open_client", True)
    )


@pytest.fixture(autouse=True)
def _threads_end() -> Iterator[None]:
    """Check that no thread of a run is left."""
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "membership-apply"]
