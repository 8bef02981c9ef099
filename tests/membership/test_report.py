"""Reports: why a run stopped, as a reason with values and as a sentence."""

from __future__ import annotations

import json

import pytest

from confluence_groups_sdk.membership import Report, Stop, StopReason

SENTENCES = {
    StopReason.INTERRUPTED: (Stop(reason=StopReason.INTERRUPTED), "interrupted"),
    StopReason.FATAL_ERROR: (
        Stop(reason=StopReason.FATAL_ERROR, error="403 Forbidden"),
        "every other change would fail too: 403 Forbidden",
    ),
    StopReason.TOO_MANY_FAILURES: (
        Stop(reason=StopReason.TOO_MANY_FAILURES, error="409 {Conflict}", option="stop_after_failures"),
        "too many changes failed (stop_after_failures), the last one: 409 {Conflict}",
    ),
    StopReason.RATE_LIMITED: (
        Stop(reason=StopReason.RATE_LIMITED, resume_at="2027-01-15T09:00:00Z", option="wait_for_quota"),
        "the site accepts no calls until 2027-01-15T09:00:00Z: resume then, or apply with wait_for_quota=True",
    ),
    StopReason.WORKER_FAILED: (
        Stop(reason=StopReason.WORKER_FAILED, error="OSError: no", option="open_client"),
        "a worker failed (OSError: no); workers in other processes need open_client",
    ),
    StopReason.EXECUTOR_CLOSED: (
        Stop(reason=StopReason.EXECUTOR_CLOSED, error="shut down"),
        "the executor accepts no more work (shut down)",
    ),
    StopReason.NOT_VERIFIED: (
        Stop(reason=StopReason.NOT_VERIFIED, error="GET /x: 403."),
        "the changes could not be verified: GET /x: 403.",
    ),
    StopReason.REHEARSED: (Stop(reason=StopReason.REHEARSED), "rehearsed: nothing was sent"),
}


def report(stop: Stop | None) -> Report:
    return Report(
        results=(),
        unfinished=(),
        stop=stop,
        interrupted=False,
        unverified=(),
        plan_digest="0" * 64,
        journal_hash="1" * 64,
    )


@pytest.mark.parametrize("reason", StopReason)
def test_each_reason_has_a_sentence(reason: StopReason) -> None:
    stop, sentence = SENTENCES[reason]
    assert (stop.reason, report(stop).stopped) == (reason, sentence)
    assert str(report(stop)) == f"nothing to do; stopped: {sentence}; journal {'1' * 64}"


def test_a_failed_worker_of_our_own_threads_needs_no_open_client() -> None:
    assert str(Stop(reason=StopReason.WORKER_FAILED, error="OSError: no")) == "a worker failed (OSError: no)"


def test_a_run_that_reached_its_end_has_no_stop() -> None:
    assert report(None).stopped is None
    assert report(None).as_json()["stop"] is None


def test_the_reason_and_its_values_are_in_the_json() -> None:
    stop, _ = SENTENCES[StopReason.RATE_LIMITED]
    assert json.loads(json.dumps(report(stop).as_json()))["stop"] == {
        "reason": "rate_limited",
        "error": None,
        "resume_at": "2027-01-15T09:00:00Z",
        "option": "wait_for_quota",
    }
