"""The life of one call (pace, send, classify, wait, send again), as a generator.

It is written the way httpx writes its auth flows: it yields what to do next and is told how it went. The clients only
drive it, one with blocking calls and one with awaited ones: retries, status codes and headers are looked at here alone.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Generator
from typing import Any, TypeAlias, TypeVar

import httpx
from attrs import frozen

from . import _headers, _retry
from ._bodies import UnreadableError, objects_in
from ._calls import Call
from ._clock import Clock
from ._headers import NOTHING_SAID, Limits
from ._heard import hearing
from ._logging import logger, shortened
from ._pacing import Pacer, Turn
from ._request import prepare
from ._retry import Failure
from ._settings import Settings
from .errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    NotFoundError,
    RateLimitError,
    ResponseValidationError,
    ServerError,
    error_from_response,
    path_of,
    request_id_of,
    unexpected_answer,
)

FAILURES = (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL, UnicodeError)
"""What a driver catches, and hands to `no_answer`; the last two are of a redirect to what is no address: httpx lets
the errors of idna through, which are UnicodeErrors."""

LINE = "%s: %s, attempt %d, %.0f ms, request id %s"  # of the log, one for each time a call is sent

ODD_SHAPE = "A newer version of this package may understand such an answer; `raw` gives it as it is."
LOOK_FIRST = "The change may have been made: look at what is there now before you send it again."


T = TypeVar("T")


@frozen
class Wait:
    """Let so many seconds pass."""

    seconds: float


@frozen
class NoAnswer:
    """No answer came: an httpx error of the same type, without text or traceback, which could show the token."""

    cause: httpx.RequestError | httpx.InvalidURL
    failure: Failure


@frozen
class Unreadable:
    """An answer whose body is of no use, without it: the status is known, and that is all."""

    response: httpx.Response
    problem: str


@frozen
class Enter:
    """Take a place among the calls under way of this pacer; the exchange gives it back."""

    pacer: Pacer


Step: TypeAlias = httpx.Request | Wait | Enter
Reply: TypeAlias = httpx.Response | Unreadable | NoAnswer | None
Exchange: TypeAlias = Generator[Step, Reply, T]


def no_answer(error: httpx.RequestError | httpx.InvalidURL | UnicodeError) -> NoAnswer:
    """Return the failure in a form that is safe to keep: a transport's own subclass becomes the httpx error it is."""
    if isinstance(error, UnicodeError):
        error = httpx.InvalidURL("no host")
    known = next(kind for kind in type(error).__mro__ if kind.__module__.partition(".")[0] == "httpx")
    return NoAnswer(known("text withheld: it may hold credentials"), _retry.failure_of(error))


def exchange(call: Call[T], settings: Settings) -> Exchange[T]:
    """Carry out one call.

    Yields:
        A request to send, answered by its response, by `Unreadable` or by `NoAnswer`; or an `Enter` or a `Wait`,
        answered by None.

    Returns:
        What the call reads from its answer.

    Raises:
        APIError: the call did not succeed.
    """
    for attempt in itertools.count(1):
        request = prepare(call, settings)
        started, reply = yield from _paced(call, request, settings)
        milliseconds = (settings.clock.monotonic() - started) * 1000
        if isinstance(reply, httpx.Response) and reply.status_code == call.success:
            if logger.isEnabledFor(logging.INFO):
                logger.info(LINE, _named(call), reply.status_code, attempt, milliseconds, request_id_of(reply))
            result = _read(call, reply, settings)
            settings.pacer.spent(0 if call.writes else 2 * objects_in(result))
            return result
        error, again = _error(call, request, reply, settings)
        logger.info(LINE, _named(call), error.summary, attempt, milliseconds, error.request_id)
        delay = None
        held = settings.pacer.held_for(settings.clock) if error.status_code == 429 else 0.0
        if held > settings.retry.max_retry_after:
            error.retry_after = max(held, error.retry_after or 0.0)
        if again:
            chance = settings.clock.random()
            delay = _retry.delay_before(settings.retry, attempt, hold=error.retry_after, chance=chance)
        if delay is None:
            raise error
        logger.info("%s: sending again in %.1f s", _named(call), delay)
        yield Wait(delay)
    raise AssertionError("the attempts are counted without end")


