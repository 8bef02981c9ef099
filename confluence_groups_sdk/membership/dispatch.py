"""Sending changes, several at once: what is sent is on the disk before, and all that comes back is written down."""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType

from attrs import evolve

from .._clock import Clock
from ..client import ConfluenceGroups
from ..errors import RateLimitError
from .changes import Change, Outcome, Progress, Result
from .draft import OnProgress, moment
from .journal import Journal
from .live import WORKERS
from .perform import OncePerProcess, OpenClient, perform

BATCH = 64  # changes that are on the disk and not finished, at the most
REFILL = 2 * WORKERS  # when no more than so many are left of them, the next are written down
SHORTEST_HOLD = 1.0  # seconds


class NotSentError(Exception):
    """The run had been stopped before this change was sent."""


class Dispatcher:
    """Sends changes and keeps the journal of them, until all are done or the run is stopped.

    Attributes:
        stopped: why no more changes are sent; None while they are.
        interrupted: whether that is for a Ctrl-C.
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
        self.stopped: str | None = None
        self.interrupted = False
        self._journal = journal
        self._executor = executor
        self._on_progress = on_progress
        self._failures_left = stop_after_failures
        self._wait_for_quota = wait_for_quota
        self._clock = clock
        self._open_client = open_client if isinstance(open_client, OncePerProcess) else self._guarded(open_client)
        self._halted = False  # seen by the workers: a change that has not begun is not sent any more
        self._asked_to_end = False
        self._sleeping = False
        self._doubtful: frozenset[tuple[str, str]] = frozenset()
        self._came: SimpleQueue[Future[Result]] = SimpleQueue()
        self._running: dict[Future[Result], Change] = {}
        self._queue: deque[Change] = deque()
        self._held_until: float | None = None  # by the monotonic clock

    def run(self, phase: str, changes: Sequence[Change], doubtful: frozenset[tuple[str, str]]) -> None:
        """Send these changes, unless the run is stopped.

        Args:
            phase: for `Progress`.
            changes: that are not finished.
            doubtful: those which may have been made in an earlier run.

        Raises:
            JournalError: it could not be written. Calls under way are finished.
        """
        if self.stopped or not changes:
            return
        self._queue = deque(changes)
        self._doubtful = doubtful
        pool = self._executor or ThreadPoolExecutor(WORKERS, thread_name_prefix="membership")
        try:
            with self._interruptible():
                while self._queue or self._running:
                    try:
                        self._step(pool)
                        left = len(self._queue) + len(self._running)
                        if not self.stopped:  # else those that are not sent any more would count as done
                            self._on_progress(Progress(phase=phase, done=len(changes) - left, total=len(changes)))
                    except KeyboardInterrupt:
                        if self.interrupted:
                            raise
                        self._asked_to_end = True
                self._end_if_asked()
        finally:
            self._halted = True
            wait([future for future in self._running if not future.cancel()])  # they end before the journal is closed
            if pool is not self._executor:
                pool.shutdown()
            self._halted = self.stopped is not None

    def _step(self, pool: Executor) -> None:
        """Send what there is room for, and take in what has come back."""
        self._end_if_asked()
        if self.stopped:
            self._queue.clear()
        elif self._held_until is not None:
            if not self._running:
                self._wait(self._held_until)
        elif self._queue and len(self._running) <= REFILL:
            self._send(pool)
        if self._running:
            came = [self._came.get()]
            while not self._came.empty():
                came.append(self._came.get())
            self._take(came)

    def _end_if_asked(self) -> None:
        if self._asked_to_end and not self.interrupted:
            self.interrupted = True
            self._stop("interrupted")

    def _send(self, pool: Executor) -> None:
        batch = [self._queue.popleft() for _ in range(min(BATCH - len(self._running), len(self._queue)))]
        self._journal.intend(batch)
        for number, change in enumerate(batch):
            try:
                future = pool.submit(perform, self._open_client, change)
            except RuntimeError as error:  # an executor that takes no more
                self._stop(f"the executor takes no more work ({error})")
                self._withdraw(batch[number + 1 :])  # this one may have been taken before it was refused
                return
            self._running[future] = change
            future.add_done_callback(self._arrived)

    def _arrived(self, future: Future[Result]) -> None:
        """Note that a call has ended, in its own thread: where it stops the run, none begins after it."""
        if not future.cancelled() and future.exception() is None and future.result().stops:
            self._halted = True
        self._came.put(future)

    def _take(self, came: Sequence[Future[Result]]) -> None:
        """Write down what became of these calls, and decide whether to go on."""
        results: list[Result] = []
        unsent: list[Change] = []
        for future in came:
            change = self._running.pop(future)
            result = self._result_of(future, change)
            if result is None:
                unsent.append(change)
                continue
            held = result.error_type == RateLimitError.__name__ and result.limits.retry_after is not None
            if held:
                self._hold(change, result.limits.retry_after or 0.0)
            if result.in_doubt:
                self._doubtful |= {change.key}
            if held and not result.in_doubt:
                unsent.append(change)
            else:
                results.append(_settled(result) if change.key in self._doubtful else result)
        self._journal.record(results)
        self._withdraw(unsent)
        for result in results:
            self._count(result)

    def _result_of(self, future: Future[Result], change: Change) -> Result | None:
        """Return what became of a call, None where it was not sent."""
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or isinstance(error, NotSentError):
            return None
        if error is None:
            return future.result()
        if isinstance(error, KeyboardInterrupt):  # in another process, which had the same Ctrl-C
            self._asked_to_end = True
        else:
            remedy = "; workers in other processes need open_client" if self._executor else ""
            self._stop(f"a worker failed ({type(error).__name__}: {error}){remedy}")
        words, kind = str(error), type(error).__name__
        return Result(change=change, outcome=Outcome.UNKNOWN, error=words, error_type=kind, final=False)

    def _withdraw(self, changes: Sequence[Change]) -> None:
        """Write down that these were not sent; those of an earlier run stay in doubt."""
        self._journal.withdraw([change for change in changes if change.key not in self._doubtful])

    def _count(self, result: Result) -> None:
        """Stop where everything else would fail, too, or where enough has failed."""
        if result.stops:
            self._stop(f"every other change would fail, too: {result.error}")
        elif result.outcome in (Outcome.FAILED, Outcome.UNKNOWN) and self._failures_left is not None:
            self._failures_left -= 1
            if self._failures_left == 0:
                self._stop(f"too many changes failed (stop_after_failures), the last one: {result.error}")

    def _stop(self, why: str) -> None:
        """Send nothing more."""
        self._halted = True
        self.stopped = self.stopped or why
        for future in self._running:
            future.cancel()

    def _hold(self, change: Change, seconds: float) -> None:
        """Send nothing for so long, and then this change again; or end the run."""
        until = self._clock.monotonic() + max(seconds, SHORTEST_HOLD)
        if self._wait_for_quota:
            self._held_until = max(self._held_until or 0.0, until)
            self._queue.appendleft(change)
        else:
            when = moment(self._clock.now() + seconds)
            self._stop(f"the site takes no more calls until {when}: resume then, or apply with wait_for_quota=True")

    def _wait(self, until: float) -> None:
        seconds = max(0.0, until - self._clock.monotonic())
        left = len(self._queue)
        held_until = self._clock.now() + seconds
        self._on_progress(Progress(phase="waiting", done=0, total=left, held_until=held_until))
        try:
            self._sleeping = True
            if not self._asked_to_end:
                self._clock.sleep(seconds)
        finally:
            self._sleeping = False
        self._held_until = None

    def _guarded(self, open_client: OpenClient) -> OpenClient:
        """Return what gives the client only while the run goes on."""

        def opened() -> ConfluenceGroups:
            if self._halted:
                raise NotSentError
            return open_client()

        return opened

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let the first Ctrl-C be seen between two steps, so that no line of the journal is cut in two by it.

        Whoever has a handler of his own keeps it.
        """
        in_main = threading.current_thread() is threading.main_thread()
        if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return

        def note(_signal: int, _frame: FrameType | None) -> None:
            if self._sleeping or self._asked_to_end:
                raise KeyboardInterrupt
            self._asked_to_end = self._halted = True

        signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _settled(result: Result) -> Result:
    """Return the result of a change that may have been made in an earlier run."""
    if result.outcome is Outcome.ALREADY_A_MEMBER:
        return evolve(result, outcome=Outcome.ADDED, settled=True)
    if result.outcome in (Outcome.REMOVED, Outcome.ADDED) or not result.final:
        return evolve(result, settled=True)
    return result
