"""Tests that may hang when the code is wrong: each runs in a new interpreter, which is killed after a while."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import pytest

TIME_LIMIT_S = 30
HERE = Path(__file__).parent


def in_new_interpreter(test: Callable[[], None]) -> Callable[[], None]:
    """Run a test in a new interpreter, and fail it if it has not ended in 30 seconds.

    A test that hangs does not stop the others, and the time it freezes stays frozen only for itself.
    """

    @wraps(test)
    def run() -> None:
        program = f"import inspect, {test.__module__} as module; inspect.unwrap(module.{test.__name__})()"
        try:
            done = subprocess.run(
                [sys.executable, "-W", "error", "-c", program],
                capture_output=True,
                check=False,
                encoding="utf-8",
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE / "membership")])},
                timeout=TIME_LIMIT_S,
            )
        except subprocess.TimeoutExpired:
            pytest.fail(f"it has not ended in {TIME_LIMIT_S} s")
        assert done.returncode == 0, done.stderr

    return run
