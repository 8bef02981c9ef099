"""Wait for the thread of a rate limiter, except in code that the thread itself waits for."""

from __future__ import annotations

import sys
import threading


def join(thread: threading.Thread | None, condition: threading.Condition, seconds: float) -> None:
    """Wait until a thread has ended, at most for some seconds.

    A signal handler or a finalizer may call this at any point of a program: in code that holds the lock which the
    thread needs, in the thread itself, or when the interpreter has stopped the thread. Then this returns at once.

    Args:
        thread: the thread.
        condition: of the lock that the thread needs to end.
        seconds: the longest time.
    """
    if thread is None or thread is threading.current_thread() or sys.is_finalizing():
        return
    if not _is_locked_here(condition):
        thread.join(seconds)


def _is_locked_here(condition: threading.Condition) -> bool:
    """Check whether the present thread holds the lock."""
    try:
        condition.notify(0)
    except RuntimeError:
        return False
    return True
