"""Processes that start in a few milliseconds, because they are forks of one that has imported the package.

They are as real as others: they can be killed, and share nothing with the test. But they end without the interpreter's
last steps, and their streams are files; what is about these needs `subprocess`.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from typing import NamedTuple

TIMEOUT_S = 60
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["confluence_groups_sdk.cli.app", "confluence_groups_sdk.membership.execution.apply"])


class Ended(NamedTuple):
    """The exit code and the standard error of a process; the code is negative if a signal ended it."""

    returncode: int
    stderr: str


def run(function: Callable[..., object], *arguments: str) -> Ended:
    """Call a function of a helper module in a new process, in this folder and with this environment."""
    with tempfile.NamedTemporaryFile() as errors:
        given = (dict(os.environ), errors.name, function, arguments)
        process = _context.Process(target=_call, args=given, daemon=True)
        process.start()
        process.join(TIMEOUT_S)
        assert process.exitcode is not None, "the process hangs"
        return Ended(process.exitcode, errors.read().decode("utf-8"))


def _call(
    environment: dict[str, str], errors: str, function: Callable[..., object], arguments: tuple[str, ...]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, path in ((0, os.devnull), (1, os.devnull), (2, errors)):
        opened = os.open(path, os.O_RDWR)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(each, mode, encoding="utf-8") for each, mode in enumerate("rww"))
    function(*arguments)
