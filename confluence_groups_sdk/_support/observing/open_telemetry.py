"""Events as spans and metrics of OpenTelemetry (extra ``otel``). Only its API is used; it does nothing by itself.

The names of attributes are those of OpenTelemetry's semantic conventions where these have one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..._version import __version__
from ..libraries.extras import DISTRIBUTION, missing_extra
from ..public import public
from .events import AttemptEnded, CallEnded, ChangeSettled, Event, HoldStarted, RateFound, TokensRefreshed

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

NANOSECONDS = 1_000_000_000
PREFIX = "confluence_groups"
OPERATION = f"{PREFIX}.operation"
IDS = f"{PREFIX}.ids"
STATUS = "http.response.status_code"
ERROR = "error.type"
RESENDS = "http.request.resend_count"
DURATION_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120)
"""Those of OpenTelemetry's conventions for HTTP, and three for waits. The default ones are for milliseconds."""


@public
def opentelemetry_observer(
    *, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
) -> Callable[[Event], None]:
    """Return an ``observe`` for clients that makes a span of each call, and metrics.

    A span begins and ends with its call, and has its attempts as span events. It is made when the call ends, as a child
    of the span that is current then, so spans that something else makes for the requests are its siblings. One observer
    may serve several clients.

    Metrics: ``confluence_groups.calls``, ``.retries``, ``.wait.time`` (seconds waited before attempts),
    ``.call.duration`` (seconds), ``.rate`` (the last limit found, in calls per second), ``.hold.time`` (seconds that
    holds last), ``.token.refreshes`` and ``.changes``.

    Args:
        tracer_provider: makes the tracer; by default the global one.
        meter_provider: makes the meter; by default the global one.

    Raises:
        ConfigurationError: opentelemetry-api is not installed.
    """
    try:
        from opentelemetry import metrics, trace
    except ModuleNotFoundError:
        raise missing_extra("otel", "opentelemetry_observer needs opentelemetry") from None
    tracer = trace.get_tracer(DISTRIBUTION, __version__, tracer_provider)
    meter = _Meter(metrics.get_meter(DISTRIBUTION, __version__, meter_provider))
    error_status = trace.StatusCode.ERROR

    def observe(event: Event) -> None:
        meter.record(event)
        if not isinstance(event, CallEnded):
            return
        span = tracer.start_span(
            event.operation,
            kind=trace.SpanKind.CLIENT,
            attributes={**_outcome(event), IDS: event.ids, RESENDS: max(0, len(event.attempts) - 1)},
            start_time=_nanoseconds(event.at - event.seconds),
        )
        for attempt in event.attempts:
            span.add_event("attempt", _attempt(attempt), timestamp=_nanoseconds(attempt.at))
        if event.error is not None:
            span.set_status(error_status, event.error)
        span.end(_nanoseconds(event.at))

    return observe


class _Meter:
    """Counts and measures.

    Args:
        meter: OpenTelemetry's.
    """

    def __init__(self, meter: Any) -> None:
        self._calls = meter.create_counter(f"{PREFIX}.calls", "{call}", "Calls that have ended")
        self._retries = meter.create_counter(f"{PREFIX}.retries", "{retry}", "Attempts after the first of a call")
        self._waited = meter.create_counter(f"{PREFIX}.wait.time", "s", "Time that calls waited before attempts")
        self._duration = meter.create_histogram(
            f"{PREFIX}.call.duration",
            "s",
            "Time from a call's begin to its end",
            explicit_bucket_boundaries_advisory=DURATION_BOUNDS_S,
        )
        self._rate = meter.create_gauge(f"{PREFIX}.rate", "{call}/s", "The last limit that the rate limiter found")
        self._held = meter.create_counter(f"{PREFIX}.hold.time", "s", "Time for which the server held all calls")
        self._refreshes = meter.create_counter(f"{PREFIX}.token.refreshes", "{refresh}", "Refreshes of OAuth tokens")
        self._changes = meter.create_counter(f"{PREFIX}.changes", "{change}", "Changes of plans, by outcome")

    def record(self, event: Event) -> None:
        """Count or measure an event."""
        match event:
            case CallEnded():
                operation = {OPERATION: event.operation}
                self._calls.add(1, _outcome(event))
                self._duration.record(event.seconds, _outcome(event))
                self._retries.add(max(0, len(event.attempts) - 1), operation)
                self._waited.add(event.waited, operation)
            case HoldStarted():
                self._held.add(event.seconds, {f"{PREFIX}.quota_spent": event.quota_spent})
            case RateFound():
                self._rate.set(event.rate)
            case TokensRefreshed():
                self._refreshes.add(1)
            case ChangeSettled():
                self._changes.add(1, {f"{PREFIX}.action": event.action, f"{PREFIX}.outcome": event.outcome})


def _outcome(event: CallEnded | AttemptEnded) -> dict[str, str | int]:
    found: dict[str, str | int] = {OPERATION: event.operation}
    if event.status is not None:
        found[STATUS] = event.status
    if event.error is not None:
        found[ERROR] = event.error
    return found


def _attempt(attempt: AttemptEnded) -> dict[str, str | int | float]:
    found: dict[str, str | int | float] = {**_outcome(attempt), f"{PREFIX}.attempt": attempt.attempt}
    found |= {f"{PREFIX}.seconds": attempt.seconds, f"{PREFIX}.waited": attempt.waited}
    if attempt.retry_in is not None:
        found[f"{PREFIX}.retry_in"] = attempt.retry_in
    if attempt.request_id is not None:
        found[f"{PREFIX}.request_id"] = attempt.request_id
    return found


def _nanoseconds(seconds: float) -> int:
    return round(seconds * NANOSECONDS)
