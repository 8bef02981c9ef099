"""Command lines that kill themselves, as ``kill -9`` does, at a given moment; `forked.run` runs them."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx

from confluence_groups_sdk.cli import main


class Countdown:
    """Kills this process when a function is called for the n-th time; 0 never does.

    Args:
        left: the number of calls.
    """

    def __init__(self, left: str) -> None:
        self._left = int(left)

    def watch(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call


def run_until_sync(left: str, *arguments: str) -> None:
    """Run a command that is killed before it flushes data to disk for the n-th time."""
    os.fsync = Countdown(left).watch(os.fsync)
    _run(arguments)


def run_until_moment(left: str, *arguments: str) -> None:
    """Run a command that is killed before it sends, flushes or renames for the n-th time."""
    countdown = Countdown(left)
    httpx.HTTPTransport.handle_request = countdown.watch(  # type: ignore[method-assign] # in this process
        httpx.HTTPTransport.handle_request
    )
    os.fsync, os.replace = countdown.watch(os.fsync), countdown.watch(os.replace)
    _run(arguments)


def _run(arguments: tuple[str, ...]) -> None:
    time.sleep = lambda _seconds: None  # between retries; the time counts as passed
    sys.argv[1:] = arguments
    main()
