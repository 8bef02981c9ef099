"""The record of one call, which becomes log lines and events. It is kept only if somebody wants one of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, TypeVar

from .._support.libraries.http import httpx
from .._support.log import logger
from .._support.observing.events import AttemptEnded, CallEnded, Event, HoldStarted, RateFound
from .._support.observing.observer import NOTED
from .._support.redaction import hash_id
from ..errors import APIError
from .api.operations import Call, log_label
from .config import ClientConfig
from .exchange import Exchange, exchange
from .limits.rate_limiter import Learned

ATTEMPT_LOG_FORMAT = "%s: %s, attempt %d, %.0f ms, request id %s"  # a log line for each request

T = TypeVar("T")


def recorded(call: Call[T], config: ClientConfig) -> Exchange[T]:
    """Yield the steps of `exchange`, and tell the log and the client's observer what happens."""
    record = CallRecord(call, config)
    try:
        result = yield from exchange(call, config, record)
    except GeneratorExit as exit_:  # the driver gave up, because of the exception that it is handling
        record.end(exit_.__context__ or exit_)
        raise
    except Exception as error:
        record.end(error)
        raise
    record.end(None)
    return result


class CallRecord:
    """What has happened in a call.

    Args:
        call: the call.
        config: the configuration of its client, which has the observer.
    """

    def __init__(self, call: Call[Any], config: ClientConfig) -> None:
        self._call = call
        self._config = config
        self._began = self._free_since = config.clock.monotonic()
        self._ids = tuple(map(hash_id, call.ids))
        self._noted: list[Event] = []
        self._attempts: list[AttemptEnded] = []

    def follow(self, request: httpx.Request) -> None:
        """Let the credentials of a request note events."""
        request.extensions[NOTED] = self._noted

    def note_limits(self, learned: Learned | None) -> None:
        """Note what the rate limiter has learned."""
        if learned is None:
            return
        at = self._config.clock.now()
        if learned.hold_s is not None:
            self._noted.append(HoldStarted(at=at, seconds=learned.hold_s, quota_spent=learned.quota_spent))
        if learned.rate is not None:
            self._noted.append(RateFound(at=at, rate=learned.rate))

    def end_attempt(
        self,
        attempt: int,
        sent_at: float,
        outcome: int | APIError,
        *,
        request_id: str | None,
        retry_in: float | None = None,
    ) -> None:
        """Tell of an attempt, and of what was noted before.

        Args:
            attempt: its number.
            sent_at: when it was sent, by the monotonic clock.
            outcome: the status of success, or the error.
            request_id: the server's id for it.
            retry_in: seconds until the next attempt; None if there is none.
        """
        now = self._config.clock.monotonic()
        status, error = (outcome, None) if isinstance(outcome, int) else (outcome.status_code, type(outcome).__name__)
        ended = AttemptEnded(
            at=self._config.clock.now(),
            operation=self._call.operation,
            ids=self._ids,
            attempt=attempt,
            status=status,
            error=error,
            seconds=now - sent_at,
            waited=max(0.0, sent_at - self._free_since),
            retry_in=retry_in,
            request_id=request_id,
        )
        self._free_since = now
        self._attempts.append(ended)
        self._log(ended, outcome.summary if isinstance(outcome, APIError) else str(outcome))
        self._tell([*self._noted, ended])

    def end(self, error: BaseException | None) -> None:
        """Tell of the end of the call."""
        last = self._attempts[-1] if self._attempts else None
        own = error if isinstance(error, APIError) else None
        ended = CallEnded(
            at=self._config.clock.now(),
            operation=self._call.operation,
            ids=self._ids,
            attempts=tuple(self._attempts),
            status=own.status_code if own else last.status if last else None,
            error=None if error is None else type(error).__name__,
            seconds=self._config.clock.monotonic() - self._began,
            waited=sum(each.waited for each in self._attempts),
            request_id=own.request_id if own else last.request_id if last else None,
        )
        self._tell([*self._noted, ended])

    def _tell(self, events: Sequence[Event]) -> None:
        self._noted.clear()
        if self._config.observer is not None:
            for event in events:
                self._config.observer(event)

    def _log(self, ended: AttemptEnded, outcome: str) -> None:
        if not logger.isEnabledFor(logging.INFO):
            return
        label = log_label(self._call)
        logger.info(ATTEMPT_LOG_FORMAT, label, outcome, ended.attempt, ended.seconds * 1000, ended.request_id)
        if ended.retry_in is not None:
            logger.info("%s: sending again in %.1f s", label, ended.retry_in)
