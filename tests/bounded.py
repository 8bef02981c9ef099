"""Time limits for tests that hang if the code is wrong: each runs in a new interpreter, killed after 30 seconds."""

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
    """Run a test in a new interpreter, and fail it if it takes longer than 30 seconds.

    This way a test that hangs or freezes time does not affect other tests.
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
                env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (HERE, HERE / "core", HERE / "membership")))},
                timeout=TIME_LIMIT_S,
            )
        except subprocess.TimeoutExpired:
            pytest.fail(f"it has not ended in {TIME_LIMIT_S} s")
        assert done.returncode == 0, done.stderr

    return run
