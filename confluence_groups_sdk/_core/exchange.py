"""The life of one call, as a generator: wait for the rate limiter, send, classify the response, wait, send again.

httpx writes its auth flows in the same way: the generator yields the next step and receives the reply. `Session` and
`AsyncSession` only carry out the steps, so that statuses, headers and retries are handled here and nowhere else.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Generator
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from attrs import frozen

from .._support.lazy_import import LazyModule
from .._support.libraries.http import httpx
from .._support.log import logger
from ..errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    KnownProblem,
    NotFoundError,
    RateLimitError,
    ResponseValidationError,
)
from .api.deserialization import DeserializationError, objects_in
from .api.operations import Call, log_label
from .call_metadata import current_call_metadata
from .config import ClientConfig
from .limits import retry_policy
from .limits.rate_limiter import PendingReservation, Reservation
from .limits.retry_policy import Failure
from .outcome import (
    describe_closing,
    describe_failure,
    is_response_to,
    mark_outcome_unknown,
    may_have_made_change,
    record_unanswered,
    set_problem,
)
from .responses.error_factory import error_from_response, path_of, request_id_of, validation_error
from .responses.headers import look_for_headers
from .responses.rate_limit_headers import NO_RATE_LIMITS, parse_rate_limits
from .retries import Retries, limit_page
from .transport.replies import NoResponse, UnreadableResponse, response_in
from .transport.request_builder import build_request

if TYPE_CHECKING:
    from . import recording
    from .api.paginator import Paginator
    from .limits.acquirable import Acquirable
    from .limits.rate_limiter import Learned
    from .recording import CallRecord
    from .responses import notices
else:
    recording = LazyModule(__package__, "recording")
    notices = LazyModule(__package__, "responses.notices")

first = itemgetter(0)

T = TypeVar("T")


@frozen
class Wait:
    """A step: let some seconds pass."""

    seconds: float


@frozen
class Acquire:
    """A step: acquire a slot of a rate limiter, or a place in a schedule; the exchange releases it."""

    source: Acquirable


Step: TypeAlias = httpx.Request | Wait | Acquire
Reply: TypeAlias = httpx.Response | UnreadableResponse | NoResponse | APIError | None
Exchange: TypeAlias = Generator[Step, Reply, T]


def begin(call: Call[T], config: ClientConfig) -> Exchange[T]:
    """Return the steps of one call, which are recorded if an observer or the log wants to know what happens."""
    if config.observer is None and not logger.isEnabledFor(logging.INFO):
        return exchange(call, config)
    return recording.recorded(call, config)


def exchange(call: Call[T], config: ClientConfig, record: CallRecord | None = None) -> Exchange[T]:
    """Yield the steps of one call, and return its result.

    Args:
        call: the call.
        config: the configuration of its client.
        record: what to keep a record in.

    Yields:
        A request to send, for which it expects a response, an `UnreadableResponse`, a `NoResponse` or the credentials'
        own APIError; or an `Acquire` or a `Wait`, for which it expects None, or a `NoResponse` if the client was
        closed before.

    Returns:
        The call's result.

    Raises:
        APIError: the call failed.
    """
    reply: Reply = None
    unanswered = earlier = 0  # attempts that may have made the change: all, and those before this one
    retries: Retries | None = None
    if config.page_sizes:
        call = limit_page(call, config)
    try:
        for attempt in itertools.count(1):
            request = build_request(call, config)
            if record:
                record.follow(request)
            sent_at, reply, learned = yield from send_rate_limited(call, request, config)
            if record:
                record.note_limits(learned)
            if isinstance(reply, httpx.Response) and reply.status_code == call.success:
                if record:
                    record.end_attempt(attempt, sent_at, reply.status_code, request_id=request_id_of(reply))
                if retries:
                    retries.remember_page_size(call)
                return _read_result(call, reply, config)
            if isinstance(reply, APIError):  # of the credentials
                raise reply
            unanswered += may_have_made_change(call, request, reply)
            error, retryable = _classify(call, request, reply, config, attempt)
            retries = retries or Retries(config)
            next_attempt = retries.next_attempt(call, error) if retryable else None
            if record:
                delay_s = next_attempt[1] if next_attempt else None
                record.end_attempt(attempt, sent_at, error, request_id=error.request_id, retry_in=delay_s)
            if next_attempt is None:
                raise error
            call, delay = next_attempt
            earlier = unanswered
            if closed := (yield Wait(delay)):
                raise _error_without_response(request, closed, attempt + 1)
    except APIError as error:
        record_unanswered(call, error, unanswered, earlier=earlier)
        del request, reply  # error reporters show the variables of this frame, and these hold the token
        raise
    raise AssertionError("the loop ends by a return or an error")


def send_rate_limited(
    call: Call[Any], request: httpx.Request, config: ClientConfig
) -> Generator[Step, Reply, tuple[float, Reply, Learned | None]]:
    """Send a request when the rate limiter permits, and let it learn from the reply.

    Returns:
        The time at which the request was sent, the reply, and what the rate limiter has learned from it.

    Raises:
        RateLimitError: all calls are held for longer than the policy waits; the request was not sent.
    """
    rate_limiter, clock = config.rate_limiter, config.clock
    _raise_if_held_long(call, request, config)
    if not rate_limiter.try_acquire() and (closed := (yield Acquire(rate_limiter))):
        return clock.monotonic(), closed, None
    unused: Reservation | None = None
    try:
        reservation = unused = rate_limiter.reserve(clock, None)
        while reservation.delay_s:
            _raise_if_held_long(call, request, config)
            step = Acquire(reservation) if isinstance(reservation, PendingReservation) else Wait(reservation.delay_s)
            if closed := (yield step):
                return clock.monotonic(), closed, None
            reservation = unused = rate_limiter.reserve(clock, reservation)
        unused = None
        sent_at = clock.monotonic()
        reply = yield request
        return sent_at, reply, _learn_from(reply, call, request, sent_at, config)
    finally:
        if unused is not None:
            rate_limiter.release_reservation(unused)
        rate_limiter.release()


def _raise_if_held_long(call: Call[Any], request: httpx.Request, config: ClientConfig) -> None:
    seconds = config.rate_limiter.seconds_held(config.clock)
    if seconds <= config.retry.max_retry_after:
        return
    error = RateLimitError(
        f"not sent: all calls are held for {seconds:.0f} s, until the server renews its limit",
        method=request.method,
        path=path_of(request),
        status_code=429,
        retry_after=seconds,
    )
    logger.info("%s: %s", log_label(call), error.summary)
    raise error


def _learn_from(
    reply: Reply, call: Call[Any], request: httpx.Request, sent_at: float, config: ClientConfig
) -> Learned | None:
    """Tell the rate limiter and the caller's `CallMetadata` what a reply says, and keep the server's notices.

    Returns:
        What the rate limiter has learned that is new.
    """
    metadata = current_call_metadata.get()
    response = response_in(reply)
    if response is None or not is_response_to(response, request):
        if metadata:
            metadata.outcome_unknown |= may_have_made_change(call, request, reply)
        return None
    names = b" ".join(map(first, response.headers.raw))
    has_limits, has_notices = look_for_headers(names)
    limits = parse_rate_limits(response.headers, config.clock.now()) if has_limits else NO_RATE_LIMITS
    if has_notices:
        notices.record_notices(config.notices, response, call.operation, call.ids)
    if metadata:
        metadata.record(request_id_of(response), limits)
        metadata.outcome_unknown |= may_have_made_change(call, request, reply)
    if response.status_code == 429:
        return config.rate_limiter.record_rate_limited(config.clock, limits, sent_at)
    return config.rate_limiter.record_accepted(config.clock, limits)


def record_list(pages: Paginator[Any]) -> None:
    """Tell the caller's `CallMetadata` what is known so far of the list that is being read."""
    if metadata := current_call_metadata.get():
        metadata.unidentified = pages.unidentified or metadata.unidentified
        metadata.list_end = pages.end
        metadata.stated_total = pages.total or None


