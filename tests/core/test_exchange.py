"""The meaning of responses and the retries, through both clients."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest
from fakes import KINDS, START, Answers, FakeClock, call, remove_member, token, wire

from confluence_groups_sdk import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AsyncConfluenceGroups,
    ConfluenceGroups,
    MissingScopeError,
    RateLimiter,
    RateLimitError,
    ResponseValidationError,
    RetryPolicy,
    ServerError,
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [200, 201, 202, 205, 299])
def test_an_undocumented_success_is_an_error(kind: str, status: int) -> None:
    page = "<html><body>Log in to continue</body></html>"
    answers = Answers(httpx.Response(status, html=page, headers={"atl-request-id": "r-1"}))
    with pytest.raises(ResponseValidationError, match="nothing is known about what happened") as caught:
        remove_member(kind, answers)
    assert (caught.value.status_code, caught.value.request_id, caught.value.body) == (status, "r-1", page)


@pytest.mark.parametrize("kind", KINDS)
def test_a_redirect_is_not_followed(kind: str) -> None:
    answers = Answers(httpx.Response(302, headers={"Location": "https://elsewhere.example.com/login"}))
    with pytest.raises(APIStatusError) as caught:
        remove_member(kind, answers)
    assert type(caught.value) is APIStatusError
    assert caught.value.status_code == 302
    assert len(answers.requests) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "location",
    [
        "https://xn--a/",
        "https://example.com:port/",
        "mailto:it@example.com",
        "urn:x",
        "http:foo",
        "a:b:c",
        "/" + "a" * 70_000,
    ],
)
def test_a_redirect_that_httpx_cannot_parse_is_an_unreadable_response(kind: str, location: str) -> None:
    answers = Answers(httpx.Response(302, headers={"Location": location}))
    with pytest.raises(APIError) as caught:
        remove_member(kind, answers)
    assert type(caught.value) in (ResponseValidationError, APIStatusError)
    assert len(answers.requests) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", [b"gzip", b"deflate"])
def test_a_body_that_cannot_be_decoded_is_an_unreadable_response(kind: str, encoding: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: 4\r\n\r\nnone" % encoding

    async def remove(address: str) -> None:
        async with AsyncConfluenceGroups(address, auth=token()) as groups:
            await groups.remove_member(group_id="g", account_id="a")

    def call(address: str) -> None:
        if kind == "async":
            asyncio.run(remove(address))
        else:
            with ConfluenceGroups(address, auth=token()) as groups:
                groups.remove_member(group_id="g", account_id="a")

    with (
        wire(answer) as (address, received),
        pytest.raises(ResponseValidationError, match="cannot be decoded"),
    ):
        call(address)
    assert len(received) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_the_last_error_is_raised_after_all_retries(kind: str, status: int) -> None:
    clock = FakeClock()
    answers = Answers(*(httpx.Response(status, text=f"attempt {number}") for number in range(5)))
    with pytest.raises(APIStatusError, match="attempt 4"):
        remove_member(kind, answers, clock=clock)
    assert clock.slept == pytest.approx([2, 4, 8, 16])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [300, 400, 401, 403, 404, 409, 410, 418, 500, 501, 520])
def test_other_statuses_are_not_retried(kind: str, status: int) -> None:
    answers = Answers(httpx.Response(status))
    with pytest.raises(APIStatusError):
        remove_member(kind, answers)
    assert len(answers.requests) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("status", "error"), [(429, RateLimitError), (503, ServerError)])
def test_a_retry_after_above_the_limit_is_raised_immediately(
    kind: str, status: int, error: type[APIStatusError]
) -> None:
    clock = FakeClock()
    answers = Answers(httpx.Response(status, headers={"Retry-After": "1847"}))
    with pytest.raises(error) as caught:
        remove_member(kind, answers, clock=clock)
    assert caught.value.retry_after == 1847
    assert clock.slept == []


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 1.4), (0.5, 2.0), (0.9, 2.48)])
def test_the_delay_has_jitter(chance: float, seconds: float) -> None:
    clock = FakeClock(chance)
    remove_member("sync", Answers(httpx.Response(503), httpx.Response(204)), clock=clock)
    assert clock.slept == pytest.approx([seconds])


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_scope_is_named_with_the_scopes_of_the_call(kind: str) -> None:
    refused = httpx.Response(401, json={"code": 401, "message": "Unauthorized; scope does not match"})
    with pytest.raises(MissingScopeError, match=r"write:confluence-groups .* write:group:confluence"):
        remove_member(kind, Answers(refused))


@pytest.mark.parametrize("kind", KINDS)
def test_retry_after_as_a_date_is_relative_to_the_clock(kind: str) -> None:
    clock = FakeClock()
    date = "Fri, 15 Jan 2027 08:00:20 GMT"
    answers = Answers(httpx.Response(429, headers={"Retry-After": date}), httpx.Response(204))
    remove_member(kind, answers, clock=clock)
    assert clock.slept == [20]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError])
def test_a_broken_connection_is_retried(kind: str, failure: type[httpx.TransportError]) -> None:
    clock = FakeClock()
    answers = Answers(failure("lost"), httpx.Response(204))
    remove_member(kind, answers, clock=clock)
    assert clock.slept == pytest.approx([2])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (httpx.ConnectTimeout, APITimeoutError),
        (httpx.ReadTimeout, APITimeoutError),
        (httpx.PoolTimeout, APITimeoutError),
        (httpx.ReadError, APIConnectionError),
        (httpx.LocalProtocolError, APIConnectionError),
    ],
)
def test_a_failed_connection_is_raised_as_its_error(
    kind: str, failure: type[httpx.TransportError], error: type[APIConnectionError]
) -> None:
    answers = Answers(failure("lost"))
    with pytest.raises(error) as caught:
        remove_member(kind, answers, retry=RetryPolicy(max_retries=0))
    assert type(caught.value) is error
    assert type(caught.value.__cause__) is failure
    assert (caught.value.method, caught.value.path) == ("DELETE", "/wiki/rest/api/group/userByGroupId")
    assert failure.__name__ in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_errors_of_the_program_are_not_caught(kind: str) -> None:
    with pytest.raises(ZeroDivisionError):
        remove_member(kind, Answers(ZeroDivisionError()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_transports_own_error_becomes_the_httpx_error_it_extends(kind: str) -> None:
    class OddError(httpx.ReadError):
        def __init__(self, one: str, two: str) -> None:
            super().__init__(one + two)

    with pytest.raises(APIConnectionError) as caught:
        remove_member(kind, Answers(OddError("a", "b")), retry=RetryPolicy(max_retries=0))
    assert type(caught.value.__cause__) is httpx.ReadError


def spent_for(seconds: int) -> dict[str, str]:
    """Return the headers of a limit that is spent for some seconds."""
    reset = datetime.fromtimestamp(START + seconds, UTC).isoformat()
    return {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}


def remove_two(seconds: int, clock: FakeClock) -> None:
    """Remove two members; the first response says that the limit is spent for some seconds."""
    spent = httpx.Response(204, headers=spent_for(seconds))
    answers, rate_limiter = Answers(spent, httpx.Response(204)), RateLimiter()
    for _ in range(2):
        remove_member("sync", answers, clock=clock, rate_limiter=rate_limiter)


def test_a_hold_is_waited_for_up_to_the_limit() -> None:
    clock = FakeClock()
    remove_two(60, clock)
    assert clock.slept == [60]
    with pytest.raises(RateLimitError, match="not sent") as caught:
        remove_two(61, FakeClock())
    assert (caught.value.status_code, caught.value.retry_after) == (429, 61)


@pytest.mark.parametrize("asked", [{}, {"Retry-After": "5"}])
def test_a_429_is_raised_at_once_if_the_limit_is_renewed_too_late(asked: dict[str, str]) -> None:
    clock = FakeClock()
    with pytest.raises(RateLimitError) as caught:
        remove_member("sync", Answers(httpx.Response(429, headers={**spent_for(61), **asked})), clock=clock)
    assert (caught.value.retry_after, clock.slept) == (61, [])
    refused = httpx.Response(429, headers={**spent_for(60), **asked})
    remove_member("sync", Answers(refused, httpx.Response(204)), clock=clock)
    assert sum(clock.slept) == 60


def test_an_error_has_the_path_as_it_was_sent() -> None:
    for answer in (httpx.ReadError("reset"), httpx.Response(500)):
        with pytest.raises(APIError) as caught:
            call("sync", "iter_members", Answers(answer), {"group_id": "a b/c"}, retry=RetryPolicy(max_retries=0))
        assert caught.value.path == "/wiki/rest/api/group/a%20b%2Fc/membersByGroupId"


def test_a_limit_of_0_refuses_only_what_the_server_asks_for() -> None:
    clock, retry = FakeClock(), RetryPolicy(max_retry_after=0)
    remove_member("sync", Answers(httpx.Response(503), httpx.Response(204)), clock=clock, retry=retry)
    assert clock.slept == [2]
    asking = httpx.Response(503, headers={"Retry-After": "1"})
    with pytest.raises(ServerError) as caught:
        remove_member("sync", Answers(asking), retry=retry)
    assert caught.value.retry_after == 1
