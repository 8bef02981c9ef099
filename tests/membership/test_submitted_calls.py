"""What is certain about calls that an executor was asked to make, and when they count as lost; in simulated time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest
from attrs import evolve

from confluence_groups_sdk import ConfluenceGroups
from confluence_groups_sdk.membership import Action, Change, Outcome, Result
from confluence_groups_sdk.membership.execution import submitted_call
from confluence_groups_sdk.membership.execution.change_executor import PerProcessClient
from confluence_groups_sdk.membership.execution.submitted_call import (
    DoubtfulCallError,
    SubmittedCall,
    SubmittedCalls,
    WrongResultError,
    is_own_pool,
)

CHANGE = Change(action=Action.REMOVE, group_id="g", group_name="G", account_id="a")
OTHER = evolve(CHANGE, account_id="b")
DONE = Result(change=CHANGE, outcome=Outcome.REMOVED)
FAILED = Result(change=CHANGE, outcome=Outcome.FAILED)


class Time:
    """The machine's clock, set by hand."""

    now = 1_000.0


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """Return the clock that calls are judged by."""
    clock = Time()
    monkeypatch.setattr(submitted_call, "machine_monotonic", lambda: clock.now)
    monkeypatch.setattr(submitted_call, "POLL_S", 0.001)
    return clock


