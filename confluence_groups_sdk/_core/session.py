"""The two drivers of a call: `Session` with blocking calls, `AsyncSession` with awaited ones.

They carry out the steps that `exchange` yields, and decide nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from .._support import base_url
from .._support.clock import Clock, SystemClock
from .._support.lazy_import import LazyModule
from .._support.libraries.http import httpx
from ..errors import APIError
from .config import ClientConfig
from .limits.rate_limiter import RateLimiter
from .limits.retry_policy import RetryPolicy
from .timeout import parse_timeout
from .transport import closing
from .transport.http_client import HttpClientHolder

if TYPE_CHECKING:
    from .._support.observing.observer import Observe
    from . import exchange, parallel_reading
    from .api.operations import Call
    from .api.pagination import Workflow
    from .api.paginator import Paginator
    from .exchange import Reply, Step
    from .transport import replies, request_builder, response_reader
    from .transport.connections import attempt, watching
else:
    attempt = LazyModule(__package__, "transport.connections.attempt")
    exchange = LazyModule(__package__, "exchange")
    parallel_reading = LazyModule(__package__, "parallel_reading")
    replies = LazyModule(__package__, "transport.replies")
    request_builder = LazyModule(__package__, "transport.request_builder")
    response_reader = LazyModule(__package__, "transport.response_reader")
    watching = LazyModule(__package__, "transport.connections.watching")

C = TypeVar("C", bound="httpx.Client | httpx.AsyncClient")
T = TypeVar("T")


class _Session(Generic[C]):
    """Credentials, configuration and connections for the calls of one client.

    Args:
        http: the httpx client to send with.
        auth: the credentials, added to each request.
        config: the configuration of all calls.
    """

    def __init__(self, http: HttpClientHolder[C], auth: httpx.Auth, config: ClientConfig) -> None:
        self.http = http
        self.auth = auth
        self.config = config

    @classmethod
    def open(
        cls,
        base: base_url.ApiAddress,
        auth: httpx.Auth,
        *,
        timeout: httpx.Timeout | float | None,
        http_client: C | None = None,
        retry: RetryPolicy = RetryPolicy(),
        rate_limiter: RateLimiter | None = None,
        application_name: str | None = None,
        clock: Clock = SystemClock(),
        observe: Observe | None = None,
    ) -> Self:
        """Open a session; the arguments are those of the clients.

        Raises:
            ConfigurationError: an option is malformed.
            TypeError: an option has the wrong type.
        """
        parts, total_s = parse_timeout(timeout)
        config = ClientConfig(
            base=base,
            user_agent=base_url.user_agent(application_name),
            timeout=parts,
            total_timeout_s=total_s,
            retry=retry,
            rate_limiter=RateLimiter() if rate_limiter is None else rate_limiter,
            clock=clock,
            observer=observe,
        )
        sends_once = getattr(auth, "_sends_once", False)
        return cls(HttpClientHolder(cls._http_class(), http_client, config, sends_once=sends_once), auth, config)

    @staticmethod
    def _http_class() -> type[C]:
        """Return httpx's class of clients as it is now: tools that watch httpx replace it."""
        raise NotImplementedError

    def with_config(self, config: ClientConfig) -> Self:
        """Return a session with another configuration over the same connections."""
        return type(self)(self.http, self.auth, config)

    def prepare(self, call: Call[T]) -> httpx.Request:
        """Build the request of a call; its Authorization header shows the scheme, but not the credentials."""
        from .._support.redaction import REDACTED  # rarely needed, so clients are built faster without it

        request = request_builder.build_request(call, self.config)
        if scheme := getattr(self.auth, "scheme", None):
            request.headers["Authorization"] = f"{scheme} {REDACTED}"
        return request


class Session(_Session[httpx.Client]):
    """Sends calls with an `httpx.Client`."""

    @staticmethod
    def _http_class() -> type[httpx.Client]:
        return httpx.Client

    def close(self) -> None:
        """End the calls that are under way, and close the connections unless they are the caller's."""
        client = self.http.client
        self.http.closing.close()
        if self.http.owned:
            closing.close_client(client)

    def send(self, call: Call[T]) -> T:
        """Send a call, again if its retry policy says so, and return its result."""
        if self.http.is_closed:
            raise closing.call_after_closing()
        return self._send(call)

    def _send(self, call: Call[T]) -> T:
        steps = exchange.begin(call, self.config)
        reply: Reply = None
        try:
            while True:
                reply = self._carry_out(steps.send(reply))
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            reply = None  # error reporters show the variables of this frame
            steps.close()  # releases the call's slot after an interruption

    def send_once(self, request: httpx.Request) -> Reply:
        """Make one attempt at a request, and return the reply; errors are for the caller to build."""
        return self._carry_out(request)

    def run(self, workflow: Workflow[T]) -> T:
        """Send the calls of a workflow, which may handle their errors, and return its result."""
        if self.http.is_closed:
            raise closing.call_after_closing()
        try:
            call = next(workflow)
            while True:
                try:
                    answer = self._send(call)
                except APIError as error:
                    call = workflow.throw(error)
                else:
                    call = workflow.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    def items(self, paginator: Paginator[T]) -> Generator[T, None, None]:
        """Yield the items of a list; pages are requested when the items before them are used up, or in parallel."""
        if paginator.in_parallel > 1:
            return parallel_reading.read_in_threads(self.send, self._send, paginator)
        return self._items(paginator)

    def _items(self, paginator: Paginator[T]) -> Generator[T, None, None]:
        if self.http.is_closed:
            raise closing.call_after_closing()
        while (call := paginator.next_call()) is not None:
            items = paginator.receive(self._send(call))
            exchange.record_list(paginator)
            yield from items

    def _carry_out(self, step: Step) -> Reply:
        if self.http.is_closed:
            return replies.CLOSED
        if isinstance(step, httpx.Request):
            return self._send_request(step)
        if isinstance(step, exchange.Wait):
            self.http.closing.sleep(self.config.clock, step.seconds)
            return replies.CLOSED if self.http.is_closed else None
        return None if self.http.closing.acquire(step.source) else replies.CLOSED

    def _send_request(self, request: httpx.Request) -> Reply:
        started = self.config.clock.monotonic()
        closing = self.http.closing if self.http.owned else None
        progress = attempt.Attempt(request, self.auth, closing, self.config.total_timeout_s)
        try:
            response = self.http.client.send(request, auth=self.auth, follow_redirects=False, stream=True)
            if not self.http.is_private:
                watching.distrust(response)
            reply = response_reader.read_sync(response, self.config, started)
        except replies.FAILURES as failure:
            return replies.no_response(failure, closed=self.http.is_closed, sent=progress.sent, progress=progress)
        except APIError as error:  # of the credentials, which could not be renewed
            return error
        except RuntimeError:  # of httpx, which was closed
            if not self.http.is_closed:
                raise
            return replies.CLOSED_IN_DOUBT
        if self.http.closing.closed and self.http.owned and response_reader.ends_with_connection(response):
            return replies.CLOSED_IN_DOUBT
        return reply


