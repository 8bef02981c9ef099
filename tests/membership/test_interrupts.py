"""Exceptions that interrupt the thread that called `apply`, at any moment and more than once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from threading import get_ident
from typing import Any

import pytest
from bounded import in_new_interpreter
from fakes import FakeClock
from membership_fakes import client, members, removals, team, writes

from confluence_groups_sdk import ConfluenceGroups, JournalError
from confluence_groups_sdk._support.concurrency.threads import BackgroundCall, Notifier, map_in_threads
from confluence_groups_sdk.membership import Progress, apply, read_journal
from confluence_groups_sdk.membership.execution.interrupts import CallerThread
from confluence_groups_sdk.sandbox import Faults, Sandbox


class StopError(Exception):
    """A program's own handler stops the program."""


@pytest.fixture(autouse=True)
def _default_handler() -> Iterator[None]:
    """Use Python's own handler: a test run in the background has Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


def use_own_handler(error: type[BaseException] = KeyboardInterrupt) -> None:
    def handle(*_: Any) -> None:
        raise error

    signal.signal(signal.SIGINT, handle)


# --- the thread that called


def run_in_new_thread(work: Any) -> Any:
    outcome: list[Any] = []
    thread = threading.Thread(target=lambda: outcome.append(work()))
    thread.start()
    thread.join(timeout=30)
    assert outcome, "it has not ended"
    return outcome[0]


def test_the_run_is_made_in_another_thread_and_its_result_returned() -> None:
    caller = CallerThread()
    assert caller.run(get_ident) != get_ident()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(JournalError, match="full"):
        CallerThread().run(lambda: (_ for _ in ()).throw(JournalError("full")))


def test_progress_and_sleep_happen_in_the_callers_thread() -> None:
    caller, clock, seen = CallerThread(), FakeClock(), []
    relay = caller.relay(lambda _: seen.append(get_ident()))
    assert relay is not None

    def work() -> None:
        relay(Progress(phase="adding", done=0, total=1))
        caller.sleep(clock, 7)

    caller.run(work)
    assert (seen, clock.slept) == ([get_ident()], [7])
    assert caller.relay(None) is None


def test_the_first_ctrl_c_is_a_request_and_the_second_interrupts_the_program() -> None:
    passed = []

    def call(_: Progress) -> None:
        ctrl_c()
        passed.append(caller.interrupted)
        ctrl_c()
        pytest.fail("the second one is raised")

    caller = CallerThread()
    relay = caller.relay(call)
    assert relay is not None
    with pytest.raises(KeyboardInterrupt):
        caller.run(lambda: relay(Progress(phase="adding", done=0, total=1)))
    assert (passed, caller.interrupted_again) == ([True], True)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_program_is_kept() -> None:
    seen: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    caller = CallerThread()
    relay = caller.relay(lambda _: ctrl_c())
    assert relay is not None
    caller.run(lambda: relay(Progress(phase="adding", done=0, total=1)))
    assert (seen, caller.interrupted) == ([signal.SIGINT], False)


def test_another_thread_installs_nothing() -> None:
    handler = run_in_new_thread(lambda: CallerThread().run(lambda: signal.getsignal(signal.SIGINT)))
    assert handler is signal.default_int_handler


def test_ctrl_c_ends_a_sleep_and_a_read_at_once() -> None:
    class Clock(FakeClock):
        def sleep(self, seconds: float) -> None:
            ctrl_c()
            super().sleep(seconds)

    clock, released = Clock(), threading.Event()
    caller = CallerThread()
    with pytest.raises(KeyboardInterrupt):
        caller.run(lambda: caller.sleep(clock, 3600))
    assert clock.slept == []

    def read() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        released.wait(timeout=30)

    other = CallerThread()
    with pytest.raises(KeyboardInterrupt):
        other.run(lambda: other.read(read))
    assert not released.is_set()
    released.set()


def test_an_error_of_the_journal_matters_more_than_a_ctrl_c() -> None:
    caller = CallerThread()

    def work() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        while not caller.interrupted:
            Notifier().wait()
        raise JournalError("full")

    with pytest.raises(JournalError, match="full"):
        caller.run(work)


def test_a_ctrl_c_before_the_run_begins_or_after_it_ends_is_not_swallowed() -> None:
    caller = CallerThread()
    caller.run(lambda: None)
    signal.signal(signal.SIGINT, caller._handle)  # as if a further exception had prevented its removal
    with pytest.raises(KeyboardInterrupt):
        ctrl_c()


def test_a_ctrl_c_while_the_handler_is_installed_leaves_pythons_own(monkeypatch: pytest.MonkeyPatch) -> None:
    install = signal.signal

    def interrupt(number: int, handler: Any) -> None:
        install(number, handler)
        if handler is not signal.default_int_handler:
            ctrl_c()

    monkeypatch.setattr(signal, "signal", interrupt)
    with pytest.raises(KeyboardInterrupt):
        CallerThread().run(lambda: None)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_that_the_program_installs_during_the_run_is_kept() -> None:
    caller = CallerThread()
    relay = caller.relay(lambda _: use_own_handler(StopError))
    assert relay is not None
    caller.run(lambda: relay(Progress(phase="adding", done=0, total=1)))
    with pytest.raises(StopError):
        ctrl_c()


@pytest.mark.parametrize("times", [1, 2, 30])
def test_exceptions_while_the_thread_waits_are_noted_and_raised_at_the_end(times: int) -> None:
    use_own_handler(StopError)
    caller, finished = CallerThread(), []

    def work() -> str:
        for count in range(times):
            while len(caller.errors) <= count:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                Notifier().wait()
        finished.append(True)
        return "done"

    with pytest.raises(StopError):
        caller.run(work)
    assert finished == [True], "the run was not abandoned"


@pytest.mark.parametrize("is_raised_in_the_run", [False, True])
def test_the_first_of_several_exceptions_is_raised(is_raised_in_the_run: bool) -> None:
    numbers, again = iter("123"), list[bool]()

    def handle(*_: Any) -> None:
        raise StopError(next(numbers))

    def work() -> None:
        for count in range(2):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            while len(caller.errors) <= count:
                Notifier().wait()
        again.append(caller.interrupted_again)
        if is_raised_in_the_run:
            caller.check()

    signal.signal(signal.SIGINT, handle)
    caller = CallerThread()
    with pytest.raises(StopError, match="1"):
        caller.run(work)
    assert again == [True]


def test_exceptions_between_two_handlers_are_noted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    caller, serve = CallerThread(), CallerThread._serve_until_over
    errors = [StopError(number) for number in "1234"]
    coming, begun, noted, finished = list(errors), threading.Event(), threading.Event(), []

    def interrupt(self: CallerThread, run: BackgroundCall[Any]) -> None:
        assert begun.wait(timeout=30)
        if coming:
            raise coming.pop(0)  # before it can be caught there
        noted.set()
        serve(self, run)

    def work() -> None:
        begun.set()
        finished.append(noted.wait(timeout=30))

    monkeypatch.setattr(CallerThread, "_serve_until_over", interrupt)
    with pytest.raises(StopError, match="1"):
        caller.run(work)
    assert (caller.errors, finished) == (errors, [True]), "the run was not abandoned"


def test_an_exception_before_the_program_is_called_is_what_the_run_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    caller, clock = CallerThread(), FakeClock()
    monkeypatch.setattr(caller._tasks, "notify", lambda: caller.errors.append(StopError("1")))
    with pytest.raises(StopError, match="1"):
        caller.sleep(clock, 7)
    assert clock.slept == []


def test_the_process_waits_for_a_run_and_not_for_its_reads() -> None:
    def is_daemon() -> bool:
        return threading.current_thread().daemon

    caller = CallerThread()
    assert caller.run(lambda: (is_daemon(), caller.read(is_daemon))) == (False, True)


def test_a_run_that_was_prevented_never_begins() -> None:
    call = BackgroundCall(lambda: 1 / 0, "never", Notifier(), daemon=False)
    call.prevent()
    call.start()
    while not call._ended:
        call._notifier.wait()
    assert (call.has_begun, call.is_over, call.failure) == (False, True, None)


# --- apply


def test_an_own_exception_while_calls_run_is_raised_and_their_results_are_recorded(
    sandbox: Sandbox, path: Path
) -> None:
    use_own_handler(StopError)
    ids = team(sandbox, 60)

    def stop(progress: Progress) -> None:
        if progress.phase == "removing" and progress.done > 10:
            ctrl_c()

    with client(sandbox) as groups:
        plan = removals(groups, ids[:50])
        with pytest.raises(StopError):
            apply(groups, plan, journal=path, on_progress=stop)
        state = read_journal(path)
        assert 10 < len(state.results) < 50
        assert (state.in_doubt, len(writes(sandbox))) == ({}, len(state.results))
        assert apply(groups, plan, journal=path).unfinished == ()
    assert (len(writes(sandbox)), members(sandbox)) == (50, ids[50:])


def test_ctrl_c_while_groups_are_read_releases_the_journal(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = team(sandbox)
    released = threading.Event()
    with client(sandbox) as groups:
        plan = removals(groups, ids[:3])

        def read(*_: Any, **__: Any) -> Any:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            released.wait(timeout=30)
            return iter(())

        with monkeypatch.context() as patched:
            patched.setattr(ConfluenceGroups, "iter_members", read)
            with pytest.raises(KeyboardInterrupt):
                apply(groups, plan, journal=path)
        assert (writes(sandbox), path.read_bytes()) == ([], b"")
        assert apply(groups, plan, journal=path).unfinished == (), "nothing holds the lock"
        released.set()


def test_progress_is_not_repeated(sandbox: Sandbox, path: Path) -> None:
    ids = team(sandbox)
    seen: list[Progress] = []
    sandbox.faults = Faults(latency=0.12)
    with client(sandbox) as groups:
        apply(groups, removals(groups, ids[:1]), journal=path, on_progress=seen.append)
    assert len(seen) == len(set(seen)), "although the dispatcher looks more often"


# --- reads in threads


@in_new_interpreter
def test_reads_in_threads_end_after_an_interruption() -> None:
    use_own_handler()
    begun, waiting = threading.Event(), threading.Event()

    def read(number: int) -> int:
        begun.set()
        waiting.wait(timeout=10)
        return number

    def interrupt() -> None:
        begun.wait(timeout=10)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        waiting.set()

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        list(map_in_threads(read, range(1000)))
    assert list(map_in_threads(lambda number: -number, range(20))) == [-number for number in range(20)]


def test_reads_in_threads_come_in_order_until_the_first_error() -> None:
    def read(number: int) -> int:
        if number == 5:
            raise JournalError("five")
        return number

    reads = map_in_threads(read, range(30))
    assert [next(reads) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(JournalError, match="five"):
        next(reads)
    assert list(map_in_threads(read, [])) == []


def test_an_error_is_raised_if_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="new thread"):
        list(map_in_threads(abs, [1, 2, 3]))
    with pytest.raises(RuntimeError, match="new thread"):
        CallerThread().run(lambda: None)
