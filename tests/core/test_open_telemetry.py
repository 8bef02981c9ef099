"""Spans and metrics of calls, with OpenTelemetry's own exporters in memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from fakes import KINDS, START, Answers, FakeClock, remove_member
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from confluence_groups_sdk import (
    ChangeSettled,
    ConfigurationError,
    Event,
    NotFoundError,
    RetryPolicy,
    TokensRefreshed,
    opentelemetry_observer,
)
from confluence_groups_sdk._support.redaction import hash_id

OPERATION = "removeMemberFromGroupByGroupId"
SECOND = 1_000_000_000


class Telemetry:
    """Providers that keep spans and metrics in memory, and an observer for them."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.observe: Callable[[Event], None] = opentelemetry_observer(
            tracer_provider=self.tracers, meter_provider=MeterProvider([self._reader])
        )

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def metrics(self) -> dict[str, list[tuple[dict[str, Any], Any]]]:
        """Return the attributes and values of each metric by name; of a histogram, the sum."""
        data = self._reader.get_metrics_data()
        assert data
        return {
            metric.name.removeprefix("confluence_groups."): [
                (dict(point.attributes or {}), getattr(point, "sum", None) or getattr(point, "value", 0))
                for point in metric.data.data_points
            ]
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def bounds_of_durations(self) -> Sequence[float]:
        """Return the bounds of the buckets of the only histogram."""
        data = self._reader.get_metrics_data()
        assert data
        metrics = [each for of in data.resource_metrics for scope in of.scope_metrics for each in scope.metrics]
        (bounds,) = {
            tuple(point.explicit_bounds)
            for metric in metrics
            for point in metric.data.data_points
            if isinstance(point, HistogramDataPoint)
        }
        return bounds


def test_buckets_of_durations_fit_calls_and_their_waits() -> None:
    """The default ones of OpenTelemetry are for milliseconds: all calls below five seconds would be in one."""
    telemetry = Telemetry()
    remove_member("sync", Answers(httpx.Response(204)), clock=FakeClock(), observe=telemetry.observe)
    bounds = telemetry.bounds_of_durations()
    assert len([bound for bound in bounds if bound <= 1]) >= 9
    assert max(bounds) >= RetryPolicy().max_retry_after


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_is_a_span_with_its_attempts(kind: str) -> None:
    telemetry, clock = Telemetry(), FakeClock()
    refused = httpx.Response(429, headers={"Retry-After": "5"})
    done = httpx.Response(204, headers={"atl-request-id": "r-2"})
    with telemetry.tracers.get_tracer("program").start_as_current_span("job") as job:
        remove_member(kind, Answers(refused, done), clock=clock, observe=telemetry.observe)
    span = telemetry.spans[0]
    assert (span.name, span.kind, span.status.status_code) == (OPERATION, SpanKind.CLIENT, StatusCode.UNSET)
    assert span.parent == job.get_span_context()
    assert (span.start_time, span.end_time) == (START * SECOND, (START + 5) * SECOND)
    assert dict(span.attributes or {}) == {
        "confluence_groups.operation": OPERATION,
        "confluence_groups.ids": (hash_id("g"), hash_id("a")),
        "http.response.status_code": 204,
        "http.request.resend_count": 1,
    }
    assert [(event.name, event.timestamp, dict(event.attributes or {})) for event in span.events] == [
        (
            "attempt",
            START * SECOND,
            {
                "confluence_groups.operation": OPERATION,
                "confluence_groups.attempt": 1,
                "http.response.status_code": 429,
                "error.type": "RateLimitError",
                "confluence_groups.seconds": 0.0,
                "confluence_groups.waited": 0.0,
                "confluence_groups.retry_in": 5.0,
            },
        ),
        (
            "attempt",
            (START + 5) * SECOND,
            {
                "confluence_groups.operation": OPERATION,
                "confluence_groups.attempt": 2,
                "http.response.status_code": 204,
                "confluence_groups.seconds": 0.0,
                "confluence_groups.waited": 5.0,
                "confluence_groups.request_id": "r-2",
            },
        ),
    ]
    operation = {"confluence_groups.operation": OPERATION}
    outcome = {**operation, "http.response.status_code": 204}
    assert telemetry.metrics() == {
        "calls": [(outcome, 1)],
        "call.duration": [(outcome, 5.0)],
        "retries": [(operation, 1)],
        "wait.time": [(operation, 5.0)],
        "rate": [({}, 10.0)],
        "hold.time": [({"confluence_groups.quota_spent": False}, 5.0)],
    }


def test_a_failed_call_is_an_error() -> None:
    telemetry = Telemetry()
    with pytest.raises(NotFoundError):
        remove_member("sync", Answers(httpx.Response(404)), observe=telemetry.observe)
    (span,) = telemetry.spans
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "NotFoundError")
    assert (span.attributes or {})["error.type"] == "NotFoundError"


def test_refreshes_and_changes_are_counted() -> None:
    telemetry = Telemetry()
    telemetry.observe(TokensRefreshed(at=START, valid_for=3600.0))
    removed = {"action": "remove", "outcome": "REMOVED", "error": None, "final": True, "request_id": None}
    for account in "#1", "#2":
        telemetry.observe(ChangeSettled(at=START, group="#0", account=account, **removed))  # type: ignore[arg-type]
    assert not telemetry.spans
    assert telemetry.metrics() == {
        "token.refreshes": [({}, 1)],
        "changes": [({"confluence_groups.action": "remove", "confluence_groups.outcome": "REMOVED"}, 2)],
    }


def test_without_an_sdk_nothing_happens() -> None:
    remove_member("sync", Answers(httpx.Response(204)), observe=opentelemetry_observer())


def test_a_missing_api_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'confluence-groups-sdk\[otel\]'"):
        opentelemetry_observer()
