"""What `observe` is called with, when, and that it changes nothing."""

from __future__ import annotations

import asyncio
import logging
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import attrs
import httpx
import pytest
from fakes import KINDS, SITE, START, Answers, FakeClock, call, remove_member, token

import confluence_groups_sdk
from confluence_groups_sdk import (
    AsyncConfluenceGroups,
    AttemptEnded,
    CallEnded,
    ConfigurationError,
    ConfluenceGroups,
    Event,
    HoldStarted,
    MemoryTokenStore,
    NotFoundError,
    OAuth2,
    RateFound,
    RateLimiter,
    RateLimitError,
    RetryPolicy,
    Tokens,
    TokensRefreshed,
)
from confluence_groups_sdk._support.redaction import hash_id

OPERATION = "removeMemberFromGroupByGroupId"
IDS = (hash_id("g"), hash_id("a"))


def timed(clock: FakeClock, *answers: tuple[float, httpx.Response | Exception]) -> Callable[..., httpx.Response]:
    """Return a handler whose answers take some seconds."""
    left = iter(answers)

    def answer(_request: httpx.Request) -> httpx.Response:
        seconds, response = next(left)
        clock.sleep(seconds)
        if isinstance(response, Exception):
            raise response
        return response

    return answer


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_is_told_with_its_attempts(kind: str) -> None:
    clock, events = FakeClock(), list[Event]()
    handler = timed(clock, (0.25, httpx.Response(503)), (1.5, httpx.Response(204, headers={"atl-request-id": "r-2"})))
    remove_member(kind, handler, clock=clock, observe=events.append)
    first = AttemptEnded(
        at=START + 0.25,
        operation=OPERATION,
        ids=IDS,
        attempt=1,
        status=503,
        error="ServerError",
        seconds=0.25,
        waited=0.0,
        retry_in=2.0,
        request_id=None,
    )
    second = attrs.evolve(
        first,
        at=START + 3.75,
        attempt=2,
        status=204,
        error=None,
        seconds=1.5,
        waited=2.0,
        retry_in=None,
        request_id="r-2",
    )
    ended = CallEnded(
        at=START + 3.75,
        operation=OPERATION,
        ids=IDS,
        attempts=(first, second),
        status=204,
        error=None,
        seconds=3.75,
        waited=2.0,
        request_id="r-2",
    )
    assert events == [first, second, ended]


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_that_fails_is_told_with_its_error(kind: str) -> None:
    events: list[Event] = []
    with pytest.raises(NotFoundError):
        remove_member(kind, Answers(httpx.Response(404)), observe=events.append)
    attempt, ended = events
    assert isinstance(attempt, AttemptEnded)
    assert isinstance(ended, CallEnded)
    assert (attempt.status, attempt.error, attempt.retry_in) == (404, "NotFoundError", None)
    assert (ended.status, ended.error, ended.attempts) == (404, "NotFoundError", (attempt,))