class AsyncSession(_Session[httpx.AsyncClient]):
    """Sends calls with an `httpx.AsyncClient`."""

    @staticmethod
    def _http_class() -> type[httpx.AsyncClient]:
        return httpx.AsyncClient

    async def aclose(self) -> None:
        """End the calls that are under way, and close the connections unless they are the caller's."""
        client = self.http.client
        self.http.closing.close()
        if self.http.owned:
            await client.aclose()

    async def send(self, call: Call[T]) -> T:
        """Send a call, again if its retry policy says so, and return its result."""
        if self.http.is_closed:
            raise closing.call_after_closing()
        return await self._send(call)

    async def _send(self, call: Call[T]) -> T:
        steps = exchange.begin(call, self.config)
        reply: Reply = None
        try:
            while True:
                reply = await self._carry_out(steps.send(reply))
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            reply = None  # as above
            steps.close()  # releases the call's slot after a cancellation

    async def run(self, workflow: Workflow[T]) -> T:
        """Send the calls of a workflow, which may handle their errors, and return its result."""
        if self.http.is_closed:
            raise closing.call_after_closing()
        try:
            call = next(workflow)
            while True:
                try:
                    answer = await self._send(call)
                except APIError as error:
                    call = workflow.throw(error)
                else:
                    call = workflow.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    def items(self, paginator: Paginator[T]) -> AsyncGenerator[T, None]:
        """Yield the items of a list; pages are requested when the items before them are used up, or in parallel."""
        if paginator.in_parallel > 1:
            return parallel_reading.read_in_tasks(self.send, self._send, paginator)
        return self._items(paginator)

    async def _items(self, paginator: Paginator[T]) -> AsyncGenerator[T, None]:
        if self.http.is_closed:
            raise closing.call_after_closing()
        while (call := paginator.next_call()) is not None:
            items = paginator.receive(await self._send(call))
            exchange.record_list(paginator)
            for item in items:
                yield item

    async def _carry_out(self, step: Step) -> Reply:
        if self.http.is_closed:
            return replies.CLOSED
        try:
            if isinstance(step, httpx.Request):
                return await self._send_request(step)
            if isinstance(step, exchange.Wait):
                await self.http.closing.run_until_closed(self.config.clock.async_sleep, step.seconds)
                return replies.CLOSED if self.http.is_closed else None
            await self.http.closing.run_until_closed(step.source.acquire_async)
        except closing.InterruptedByClosingError:
            return replies.CLOSED
        return None

    async def _send_request(self, request: httpx.Request) -> Reply:
        progress = attempt.AsyncAttempt(request, self.auth)
        total_s = self.config.total_timeout_s
        try:
            return await self.http.closing.run_until_closed(self._receive_response, request, timeout_s=total_s)
        except closing.InterruptedByClosingError:
            return replies.CLOSED if await progress.abandon() is False else replies.CLOSED_IN_DOUBT
        except closing.AttemptTimeoutError:
            sent = await progress.abandon()
            error = attempt.attempt_timeout(sent=sent is not False or progress.renewing)
            return replies.no_response(error, sent=sent, progress=progress)
        except replies.FAILURES as failure:
            return replies.no_response(failure, closed=self.http.is_closed, sent=progress.sent, progress=progress)
        except APIError as error:  # of the credentials, which could not be renewed
            return error
        except RuntimeError:  # of httpx, which was closed
            if not self.http.is_closed:
                raise
            return replies.CLOSED_IN_DOUBT

    async def _receive_response(self, request: httpx.Request) -> Reply:
        started = self.config.clock.monotonic()
        response = await self.http.client.send(request, auth=self.auth, follow_redirects=False, stream=True)
        if not self.http.is_private:
            watching.distrust(response)
        return await response_reader.read_async(response, self.config, started)
