"""The dispatcher alone, with an executor that makes each call at once: what it sends, records and reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, cast

import pytest
from fakes import FakeClock

from confluence_groups_sdk._core.call_metadata import RateLimitInfo
from confluence_groups_sdk.membership import Action, Change, Outcome, Progress, Result, StopReason
from confluence_groups_sdk.membership.execution import submitted_call
from confluence_groups_sdk.membership.execution.dispatcher import MAX_INTENTS, Dispatcher, State
from confluence_groups_sdk.membership.execution.submitted_call import SubmittedCall, SubmittedCalls

NOTHING: frozenset[tuple[str, str]] = frozenset()


def change(number: int) -> Change:
    return Change(action=Action.REMOVE, group_id="g", group_name="G", account_id=f"a{number:03d}")


class RecordingJournal:
    """Keeps what a dispatcher records, even empty lists."""

    def __init__(self) -> None:
        self.events: list[tuple[str, list[str]]] = []

    def intend(self, changes: Iterable[Change]) -> None:
        self.events.append(("intend", [each.account_id for each in changes]))

    def record(self, results: Iterable[Result]) -> None:
        self.events += [("record", [f"{each.change.account_id} {each.outcome}" for each in results])]

    def withdraw(self, changes: Iterable[Change]) -> None:
        self.events.append(("withdraw", [each.account_id for each in changes]))

    def all_of(self, kind: str) -> list[str]:
        """Return everything that was recorded in one way."""
        return [item for name, items in self.events for item in items if name == kind]


class Caller:
    """The thread of the program, which may be interrupted."""

    interrupted = False
    interrupted_again = False

    def __init__(self) -> None:
        self.checks = 0
        self.sleeps: list[float] = []

    def check(self) -> None:
        self.checks += 1
        if self.interrupted:
            raise KeyboardInterrupt

    def sleep(self, clock: FakeClock, seconds: float) -> None:
        self.sleeps.append(seconds)
        clock.sleep(seconds)


class AtOnce(Executor):
    """Makes each call when it is submitted."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **named))
        except BaseException as error:
            future.set_exception(error)
        return future


class Run:
    """A dispatcher with everything that it uses; `answer` makes the calls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, executor: Executor | None = None) -> None:
        self.journal, self.caller, self.clock = RecordingJournal(), Caller(), FakeClock()
        self.sent: list[str] = []
        self.progress: list[Progress] = []
        self.answer: Callable[[Change], Result] = lambda each: Result(change=each, outcome=Outcome.REMOVED)
        monkeypatch.setattr(submitted_call, "perform", self._perform)
        self.dispatcher = Dispatcher(
            cast("Any", self.journal),
            cast("Any", lambda: None),
            client=cast("Any", None),
            caller=cast("Any", self.caller),
            executor=executor or AtOnce(),
            on_progress=self.progress.append,
            stop_after_failures=None,
            wait_for_quota=True,
            clock=self.clock,
        )

    def _perform(self, _open_client: object, each: Change) -> Result:
        self.sent.append(each.account_id)
        return self.answer(each)

    def send(self, count: int) -> None:
        """Send this many changes."""
        self.dispatcher.run("removing", [change(number) for number in range(count)], NOTHING)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(monkeypatch)


def test_each_change_is_recorded_before_and_after_its_call(run: Run) -> None:
    run.send(3)
    assert run.sent == ["a000", "a001", "a002"]
    assert run.journal.events[0] == ("intend", ["a000", "a001", "a002"])
    assert sorted(run.journal.all_of("record")) == ["a000 REMOVED", "a001 REMOVED", "a002 REMOVED"]
    assert run.journal.all_of("withdraw") == []
    assert run.caller.checks == 0
    assert run.dispatcher.stop is None


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each wait return only one call."""
    wait = SubmittedCalls.wait
    waiting: list[SubmittedCall] = []

    def wait_for_one(calls: SubmittedCalls) -> list[SubmittedCall]:
        waiting.extend([] if waiting else wait(calls))
        return [waiting.pop(0)] if waiting else []

    monkeypatch.setattr(SubmittedCalls, "wait", wait_for_one)


@pytest.mark.usefixtures("one_by_one")
def test_the_next_intents_are_recorded_when_few_calls_are_left(run: Run) -> None:
    run.send(MAX_INTENTS + 36)
    intents = [number for number, (kind, _) in enumerate(run.journal.events) if kind == "intend"]
    assert [len(run.journal.events[number][1]) for number in intents] == [64, 36]
    recorded = [kind for kind, results in run.journal.events[: intents[1]] if kind == "record" and results]
    assert len(recorded) == 48  # 16 are left
    assert len(run.journal.all_of("record")) == MAX_INTENTS + 36


