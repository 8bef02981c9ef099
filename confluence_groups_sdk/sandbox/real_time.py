"""A clock that tests cannot freeze: the sandbox must go on, and stop, while the time of the test stands still."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from importlib.util import find_spec, module_from_spec

if sys.platform == "win32":
    DefaultEventLoop = asyncio.ProactorEventLoop
else:
    DefaultEventLoop = asyncio.SelectorEventLoop


def _load_monotonic() -> Callable[[], float]:
    """Return ``time.monotonic`` of a second copy of the module: freezegun replaces the one in the first."""
    spec = find_spec("time")
    assert spec is not None, "`time` is part of Python"
    assert spec.loader is not None, "it is loaded already"
    copy = module_from_spec(spec)
    spec.loader.exec_module(copy)
    monotonic: Callable[[], float] = copy.monotonic
    return monotonic


monotonic = _load_monotonic()


class RealTimeEventLoop(DefaultEventLoop):
    """asyncio's event loop, with timers that run out while time is frozen."""

    def time(self) -> float:
        """Read the real clock, in seconds."""
        return monotonic()
