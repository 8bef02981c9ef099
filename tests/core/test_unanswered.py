"""The error of a change that was retried: earlier attempts without an answer may have made the change."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Generator
from typing import Any

import httpcore
import httpx
import pytest
from fakes import KINDS, SITE, Answers, FakeClock, call, remove_member

from confluence_groups_sdk import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    RetryPolicy,
    ServerError,
)
from confluence_groups_sdk._core.transport.connections.attempt import AsyncAttempt, Attempt
from confluence_groups_sdk.errors import AuthenticationError, NotFoundError, RateLimitError, ResponseValidationError

Answer = httpx.Response | Exception

UNANSWERED: dict[str, Answer] = {
    "timeout": httpx.ReadTimeout("late"),
    "write timeout": httpx.WriteTimeout("late"),
    "broken": httpx.RemoteProtocolError("cut"),
    "reset": httpx.ReadError("reset"),
    "502": httpx.Response(502),
    "503": httpx.Response(503),
    "504": httpx.Response(504),
}
UNSENT: dict[str, Answer] = {
    "no connection": httpx.ConnectError("refused"),
    "connect timeout": httpx.ConnectTimeout("late"),
    "pool timeout": httpx.PoolTimeout("late"),
    "429": httpx.Response(429),
}
FINAL_STATUSES = [302, 400, 401, 403, 404, 409, 410, 418, 500]
EARLIER = "went unanswered, so the change may have been made"


def fresh(answer: Answer) -> Answer:
    """Return a copy of a response that has not been read yet."""
    if isinstance(answer, Exception):
        return answer
    return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def failed_removal(kind: str, *answers: Answer, **options: Any) -> APIError:
    answers = tuple(fresh(each) for each in answers)
    with pytest.raises(APIError) as caught:
        remove_member(kind, Answers(*answers), **options)
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lost", UNANSWERED.values(), ids=UNANSWERED)
def test_not_found_after_an_unanswered_attempt_says_that_the_change_may_have_been_made(kind: str, lost: Answer) -> None:
    error = failed_removal(kind, lost, httpx.Response(404, json={"statusCode": 404, "message": "no such user"}))
    assert type(error) is NotFoundError
    assert error.unanswered_attempts == 1
    assert f"An earlier attempt {EARLIER}" in error.remedy
    assert "is_member" in error.remedy
    assert error.remedy.endswith(NotFoundError.remedy), "the remedy of the last answer is kept"
    assert error.remedy in str(error)


@pytest.mark.parametrize("status", FINAL_STATUSES)
def test_every_final_status_after_an_unanswered_attempt_says_so(status: int) -> None:
    alone = failed_removal("sync", httpx.Response(status))
    after = failed_removal("sync", UNANSWERED["timeout"], httpx.Response(status))
    assert type(after) is type(alone)
    assert ("may have been made" in str(alone)) is (status == 500)
    assert "may have been made" in str(after)
    assert "is_member" in after.remedy
    assert after.unanswered_attempts == alone.unanswered_attempts + 1
    assert alone.unanswered_attempts == (1 if status == 500 else 0)


def test_an_undocumented_success_after_an_unanswered_attempt_says_so() -> None:
    error = failed_removal("sync", UNANSWERED["timeout"], httpx.Response(200, text="log in"))
    assert type(error) is ResponseValidationError
    assert EARLIER in error.remedy


def test_several_unanswered_attempts_are_counted() -> None:
    error = failed_removal("sync", *UNANSWERED.values(), httpx.Response(404), retry=RetryPolicy(max_retries=9))
    assert error.unanswered_attempts == len(UNANSWERED)
    assert f"{len(UNANSWERED)} earlier attempts {EARLIER}" in str(error)


@pytest.mark.parametrize("unsent", UNSENT.values(), ids=UNSENT)
def test_an_attempt_that_changed_nothing_is_not_counted(unsent: Answer) -> None:
    error = failed_removal("sync", unsent, httpx.Response(404))
    assert error.unanswered_attempts == 0
    assert "may have been made" not in str(error)


@pytest.mark.parametrize("unsent", UNSENT.values(), ids=UNSENT)
def test_an_unanswered_attempt_is_remembered_over_later_ones(unsent: Answer) -> None:
    error = failed_removal("sync", UNANSWERED["broken"], unsent, httpx.Response(403))
    assert error.unanswered_attempts == 1
    assert EARLIER in str(error)


def test_an_attempt_that_was_not_sent_after_an_unanswered_one_does_not_deny_the_change() -> None:
    error = failed_removal("sync", UNANSWERED["broken"], *[httpx.ConnectError("refused")] * 4)
    assert error.unanswered_attempts == 1
    assert EARLIER in str(error)
    assert "nothing was sent" not in str(error).lower()


def test_a_rate_limit_after_an_unanswered_attempt_says_so() -> None:
    answers = (UNANSWERED["timeout"], httpx.Response(429, headers={"Retry-After": "1847"}))
    error = failed_removal("sync", *answers)
    assert type(error) is RateLimitError
    assert error.retry_after == 1847
    assert EARLIER in str(error)


def test_a_retry_that_is_held_back_says_that_an_attempt_went_unanswered() -> None:
    lost = httpx.Response(503, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2027-01-15T09:00:00Z"})
    error = failed_removal("sync", lost, clock=FakeClock())
    assert type(error) is RateLimitError
    assert "not sent" in error.summary
    assert EARLIER in str(error)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lost", UNANSWERED.values(), ids=UNANSWERED)
def test_after_all_retries_the_error_says_that_the_change_may_have_been_made(kind: str, lost: Answer) -> None:
    error = failed_removal(kind, *[lost] * 5)
    assert isinstance(error, APIConnectionError | APIStatusError)
    assert error.unanswered_attempts == 5
    assert "The change may have been made by one of 5 attempts" in str(error)
    assert "is_member" in error.remedy
    assert str(error).count("may have been made") == 1


@pytest.mark.parametrize(
    ("lost", "error", "last_words"),
    [
        (
            httpx.ReadTimeout("late"),
            APITimeoutError,
            "You may also send the call again, which does no harm, and allow more time.",
        ),
        (httpx.ReadError("reset"), APIConnectionError, "You may also send the call again, which does no harm."),
        (httpx.Response(503), ServerError, ServerError.remedy),
    ],
)
def test_a_single_unanswered_attempt_says_that_the_change_may_have_been_made(
    lost: Answer, error: type[APIError], last_words: str
) -> None:
    found = failed_removal("sync", lost, retry=RetryPolicy(max_retries=0))
    assert type(found) is error
    assert found.unanswered_attempts == 1
    assert found.remedy == f"The change may have been made. Check with is_member. {last_words}"


@pytest.mark.parametrize(("status", "unanswered"), [(499, 0), (500, 1), (501, 1)])
def test_only_errors_of_the_server_leave_a_change_in_doubt(status: int, unanswered: int) -> None:
    error = failed_removal("sync", httpx.Response(status))
    assert error.unanswered_attempts == unanswered
    assert ("may have been made" in str(error)) is bool(unanswered)


@pytest.mark.parametrize("unsent", [each for name, each in UNSENT.items() if name != "429"])
@pytest.mark.parametrize("method", ["remove_member", "add_member"])
def test_a_change_that_was_never_sent_was_not_made(method: str, unsent: Answer) -> None:
    arguments = {"group_id": "g", "account_id": "a"}
    with pytest.raises(APIConnectionError) as caught:
        call("sync", method, Answers(*[unsent] * 5), arguments)
    assert caught.value.unanswered_attempts == 0
    assert "may have been made" not in str(caught.value)
    assert "Nothing was sent" in caught.value.remedy


@pytest.mark.parametrize(
    ("method", "arguments", "check"),
    [
        ("add_member", {"group_id": "g", "account_id": "a"}, "is_member"),
        ("create_group", {"name": "n"}, "search_groups"),
        ("delete_group", {"group_id": "g"}, "get_group"),
    ],
)
def test_a_change_that_is_not_repeated_counts_its_only_attempt(
    method: str, arguments: dict[str, str], check: str
) -> None:
    with pytest.raises(APIConnectionError) as caught:
        call("sync", method, Answers(UNANSWERED["reset"]), arguments)
    assert caught.value.unanswered_attempts == 1
    assert check in caught.value.remedy


class ExpiringAuth(httpx.Auth):
    """Credentials that can be used once and then not be renewed."""

    def __init__(self) -> None:
        self.used = False

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self.used:
            raise AuthenticationError("the token cannot be renewed", method="POST", path="/oauth/token")
        self.used = True
        yield request


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_the_credentials_after_an_unanswered_attempt_says_so(kind: str) -> None:
    error = failed_removal(kind, UNANSWERED["timeout"], auth=ExpiringAuth())
    assert type(error) is AuthenticationError
    assert (error.path, error.unanswered_attempts) == ("/oauth/token", 1)
    assert EARLIER in str(error)


@pytest.mark.parametrize("auth", [None, httpx.Auth()])
@pytest.mark.parametrize("kind", KINDS)
def test_what_other_credentials_do_after_a_request_is_followed(kind: str, auth: httpx.Auth | None) -> None:
    request = httpx.Request("DELETE", SITE)
    attempt: Attempt | AsyncAttempt = AsyncAttempt(request, auth)
    if kind == "sync":
        attempt = Attempt(request, auth, None)
    sending = httpcore.Request("DELETE", SITE, extensions=request.extensions)
    for event, info, sent in [
        ("http11.send_request_headers.started", {"request": sending}, True),
        ("connect_tcp.started", {"host": "a", "port": 1, "timeout": None}, False),
    ]:
        if traced := request.extensions["trace"](event, info):
            asyncio.run(traced)
        assert attempt.sent is sent


@pytest.mark.parametrize("kind", KINDS)
def test_a_read_has_no_unanswered_attempts(kind: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        call(kind, "get_group", Answers(UNANSWERED["timeout"], httpx.Response(404)), {"group_id": "g"})
    assert caught.value.unanswered_attempts == 0
    assert "the change" not in str(caught.value)


@pytest.mark.parametrize("lost", [httpx.ReadTimeout("late"), httpx.ReadError("reset")])
def test_a_read_that_was_sent_does_not_say_that_it_was_not(lost: Answer) -> None:
    with pytest.raises(APIConnectionError) as caught:
        call("sync", "get_group", Answers(lost), {"group_id": "g"}, retry=RetryPolicy(max_retries=0))
    assert "not carried out" not in caught.value.remedy
    assert "Nothing was sent" not in caught.value.remedy


def test_the_count_survives_pickle_and_copy() -> None:
    error = failed_removal("sync", UNANSWERED["timeout"], httpx.Response(404))
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (again.unanswered_attempts, str(again)) == (1, str(error))
    assert APIError._from_pickle({"args": ("old",)}).unanswered_attempts == 0
