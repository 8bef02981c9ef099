"""Ctrl-C, and every other exception that a signal handler raises, during a run.

Such an exception may come between any two instructions of the main thread: between sending a call and noting it, in the
middle of a line of the journal, or while a lock is held. So the run has a thread of its own, which no
signal interrupts. It holds the journal and its lock, sends the calls and records their results. The thread that called
`apply` only waits, and does what the run asks for there: it calls ``on_progress``, and it sleeps. If an exception
interrupts it, it notes the exception and waits on. The run sees the note, begins no more calls, records the results of
those that are running, and closes the journal. Then `apply` returns or raises.

Reads before and after the changes have threads of their own. An interrupted run does not wait for them.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, Generic, TypeVar

from ..._support.clock import Clock
from ..._support.concurrency.threads import BackgroundCall, Notifier
from ...errors import JournalError
from ..model.changes import OnProgress, Progress

T = TypeVar("T")
LEVELS = 16  # exceptions that may each interrupt the handling of the one before


class _Task(Generic[T]):
    """A function that the run wants to be called in the caller's thread, and its result."""

    def __init__(self, function: Callable[[], T], *, sleeps: bool) -> None:
        self.function = function
        self.sleeps = sleeps
        self.begun = False
        self.done = False
        self.values: list[T] = []
        self.error: BaseException | None = None
        self.answers = Notifier()  # for the thread that waits for the result


class CallerThread:
    """The thread that called `apply`: it waits for the run, and calls functions of the program for it.

    The first Ctrl-C is a request to end the run, unless the program has its own handler. The second one also interrupts
    a function of the program, and ends waits for an executor that may have lost a call.

    Attributes:
        errors: the exceptions that have interrupted the thread while it waited.
    """

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self._signals = 0  # handled by this object
        self._task: _Task[Any] | None = None
        self._current: _Task[Any] | None = None
        self._run: BackgroundCall[Any] | None = None
        self._tasks = Notifier()  # and the end of the run: for the caller's thread
        self._reads = Notifier()  # for the run, while it waits for a read

    @property
    def interrupted(self) -> bool:
        """Whether the run should end."""
        return bool(self._signals or self.errors)

    @property
    def interrupted_again(self) -> bool:
        """Whether the run was told more than once to end."""
        return self._signals + len(self.errors) > 1

    # --- in the caller's thread

    def run(self, work: Callable[[], T]) -> T:
        """Make a run, and return its result.

        Raises:
            BaseException: what the run raised, or what interrupted this thread, unless it was a KeyboardInterrupt and
                the run returned a result.
        """
        run: BackgroundCall[T] = BackgroundCall(work, "membership-apply", self._tasks, daemon=False)
        self._run = run
        try:
            self._install_handler()
            self._attend(run, LEVELS)
        finally:
            if signal.getsignal(signal.SIGINT) == self._handle:
                signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            self._raise_if_prevented(run)
            result = run.result()
        except JournalError:
            raise  # it matters more than the interruption
        except Exception as failure:
            if self.interrupted and failure not in self.errors:
                raise self._interruption() from failure
            raise
        for error in self.errors:
            if not isinstance(error, KeyboardInterrupt):
                raise error
        return result

    def _raise_if_prevented(self, run: BackgroundCall[Any]) -> None:
        if not run.has_begun:
            raise self._interruption()

    def _interruption(self) -> BaseException:
        return self.errors[0] if self.errors else KeyboardInterrupt()

    def _attend(self, run: BackgroundCall[Any], levels: int) -> None:
        """Start the run, and serve it until it is over; each level handles an exception in the level below."""
        try:
            if levels:
                self._attend(run, levels - 1)
            else:
                run.start()
        except BaseException as error:
            self._note(run, error)
        self._serve_until_over(run)

    def _serve_until_over(self, run: BackgroundCall[Any]) -> None:
        while not run.is_over:
            try:
                while not run.is_over:
                    self._serve(run)
            except BaseException as error:
                self._note(run, error)

    def _note(self, run: BackgroundCall[Any], error: BaseException) -> None:
        self.errors.append(error)
        run.prevent()
        self._notify_run()

    def _serve(self, run: BackgroundCall[Any]) -> None:
        """Call the function that the run asks for, or wait until it asks for one."""
        task = self._task
        if task is None or task.begun:
            run.wait()
            return
        task.begun = True
        try:
            self._current = task
            if task.sleeps and self.interrupted:
                raise self._interruption()
            task.values.append(task.function())
        except BaseException as error:
            task.error = error
        self._current = None
        task.done = True
        task.answers.notify()

    def _install_handler(self) -> None:
        """Handle Ctrl-C, if this is the main thread and the program has no handler of its own.

        Only the main thread may set a handler; see https://docs.python.org/3/library/signal.html#signals-and-threads.
        """
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._run is None or not self._run.is_running:  # before or after the run
            signal.default_int_handler(number, frame)
        self._signals += 1
        self._notify_run()
        task = self._current
        if task is not None and (task.sleeps or self.interrupted_again):
            raise KeyboardInterrupt

    def _notify_run(self) -> None:
        self._reads.notify()
        if self._task is not None:
            self._task.answers.notify()

    # --- in the threads of the run

    def check(self) -> None:
        """Raise an exception if the run should end.

        Raises:
            BaseException: what interrupted the caller's thread.
        """
        if self.interrupted:
            raise self._interruption()

    def relay(self, on_progress: OnProgress | None) -> OnProgress | None:
        """Return a function that calls ``on_progress`` in the caller's thread; None if there is none."""
        if on_progress is None:
            return None

        def report(progress: Progress) -> None:
            self._call(partial(on_progress, progress), sleeps=False)

        return report

    def sleep(self, clock: Clock, seconds: float) -> None:
        """Sleep in the caller's thread, where signals end the sleep.

        Raises:
            BaseException: what interrupted the sleep.
        """
        self._call(partial(clock.sleep, seconds), sleeps=True)

    def _call(self, function: Callable[[], T], *, sleeps: bool) -> T:
        self.check()
        task: _Task[T] = _Task(function, sleeps=sleeps)
        self._task = task
        self._tasks.notify()
        while not task.done:
            if self.errors:
                raise self.errors[0]
            task.answers.wait()
        if task.error is not None:
            raise task.error
        return task.values[0]

    def read(self, function: Callable[[], T]) -> T:
        """Call a function that only reads, in a thread that nobody waits for if the run should end.

        Raises:
            BaseException: what the function raised, or what interrupted the caller's thread.
        """
        reading = BackgroundCall(function, "membership-read", self._reads, daemon=True)
        reading.start()
        while not reading.is_over:
            self.check()
            reading.wait()
        return reading.result()
