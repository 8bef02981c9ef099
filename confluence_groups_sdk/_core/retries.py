"""The retries of one call: how often it is sent again, and with which page size if it is a page of a list."""

from __future__ import annotations

from typing import Any, TypeVar

from .._support.log import logger
from ..errors import APIError
from .api.operations import Call, log_label
from .config import ClientConfig
from .limits import retry_policy

T = TypeVar("T")
PAGE_SIZE_MEMORY_S = 600.0


class Retries:
    """Decides how often a call is sent again.

    The first size of a page has all retries of the policy. If the page may be too large for the server, each smaller
    size has one attempt, so that a server that is down costs only three more attempts.
    """

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._retry = 0  # with the present page size
        self._halved = False

    def next_attempt(self, call: Call[T], error: APIError) -> tuple[Call[T], float] | None:
        """Return the call to send next and the seconds to wait before it; None to raise the error instead."""
        self._retry += 1
        too_large = retry_policy.indicates_large_page(error.__cause__ or error.status_code)
        if not (self._halved and too_large):
            delay = self._delay(error)
            if delay is not None:
                return call, delay
        return self._halve(call, error) if too_large else None

    def remember_page_size(self, call: Call[Any]) -> None:
        """Let later lists of this operation start with the page size that has worked, if it was halved."""
        if self._halved and call.limit:
            until = self._config.clock.monotonic() + PAGE_SIZE_MEMORY_S
            self._config.page_sizes[call.operation] = (call.limit, until)

    def _delay(self, error: APIError) -> float | None:
        config = self._config
        held_s = config.rate_limiter.seconds_held(config.clock) if error.status_code == 429 else 0.0
        if held_s > config.retry.max_retry_after:
            error.retry_after = max(held_s, error.retry_after or 0.0)
        chance = config.clock.random()
        return retry_policy.delay_before(config.retry, self._retry, retry_after=error.retry_after, chance=chance)

    def _halve(self, call: Call[T], error: APIError) -> tuple[Call[T], float] | None:
        config = self._config
        chance = config.clock.random()
        delay = retry_policy.delay_before_smaller_page(config.retry, retry_after=error.retry_after, chance=chance)
        if delay is None or call.smaller is None:
            return None
        smaller = call.smaller()
        _log_smaller_page(call, smaller, error, config)
        self._retry, self._halved = 0, True
        return smaller, delay


def limit_page(call: Call[T], config: ClientConfig) -> Call[T]:
    """Return the call, with a smaller page if a page of this size has just been too large for the server."""
    size, until = config.page_sizes.get(call.operation, (0, 0.0))
    if config.clock.monotonic() < until:
        while call.limit and call.limit > size and call.smaller:
            call = call.smaller()
    return call


def _log_smaller_page(call: Call[Any], smaller: Call[Any], error: APIError, config: ClientConfig) -> None:
    """Warn of pages that are too large, once for each client and operation."""
    this = object()
    if config.reduced_operations.setdefault(call.operation, this) is this:  # one step, so that only one thread warns
        problem = error.status_code or "no response in time"
        message = "%s: a page of %s is too large for the server (%s): asking for %s. This is logged once per operation"
        logger.warning(message, log_label(call), call.limit, problem, smaller.limit)