def _read_result(call: Call[T], response: httpx.Response, config: ClientConfig) -> T:
    """Read the result of a call that succeeded, and count its points.

    Raises:
        ResponseValidationError: the body is not what the operation documents.
    """
    try:
        result = call.read(response)
    except DeserializationError as problem:
        error = validation_error(response, str(problem), now=config.clock.now())
        if problem.is_json:
            set_problem(error, KnownProblem.UNKNOWN_SHAPE)
        mark_outcome_unknown(call, error)
    else:
        if not call.writes:  # a server counts 2 points per object: docs/confluence-behaviour.md#rate-limits
            config.rate_limiter.add_points(2 * objects_in(result))
        return result
    del response  # error reporters show the variables of this frame, and a server may have echoed the token
    logger.info("%s: %s", log_label(call), error.summary)
    raise error


def _classify(
    call: Call[Any], request: httpx.Request, reply: Reply, config: ClientConfig, attempt: int
) -> tuple[APIError, bool]:
    """Return the error that a reply stands for, and whether the call may be sent again."""
    response = response_in(reply)
    if response is None:
        error = _error_without_response(request, reply, attempt)
        assert isinstance(reply, NoResponse), "the reply to a request is never None"
        if may_have_made_change(call, request, reply):
            mark_outcome_unknown(call, error)
        return error, not reply.closed and retry_policy.retries_failure(reply.failure, repeatable=call.repeatable)
    now = config.clock.now()
    if response.is_success:
        problem = reply.problem if isinstance(reply, UnreadableResponse) else f"{call.success} was expected"
        return mark_outcome_unknown(call, validation_error(response, problem, now=now)), False
    retryable = retry_policy.retries_status(response.status_code, repeatable=call.repeatable)
    kind = NotFoundError if response.status_code in call.not_found else None
    return mark_outcome_unknown(call, error_from_response(response, kind=kind, scopes=call.scopes, now=now)), retryable


def _error_without_response(request: httpx.Request, reply: Reply, attempt: int) -> APIError:
    """Return the error for a response that never came or is unreadable."""
    assert isinstance(reply, NoResponse), "the reply to a request is never None"
    kind: type[APIError] = APIConnectionError
    name = type(reply.cause).__name__
    summary, remedy = describe_failure(reply, request)
    method, path = request.method, path_of(request)
    if reply.closed:
        summary, remedy = describe_closing(unsent=reply.failure.unsent, attempt=attempt)
    elif reply.failure is Failure.UNREADABLE:
        kind = ResponseValidationError
        summary, remedy = f"the response is unreadable ({name}): nothing is known about what happened", None
    elif isinstance(reply.cause, httpx.TimeoutException):
        kind = APITimeoutError
    if reply.target is not None and not reply.is_about(request):
        method, path = reply.target.method, reply.target.path
    error = kind(summary, method=method, path=path, remedy=remedy)
    error.__cause__ = reply.cause
    return error
