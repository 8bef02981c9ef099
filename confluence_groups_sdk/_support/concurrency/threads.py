"""Calls in threads: independent calls, several at the same time, and a call that no signal interrupts.

Python runs signal handlers in the main thread, between any two of its instructions, and a handler may raise an
exception there (https://docs.python.org/3/library/signal.html#signals-and-threads). In the wrong place, the exception
leaves a lock of `threading` or `concurrent.futures` locked for ever. So the thread that waits uses neither: it starts
threads with `_thread` and waits on a `SimpleQueue`, both in C code, and it decides by the recorded state.
"""

from __future__ import annotations

import threading
from _thread import start_new_thread
from collections.abc import Callable, Generator, Iterable, Sequence
from contextvars import copy_context
from itertools import chain, islice
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

WORKERS = 8  # calls at the same time
POLL_S = 0.25  # after which a thread that waits looks again without being told


class Notifier:
    """Tells one thread that there is something new; the thread also looks now and then without being told."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[None] = SimpleQueue()

    def notify(self) -> None:
        """Wake the waiting thread; signal handlers may call this too."""
        self._queue.put(None)

    def wait(self) -> None:
        """Wait until there may be something new."""
        try:
            self._queue.get(timeout=POLL_S)
        except Empty:
            return


class BackgroundCall(Generic[R]):
    """A call in a thread of its own. Its state stays right even if the thread that waits for it is interrupted.

    Args:
        function: the function to call, in a copy of the present context.
        name: the thread's name.
        daemon: whether the process may end before the call.
        notifier: wakes the waiting thread at the end of the call.
    """

    def __init__(self, function: Callable[[], R], name: str, notifier: Notifier, *, daemon: bool) -> None:
        self._function = function
        self._name = name
        self._notifier = notifier
        self._daemon = daemon
        self._context = copy_context()
        self._decision: dict[str, bool] = {}  # "begins", once it is decided whether the call begins
        self._ended = False
        self._values: list[R] = []
        self._error: BaseException | None = None

    @property
    def failure(self) -> BaseException | None:
        """The exception that the call raised; None if it has raised none."""
        return self._error

    @property
    def has_begun(self) -> bool:
        """Whether the call has begun."""
        return self._decision.get("begins", False)

    @property
    def is_running(self) -> bool:
        """Whether the call has begun and has not ended."""
        return self.has_begun and not self._ended

    @property
    def is_over(self) -> bool:
        """Whether the call has ended or will never begin."""
        return self._ended or not self._decision.get("begins", True)

    def start(self) -> None:
        """Begin the call. If this is interrupted, it may begin or not; see `prevent`."""
        start_new_thread(self._start_thread, ())

    def prevent(self) -> None:
        """Prevent the call, unless it has begun."""
        self._decision.setdefault("begins", False)

    def wait(self) -> None:
        """Wait until the call may have ended."""
        if not self.is_over:
            self._notifier.wait()

    def result(self) -> R:
        """Return the result of the call, or raise its exception; only after its end."""
        if self._error is not None:
            raise self._error
        return self._values[0]

    def _start_thread(self) -> None:
        """Start a thread that the interpreter knows; no signal interrupts this one."""
        try:
            threading.Thread(target=self._call, name=self._name, daemon=self._daemon).start()
        except RuntimeError as error:  # no thread is left, or the interpreter ends
            self._decision.setdefault("begins", True)
            self._error = error
            self._end()

    def _call(self) -> None:
        try:
            if self._decision.setdefault("begins", True):
                self._values.append(self._context.run(self._function))
        except BaseException as error:
            self._error = error
        finally:
            self._end()

    def _end(self) -> None:
        self._ended = True
        self._notifier.notify()


def map_in_threads(
    function: Callable[[T], R], items: Iterable[T], *, workers: int = WORKERS, ahead: int | None = None
) -> Generator[R, None, None]:
    """Call a function for each item, several at the same time, and yield the results in order until the first error.

    Closing the generator waits for the calls that have begun.

    Args:
        function: the function to call; a single item is passed to it in this thread.
        items: its arguments; each is taken by this thread, when its call may begin.
        workers: the number of calls at the same time.
        ahead: the number of calls begun before their results are taken, by default four times as many. This bounds the
            memory, and the calls that are made in vain if the caller stops early.
    """
    left = iter(items)
    first = list(islice(left, 4 * workers if ahead is None else ahead))
    if len(first) < 2:
        yield from map(function, chain(first, left))
        return
    notifier = Notifier()
    tasks: SimpleQueue[tuple[int, T] | None] = SimpleQueue()
    closed: list[bool] = []  # has an item once the results are no longer wanted
    values: dict[int, R] = {}
    errors: dict[int, BaseException] = {}

    def work() -> None:
        while not closed:
            try:
                task = tasks.get(timeout=POLL_S)
            except Empty:
                continue
            if task is None or closed:
                return
            try:
                values[task[0]] = function(task[1])
            except BaseException as error:
                errors[task[0]] = error
            notifier.notify()

    threads = [BackgroundCall(work, f"read-{each}", notifier, daemon=True) for each in range(min(workers, len(first)))]
    try:
        for thread in threads:
            thread.start()
        for task in enumerate(first):
            tasks.put(task)
        index, begun = 0, len(first)
        while index < begun:
            while index not in values:
                if index in errors:
                    raise errors[index]
                _raise_if_none_works(threads)
                notifier.wait()
            for item in islice(left, 1):
                tasks.put((begun, item))
                begun += 1
            yield values.pop(index)
            index += 1
    finally:
        closed.append(True)
        for thread in threads:
            tasks.put(None)
            thread.prevent()
        while not all(thread.is_over for thread in threads):
            notifier.wait()


def _raise_if_none_works(workers: Sequence[BackgroundCall[None]]) -> None:
    """Raise an error if no thread could be started."""
    for worker in workers:
        if not worker.is_over or worker.failure is None:
            return
    workers[0].result()
