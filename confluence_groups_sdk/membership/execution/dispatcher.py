"""Sending changes, several at the same time, and recording them: the intent before a call, the result after it.

A dispatcher runs in one thread that no signal interrupts (see `interrupts`), and decides by its recorded state: the
changes in the queue, and the submitted calls whose results are not in the journal.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from enum import IntEnum, auto
from functools import partial

from ..._support.clock import Clock, utc_timestamp
from ..._support.concurrency.threads import WORKERS
from ...client import ConfluenceGroups
from ..model.changes import Change, Key, OnProgress, Outcome, Progress, Result
from ..model.report import Stop, StopReason
from .change_executor import DoubtfulChanges, OpenClient, PerProcessClient, interpret_repeated_call, mark_settled
from .interrupts import CallerThread
from .journal import Journal
from .submitted_call import DoubtfulCallError, SubmittedCall, SubmittedCalls

MAX_INTENTS = 64  # changes whose intent is recorded and whose result is not
REFILL_AT = 2 * WORKERS  # record the next intents when at most this many have no result
MIN_HOLD_S = 1.0


class State(IntEnum):
    """What a dispatcher does; the order matters, because a run never goes back except from HELD to SENDING."""

    SENDING = auto()
    """Send changes."""
    HELD = auto()
    """Rate-limited: send nothing until the hold ends, then go on."""
    HALTED = auto()
    """A call failed in a way that stops the run: begin no calls until the dispatcher has taken its result."""
    STOPPED = auto()
    """Send nothing more; `Dispatcher.stop` says why."""
    INTERRUPTED = auto()
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
        client: ConfluenceGroups,
        caller: CallerThread,
        executor: Executor | None,
        on_progress: OnProgress,
        stop_after_failures: int | None,
        wait_for_quota: bool,
        clock: Clock,
    ) -> None:
        self.state = State.SENDING
        self.stop: Stop | None = None
        self._state_lock = threading.Lock()
        self._journal, self._client, self._caller = journal, client, caller
        self._executor, self._open_client = executor, open_client
        self._on_progress = on_progress
        self._failures_left = stop_after_failures
        self._wait_for_quota = wait_for_quota
        self._clock = clock
        self._error: BaseException | None = None  # raised by the program, and raised again when no call is running
        self._held_until = 0.0  # by the monotonic clock
        self._in_doubt: frozenset[Key] = frozenset()
        self._queue: deque[Change] = deque()
        self._doubtful = DoubtfulChanges()
        self._halted_by: Result | None = None
        in_this_process = not isinstance(open_client, PerProcessClient)
        self._calls = SubmittedCalls(
            executor, in_this_process=in_this_process, is_interrupted_again=lambda: caller.interrupted_again
        )

    # --- the run

    def run(self, phase: str, changes: Sequence[Change], in_doubt: frozenset[Key]) -> None:
        """Send changes, unless the run has stopped.

        Args:
            phase: the phase for `Progress`.
            changes: the changes to send.
            in_doubt: the keys of changes that an earlier run may have made.

        Raises:
            JournalError: the journal cannot be written. Calls that have begun are finished.
            BaseException: what ``on_progress`` raised, or what interrupted the caller's thread, unless it was a
                KeyboardInterrupt. Calls that have begun are finished, and their results are recorded.
        """
        if self.stop or not changes:
            return
        self._queue = deque(changes)
        self._in_doubt = in_doubt
        pool = self._executor or ThreadPoolExecutor(WORKERS, thread_name_prefix="membership")
        try:
            self._send_all(pool, phase, len(changes))
            self._settle()
        finally:
            self._finish_calls(pool)
        if self._error is not None:
            raise self._error

    def interrupt(self) -> None:
        """Stop the run because of Ctrl-C."""
        if self.state is not State.INTERRUPTED:
            self.stop_sending(Stop(reason=StopReason.INTERRUPTED))
            self._advance(State.INTERRUPTED)

    def _send_all(self, pool: Executor, phase: str, total: int) -> None:
        reported = None
        while self._queue or self._calls.unrecorded:
            self._stop_if_interrupted()
            self._step(pool)
            done = total - len(self._queue) - len(self._calls.unrecorded)
            if not self.stop and done != reported:  # changes that will not be sent would count as done
                self._ask(partial(self._on_progress, Progress(phase=phase, done=done, total=total)))
                reported = done
        self._stop_if_interrupted()

    def _step(self, pool: Executor) -> None:
        """Send as many changes as allowed, and take the results that have arrived."""
        if self._halted_by and not self._calls.unrecorded:  # another call for its change may have been recorded instead
            self._stop_if_needed(self._halted_by)
        if self.stop:
            self._queue.clear()
        elif self.state is State.HELD:
            if not self._calls.unrecorded:
                self._wait_for_hold()
        elif self.state is State.SENDING and self._queue and len(self._calls.unrecorded) <= REFILL_AT:
            self._send(pool)
        if self._calls.unrecorded:
            self._take(self._calls.wait() or self._find_lost_calls())

    def _stop_if_interrupted(self) -> None:
        if self._caller.interrupted and self.state < State.STOPPED:
            self._ask(self._caller.check)

    def _ask(self, function: Callable[[], object]) -> None:
        """Call a function of the program; if it raises an exception or is interrupted, stop the run."""
        try:
            function()
        except KeyboardInterrupt:
            self.interrupt()
        except BaseException as error:
            self._error = self._error or error
            self.stop_sending(Stop(reason=StopReason.INTERRUPTED))

    def _finish_calls(self, pool: Executor) -> None:
        """Wait for calls that are still running after an error, so that they end before the journal is closed."""
        if self._calls.unrecorded:
            self._advance(State.HALTED)
        self._calls.finish()
        if pool is not self._executor:
            pool.shutdown()

    # --- sending

    def _send(self, pool: Executor) -> None:
        batch = [self._queue.popleft() for _ in range(min(MAX_INTENTS - len(self._calls.unrecorded), len(self._queue)))]
        self._journal.intend(batch)
        if self.stop:  # the journal was lost before
            self._withdraw(batch)
            return
        for number, change in enumerate(batch):
            call = self._calls.add(change, may_begin=self._may_begin, on_end=self._halt_if_needed)
            try:
                call.submit(pool, self._open_client)
            except RuntimeError as error:
                self.stop_sending(Stop(reason=StopReason.EXECUTOR_CLOSED, error=str(error)))
            except BaseException as error:
                self._stop_because_of_worker(error)
            if call.rejected:
                self._withdraw(batch[number + 1 :])  # the executor may have taken this change before it failed
                return

    def _may_begin(self) -> bool:
        """Return whether a call may begin; workers ask before each change."""
        return self.state < State.HALTED and not self._caller.interrupted

    def _halt_if_needed(self, call: SubmittedCall) -> None:
        """Let no call begin after one that stops the run; called in the worker's thread."""
        if result := call.stopping_result:
            self._halted_by = self._halted_by or result
            self._advance(State.HALTED)

    # --- results

    def _find_lost_calls(self) -> list[SubmittedCall]:
        """Return the calls that the executor has lost; stop the run if one of them has no result."""
        lost = self._calls.find_lost(stopped=self.stop is not None)
        if not self.stop and any(not call.has_result for call in lost):
            limit_s = self._calls.silence_limit_s(stopped=False)
            self._stop_because_of_worker(TimeoutError(f"no result for {limit_s:.0f} s"))
        return lost

    def _take(self, calls: Sequence[SubmittedCall]) -> None:
        """Record what became of these calls, and decide whether to go on."""
        results: list[Result] = []
        unsent: list[Change] = []
        for call in calls:
            if call.rejected:
                continue
            try:
                result = self._result_of(call)
            except DoubtfulCallError:
                self._doubtful.add(call.change)
                continue
            if result is None:
                unsent.append(call.change)
            elif result.hold_s is not None and not result.in_doubt:
                self._hold(call.change, result.hold_s)
                unsent += [call.change] if call.was_made_once else []
            else:
                results.append(self._interpret(result, repeated=not call.was_made_once))
        self._journal.record(results)
        self._withdraw(unsent)
        self._calls.forget(calls)  # not before they are recorded
        for result in results:
            self._stop_if_needed(result)

    def _result_of(self, call: SubmittedCall) -> Result | None:
        """Return the result of a call; None if it was not sent.

        Raises:
            DoubtfulCallError: the executor does not say whether the call was made.
        """
        try:
            return call.result()
        except DoubtfulCallError:
            raise
        except BaseException as error:
            self._stop_because_of_worker(error)
            words, error_type = str(error), type(error).__name__
            return Result(change=call.change, outcome=Outcome.UNKNOWN, error=words, error_type=error_type, final=False)

    def _interpret(self, result: Result, *, repeated: bool) -> Result:
        """Return a result, changed if an earlier call for the same change may have made it."""
        key = result.change.key
        if result.in_doubt:
            self._in_doubt |= {key}
        if key in self._in_doubt:
            result = mark_settled(result)
        elif self._calls.foreign:
            result = interpret_repeated_call(result)
        return self._doubtful.note(result, repeated=repeated) if self._calls.foreign else result

    def _settle(self) -> None:
        """Look up the changes of which a foreign executor does not say whether they were made."""
        self._journal.record(
            self._doubtful.look_up(self._client, is_interrupted_again=lambda: self._caller.interrupted_again)
        )

    def _withdraw(self, changes: Sequence[Change]) -> None:
        """Record that changes were not sent; those that an earlier run may have made stay in doubt."""
        self._journal.withdraw([change for change in changes if change.key not in self._in_doubt])

    # --- the state

    def _stop_if_needed(self, result: Result) -> None:
        """Stop if every other change would fail too, or if enough changes have failed."""
        if result.stops:
            self.stop_sending(Stop(reason=StopReason.FATAL_ERROR, error=result.error))
        elif result.outcome in (Outcome.FAILED, Outcome.UNKNOWN) and self._failures_left is not None:
            self._failures_left -= 1
            if self._failures_left == 0:
                reason, option = StopReason.TOO_MANY_FAILURES, "stop_after_failures"
                self.stop_sending(Stop(reason=reason, error=result.error, option=option))

    def _stop_because_of_worker(self, error: BaseException) -> None:
        if isinstance(error, KeyboardInterrupt):  # a worker in another process got the same Ctrl-C
            self.interrupt()
            return
        needs_client = self._executor is not None and not isinstance(self._open_client, PerProcessClient)
        words, option = f"{type(error).__name__}: {error}", "open_client" if needs_client else None
        self.stop_sending(Stop(reason=StopReason.WORKER_FAILED, error=words, option=option))

    def _advance(self, state: State) -> None:
        """Go to a later state; workers call this too."""
        with self._state_lock:
            self.state = max(self.state, state)

    def stop_sending(self, stop: Stop) -> None:
        """Send nothing more; calls that have begun are finished and recorded. The first reason counts."""
        self.stop = self.stop or stop
        self._advance(State.STOPPED)
        self._calls.cancel()

    def _hold(self, change: Change, seconds: float) -> None:
        """Send nothing for some time, and then this change again; or stop, if the run does not wait for quotas."""
        if not self._wait_for_quota:
            resume_at = utc_timestamp(self._clock.now() + seconds)
            self.stop_sending(Stop(reason=StopReason.RATE_LIMITED, resume_at=resume_at, option="wait_for_quota"))
            return
        self._held_until = max(self._held_until, self._clock.monotonic() + max(seconds, MIN_HOLD_S))
        self._queue.appendleft(change)
        self._advance(State.HELD)

    def _wait_for_hold(self) -> None:
        seconds = max(0.0, self._held_until - self._clock.monotonic())
        progress = Progress(phase="waiting", done=0, total=len(self._queue), held_until=self._clock.now() + seconds)
        self._ask(partial(self._on_progress, progress))
        if not self.stop:
            self._ask(partial(self._caller.sleep, self._clock, seconds))
        with self._state_lock:
            if self.state is State.HELD:
                self.state = State.SENDING
