"""Processes that start in a few milliseconds, because they are forks of one that has imported the package.

They are as real as others: they can be killed, share nothing with the test, and end as the interpreter does. But their
streams are files and ``sys.argv`` is that of the first; what is about these needs `subprocess`.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

IMPORTED = ("confluence_groups_sdk.cli.app", "confluence_groups_sdk.membership.execution.apply")
TIMEOUT_S = 60  # then SIGALRM ends the process


class Ended(NamedTuple):
    """The exit code and the standard error of a process; the code is negative if a signal ended it."""

    returncode: int
    stderr: str


def run(function: Callable[..., object], *arguments: str) -> Ended:
    """Call a function of a helper module in a new process, in this folder and with this environment."""
    with tempfile.NamedTemporaryFile() as errors:
        request: dict[str, Any] = {"module": function.__module__, "name": function.__name__, "arguments": arguments}
        request |= {"folder": os.getcwd(), "environment": dict(os.environ), "errors": errors.name}
        server = _server()
        assert server.stdin
        assert server.stdout
        print(json.dumps(request), file=server.stdin, flush=True)
        return Ended(int(server.stdout.readline()), errors.read().decode("utf-8"))


@functools.cache
def _server() -> subprocess.Popen[str]:
    """Start the process that is forked; it ends when its standard input does."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    server = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    atexit.register(server.communicate)
    return server


def _serve() -> None:
    for name in IMPORTED:
        import_module(name)
    for line in sys.stdin:
        if (pid := os.fork()) == 0:
            _call(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _call(module: str, name: str, arguments: list[str], folder: str, environment: dict[str, str], errors: str) -> None:
    """Call the function in this process and end it; an exception ends it as usual, with a traceback."""
    signal.alarm(TIMEOUT_S)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, path in enumerate((os.devnull, os.devnull, errors)):
        opened = os.open(path, os.O_RDWR)
        os.dup2(opened, descriptor)
        os.close(opened)
    function: Any = getattr(import_module(module), name)
    function(*arguments)
    sys.exit()


if __name__ == "__main__":
    _serve()
