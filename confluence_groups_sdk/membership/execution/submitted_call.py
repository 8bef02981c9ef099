"""The calls that an executor was asked to make, and what is certain about them.

Python's own pools keep the promises of `concurrent.futures`: a cancelled call has not begun and never will, a call is
made once, and every future ends. Of any other executor, including subclasses of the pools, none of this is certain. It
may cancel a call that is running, make a call again after a worker has died, lose it, or return anything.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from queue import Empty, SimpleQueue
from typing import Any

from attrs import evolve

from ..._support.clock import machine_monotonic
from ..._support.concurrency.threads import POLL_S
from ..model.changes import APPLIED, Change, Key, Result
from .change_executor import OpenClient, PerProcessClient, perform

SILENCE_S = 300.0  # without an event; then a foreign executor counts as having lost its calls
SILENCE_AFTER_STOP_S = 30.0  # the same, when the run has stopped
SILENCE_HERE_S = 20.0  # the same, if calls are made in this process, and none is being made
SILENCE_WITH_RESULT_S = 2.0  # the same, for calls whose results are known already


class NotSentError(Exception):
    """The run stopped before this change was sent."""


class DoubtfulCallError(Exception):
    """A foreign executor does not say whether the call was made; see the module."""


class WrongResultError(Exception):
    """An executor returned something other than the result of the change."""


def is_own_pool(executor: Executor) -> bool:
    """Check whether an executor is one of Python's own pools."""
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor  # the first one takes time to load

    return type(executor) in (ThreadPoolExecutor, ProcessPoolExecutor)


class SubmittedCall:
    """A change that an executor was asked to make.

    Args:
        change: the change.
        may_begin: says whether the call may still begin; called in the worker's thread.
        notify: called with this object when the call may be over, from any thread and perhaps more than once.
        foreign: whether the executor is not one of Python's own pools.

    Attributes:
        rejected: whether the executor raised an exception in ``submit``; it may have taken the change before.
    """

    def __init__(
        self,
        change: Change,
        *,
        may_begin: Callable[[], bool],
        notify: Callable[[SubmittedCall], object],
        foreign: bool,
    ) -> None:
        self.change = change
        self.rejected = False
        self._may_begin = may_begin
        self._notify = notify
        self._foreign = foreign
        self._lock = threading.Lock()  # also keeps this object from being pickled
        self._future: Any = None
        self._closed = False
        self._began = 0  # in this process
        self._ended = 0
        self._results: list[Result] = []

    def submit(self, executor: Executor, open_client: OpenClient) -> None:
        """Give the change to an executor.

        Raises:
            Exception: the executor raised it; it may have taken the change before.
        """
        try:
            # Other processes cannot see this object.
            function = perform if isinstance(open_client, PerProcessClient) else self._perform
            self._future = executor.submit(function, open_client, self.change)
            self._future.add_done_callback(lambda _: self._notify(self))
        except BaseException:
            self.rejected = True
            self.close()
            raise

    def _perform(self, open_client: OpenClient, change: Change) -> Result:
        with self._lock:
            if self._closed or not self._may_begin():
                raise NotSentError
            self._began += 1
        try:
            result = perform(open_client, change)
            self._results.append(result)
            return result
        finally:
            with self._lock:
                self._ended += 1
            if self._foreign:  # it may not notify
                self._notify(self)

    @property
    def is_running(self) -> bool:
        """Whether a thread of this process makes the call now."""
        return self._began > self._ended

    @property
    def ran_here(self) -> bool:
        """Whether a thread of this process has begun the call."""
        return self._began > 0

    @property
    def was_made_once(self) -> bool:
        """Whether the call was certainly made once, if it was made."""
        return not self._foreign or self._began == 1

    @property
    def has_result(self) -> bool:
        """Whether the result is known, even if the executor does not return it."""
        return bool(self._results)

    @property
    def is_over(self) -> bool:
        """Whether the call has ended, according to the executor and the threads of this process."""
        return not self.is_running and (self.rejected or self._is_done())

    def _is_done(self) -> bool:
        try:
            return bool(self._future.done())
        except Exception:
            return True

    @property
    def stopping_result(self) -> Result | None:
        """The result of the call, or of one of its repetitions, that every other change would meet."""
        results = list(self._results)
        if not (results or self._foreign or self.rejected) and self._is_done():
            future = self._future
            if not future.cancelled() and future.exception() is None:
                results.append(future.result())
        return next((result for result in results if getattr(result, "stops", False)), None)

    def cancel(self) -> None:
        """Ask the executor not to begin the call."""
        try:
            self._future.cancel()
        except Exception:
            return

    def close(self) -> None:
        """Prevent the call from beginning in this process from now on."""
        with self._lock:
            self._closed = True

    def result(self) -> Result | None:
        """Return the result of a call that is over; None if it was certainly not sent.

        Raises:
            DoubtfulCallError: a foreign executor cancelled, lost or repeated the call.
            BaseException: the worker raised this. It is not known whether the change was made.
        """
        self.close()
        try:
            result = self._future_result()
        except NotSentError:
            if not self._began:
                return None
            error: BaseException = DoubtfulCallError("the executor made the call again")
        except BaseException as raised:
            error = raised
        else:
            return result if result.outcome in APPLIED else self._made_here() or result
        if self._results:
            return self._made_here() or self._results[-1]
        raise error

    def _made_here(self) -> Result | None:
        """Return the result of the call that made the change in this process; another one for it may have failed."""
        made = (evolve(result, settled=True) for result in self._results if result.outcome in APPLIED)
        return next(made, None)

    def _future_result(self) -> Result:
        future = self._future
        if self._foreign and not self._is_done():
            raise DoubtfulCallError("the executor gave no result")
        if future.cancelled():
            if not self._foreign:
                raise NotSentError
            raise DoubtfulCallError("the executor cancelled the call, and may have made it")
        if (error := future.exception()) is not None:
            raise error
        result = future.result()
        if not isinstance(result, Result) or result.change != self.change:
            raise WrongResultError(f"the executor returned {type(result).__name__} that is not this change's result")
        return result


