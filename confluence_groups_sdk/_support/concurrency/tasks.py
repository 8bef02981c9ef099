"""Independent calls of asyncio, several at the same time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def map_in_tasks(
    function: Callable[[T], Awaitable[R]], items: Iterable[T], *, workers: int = 8, ahead: int | None = None
) -> AsyncGenerator[R, None]:
    """Await a function for each item, several at the same time, and yield the results in order until the first error.

    Closing the generator, an error or a cancellation cancels the other calls and waits for their end. So close it, for
    example with `contextlib.aclosing`.

    Args:
        function: the function to await.
        items: its arguments; each is taken when its call is about to begin.
        workers: the number of calls at the same time.
        ahead: the number of calls begun before their results are taken, by default four times as many.
    """
    slots = asyncio.Semaphore(workers)
    tasks: deque[asyncio.Task[R]] = deque()

    async def run(item: T) -> R:
        async with slots:
            return await function(item)

    left = iter(items)
    try:
        for item in islice(left, 4 * workers if ahead is None else ahead):
            tasks.append(asyncio.create_task(run(item)))
        while tasks:
            result = await tasks[0]
            tasks.popleft()
            for item in islice(left, 1):
                tasks.append(asyncio.create_task(run(item)))
            yield result
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
