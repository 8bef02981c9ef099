"""Sends signals to the command ``sandbox`` in this process; test_sandbox_signals.py runs it.

    python sandbox_signals.py KIND SIGNAL

With the kind ``steps``, the command runs once for each of its steps, and the signal comes twice before that step. A
step is a line of the command, or of `threading` in the command's thread. If no signal has come before the command waits
for one, it comes there.

With the kind ``elsewhere``, the command runs once, and the system gives the signal to another thread while the
command's thread is in that call. So nothing interrupts the call, as if the signal had come just before it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from itertools import count
from types import FrameType, TracebackType
from typing import Any

from confluence_groups_sdk.cli.commands import sandbox as command
from confluence_groups_sdk.cli.session import state_store
from confluence_groups_sdk.sandbox import Credentials

TRACED = {command.__file__, threading.__file__}
WAIT = "recv"  # the name of the call, in C code, in which the command waits for a signal


class Server:
    """Takes the place of the sandbox, which needs time to start and to stop."""

    url = "http://127.0.0.1:1"
    admin = Credentials("ada@example.com", "token")
    oauth_client = ("id", "secret")

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return


class Tracer:
    """Sends signals during one run of the command: before one of its steps, and when it waits for the first signal.

    Attributes:
        reached: whether the run came to that step.
        waited: whether the command waited for a signal, because none had come before.
    """

    def __init__(self, step: int, send_before_step: Callable[[], object], send_in_wait: Callable[[], object]) -> None:
        self._left = step
        self._send_before_step = send_before_step
        self._send_in_wait = send_in_wait
        self.reached = False
        self.waited = False

    def trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line":
            self._left -= 1
            if self._left == 0:
                self.reached = True
                print("before", os.path.basename(frame.f_code.co_filename), frame.f_lineno, flush=True)
                self._send_before_step()
        return self.trace

    def profile(self, _frame: FrameType, event: str, function: object) -> None:
        is_wait = event == "c_call" and getattr(function, "__name__", "") == WAIT
        if is_wait and not self.reached and not self.waited:
            self.waited = True
            self._send_in_wait()

    def run(self) -> bool:
        """Run the command; return whether it ended in order, and not by KeyboardInterrupt."""
        sys.setprofile(self.profile)
        sys.settrace(self.trace)
        try:
            command.sandbox(faults=command.FaultOptions())
        except KeyboardInterrupt:
            return False
        finally:
            sys.settrace(None)
            sys.setprofile(None)
            assert state_store.read(state_store.SANDBOX) is None, "the state file is removed"
        return True


def signal_before_each_step(number: int) -> None:
    def send() -> None:
        signal.raise_signal(number)

    def send_twice() -> None:
        send()
        send()

    handled = waited = False
    for step in count(1):
        signal.signal(number, signal.default_int_handler)
        tracer = Tracer(step, send_twice, send)
        ended_in_order = tracer.run()
        assert ended_in_order or not handled, "once the command handles signals, each one ends it in order"
        handled = ended_in_order
        waited = waited or tracer.waited
        if not tracer.reached:
            break
    assert waited
    print("steps:", step)


def signal_another_thread(number: int) -> None:
    waiting = threading.Lock()
    waiting.acquire()

    def send() -> None:
        waiting.acquire()  # it continues once the command's thread is in the call, which lets other threads run
        os.kill(os.getpid(), number)

    sys.setswitchinterval(1000)
    threading.Thread(target=send, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    tracer = Tracer(sys.maxsize, waiting.release, waiting.release)
    assert tracer.run()
    assert tracer.waited


def main(kind: str, name: str) -> None:
    command._build_sandbox = lambda *_: Server()  # type: ignore[assignment] # in this process
    {"steps": signal_before_each_step, "elsewhere": signal_another_thread}[kind](signal.Signals[name])


if __name__ == "__main__":
    main(*sys.argv[1:])