def test_an_attempt_without_a_response_has_no_status() -> None:
    events: list[Event] = []
    with pytest.raises(confluence_groups_sdk.APITimeoutError):
        remove_member("sync", Answers(httpx.ReadTimeout("late")), observe=events.append, retry=RetryPolicy(0))
    assert [(each.status, each.error) for each in events if isinstance(each, AttemptEnded | CallEnded)] == [
        (None, "APITimeoutError")
    ] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_an_unreadable_result_ends_the_call_and_not_the_attempt(kind: str) -> None:
    events: list[Event] = []
    with pytest.raises(confluence_groups_sdk.ResponseValidationError):
        call(kind, "get_group", Answers(httpx.Response(200, json=[])), {"group_id": "g"}, observe=events.append)
    assert [(type(each).__name__, each.error) for each in events if isinstance(each, AttemptEnded | CallEnded)] == [
        ("AttemptEnded", None),
        ("CallEnded", "ResponseValidationError"),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_each_page_of_a_list_is_a_call(kind: str) -> None:
    events: list[Event] = []
    full = {
        "results": [{"type": "group", "id": f"g{n}", "name": "n"} for n in range(2)],
        "start": 0,
        "limit": 2,
        "size": 2,
    }
    pages = Answers(httpx.Response(200, json=full), httpx.Response(200, json={**full, "results": [], "size": 0}))
    call(kind, "iter_groups", pages, {"page_size": 2}, observe=events.append)
    assert [type(each) for each in events] == [AttemptEnded, CallEnded] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_hold_and_a_rate_are_told_by_the_client_whose_response_it_was(kind: str) -> None:
    limiter, events, others = RateLimiter(), list[Event](), list[Event]()
    limited = httpx.Response(429, headers={"Retry-After": "5"})
    remove_member(kind, Answers(httpx.Response(204)), observe=others.append, rate_limiter=limiter)
    remove_member(kind, Answers(limited, httpx.Response(204)), observe=events.append, rate_limiter=limiter)
    hold, rate, first, second, _ = events
    assert hold == HoldStarted(at=START, seconds=5.0, quota_spent=False)
    assert isinstance(rate, RateFound)
    assert rate.rate == pytest.approx(1.0)
    assert isinstance(first, AttemptEnded)
    assert isinstance(second, AttemptEnded)
    assert (first.error, second.waited) == ("RateLimitError", 5.0)
    assert [type(each) for each in others] == [AttemptEnded, CallEnded]


@pytest.mark.parametrize("kind", KINDS)
def test_a_spent_quota_holds_and_the_next_call_is_not_sent(kind: str) -> None:
    limiter, clock, events = RateLimiter(), FakeClock(), list[Event]()
    spent = {"Retry-After": "900", "RateLimit-Reason": "confluence-quota-based"}
    for _ in range(2):
        answers = Answers(httpx.Response(429, headers=spent))
        with pytest.raises(RateLimitError):
            remove_member(kind, answers, observe=events.append, rate_limiter=limiter, clock=clock)
    assert [type(each) for each in events] == [HoldStarted, AttemptEnded, CallEnded, CallEnded]
    assert events[0] == HoldStarted(at=START, seconds=900.0, quota_spent=True)
    unsent = events[-1]
    assert isinstance(unsent, CallEnded)
    assert (unsent.attempts, unsent.error, unsent.status) == ((), "RateLimitError", 429)


@pytest.mark.parametrize("kind", KINDS)
def test_refreshed_tokens_are_told(kind: str) -> None:
    events: list[Event] = []
    store = MemoryTokenStore(Tokens(access_token="old", refresh_token="r", expires_at=START + 1))
    new = {"access_token": "new", "refresh_token": "r2", "expires_in": 3600, "scope": "s", "token_type": "Bearer"}
    answers = Answers(httpx.Response(200, json=new), httpx.Response(204))
    auth = OAuth2("client-id", "client-secret", store, clock=FakeClock())
    remove_member(kind, answers, auth=auth, observe=events.append)
    assert events[0] == TokensRefreshed(at=START, valid_for=3600.0)
    assert [type(each) for each in events] == [TokensRefreshed, AttemptEnded, CallEnded]


def test_what_a_token_store_raises_ends_the_call() -> None:
    events: list[Event] = []
    auth = OAuth2("client-id", "client-secret", MemoryTokenStore(), clock=FakeClock())
    with pytest.raises(ConfigurationError):
        remove_member("sync", Answers(), auth=auth, observe=events.append)
    (ended,) = events
    assert isinstance(ended, CallEnded)
    assert ended.error == "ConfigurationError"


def test_a_cancelled_call_ends() -> None:
    events: list[Event] = []

    async def cancel() -> None:
        async def answer(_request: httpx.Request) -> httpx.Response:
            await asyncio.Event().wait()
            raise AssertionError

        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http,
            AsyncConfluenceGroups(SITE, auth=token(), http_client=http, observe=events.append) as groups,
        ):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(groups.remove_member(group_id="g", account_id="a"), 0.01)

    asyncio.run(cancel())
    (ended,) = events
    assert isinstance(ended, CallEnded)
    assert (ended.error, ended.status, ended.attempts) == ("CancelledError", None, ())


# --- the callable


