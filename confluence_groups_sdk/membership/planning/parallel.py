"""Independent calls, several at the same time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

WORKERS = 8  # calls at the same time


def map_in_threads(function: Callable[[T], R], items: Sequence[T]) -> Generator[R, None, None]:
    """Call a function for each item, up to 8 at the same time, and yield the results in order until the first error."""
    if len(items) < 2:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(min(WORKERS, len(items)))
    try:
        yield from pool.map(function, items)
    finally:
        pool.shutdown(cancel_futures=True)