def _paced(call: Call[Any], request: httpx.Request, settings: Settings) -> Generator[Step, Reply, tuple[float, Reply]]:
    """Send when the pacer lets it through, and let it learn from the answer; return when it was sent, and the answer.

    Raises:
        RateLimitError: all calls are held for longer than the policy waits; this one is not sent.
    """
    pacer, clock = settings.pacer, settings.clock
    _refuse_long_hold(call, request, settings)
    yield Enter(pacer)
    unused: Turn | None = None
    try:
        turn = unused = pacer.turn(clock, None)
        while turn.seconds:
            _refuse_long_hold(call, request, settings)
            yield Wait(turn.seconds)
            turn = unused = pacer.turn(clock, turn)
        unused = None
        started = clock.monotonic()
        reply = yield request
        answer = _answer(reply)
        if answer and _answers(answer, request):
            limits = _limits_in(answer.headers, clock)
            if heard := hearing.get():
                heard.note(request_id_of(answer), limits)
                heard.lost |= call.writes and answer.status_code >= 500
            if answer.status_code == 429:
                pacer.refused(clock, limits, started)
            else:
                pacer.accepted(clock, limits)
        elif isinstance(reply, NoAnswer) and reply.failure is not Failure.UNSENT and (heard := hearing.get()):
            heard.lost |= call.writes
        return started, reply
    finally:
        if unused is not None:
            pacer.give_back(unused)
        pacer.leave()


def _limits_in(headers: httpx.Headers, clock: Clock) -> Limits:
    """Return what an answer says about limits; most say nothing, which is seen at a glance."""
    names = b" ".join([name for name, _ in headers.raw]).lower()
    if b"ratelimit" not in names and b"retry-after" not in names:
        return NOTHING_SAID
    return _headers.limits(headers, clock.now())


def _named(call: Call[Any]) -> str:
    """Return what a log line calls this call: ids as short hashes, by which lines can be matched."""
    return " ".join([call.operation, *(shortened(each) for each in call.about)])


def _refuse_long_hold(call: Call[Any], request: httpx.Request, settings: Settings) -> None:
    seconds = settings.pacer.held_for(settings.clock)
    if seconds <= settings.retry.max_retry_after:
        return
    error = RateLimitError(
        f"not sent: all calls are held for {seconds:.0f} s, until the server's limit is renewed",
        method=request.method,
        path=path_of(request),
        status_code=429,
        retry_after=seconds,
    )
    logger.info("%s: %s", _named(call), error.summary)
    raise error


def _read(call: Call[T], response: httpx.Response, settings: Settings) -> T:
    """Return what the answer to a call that succeeded says.

    Raises:
        ResponseValidationError: it is not what the operation documents.
    """
    try:
        return call.read(response)
    except UnreadableError as problem:
        error = unexpected_answer(response, str(problem), now=settings.clock.now())
        if problem.is_json:
            error.remedy = ODD_SHAPE
        _doubtful(call, error)
    logger.info("%s: %s", _named(call), error.summary)
    raise error


def _error(call: Call[Any], request: httpx.Request, reply: Reply, settings: Settings) -> tuple[APIError, bool]:
    """Return the error that this reply stands for, and whether the call may be sent again."""
    if answer := _answer(reply):
        now = settings.clock.now()
        if answer.is_success:
            problem = reply.problem if isinstance(reply, Unreadable) else f"{call.success} was expected"
            return _doubtful(call, unexpected_answer(answer, problem, now=now)), False
        again = _retry.retries_status(answer.status_code, repeatable=call.repeatable)
        kind = NotFoundError if answer.status_code in call.absent else None
        return _doubtful(call, error_from_response(answer, kind=kind, scopes=call.scopes, now=now)), again
    assert isinstance(reply, NoAnswer), "a request is answered by a response or by NoAnswer"
    error = _error_without_response(request, reply)
    if reply.failure is not Failure.UNSENT:
        _doubtful(call, error)
    return error, _retry.retries_failure(reply.failure, repeatable=call.repeatable)


def _answer(reply: Reply) -> httpx.Response | None:
    """Return the answer, with its body or without; None where none came."""
    return reply.response if isinstance(reply, Unreadable) else reply if isinstance(reply, httpx.Response) else None


def _answers(answer: httpx.Response, request: httpx.Request) -> bool:
    """Say whether this is an answer to our request, and not to what the credentials asked for before it."""
    return answer.request is request or answer.request.url == request.url


def _doubtful(call: Call[Any], error: APIError) -> APIError:
    """Return the error with a remedy for a change that may have been made and must not be made twice."""
    if not call.repeatable and isinstance(error, ServerError | APIConnectionError | ResponseValidationError):
        error.remedy = LOOK_FIRST
    return error


def _error_without_response(request: httpx.Request, reply: NoAnswer) -> APIError:
    """Return the error for an answer that never came or cannot be read."""
    kind: type[APIError] = APIConnectionError
    name = type(reply.cause).__name__
    summary = f"no answer ({name})"
    if reply.failure is Failure.UNREADABLE:
        kind = ResponseValidationError
        summary = f"an answer came that cannot be read ({name}): nothing is known about what happened"
    elif isinstance(reply.cause, httpx.TimeoutException):
        kind = APITimeoutError
    error = kind(summary, method=request.method, path=path_of(request))
    error.__cause__ = reply.cause
    return error