class SubmittedCalls:
    """The calls that an executor was asked to make and whose results are not recorded yet.

    Args:
        executor: the caller's executor; None for a pool of the run's own.
        in_this_process: whether the calls are made in this process.
        is_interrupted_again: says whether to stop waiting for calls that a foreign executor does not end.

    Attributes:
        foreign: whether the executor is not one of Python's own pools.
        unrecorded: the calls, by the keys of their changes.
    """

    def __init__(
        self, executor: Executor | None, *, in_this_process: bool, is_interrupted_again: Callable[[], bool]
    ) -> None:
        self.foreign = executor is not None and not is_own_pool(executor)
        self.unrecorded: dict[Key, SubmittedCall] = {}
        self._in_this_process = in_this_process
        self._is_interrupted_again = is_interrupted_again
        self._notified: SimpleQueue[SubmittedCall] = SimpleQueue()
        self._last_event_at = 0.0  # by the machine's clock: when a call was last submitted, ended or cancelled
        self._runs_here = False  # the executor makes calls in threads of this process

    def add(
        self, change: Change, *, may_begin: Callable[[], bool], on_end: Callable[[SubmittedCall], object]
    ) -> SubmittedCall:
        """Note that a change will be submitted, and return its call."""

        def notify(call: SubmittedCall) -> None:
            on_end(call)
            self._notified.put(call)

        call = SubmittedCall(change, may_begin=may_begin, notify=notify, foreign=self.foreign)
        self.unrecorded[change.key] = call
        self._last_event_at = machine_monotonic()
        return call

    def wait(self) -> list[SubmittedCall]:
        """Wait a moment for calls to end, and return those that are over, even if the executor did not notify."""
        notified: dict[Key, SubmittedCall] = {}
        try:
            call = self._notified.get(timeout=POLL_S)
            while True:
                notified[call.change.key] = call
                call = self._notified.get_nowait()
        except Empty:
            pass
        calls = [
            call for call in (notified or self.unrecorded).values() if self.unrecorded.get(call.change.key) is call
        ]
        over = [call for call in calls if call.is_over]
        if over:
            self._last_event_at = machine_monotonic()
        return over

    def find_lost(self, *, stopped: bool) -> list[SubmittedCall]:
        """Return the calls that a foreign executor has probably lost.

        Args:
            stopped: whether the run has stopped, which makes the time shorter.
        """
        waiting = [call for call in self.unrecorded.values() if not call.is_running]
        if self._is_silent(self.silence_limit_s(stopped=stopped)):
            return waiting if not self._in_this_process or len(waiting) == len(self.unrecorded) else []
        return [call for call in waiting if call.has_result] if self._is_silent(SILENCE_WITH_RESULT_S) else []

    def silence_limit_s(self, *, stopped: bool) -> float:
        """Return after how many seconds without a result a foreign executor has lost its calls."""
        if self._in_this_process:
            return SILENCE_HERE_S
        return SILENCE_AFTER_STOP_S if stopped else SILENCE_S

    def forget(self, calls: Iterable[SubmittedCall]) -> None:
        """Forget calls whose results are recorded."""
        for call in calls:
            self._runs_here |= call.ran_here
            del self.unrecorded[call.change.key]

    def cancel(self) -> None:
        """Cancel calls that have not begun. Threads of this process ask ``may_begin``, which is more certain."""
        self._last_event_at = machine_monotonic()
        if self.foreign and (self._runs_here or any(call.ran_here for call in self.unrecorded.values())):
            return
        for call in self.unrecorded.values():
            call.cancel()

    def finish(self) -> None:
        """Prevent calls that have not begun, and wait until the others have ended."""
        for call in self.unrecorded.values():
            call.close()
        if self.unrecorded:
            self.cancel()
        while any(not call.is_over for call in self.unrecorded.values()) and not self._is_silent(
            self.silence_limit_s(stopped=True)
        ):
            self.wait()

    def _is_silent(self, limit_s: float) -> bool:
        return self.foreign and (machine_monotonic() - self._last_event_at >= limit_s or self._is_interrupted_again())
