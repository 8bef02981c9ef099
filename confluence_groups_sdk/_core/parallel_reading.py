"""Read a list with several calls at the same time: in threads for `Session`, in tasks for `AsyncSession`.

`ParallelPaginator` decides which calls these are. At most four times as many pages are kept as there are calls at once:
so many that the others go on while a page that was rate-limited waits for its retry.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import aclosing, closing
from functools import partial
from typing import Any, TypeVar

from attrs import frozen

from .._support.concurrency.threads import map_in_threads
from ..errors import APIError
from .api.operations import Call
from .api.paginator import Paginator
from .api.parallel_pagination import ParallelPaginator
from .call_metadata import CallMetadata, current_call_metadata, record_call_metadata
from .exchange import record_list

AHEAD = 4  # pages requested before they are needed, for each call at the same time

T = TypeVar("T")


@frozen
class _Reply:
    """A call's result or error, and what its responses said; kept apart until it is the reply's turn."""

    result: Any
    error: APIError | None
    metadata: CallMetadata

    def take(self) -> Any:
        """Return the result or raise the error, after telling the caller's `CallMetadata`."""
        if metadata := current_call_metadata.get():
            metadata.record(self.metadata.request_id, self.metadata.limits)
        if self.error is not None:
            raise self.error
        return self.result


def read_in_threads(
    begin: Callable[[Call[Any]], Any], send: Callable[[Call[Any]], Any], pages: Paginator[T]
) -> Generator[T, None, None]:
    """Yield the items of a list whose pages are requested in threads.

    Args:
        begin: sends the first call and returns its result.
        send: does the same with the calls after it.
        pages: the paginator of the list.
    """
    number, send_now = pages.in_parallel, begin
    parallel = ParallelPaginator(pages)
    while (calls := parallel.next_calls()) is not None:
        mapped = map_in_threads(partial(_reply, send_now), calls, workers=number, ahead=AHEAD * number)
        send_now = send
        with closing(mapped) as replies:
            for reply in replies:
                yield from parallel.receive(reply.take())
                while (repair := parallel.next_repair()) is not None:
                    yield from parallel.receive(send(repair))
                record_list(pages)
                if parallel.is_outdated:
                    break


async def read_in_tasks(
    begin: Callable[[Call[Any]], Awaitable[Any]], send: Callable[[Call[Any]], Awaitable[Any]], pages: Paginator[T]
) -> AsyncGenerator[T, None]:
    """Yield the items of a list whose pages are requested in tasks; the arguments are those of `read_in_threads`."""
    from .._support.concurrency.tasks import map_in_tasks  # synchronous programs never load asyncio

    number, send_now = pages.in_parallel, begin
    parallel = ParallelPaginator(pages)
    while (calls := parallel.next_calls()) is not None:
        mapped = map_in_tasks(partial(_reply_async, send_now), calls, workers=number, ahead=AHEAD * number)
        send_now = send
        async with aclosing(mapped) as replies:
            async for reply in replies:
                for item in parallel.receive(reply.take()):
                    yield item
                while (repair := parallel.next_repair()) is not None:
                    for item in parallel.receive(await send(repair)):
                        yield item
                record_list(pages)
                if parallel.is_outdated:
                    break


def _reply(send: Callable[[Call[Any]], Any], call: Call[Any]) -> _Reply:
    with record_call_metadata() as metadata:
        try:
            return _Reply(send(call), None, metadata)
        except APIError as error:
            return _Reply(None, error, metadata)


async def _reply_async(send: Callable[[Call[Any]], Awaitable[Any]], call: Call[Any]) -> _Reply:
    with record_call_metadata() as metadata:
        try:
            return _Reply(await send(call), None, metadata)
        except APIError as error:
            return _Reply(None, error, metadata)
