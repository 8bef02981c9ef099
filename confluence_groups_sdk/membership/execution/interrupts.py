"""Ctrl-C during a run: it ends the run between two steps, not in the middle of a line of the journal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ..._support.clock import Clock


class DeferredInterrupt:
    """Turns the first Ctrl-C into a request to end the run; a second one raises `KeyboardInterrupt` at once.

    Attributes:
        requested: whether the run should end. Worker threads read it too.
    """

    def __init__(self) -> None:
        self.requested = False
        self._sleeping = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle Ctrl-C in this context. Do nothing outside the main thread, or if the program has its own handler.

        Only the main thread may set a handler; see https://docs.python.org/3/library/signal.html#signals-and-threads.
        """
        in_main_thread = threading.current_thread() is threading.main_thread()
        if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return
        signal.signal(signal.SIGINT, self._handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def sleep(self, clock: Clock, seconds: float) -> None:
        """Sleep, unless the end is requested already.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed; no line of the journal is being written here.
        """
        self._sleeping = True
        try:
            if not self.requested:
                clock.sleep(seconds)
        finally:
            self._sleeping = False

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        if self._sleeping or self.requested:
            raise KeyboardInterrupt
        self.requested = True