@pytest.mark.usefixtures("one_by_one")
def test_progress_counts_the_results_that_are_recorded(run: Run) -> None:
    run.send(3)
    assert run.progress == [Progress(phase="removing", done=done, total=3) for done in (1, 2, 3)]


@pytest.mark.usefixtures("one_by_one")
def test_changes_that_are_not_sent_do_not_count_as_progress(run: Run) -> None:
    run.answer = lambda each: Result(change=each, outcome=Outcome.FAILED, error="401", stops=True)
    run.send(3)
    assert run.progress == []


def test_without_changes_nothing_is_done(run: Run) -> None:
    run.send(0)
    assert (run.journal.events, run.progress) == ([], [])


def test_a_run_that_has_stopped_sends_no_other_changes(run: Run) -> None:
    run.dispatcher.interrupt()
    run.send(2)
    assert (run.sent, run.journal.events) == ([], [])


def test_no_call_begins_after_a_result_that_stops(run: Run) -> None:
    run.answer = lambda each: Result(change=each, outcome=Outcome.FAILED, error="401", stops=True)
    run.send(MAX_INTENTS + 36)
    assert run.sent == ["a000"]
    assert run.journal.all_of("record") == ["a000 FAILED"]
    assert sorted(run.journal.all_of("withdraw")) == [f"a{number:03d}" for number in range(1, MAX_INTENTS)]
    assert len(run.journal.all_of("intend")) == MAX_INTENTS
    assert run.dispatcher.stop is not None
    assert run.dispatcher.stop.reason is StopReason.FATAL_ERROR


def test_no_call_begins_after_an_interruption(run: Run) -> None:
    def interrupt(each: Change) -> Result:
        run.caller.interrupted = True
        return Result(change=each, outcome=Outcome.REMOVED)

    run.answer = interrupt
    run.send(5)
    assert run.sent == ["a000"]
    assert run.journal.all_of("record") == ["a000 REMOVED"]
    assert sorted(run.journal.all_of("withdraw")) == ["a001", "a002", "a003", "a004"]
    assert run.caller.checks == 1
    assert run.dispatcher.state is State.INTERRUPTED


def test_a_hold_is_reported_and_waited_for_and_the_change_sent_again(run: Run) -> None:
    limits = RateLimitInfo(retry_after=30.0)

    def limit_once(each: Change) -> Result:
        if run.sent == [each.account_id]:
            return Result(change=each, outcome=Outcome.FAILED, rate_limited=True, limits=limits)
        return Result(change=each, outcome=Outcome.REMOVED)

    run.answer = limit_once
    now = run.clock.now()
    run.send(1)
    assert run.sent == ["a000", "a000"]
    assert run.caller.sleeps == [30.0]
    assert run.journal.all_of("withdraw") == ["a000"]
    assert run.journal.all_of("record") == ["a000 REMOVED"]
    waiting = [each for each in run.progress if each.phase == "waiting"]
    assert waiting == [Progress(phase="waiting", done=0, total=1, held_until=now + 30.0)]


def test_calls_that_an_executor_lost_stop_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Losing(Executor):
        def submit(self, *_arguments: Any, **_named: Any) -> Future[Any]:
            return Future()

    asked: list[bool] = []

    def find_lost(calls: SubmittedCalls, *, stopped: bool) -> list[SubmittedCall]:
        asked.append(stopped)
        return list(calls.unrecorded.values())

    monkeypatch.setattr(SubmittedCalls, "find_lost", find_lost)
    monkeypatch.setattr(SubmittedCalls, "wait", lambda _calls: [])
    run = Run(monkeypatch, Losing())
    looked_up: list[object] = []
    monkeypatch.setattr(run.dispatcher, "_settle", lambda: looked_up.append(run.dispatcher.stop))
    run.send(2)
    assert asked == [False]
    assert run.journal.all_of("record") == run.journal.all_of("withdraw") == []
    assert run.dispatcher.stop is not None
    assert run.dispatcher.stop.reason is StopReason.WORKER_FAILED
    assert looked_up == [run.dispatcher.stop]


@pytest.mark.parametrize(("is_own", "outcome"), [(True, "NOT_A_MEMBER"), (False, "REMOVED")])
def test_only_another_executor_may_have_made_a_change_before(
    monkeypatch: pytest.MonkeyPatch, *, is_own: bool, outcome: str
) -> None:
    with ThreadPoolExecutor(1) if is_own else AtOnce() as executor:
        run = Run(monkeypatch, executor)
        run.answer = lambda each: Result(change=each, outcome=Outcome.NOT_A_MEMBER)
        run.send(1)
    assert run.journal.all_of("record") == [f"a000 {outcome}"]
