"""Sending changes, several at the same time, and recording them: the intent before a call, the result after it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from enum import IntEnum
from queue import SimpleQueue

from attrs import evolve

from ..._support.clock import Clock, utc_timestamp
from ...client import ConfluenceGroups
from ..model.changes import Change, Key, OnProgress, Outcome, Progress, Result
from ..model.report import Stop, StopReason
from ..planning.parallel import WORKERS
from .change_executor import OpenClient, PerProcessClient, perform
from .interrupts import DeferredInterrupt
from .journal import Journal

MAX_INTENTS = 64  # changes whose intent is recorded and whose result is not
REFILL_AT = 2 * WORKERS  # record the next intents when at most this many have no result
MIN_HOLD_S = 1.0


class NotSentError(Exception):
    """The run stopped before this change was sent."""


class State(IntEnum):
    """What a dispatcher does; the order matters, because a run never goes back except from HELD to SENDING."""

    SENDING = 0
    """Send changes."""
    HELD = 1
    """Rate-limited: send nothing until the hold ends, then go on."""
    HALTED = 2
    """A call failed in a way that stops the run: begin no calls until the dispatcher has taken its result."""
    STOPPED = 3
    """Send nothing more; `Dispatcher.stop` says why."""
    INTERRUPTED = 4
    """STOPPED, and Ctrl-C was pressed."""


class Dispatcher:
    """Sends changes and records them in the journal, until all are finished or the run stops.

    Attributes:
        state: what the dispatcher does now.
        stop: why the run stopped; None while it goes on.
    """

    def __init__(
        self,
        journal: Journal,
        open_client: OpenClient,
        *,
        executor: Executor | None,
        on_progress: OnProgress,
        stop_after_failures: int | None,
        wait_for_quota: bool,
        clock: Clock,
    ) -> None:
        self.state = State.SENDING
        self.stop: Stop | None = None
        self._state_lock = threading.Lock()
        self._interrupt = DeferredInterrupt()
        self._journal = journal
        self._executor = executor
        self._on_progress = on_progress
        self._failures_left = stop_after_failures
        self._wait_for_quota = wait_for_quota
        self._clock = clock
        sends_in_other_processes = isinstance(open_client, PerProcessClient)  # they cannot see the state of this object
        self._open_client = open_client if sends_in_other_processes else self._only_while_sending(open_client)
        self._held_until = 0.0  # by the monotonic clock
        self._in_doubt: frozenset[Key] = frozenset()
        self._queue: deque[Change] = deque()
        self._running: dict[Future[Result], Change] = {}
        self._finished: SimpleQueue[Future[Result]] = SimpleQueue()

    # --- the run

    def run(self, phase: str, changes: Sequence[Change], in_doubt: frozenset[Key]) -> None:
        """Send changes, unless the run has stopped.

        Args:
            phase: the phase for `Progress`.
            changes: the changes to send.
            in_doubt: the keys of changes that an earlier run may have made.

        Raises:
            JournalError: the journal cannot be written. Calls that have begun are finished.
        """
        if self.stop or not changes:
            return
        self._queue = deque(changes)
        self._in_doubt = in_doubt
        pool = self._executor or ThreadPoolExecutor(WORKERS, thread_name_prefix="membership")
        try:
            with self._interrupt.installed():
                self._send_all(pool, phase, len(changes))
        finally:
            self._finish_calls(pool)

    def interrupt(self) -> None:
        """Stop the run because of Ctrl-C."""
        if self.state is not State.INTERRUPTED:
            self._stop_sending(Stop(reason=StopReason.INTERRUPTED))
            self._advance(State.INTERRUPTED)

    def halt(self, stop: Stop) -> None:
        """Send nothing more; calls that have begun are finished and recorded."""
        self._stop_sending(stop)

    def _send_all(self, pool: Executor, phase: str, total: int) -> None:
        while self._queue or self._running:
            try:
                self._step(pool)
                if not self.stop:  # changes that will not be sent would count as done
                    done = total - len(self._queue) - len(self._running)
                    self._on_progress(Progress(phase=phase, done=done, total=total))
            except KeyboardInterrupt:
                if self.state is State.INTERRUPTED:
                    raise
                self._interrupt.requested = True
        self._interrupt_if_requested()

    def _step(self, pool: Executor) -> None:
        """Send as many changes as allowed, and take the results that have arrived."""
        self._interrupt_if_requested()
        if self.stop:
            self._queue.clear()
        elif self.state is State.HELD:
            if not self._running:
                self._wait_for_hold()
        elif self.state is State.SENDING and self._queue and len(self._running) <= REFILL_AT:
            self._send(pool)
        if self._running:
            finished = [self._finished.get()]
            while not self._finished.empty():
                finished.append(self._finished.get())
            self._take(finished)

    def _interrupt_if_requested(self) -> None:
        if self._interrupt.requested:
            self.interrupt()

    def _finish_calls(self, pool: Executor) -> None:
        """Wait for calls that are still running after an error, so that they end before the journal is closed."""
        if self._running:
            self._advance(State.HALTED)
        wait([future for future in self._running if not future.cancel()])
        if pool is not self._executor:
            pool.shutdown()

    # --- sending

    def _send(self, pool: Executor) -> None:
        batch = [self._queue.popleft() for _ in range(min(MAX_INTENTS - len(self._running), len(self._queue)))]
        self._journal.intend(batch)
        if self.stop:  # the journal was lost before
            self._withdraw(batch)
            return
        for number, change in enumerate(batch):
            try:
                future = pool.submit(perform, self._open_client, change)
            except RuntimeError as error:
                self._stop_sending(Stop(reason=StopReason.EXECUTOR_CLOSED, error=str(error)))
                self._withdraw(batch[number + 1 :])  # the executor may have taken this change before it failed
                return
            self._running[future] = change
            future.add_done_callback(self._note_finished)

    def _only_while_sending(self, open_client: OpenClient) -> OpenClient:
        """Return a function that opens the client only while the run goes on; workers call it before each change."""

        def open_if_sending() -> ConfluenceGroups:
            if self.state >= State.HALTED or self._interrupt.requested:
                raise NotSentError
            return open_client()

        return open_if_sending

    def _note_finished(self, future: Future[Result]) -> None:
        """Hand over a result; called in the worker's thread, so that no call begins after one that stops the run."""
        if not future.cancelled() and future.exception() is None and future.result().stops:
            self._advance(State.HALTED)
        self._finished.put(future)

    # --- results

    def _take(self, finished: Sequence[Future[Result]]) -> None:
        """Record what became of these calls, and decide whether to go on."""
        results: list[Result] = []
        unsent: list[Change] = []
        for future in finished:
            change = self._running.pop(future)
            result = self._result_of(future, change)
            if result is None:
                unsent.append(change)
                continue
            if result.hold_s is not None:
                self._hold(change, result.hold_s)
            if result.in_doubt:
                self._in_doubt |= {change.key}
            if result.hold_s is not None and not result.in_doubt:
                unsent.append(change)
            else:
                results.append(_mark_settled(result) if change.key in self._in_doubt else result)
        self._journal.record(results)
        self._withdraw(unsent)
        for result in results:
            self._stop_if_needed(result)

    def _result_of(self, future: Future[Result], change: Change) -> Result | None:
        """Return what became of a call; None if it was not sent."""
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or isinstance(error, NotSentError):
            return None
        if error is None:
            return future.result()
        words, error_type = str(error), type(error).__name__
        if isinstance(error, KeyboardInterrupt):  # a worker in another process got the same Ctrl-C
            self._interrupt.requested = True
        else:
            option = "open_client" if self._executor else None
            self._stop_sending(Stop(reason=StopReason.WORKER_FAILED, error=f"{error_type}: {words}", option=option))
        return Result(change=change, outcome=Outcome.UNKNOWN, error=words, error_type=error_type, final=False)

    def _withdraw(self, changes: Sequence[Change]) -> None:
        """Record that changes were not sent; those that an earlier run may have made stay in doubt."""
        self._journal.withdraw([change for change in changes if change.key not in self._in_doubt])

    def _stop_if_needed(self, result: Result) -> None:
        """Stop if every other change would fail too, or if enough changes have failed."""
        if result.stops:
            self._stop_sending(Stop(reason=StopReason.FATAL_ERROR, error=result.error))
        elif result.outcome in (Outcome.FAILED, Outcome.UNKNOWN) and self._failures_left is not None:
            self._failures_left -= 1
            if self._failures_left == 0:
                reason, option = StopReason.TOO_MANY_FAILURES, "stop_after_failures"
                self._stop_sending(Stop(reason=reason, error=result.error, option=option))

    # --- the state

    def _advance(self, state: State) -> None:
        """Go to a later state; workers call this too."""
        with self._state_lock:
            self.state = max(self.state, state)

    def _stop_sending(self, stop: Stop) -> None:
        """Send nothing more; the first reason counts."""
        self.stop = self.stop or stop
        self._advance(State.STOPPED)
        for future in self._running:
            future.cancel()

    def _hold(self, change: Change, seconds: float) -> None:
        """Send nothing for some time, and then this change again; or stop, if the run does not wait for quotas."""
        if not self._wait_for_quota:
            resume_at = utc_timestamp(self._clock.now() + seconds)
            self._stop_sending(Stop(reason=StopReason.RATE_LIMITED, resume_at=resume_at, option="wait_for_quota"))
            return
        self._held_until = max(self._held_until, self._clock.monotonic() + max(seconds, MIN_HOLD_S))
        self._queue.appendleft(change)
        self._advance(State.HELD)

    def _wait_for_hold(self) -> None:
        seconds = max(0.0, self._held_until - self._clock.monotonic())
        held_until = self._clock.now() + seconds
        self._on_progress(Progress(phase="waiting", done=0, total=len(self._queue), held_until=held_until))
        self._interrupt.sleep(self._clock, seconds)
        with self._state_lock:
            if self.state is State.HELD:
                self.state = State.SENDING


def _mark_settled(result: Result) -> Result:
    """Return the result of a change that an earlier run may have made."""
    if result.outcome is Outcome.ALREADY_A_MEMBER:
        return evolve(result, outcome=Outcome.ADDED, settled=True)
    if result.outcome in (Outcome.REMOVED, Outcome.ADDED) or not result.final:
        return evolve(result, settled=True)
    return result