class Foreign(Executor):
    """An executor that is not one of Python's pools; it returns the futures that it was given."""

    def __init__(self, *futures: Future[Any]) -> None:
        self.futures = list(futures)
        self.functions: list[Callable[[], Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.functions.append(lambda: fn(*args, **kwargs))
        return self.futures.pop(0)


def future(result: object = None, *, error: BaseException | None = None) -> Future[Any]:
    made: Future[Any] = Future()
    if error is not None:
        made.set_exception(error)
    elif result is not None:
        made.set_result(result)
    return made


def cancelled() -> Future[Any]:
    made: Future[Any] = Future()
    made.cancel()
    return made


def no_client() -> ConfluenceGroups:
    raise AssertionError("no call is made here")


def submitted(made: Future[Any], *, foreign: bool = True, may_begin: bool = True) -> SubmittedCall:
    call = SubmittedCall(CHANGE, may_begin=lambda: may_begin, notify=lambda _: None, foreign=foreign)
    call.submit(Foreign(made), PerProcessClient(no_client))
    return call


def calls(
    *, executor: Executor | None = None, here: bool = False, interrupted: bool = False, number: int = 2
) -> SubmittedCalls:
    """Return calls that an executor has taken and about which it says nothing."""
    executor = executor or Foreign(future(), future())
    group = SubmittedCalls(executor, in_this_process=here, is_interrupted_again=lambda: interrupted)
    for change in (CHANGE, OTHER)[:number]:
        call = group.add(change, may_begin=lambda: True, on_end=lambda _: None)
        call.submit(Foreign(future()), PerProcessClient(no_client))
    return group


# --- one call


def test_pools_of_python_are_its_own_and_subclasses_are_not() -> None:
    class Mine(ThreadPoolExecutor):
        pass

    with ThreadPoolExecutor(1) as threads, Mine(1) as mine, ProcessPoolExecutor(1) as processes:
        assert [is_own_pool(each) for each in (threads, processes, mine, Foreign())] == [True, True, False, False]


@pytest.mark.parametrize("foreign", [True, False])
def test_the_result_that_the_executor_returns_counts(foreign: bool) -> None:
    for result in (DONE, FAILED):
        call = submitted(future(result), foreign=foreign)
        assert call.is_over
        assert call.result() == result
        assert not call.has_result  # nothing ran in this process


@pytest.mark.parametrize("wrong", [True, "done", Result(change=OTHER, outcome=Outcome.REMOVED)])
@pytest.mark.parametrize("foreign", [True, False])
def test_anything_else_that_the_executor_returns_is_an_error(wrong: object, foreign: bool) -> None:
    with pytest.raises(WrongResultError, match="not this change's result"):
        submitted(future(wrong), foreign=foreign).result()


def test_an_error_of_the_worker_is_raised() -> None:
    with pytest.raises(OSError, match="no disk"):
        submitted(future(error=OSError("no disk"))).result()


def test_a_cancelled_call_was_not_sent_by_a_pool_and_perhaps_by_another_executor() -> None:
    assert submitted(cancelled(), foreign=False).result() is None
    with pytest.raises(DoubtfulCallError, match="cancelled the call"):
        submitted(cancelled()).result()


def test_a_call_without_an_end_is_doubtful() -> None:
    call = submitted(future())
    assert not call.is_over
    with pytest.raises(DoubtfulCallError, match="gave no result"):
        call.result()


def test_an_executor_that_raises_has_rejected_the_call() -> None:
    class Full(Executor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            del fn, args, kwargs
            raise RuntimeError("cannot schedule new futures after shutdown")

    call = SubmittedCall(CHANGE, may_begin=lambda: True, notify=lambda _: None, foreign=True)
    assert not call.rejected
    with pytest.raises(RuntimeError, match="shutdown"):
        call.submit(Full(), PerProcessClient(no_client))
    assert (call.rejected, call.is_over, call.stopping_result) == (True, True, None)


@pytest.mark.parametrize("foreign", [True, False])
def test_only_a_result_that_stops_the_run_is_a_stopping_result(foreign: bool) -> None:
    fatal = Result(change=CHANGE, outcome=Outcome.FAILED, stops=True)
    found = submitted(future(fatal), foreign=foreign).stopping_result
    assert found == (None if foreign else fatal)  # a foreign executor's result is judged when it is recorded
    assert submitted(future(FAILED), foreign=foreign).stopping_result is None
    assert submitted(future("odd"), foreign=foreign).stopping_result is None
    assert submitted(future(error=OSError()), foreign=foreign).stopping_result is None
    assert submitted(cancelled(), foreign=foreign).stopping_result is None
    assert submitted(future(), foreign=foreign).stopping_result is None


def test_a_call_in_another_process_was_certainly_made_once_only_by_a_pool() -> None:
    assert submitted(future(DONE), foreign=False).was_made_once
    assert not submitted(future(DONE)).was_made_once
    assert not submitted(future(DONE)).ran_here


def test_a_call_that_may_not_begin_or_is_closed_is_not_made_in_this_process() -> None:
    for may_begin, closed in ((False, False), (True, True)):
        executor = Foreign(future())
        call = SubmittedCall(CHANGE, may_begin=lambda may=may_begin: may, notify=lambda _: None, foreign=False)  # type: ignore[misc]
        call.submit(executor, no_client)
        if closed:
            call.close()
        with pytest.raises(submitted_call.NotSentError):
            executor.functions[0]()
        assert not call.ran_here


def run_here(monkeypatch: pytest.MonkeyPatch, *results: Result, returned: Future[Any]) -> SubmittedCall:
    """Let a foreign executor make a call in this process, once for each result, and then end it."""
    remaining = list(results)
    monkeypatch.setattr(submitted_call, "perform", lambda _open, _change: remaining.pop(0))
    executor = Foreign(returned)
    call = SubmittedCall(CHANGE, may_begin=lambda: True, notify=lambda _: None, foreign=True)
    call.submit(executor, no_client)
    for _ in results:
        executor.functions[0]()
    return call


def test_a_call_that_was_made_here_counts_whatever_the_executor_says(monkeypatch: pytest.MonkeyPatch) -> None:
    second = evolve(FAILED, error="the second")
    for returned in (future(error=OSError()), cancelled(), future("odd"), future()):
        call = run_here(monkeypatch, DONE, returned=returned)
        assert (call.ran_here, call.was_made_once, call.has_result, call.is_running) == (True, True, True, False)
        assert call.result() == evolve(DONE, settled=True)
    for returned in (future(error=OSError()), cancelled()):
        assert run_here(monkeypatch, FAILED, second, returned=returned).result() == second
    repeated = run_here(monkeypatch, DONE, second, returned=future(second))
    assert not repeated.was_made_once
    assert repeated.result() == evolve(DONE, settled=True)  # the second call met what the first had done
    assert run_here(monkeypatch, FAILED, DONE, returned=future(DONE)).result() == DONE
    assert run_here(monkeypatch, FAILED, returned=future(FAILED)).result() == FAILED


def test_a_single_failure_that_was_made_here_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_here(monkeypatch, FAILED, returned=future(error=OSError())).result() == FAILED


def test_a_repetition_is_running_until_it_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[bool] = []
    executor = Foreign(future())
    call = SubmittedCall(CHANGE, may_begin=lambda: True, notify=lambda _: None, foreign=True)

    def perform(_open: object, _change: Change) -> Result:
        running.append(call.is_running)
        return DONE

    monkeypatch.setattr(submitted_call, "perform", perform)
    call.submit(executor, no_client)
    for _ in range(3):
        executor.functions[0]()
    assert running == [True, True, True]
    assert not call.is_running


@pytest.mark.parametrize("foreign", [True, False])
def test_a_call_in_this_process_notifies_by_itself_if_the_executor_may_not(
    monkeypatch: pytest.MonkeyPatch, foreign: bool
) -> None:
    monkeypatch.setattr(submitted_call, "perform", lambda _open, _change: DONE)
    notified: list[SubmittedCall] = []
    executor, made = Foreign(future()), future()
    executor.futures = [made]
    call = SubmittedCall(CHANGE, may_begin=lambda: True, notify=notified.append, foreign=foreign)
    call.submit(executor, no_client)
    executor.functions[0]()
    assert notified == ([call] if foreign else [])
    made.set_result(DONE)
    assert notified == ([call, call] if foreign else [call])


def test_a_future_that_cannot_be_asked_is_over_and_is_not_cancelled() -> None:
    class Odd(Future[Any]):
        def done(self) -> bool:
            raise OSError("the manager is gone")

        def cancel(self) -> bool:
            raise OSError("the manager is gone")

    call = submitted(Odd())
    assert call.is_over
    call.cancel()


def test_one_of_several_results_may_stop_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    fatal = Result(change=CHANGE, outcome=Outcome.FAILED, stops=True)
    assert run_here(monkeypatch, FAILED, fatal, returned=future()).stopping_result == fatal
    assert run_here(monkeypatch, FAILED, DONE, returned=future()).stopping_result is None


# --- calls that may be lost


def test_calls_whose_results_are_known_are_lost_after_two_seconds(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitted_call, "perform", lambda _open, change: Result(change=change, outcome=Outcome.REMOVED))
    group = SubmittedCalls(Foreign(), in_this_process=False, is_interrupted_again=lambda: False)
    for change in (CHANGE, OTHER):
        executor = Foreign(future())
        group.add(change, may_begin=lambda: True, on_end=lambda _: None).submit(executor, no_client)
        if change is CHANGE:
            executor.functions[0]()
    time.now += 1.9
    assert group.find_lost(stopped=False) == []
    time.now += 0.1
    assert [call.change for call in group.find_lost(stopped=False)] == [CHANGE]


def test_nothing_is_lost_while_a_call_is_being_made_in_this_process(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = calls(here=True, number=1)
    lost: list[list[SubmittedCall]] = []

    def perform(_open: object, change: Change) -> Result:
        time.now += 1000
        lost.append(group.find_lost(stopped=True))
        return Result(change=change, outcome=Outcome.REMOVED)

    monkeypatch.setattr(submitted_call, "perform", perform)
    executor = Foreign(future())
    group.add(OTHER, may_begin=lambda: True, on_end=lambda _: None).submit(executor, no_client)
    executor.functions[0]()
    assert lost == [[]]
    time.now += 1000
    assert len(group.find_lost(stopped=True)) == 2


def test_calls_are_not_cancelled_once_the_executor_has_made_one_in_this_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its threads ask whether a call may begin; a future that is cancelled says less."""
    monkeypatch.setattr(submitted_call, "perform", lambda _open, change: Result(change=change, outcome=Outcome.REMOVED))
    for forgotten in (True, False):
        group = calls(here=True, number=0)
        executor, waiting = Foreign(future()), future()
        first = group.add(CHANGE, may_begin=lambda: True, on_end=lambda _: None)
        first.submit(executor, no_client)
        executor.functions[0]()
        group.add(OTHER, may_begin=lambda: True, on_end=lambda _: None).submit(Foreign(waiting), no_client)
        if forgotten:
            group.forget([first])
        group.cancel()
        assert not waiting.cancelled()


@pytest.mark.parametrize(
    ("here", "stopped", "seconds"), [(True, True, 20), (True, False, 20), (False, True, 30), (False, False, 300)]
)
def test_a_foreign_executor_has_lost_its_calls_after_a_silence(
    time: Time, here: bool, stopped: bool, seconds: float
) -> None:
    group = calls(here=here)
    assert group.foreign
    assert group.silence_limit_s(stopped=stopped) == seconds
    time.now += seconds - 0.5
    assert group.find_lost(stopped=stopped) == []
    time.now += 0.5
    assert [call.change for call in group.find_lost(stopped=stopped)] == [CHANGE, OTHER]


def test_a_pool_of_python_loses_nothing(time: Time) -> None:
    with ThreadPoolExecutor(1) as pool:
        for executor in (pool, None):
            group = SubmittedCalls(executor, in_this_process=True, is_interrupted_again=lambda: True)
            assert not group.foreign
            group.add(CHANGE, may_begin=lambda: True, on_end=lambda _: None)
            time.now += 1e6
            assert group.find_lost(stopped=True) == []


def test_a_second_interruption_ends_the_wait_at_once() -> None:
    group = calls(interrupted=True)
    assert len(group.find_lost(stopped=False)) == 2
    group.finish()


def test_every_event_begins_the_silence_anew(time: Time) -> None:
    group = calls(number=1)
    time.now += 299
    added = group.add(OTHER, may_begin=lambda: True, on_end=lambda _: None)
    added.submit(Foreign(future(Result(change=OTHER, outcome=Outcome.REMOVED))), PerProcessClient(no_client))
    time.now += 299
    assert group.find_lost(stopped=False) == []
    assert group.wait() == [added]  # an end is an event
    group.forget([added])
    time.now += 299
    assert group.find_lost(stopped=False) == []
    group.cancel()  # so is a cancellation
    time.now += 29
    assert group.find_lost(stopped=True) == []
    time.now += 1
    assert [call.change for call in group.find_lost(stopped=True)] == [CHANGE]


def test_finishing_ends_after_the_silence_that_follows_a_stop(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    group = calls(number=0)
    made = future()
    made.set_running_or_notify_cancel()  # it cannot be cancelled any more
    call = group.add(CHANGE, may_begin=lambda: True, on_end=lambda _: None)
    call.submit(Foreign(made), PerProcessClient(no_client))
    begun = time.now
    waited = group.wait

    def wait() -> list[SubmittedCall]:
        time.now += 1
        return waited()

    monkeypatch.setattr(group, "wait", wait)
    group.finish()
    assert time.now - begun == 30


def test_finishing_cancels_what_has_not_begun_unless_calls_are_made_in_this_process() -> None:
    futures = [future(), future()]
    group = SubmittedCalls(Foreign(*futures), in_this_process=False, is_interrupted_again=lambda: True)
    for change, made in zip((CHANGE, OTHER), futures, strict=True):
        group.add(change, may_begin=lambda: True, on_end=lambda _: None).submit(
            Foreign(made), PerProcessClient(no_client)
        )
    group.finish()
    assert all(each.cancelled() for each in futures)


def test_no_call_begins_after_the_end() -> None:
    executor = Foreign(future())
    group = SubmittedCalls(executor, in_this_process=True, is_interrupted_again=lambda: True)
    group.add(CHANGE, may_begin=lambda: True, on_end=lambda _: None).submit(executor, no_client)
    group.finish()
    with pytest.raises(submitted_call.NotSentError):
        executor.functions[0]()


def test_wait_returns_the_calls_that_are_over_even_without_a_notice() -> None:
    class Silent(Future[Any]):
        def add_done_callback(self, fn: Any) -> None:
            del fn

    group = calls(number=1)
    made = Silent()
    late = group.add(OTHER, may_begin=lambda: True, on_end=lambda _: None)
    late.submit(Foreign(made), PerProcessClient(no_client))
    assert group.wait() == []
    made.set_result(Result(change=OTHER, outcome=Outcome.REMOVED))
    assert group.wait() == [late]
    group.forget([late])
    assert list(group.unrecorded) == [CHANGE.key]