@pytest.mark.parametrize("kind", KINDS)
def test_exceptions_of_the_callable_are_logged_once_per_kind(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    def observe(event: Event) -> None:
        raise KeyError("mine") if isinstance(event, AttemptEnded) else ValueError("mine")

    retry = httpx.Response(503)
    with caplog.at_level(logging.ERROR, logger="confluence_groups_sdk"):
        remove_member(kind, Answers(retry, httpx.Response(204)), observe=observe)
    assert [record.getMessage().partition(",")[0] for record in caplog.records] == [
        "observe(AttemptEnded) raised KeyError",
        "observe(CallEnded) raised ValueError",
    ]


def test_the_callable_runs_on_the_event_loop() -> None:
    threads: list[object] = []

    def observe(_event: Event) -> None:
        asyncio.get_running_loop()
        threads.append(threading.current_thread())

    remove_member("async", Answers(httpx.Response(204)), observe=observe)
    assert threads == [threading.current_thread()] * 2


@pytest.mark.parametrize("limited", [False, True])
def test_the_callable_may_call_the_client(limited: bool) -> None:
    """Also with one slot, after a hold, and with tokens that were just refreshed; its own calls are not told."""
    seen: list[Event] = []
    clock = FakeClock()
    store = MemoryTokenStore(Tokens(access_token="old", refresh_token="r", expires_at=START + 1))
    new = {"access_token": "new", "refresh_token": "r2", "expires_in": 360000, "scope": "s", "token_type": "Bearer"}
    refused = [httpx.Response(429, headers={"Retry-After": "1"})] if limited else []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json=new)
        return refused.pop() if refused else httpx.Response(204)

    def observe(event: Event) -> None:
        seen.append(event)
        groups.remove_member(group_id="g2", account_id="a2")

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as http,
        ConfluenceGroups(
            SITE,
            auth=OAuth2("client-id", "client-secret", store, clock=clock),
            http_client=http,
            rate_limiter=RateLimiter(max_in_flight=1),
            observe=observe,
            clock=clock,
        ) as groups,
    ):
        groups.remove_member(group_id="g", account_id="a")
        assert groups.rate_limiter.snapshot().in_flight == 0
    refusal = [HoldStarted, RateFound, AttemptEnded] if limited else []
    assert [type(each) for each in seen] == [TokensRefreshed, *refusal, AttemptEnded, CallEnded]


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_plain_function_is_accepted(kind: str) -> None:
    async def coroutine(_event: Event) -> None: ...

    class Awaited:
        async def __call__(self, _event: Event) -> None: ...

    for wrong in ("text", coroutine, Awaited()):
        with pytest.raises(TypeError, match="observe must be a"):
            remove_member(kind, Answers(), observe=wrong)


def test_copies_and_other_constructors_keep_the_callable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFLUENCE_SITE", SITE)
    monkeypatch.setenv("CONFLUENCE_EMAIL", "me@example.com")
    monkeypatch.setenv("CONFLUENCE_API_TOKEN", "t")
    events: list[Any] = []
    ended = TokensRefreshed(at=0.0, valid_for=1.0)
    for groups in (
        ConfluenceGroups.from_env(observe=events.append),
        ConfluenceGroups.for_cloud("c", auth=token(), observe=events.append),
        ConfluenceGroups(SITE, auth=token(), observe=events.append).with_options(timeout=3),
    ):
        assert groups.observer is not None
        groups.observer(ended)
    assert events == [ended] * 3
    assert ConfluenceGroups(SITE, auth=token()).observer is None


# --- the events


def test_events_show_no_id_and_no_secret() -> None:
    events: list[Event] = []
    answer = httpx.Response(403, json={"message": "557058:someone@example.com"}, headers={"X-Echo": "some-token"})
    with pytest.raises(confluence_groups_sdk.PermissionDeniedError):
        remove_member("sync", Answers(answer), account_id="557058:someone", observe=events.append)
    for shown in (repr(events), repr([attrs.asdict(event) for event in events])):
        assert "someone" not in shown
        assert "some-token" not in shown
        assert "your-domain" not in shown
        assert hash_id("557058:someone") in shown


def test_events_are_frozen_and_can_be_pickled() -> None:
    event = HoldStarted(at=1.0, seconds=2.0, quota_spent=True)
    assert pickle.loads(pickle.dumps(event)) == event
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.seconds = 3.0  # type: ignore[misc]


def test_nothing_of_it_loads_without_observe() -> None:
    program = (
        "import sys, httpx\nfrom confluence_groups_sdk import ApiToken, ConfluenceGroups\n"
        "http = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(204)))\n"
        "groups = ConfluenceGroups('https://a.atlassian.net', auth=ApiToken('me@example.com', 't'), http_client=http)\n"
        "groups.remove_member(group_id='g', account_id='a')\n"
        "print([name for name in sys.modules if 'observing' in name or name.endswith('_core.recording')])\n"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"
