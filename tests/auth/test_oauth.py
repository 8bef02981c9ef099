"""OAuth 2.0: threads, tasks and processes share one refresh; new tokens are saved before they are used."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import fakes
import httpx
import pytest
from fakes import KINDS, START, FakeClock, call, remove_member
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk import (
    APIConnectionError,
    APIError,
    APIStatusError,
    AsyncConfluenceGroups,
    AuthenticationError,
    ConfigurationError,
    ConfluenceGroups,
    ConfluenceGroupsError,
    FileTokenStore,
    MemoryTokenStore,
    MissingScopeError,
    OAuth2,
    PermissionDeniedError,
    RateLimitError,
    ResponseValidationError,
    RetryPolicy,
    ServerError,
    Tokens,
)
from confluence_groups_sdk._generated.api.group import remove_member_from_group_by_group_id as generated
from confluence_groups_sdk.auth import oauth_flow, token_store
from confluence_groups_sdk.auth.lock_thread import LockThread, PerLoopLocks
from confluence_groups_sdk.sandbox import Answer, Sandbox

GROUP = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
ACCOUNT = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"
GRANTED = {"access_token": "new-access", "refresh_token": "new-refresh", "expires_in": 3600, "scope": "read write"}
NONSENSE: tuple[object, ...] = ("none", None, "120", 0, -1, True, 10**400, [])
SCOPE = {"code": 401, "message": "Unauthorized; scope does not match"}
CATEGORY = {"x-failure-category": "FAILURE_CLIENT_SCOPE_CHECK"}


def old(expires_in: float = 3600) -> Tokens:
    return Tokens("old-access", "old-refresh", START + expires_in, ("read",))


def oauth(store: MemoryTokenStore, clock: FakeClock | None = None) -> OAuth2:
    return OAuth2("client-id", "client-secret", store, clock=clock or FakeClock())


def token_response(**changes: object) -> httpx.Response:
    return httpx.Response(200, json={name: value for name, value in {**GRANTED, **changes}.items() if value != "none"})


def rejection(status: int, error: str, description: str = "said by the authority") -> httpx.Response:
    return httpx.Response(status, json={"error": error, "error_description": description})


class Answers(fakes.Answers):
    """Answers that also record the token of each request: access token of a call, refresh token of a refresh."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        super().__init__(*answers)
        self.sent: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            self.sent.append(json.loads(request.content)["refresh_token"])
        else:
            self.sent.append(request.headers["Authorization"].removeprefix("Bearer "))
        return super().__call__(request)


# --- when tokens are refreshed


@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_token_is_used_without_a_refresh(kind: str) -> None:
    answers = Answers(httpx.Response(204))
    remove_member(kind, answers, auth=oauth(MemoryTokenStore(old(expires_in=61))))
    assert answers.sent == ["old-access"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("expires_in", [60, 0, -3600])
def test_a_token_that_is_about_to_expire_is_refreshed_first(kind: str, expires_in: float) -> None:
    store = MemoryTokenStore(old(expires_in))
    answers = Answers(token_response(), httpx.Response(204))
    remove_member(kind, answers, auth=oauth(store))
    assert answers.sent == ["old-refresh", "new-access"]
    assert store.load() == Tokens("new-access", "new-refresh", START + 3600, ("read", "write"))


@pytest.mark.parametrize("kind", KINDS)
def test_refresh_request_matches_atlassians_documentation(kind: str) -> None:
    answers = Answers(token_response(), httpx.Response(204))
    auth = oauth(MemoryTokenStore(old(0)))
    remove_member(kind, answers, auth=auth, timeout=7, application_name="mine/1")
    request = answers.requests[0]
    assert (request.method, str(request.url)) == ("POST", "https://auth.atlassian.com/oauth/token")
    assert json.loads(request.content) == {
        "grant_type": "refresh_token",
        "client_id": "client-id",
        "client_secret": "client-secret",
        "refresh_token": "old-refresh",
    }
    assert request.headers["Host"] == "auth.atlassian.com"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Content-Length"] == str(len(request.content))
    assert request.headers["User-Agent"].startswith("mine/1 confluence-groups-sdk")
    assert not {"Authorization", "Cookie", "Transfer-Encoding"} & {name.title() for name in request.headers}
    assert request.extensions["timeout"] == httpx.Timeout(7).as_dict()


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"refresh_token": "none"}, Tokens("new-access", "old-refresh", START + 3600, ("read", "write"))),
        ({"refresh_token": None}, Tokens("new-access", "old-refresh", START + 3600, ("read", "write"))),
        ({"scope": "none"}, Tokens("new-access", "new-refresh", START + 3600, ("read",))),
        ({"scope": 1}, Tokens("new-access", "new-refresh", START + 3600, ("read",))),
        ({"expires_in": 0.5}, Tokens("new-access", "new-refresh", START + 0.5, ("read", "write"))),
        ({"expires_in": 31622400}, Tokens("new-access", "new-refresh", START + 31622400, ("read", "write"))),
        ({"expires_in": 31622401}, Tokens("new-access", "new-refresh", START + 3600, ("read", "write"))),
        ({"expires_in": 120.5}, Tokens("new-access", "new-refresh", START + 120.5, ("read", "write"))),
        *(
            ({"expires_in": odd}, Tokens("new-access", "new-refresh", START + 3600, ("read", "write")))
            for odd in NONSENSE
        ),
    ],
)
def test_values_missing_in_the_response_keep_their_old_value(changes: dict[str, object], kept: Tokens) -> None:
    store = MemoryTokenStore(old(0))
    remove_member("sync", Answers(token_response(**changes), httpx.Response(204)), auth=oauth(store))
    assert store.load() == kept


@pytest.mark.parametrize("kind", KINDS)
def test_calls_do_not_load_the_store_each_time(kind: str) -> None:
    class Counting(MemoryTokenStore):
        loaded = 0

        def load(self) -> Tokens | None:
            self.loaded += 1
            return super().load()

    store = Counting(old())
    auth = oauth(store)
    for answers in ([httpx.Response(204)], [httpx.Response(401), token_response(), httpx.Response(204)]):
        remove_member(kind, Answers(*answers), auth=auth)
    assert store.loaded == 2, "once for the first call, and once for the refresh"
    later = Answers(*(httpx.Response(204) for _ in range(3)))
    for _ in range(3):
        remove_member(kind, later, auth=auth)
    assert (store.loaded, later.sent) == (2, ["new-access"] * 3)


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_that_another_process_refreshed_are_used(kind: str) -> None:
    store, clock = MemoryTokenStore(old()), FakeClock()
    auth = oauth(store, clock)
    remove_member(kind, Answers(httpx.Response(204)), auth=auth, clock=clock)
    store.save(Tokens("their-access", "their-refresh", START + 9000))
    clock.sleep(3600)
    answers = Answers(httpx.Response(204))
    remove_member(kind, answers, auth=auth, clock=clock)
    assert answers.sent == ["their-access"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_store_is_a_configuration_error(kind: str) -> None:
    answers = Answers()
    with pytest.raises(ConfigurationError, match="consent"):
        remove_member(kind, answers, auth=oauth(MemoryTokenStore()))
    assert not answers.requests


# --- rejected tokens


@pytest.mark.parametrize("kind", KINDS)
def test_a_401_is_refreshed_once_and_the_request_sent_once_more(kind: str) -> None:
    answers = Answers(httpx.Response(401), token_response(), httpx.Response(204))
    remove_member(kind, answers, auth=oauth(MemoryTokenStore(old())))
    assert answers.sent == ["old-access", "old-refresh", "new-access"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_is_sent_again_completely(kind: str) -> None:
    answers = Answers(httpx.Response(401), token_response(), httpx.Response(201, json={}))
    call(kind, "add_member", answers, {"group_id": "g", "account_id": "a"}, auth=oauth(MemoryTokenStore(old())))
    first, _, second = answers.requests
    assert first.content == second.content == b'{"accountId": "a"}'


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_401_is_an_error(kind: str) -> None:
    answers = Answers(httpx.Response(401), token_response(), httpx.Response(401, json={"message": "Unauthorized"}))
    with pytest.raises(AuthenticationError, match="Unauthorized"):
        remove_member(kind, answers, auth=oauth(MemoryTokenStore(old())))
    assert len(answers.requests) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_401_right_after_a_refresh_is_an_error(kind: str) -> None:
    answers = Answers(token_response(), httpx.Response(401))
    with pytest.raises(AuthenticationError):
        remove_member(kind, answers, auth=oauth(MemoryTokenStore(old(0))))
    assert len(answers.requests) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_constant_refreshes_by_other_processes_end_in_an_error(kind: str) -> None:
    store = MemoryTokenStore(old())
    sent: list[str] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        store.save(Tokens(f"access-{len(sent)}", f"refresh-{len(sent)}", START + 3600))
        return httpx.Response(401)

    with pytest.raises(AuthenticationError):
        remove_member(kind, refuse, auth=oauth(store))
    assert len(sent) == 3
    assert "/oauth/token" not in sent


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("answer", [lambda: (SCOPE, {}), lambda: ({}, CATEGORY)], ids=["body", "header"])
def test_a_missing_scope_is_never_refreshed(kind: str, answer: Callable[[], tuple[object, dict[str, str]]]) -> None:
    body, headers = answer()
    answers = Answers(httpx.Response(401, json=body, headers=headers))
    with pytest.raises(MissingScopeError, match="write:confluence-groups"):
        remove_member(kind, answers, auth=oauth(MemoryTokenStore(old())))
    assert answers.sent == ["old-access"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("seconds", "refreshed"), [(3599, False), (3600, True)])
def test_a_403_is_refreshed_if_the_token_has_expired_meanwhile(kind: str, seconds: float, refreshed: bool) -> None:
    clock = FakeClock()
    answers = Answers(httpx.Response(403), token_response(), httpx.Response(204))

    def slow(request: httpx.Request) -> httpx.Response:
        if not answers.requests:
            clock.sleep(seconds)
        return answers(request)

    auth = oauth(MemoryTokenStore(old()), clock)
    if refreshed:
        remove_member(kind, slow, auth=auth, clock=clock)
        assert answers.sent == ["old-access", "old-refresh", "new-access"]
    else:
        with pytest.raises(PermissionDeniedError):
            remove_member(kind, slow, auth=auth, clock=clock)
        assert answers.sent == ["old-access"]


# --- responses of the authority


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("code", ["invalid_grant", "unauthorized_client"])
def test_an_invalid_refresh_token_is_an_error_with_a_remedy_and_is_not_sent_twice(
    kind: str, status: int, code: str
) -> None:
    store, answers = MemoryTokenStore(old(0)), Answers(rejection(status, code))
    auth = oauth(store)
    errors = []
    for _ in range(3):
        with pytest.raises(AuthenticationError, match="consent again") as caught:
            remove_member(kind, answers, auth=auth)
        errors.append(caught.value)
    assert len(answers.requests) == 1
    assert len(set(map(id, errors))) == 3, "each call raises an error of its own, with its own traceback"
    assert {(each.method, each.path, each.status_code) for each in errors} == {("POST", "/oauth/token", status)}
    assert "said by the authority" in str(errors[2])
    store.save(Tokens("fresh", "other-refresh", START + 3600))  # the user consented again
    answers = Answers(httpx.Response(204))
    remove_member(kind, answers, auth=auth)
    assert answers.sent == ["fresh"]


@pytest.mark.parametrize(
    ("answer", "error", "remedy"),
    [
        (lambda: rejection(401, "access_denied"), AuthenticationError, "client secret"),
        (lambda: rejection(403, "access_denied"), AuthenticationError, "client secret"),
        (lambda: rejection(400, "invalid_request"), APIStatusError, "authority="),
        (lambda: httpx.Response(403, text="<html>blocked</html>"), APIStatusError, "authority="),
        (lambda: httpx.Response(404), APIStatusError, "authority="),
        (lambda: rejection(399, "invalid_grant"), APIStatusError, "authority="),
        (lambda: rejection(402, "invalid_grant"), APIStatusError, "authority="),
        (lambda: rejection(404, "invalid_grant"), APIStatusError, "authority="),
        (lambda: rejection(402, "access_denied"), APIStatusError, "authority="),
        (lambda: rejection(404, "invalid_client"), APIStatusError, "authority="),
        (lambda: rejection(400, "invalid_client"), AuthenticationError, "client secret"),
        (lambda: httpx.Response(428), APIStatusError, "authority="),
        (lambda: httpx.Response(430), APIStatusError, "authority="),
        (lambda: httpx.Response(499), APIStatusError, "authority="),
        (lambda: httpx.Response(201, json=GRANTED), ResponseValidationError, "authority="),
        (lambda: httpx.Response(410), APIStatusError, "authority="),
        (lambda: httpx.Response(307, headers={"Location": "https://elsewhere.example"}), APIStatusError, "authority="),
        (lambda: httpx.Response(204), ResponseValidationError, "authority="),
        (lambda: httpx.Response(200, text="<html>log in</html>"), ResponseValidationError, "authority="),
        (lambda: httpx.Response(200, json=[]), ResponseValidationError, "authority="),
        (lambda: token_response(access_token="none"), ResponseValidationError, "authority="),
        (lambda: token_response(access_token="a b"), ResponseValidationError, "authority="),
        (lambda: token_response(refresh_token=""), ResponseValidationError, "authority="),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_other_responses_are_errors_of_the_authority(
    kind: str, answer: Callable[[], httpx.Response], error: type[APIError], remedy: str
) -> None:
    store, answers = MemoryTokenStore(old(0)), Answers(answer())
    with pytest.raises(error) as caught:
        remove_member(kind, answers, auth=oauth(store))
    assert (caught.value.method, caught.value.path) == ("POST", "/oauth/token")
    assert remedy in str(caught.value)
    assert type(caught.value) is error, "not a NotFoundError, because its remedy is about groups"
    assert len(answers.requests) == 1, "redirects are not followed"
    assert store.load() == old(0)


@pytest.mark.parametrize("kind", KINDS)
def test_429_and_5xx_of_the_authority_are_retried(kind: str) -> None:
    clock = FakeClock()
    busy = httpx.Response(429, headers={"Retry-After": "7"})
    answers = Answers(busy, httpx.Response(503), token_response(), httpx.Response(204))
    remove_member(kind, answers, auth=oauth(MemoryTokenStore(old(0)), clock), clock=clock)
    assert clock.slept == [7.0, 4.0]
    assert answers.sent == ["old-refresh", "old-refresh", "old-refresh", "new-access"]


@pytest.mark.parametrize(("status", "error"), [(429, RateLimitError), (500, ServerError), (503, ServerError)])
def test_the_error_after_the_retries_names_the_authority(status: int, error: type[APIStatusError]) -> None:
    once = RetryPolicy(max_retries=0)
    with pytest.raises(error) as caught:
        remove_member("sync", Answers(httpx.Response(status)), auth=oauth(MemoryTokenStore(old(0))), retry=once)
    assert caught.value.path == "/oauth/token"


@pytest.mark.parametrize("kind", KINDS)
def test_an_unreachable_authority_is_a_connection_error(kind: str) -> None:
    answers = Answers(httpx.ConnectError("no route"), token_response(), httpx.Response(201, json={}))
    auth = oauth(MemoryTokenStore(old(0)))
    call(kind, "add_member", answers, {"group_id": "g", "account_id": "a"}, auth=auth)
    assert answers.sent == ["old-refresh", "old-refresh", "new-access"]
    with pytest.raises(APIConnectionError):
        remove_member(
            kind,
            Answers(httpx.ReadTimeout("late")),
            auth=oauth(MemoryTokenStore(old(0))),
            retry=RetryPolicy(max_retries=0),
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*GRANTED, "error", "error_description"]), inner),
    max_leaves=8,
)
BODIES = st.binary() | JSON.map(lambda value: json.dumps(value).encode())


@given(status=st.sampled_from([200, 201, 204, 302, 400, 401, 403, 404, 429, 500, 503]), body=BODIES)
def test_any_response_of_the_authority_gives_tokens_or_an_error_of_this_package(status: int, body: bytes) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=body) if request.url.path == "/oauth/token" else httpx.Response(204)

    store = MemoryTokenStore(old(0))
    problem: ConfluenceGroupsError | None = None
    try:
        remove_member("sync", answer, auth=oauth(store), retry=RetryPolicy(max_retries=0))
    except ConfluenceGroupsError as error:
        problem = error
    assert (store.load() == old(0)) is (problem is not None)
    assert problem is None or str(problem)


# --- the steps of the flow


def run_flow_by_hand(auth: OAuth2, *responses: httpx.Response) -> list[str]:
    """Carry out a flow by hand; return its steps by name, and the token of each request."""
    flow = auth._flow.steps(httpx.Request("GET", "https://api.atlassian.com"))
    left, taken = list(responses), list[str]()
    reply: oauth_flow.Reply = None
    while (step := oauth_flow.advance(flow, reply)) is not None:
        reply = None
        taken.append(type(step).__name__)
        if isinstance(step, oauth_flow.Send):
            reply = left.pop(0)
            taken.append(step.request.headers.get("Authorization", "refresh"))
        elif isinstance(step, oauth_flow.Load):
            reply = auth._cache.load()
        elif isinstance(step, oauth_flow.Save):
            auth._cache.save(step.tokens, step.spent)
    assert not left
    return taken


def test_steps_without_a_refresh() -> None:
    auth = oauth(MemoryTokenStore(old()))
    first = ["Read", "Lock", "Load", "Unlock", "Send", "Bearer old-access"]
    assert run_flow_by_hand(auth, httpx.Response(204)) == first
    assert run_flow_by_hand(auth, httpx.Response(204)) == ["Read", "Send", "Bearer old-access"]


def test_tokens_are_loaded_refreshed_and_saved_under_the_lock() -> None:
    steps = run_flow_by_hand(oauth(MemoryTokenStore(old(0))), token_response(), httpx.Response(204))
    under_lock = ["Lock", "Load", "Send", "refresh", "Read", "Save", "Unlock"]
    assert steps == ["Read", *under_lock, "Send", "Bearer new-access"]


def test_the_lock_is_released_before_a_failed_refresh_is_retried() -> None:
    steps = run_flow_by_hand(oauth(MemoryTokenStore(old(0))), httpx.Response(503))
    assert steps == ["Read", "Lock", "Load", "Send", "refresh", "Read", "Unlock"]


# --- saving


class Failing(MemoryTokenStore):
    """A store that fails to save a number of times."""

    def __init__(self, tokens: Tokens, failures: int) -> None:
        super().__init__(tokens)
        self.failures = failures

    def save(self, tokens: Tokens) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("disk full")
        super().save(tokens)


@pytest.mark.parametrize("kind", KINDS)
def test_new_tokens_are_saved_before_they_are_used(kind: str) -> None:
    store = MemoryTokenStore(old(0))
    answers = Answers(token_response(), httpx.Response(204))
    saved: list[Tokens | None] = []

    def record_store(request: httpx.Request) -> httpx.Response:
        saved.append(store.load())
        return answers(request)

    remove_member(kind, record_store, auth=oauth(store))
    assert [tokens.access_token for tokens in saved if tokens] == ["old-access", "new-access"]


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_that_cannot_be_saved_are_not_used_and_not_lost(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    store = Failing(old(0), failures=2)
    answers = Answers(token_response(), httpx.Response(204))
    auth = oauth(store)
    for _ in range(2):
        with pytest.raises(OSError, match="disk full"):
            remove_member(kind, answers, auth=auth)
    assert answers.sent == ["old-refresh"], "the new access token is not used"
    assert "could not be saved" in caplog.text
    remove_member(kind, answers, auth=auth)
    assert answers.sent == ["old-refresh", "new-access"], "they are saved in the end, without another refresh"
    assert store.load() == Tokens("new-access", "new-refresh", START + 3600, ("read", "write"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_lock_that_cannot_be_released_is_an_error(kind: str) -> None:
    class Broken(MemoryTokenStore):
        @contextmanager
        def lock(self) -> Iterator[None]:
            yield
            raise OSError("the lock is lost")

    with pytest.raises(OSError, match="the lock is lost"):
        remove_member(kind, Answers(token_response()), auth=oauth(Broken(old(0))))


def test_unsaved_tokens_are_dropped_if_the_store_was_emptied() -> None:
    store = Failing(old(0), failures=1)
    auth = oauth(store)
    with pytest.raises(OSError, match="disk full"):
        remove_member("sync", Answers(token_response()), auth=auth)
    store._tokens = None
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="no tokens"):
            remove_member("sync", Answers(), auth=auth)


def test_the_locks_of_closed_loops_are_dropped() -> None:
    locks = PerLoopLocks()

    async def ask() -> None:
        locks.for_running_loop()

    for _ in range(3):
        asyncio.run(ask())
        assert len(locks._locks) == 1


def test_a_loop_has_one_lock() -> None:
    locks = PerLoopLocks()

    async def ask() -> bool:
        return locks.for_running_loop() is locks.for_running_loop()

    assert asyncio.run(ask())


def test_unsaved_tokens_are_dropped_after_a_new_consent() -> None:
    store = Failing(old(0), failures=1)
    auth = oauth(store)
    with pytest.raises(OSError, match="disk full"):
        remove_member("sync", Answers(token_response()), auth=auth)
    store.save(Tokens("consented", "consented-refresh", START + 3600))
    answers = Answers(httpx.Response(204))
    remove_member("sync", answers, auth=auth)
    assert answers.sent == ["consented"]


# --- on the sandbox: threads, tasks, processes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


def stored_tokens(sandbox: Sandbox, path: Path, expires_in: float = 3600) -> FileTokenStore:
    store = FileTokenStore(path)
    store.save(Tokens(*sandbox.grant(expires_in=expires_in)))
    return store


def sandbox_oauth(sandbox: Sandbox, store: Any) -> OAuth2:
    return OAuth2(*sandbox.oauth_client, store, authority=sandbox.authority)


def client(sandbox: Sandbox, auth: httpx.Auth) -> ConfluenceGroups:
    return ConfluenceGroups.for_cloud(sandbox.cloud_id, gateway=sandbox.gateway, auth=auth)


def tasks_client(sandbox: Sandbox, auth: httpx.Auth) -> AsyncConfluenceGroups:
    return AsyncConfluenceGroups.for_cloud(sandbox.cloud_id, gateway=sandbox.gateway, auth=auth)


def refreshes(sandbox: Sandbox) -> int:
    return sum(record_store.target == "/oauth/token" for record_store in sandbox.requests)


EXPIRIES = pytest.mark.parametrize("expired", ["by the clock", "by the server"])


def expired_store(sandbox: Sandbox, path: Path, expired: str) -> FileTokenStore:
    store = stored_tokens(sandbox, path, expires_in=-1 if expired == "by the clock" else 3600)
    sandbox.expire_tokens()
    return store


@EXPIRIES
def test_eight_threads_refresh_once(sandbox: Sandbox, path: Path, expired: str) -> None:
    store = expired_store(sandbox, path, expired)
    starting = threading.Barrier(8)
    with client(sandbox, sandbox_oauth(sandbox, store)) as groups, ThreadPoolExecutor(8) as threads:

        def work() -> None:
            starting.wait()
            groups.current_user()

        for future in [threads.submit(work) for _ in range(8)]:
            future.result()
    assert refreshes(sandbox) == 1


def test_threads_refresh_once_even_if_the_lock_of_the_store_does_not_keep_out_threads(sandbox: Sandbox) -> None:
    class Processes(MemoryTokenStore):
        def lock(self) -> AbstractContextManager[object]:
            return nullcontext()

    auth = sandbox_oauth(sandbox, Processes(Tokens(*sandbox.grant(expires_in=-1))))
    with client(sandbox, auth) as groups, ThreadPoolExecutor(8) as threads:
        starting = threading.Barrier(8)

        def work() -> None:
            starting.wait()
            groups.current_user()

        for future in [threads.submit(work) for _ in range(8)]:
            future.result()
    assert refreshes(sandbox) == 1


@EXPIRIES
def test_fifty_tasks_refresh_once(sandbox: Sandbox, path: Path, expired: str) -> None:
    auth = sandbox_oauth(sandbox, expired_store(sandbox, path, expired))

    async def work() -> None:
        async with tasks_client(sandbox, auth) as groups:
            await asyncio.gather(*(groups.current_user() for _ in range(50)))

    asyncio.run(work())
    assert refreshes(sandbox) == 1
    sandbox.expire_tokens()
    asyncio.run(work())  # another loop, the same credentials
    assert refreshes(sandbox) == 2


PROCESS = """
import sys
from confluence_groups_sdk import ConfluenceGroups, FileTokenStore, OAuth2, SystemClock
url, cloud_id, path, client_id, client_secret = sys.argv[1:]
class HastyClock(SystemClock):
    passed = 0.0
    def now(self):
        self.passed += 400.0  # each ninth reading is an hour later
        return super().now() + self.passed
auth = OAuth2(client_id, client_secret, FileTokenStore(path), authority=url, clock=HastyClock())
with ConfluenceGroups.for_cloud(cloud_id, gateway=url, auth=auth) as groups:
    for _ in range(40):
        groups.current_user()
"""


def test_two_processes_use_each_refresh_token_once(sandbox: Sandbox, path: Path) -> None:
    store = stored_tokens(sandbox, path)
    arguments = [sandbox.url, sandbox.cloud_id, str(path), *sandbox.oauth_client]
    processes = [subprocess.Popen([sys.executable, "-c", PROCESS, *arguments]) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0], "the sandbox rejects a refresh token that is sent twice"
    assert refreshes(sandbox) >= 4
    sandbox.expire_tokens()
    with client(sandbox, sandbox_oauth(sandbox, store)) as groups:
        groups.current_user()  # the store holds the newest tokens


SIGNALLING = """
import sys
from confluence_groups_sdk import ConfluenceGroups, FileTokenStore, OAuth2
url, cloud_id, path, client_id, client_secret = sys.argv[1:]
class Signalling(FileTokenStore):
    def lock(self):
        print("locking", flush=True)
        return super().lock()
    def save(self, tokens):
        print("saving", flush=True)
        sys.stdin.readline()
        super().save(tokens)
auth = OAuth2(client_id, client_secret, Signalling(path), authority=url)
ConfluenceGroups.for_cloud(cloud_id, gateway=url, auth=auth).current_user()
"""


def test_a_process_waits_for_the_refresh_of_another_and_uses_its_tokens(sandbox: Sandbox, path: Path) -> None:
    stored_tokens(sandbox, path, expires_in=-1)
    command = [sys.executable, "-c", SIGNALLING, sandbox.url, sandbox.cloud_id, str(path), *sandbox.oauth_client]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as second,
    ):
        outputs = {process: process.stdout for process in (first, second)}
        lines = {process: output.readline() for process, output in outputs.items() if output}
        assert list(lines.values()) == ["locking\n"] * 2, "both want to refresh"
        assert first.stdin
        assert second.stdin
        first.stdin.write("\n")  # releases the process that refreshes
        second.stdin.write("\n")
        first.stdin.close()
        second.stdin.close()
        rest = [output.read() for output in outputs.values() if output]
        assert [first.wait(), second.wait()] == [0, 0]
    assert sorted(rest) == ["", "saving\n"]
    assert refreshes(sandbox) == 1


KILLED = """
import os, signal, sys
from confluence_groups_sdk import ConfluenceGroups, FileTokenStore, OAuth2
url, cloud_id, path, client_id, client_secret = sys.argv[1:]
class Killed(FileTokenStore):
    def save(self, tokens):
        os.kill(os.getpid(), signal.SIGKILL)
auth = OAuth2(client_id, client_secret, Killed(path), authority=url)
ConfluenceGroups.for_cloud(cloud_id, gateway=url, auth=auth).current_user()
"""


def test_a_process_killed_before_it_saved_leaves_the_old_tokens_and_no_lock(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stored_tokens(sandbox, path, expires_in=-1)
    before = store.load()
    arguments = [sandbox.url, sandbox.cloud_id, str(path), *sandbox.oauth_client]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert refreshes(sandbox) == 1
    assert store.load() == before
    monkeypatch.setattr(token_store, "LOCK_TIMEOUT_S", 0)
    with (
        client(sandbox, sandbox_oauth(sandbox, store)) as groups,
        pytest.raises(AuthenticationError, match="consent again"),
    ):
        groups.current_user()  # unlike Atlassian, the sandbox never accepts a spent refresh token


HOLDER = """
import sys
from confluence_groups_sdk import FileTokenStore
with FileTokenStore(sys.argv[1]).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def hold_lock_in_another_process(path: Path) -> Iterator[Callable[[], None]]:
    """Hold the lock until the yielded function is called."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder.stdin.close


def test_the_event_loop_goes_on_while_another_process_holds_the_lock(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_store, "LOCK_TIMEOUT_S", 20)
    auth = sandbox_oauth(sandbox, stored_tokens(sandbox, path, expires_in=-1))

    async def work(release: Callable[[], None]) -> None:
        async with tasks_client(sandbox, auth) as groups:
            waiting = [asyncio.create_task(groups.current_user()) for _ in range(20)]
            threads = threading.active_count()
            for _ in range(200):
                await asyncio.sleep(0)
            assert not any(task.done() for task in waiting)
            assert threading.active_count() <= threads + 1, "the tasks wait in turn; only one has a thread"
            release()
            await asyncio.gather(*waiting)

    with hold_lock_in_another_process(path) as release:
        asyncio.run(work(release))
    assert refreshes(sandbox) == 1


def test_a_task_that_is_cancelled_while_it_waits_leaves_the_lock_free(
    sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_store, "LOCK_TIMEOUT_S", 20)
    auth = sandbox_oauth(sandbox, stored_tokens(sandbox, path, expires_in=-1))

    async def work(release: Callable[[], None]) -> None:
        async with tasks_client(sandbox, auth) as groups:
            waiting = [asyncio.create_task(groups.current_user()) for _ in range(3)]
            for _ in range(100):
                await asyncio.sleep(0)
            waiting[0].cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting[0]
            release()
            await asyncio.gather(*waiting[1:])

    with hold_lock_in_another_process(path) as release:
        asyncio.run(work(release))
    assert refreshes(sandbox) == 1


def test_a_loop_that_ends_while_a_task_waits_leaves_the_lock_free(
    sandbox: Sandbox, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = stored_tokens(sandbox, path, expires_in=-1)
    auth = sandbox_oauth(sandbox, store)

    async def work() -> None:
        async with tasks_client(sandbox, auth) as groups:
            task = asyncio.create_task(groups.current_user())
            for _ in range(100):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])

    with hold_lock_in_another_process(path) as release:
        asyncio.run(work())
        release()
    with client(sandbox, auth) as groups:
        groups.current_user()
    assert refreshes(sandbox) == 1
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


class Slow(MemoryTokenStore):
    """A store that waits before it saves."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__(tokens)
        self.saving, self.go_on = threading.Event(), threading.Event()

    def save(self, tokens: Tokens) -> None:
        self.saving.set()
        assert self.go_on.wait(20)
        super().save(tokens)


def test_a_task_that_is_cancelled_while_it_saves_loses_no_token(sandbox: Sandbox) -> None:
    store = Slow(Tokens(*sandbox.grant(expires_in=-1)))
    auth = sandbox_oauth(sandbox, store)

    async def work() -> None:
        async with tasks_client(sandbox, auth) as groups:
            task = asyncio.create_task(groups.current_user())
            await asyncio.to_thread(store.saving.wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            store.go_on.set()
            await groups.current_user()

    asyncio.run(work())
    assert refreshes(sandbox) == 1


def test_a_task_that_is_cancelled_during_the_refresh_leaves_the_lock_free() -> None:
    store = MemoryTokenStore(old(0))

    async def work() -> None:
        asked = asyncio.Event()

        async def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path != "/oauth/token":
                return httpx.Response(204)
            if asked.is_set():
                return token_response()
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError("unreachable: the task is cancelled")

        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http,
            AsyncConfluenceGroups("https://your-domain.atlassian.net", auth=oauth(store), http_client=http) as groups,
        ):
            task = asyncio.create_task(groups.remove_member(group_id="g", account_id="a"))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await groups.remove_member(group_id="g", account_id="a")

    asyncio.run(work())
    assert store.load() != old(0)


def test_lock_load_save_and_unlock_happen_in_one_thread(sandbox: Sandbox) -> None:
    class Own(MemoryTokenStore):
        def __init__(self, tokens: Tokens) -> None:
            super().__init__(tokens)
            self.own = threading.RLock()
            self.loop_thread = threading.get_ident()
            self.threads: set[int] = set()

        def lock(self) -> AbstractContextManager[object]:
            return self.own

        def load(self) -> Tokens | None:
            self.threads.add(threading.get_ident())
            return super().load()

        def save(self, tokens: Tokens) -> None:
            self.threads.add(threading.get_ident())
            super().save(tokens)

    store = Own(Tokens(*sandbox.grant(expires_in=-1)))

    async def work() -> None:
        async with tasks_client(sandbox, sandbox_oauth(sandbox, store)) as groups:
            await groups.current_user()

    asyncio.run(work())
    assert len(store.threads) == 1
    assert store.loop_thread not in store.threads
    assert store.own.acquire(blocking=False), "the lock is free"


def test_after_a_cancellation_the_thread_that_took_the_lock_releases_it_when_its_work_is_done() -> None:
    done: list[tuple[str, int]] = []
    begun, go_on, released = threading.Event(), threading.Event(), threading.Event()

    @contextmanager
    def lock() -> Iterator[None]:
        done.append(("take", threading.get_ident()))
        try:
            yield
        finally:
            done.append(("release", threading.get_ident()))
            released.set()

    def save() -> None:
        begun.set()
        assert go_on.wait(20)
        done.append(("save", threading.get_ident()))

    async def hold() -> None:
        async with LockThread(asyncio.Lock(), lock) as held:
            await held.run(save)

    async def cancel() -> None:
        task = asyncio.create_task(hold())
        await asyncio.to_thread(begun.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        await asyncio.to_thread(released.wait, 20)

    asyncio.run(cancel())
    assert [step for step, _ in done] == ["take", "save", "release"]
    assert len({thread for _, thread in done}) == 1


def test_raw_client_refreshes_tokens(sandbox: Sandbox, path: Path) -> None:
    auth = sandbox_oauth(sandbox, expired_store(sandbox, path, "by the server"))
    with client(sandbox, auth) as groups:
        answer = generated.sync_detailed(client=groups.raw, group_id=GROUP, account_id=ACCOUNT)
        assert answer.status_code == 204
        with pytest.raises(httpx.UnsupportedProtocol):
            groups.raw.get_httpx_client().get("https://elsewhere.example")

    async def work() -> None:
        sandbox.expire_tokens()
        async with tasks_client(sandbox, auth) as groups:
            detailed = await generated.asyncio_detailed(client=groups.raw, group_id=GROUP, account_id=ACCOUNT)
            assert detailed.status_code == 204

    asyncio.run(work())
    assert refreshes(sandbox) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_raw_client_refreshes_at_an_authority_on_another_host(kind: str) -> None:
    answers = Answers(token_response(), httpx.Response(204))
    auth, transport = oauth(MemoryTokenStore(old(0))), httpx.MockTransport(answers)
    site = "https://your-domain.atlassian.net"
    if kind == "sync":
        with httpx.Client(transport=transport) as http:
            raw = ConfluenceGroups(site, auth=auth, http_client=http).raw
            generated.sync_detailed(client=raw, group_id="g", account_id="a")
    else:

        async def work() -> None:
            async with httpx.AsyncClient(transport=transport) as http:
                raw = AsyncConfluenceGroups(site, auth=auth, http_client=http).raw
                await generated.asyncio_detailed(client=raw, group_id="g", account_id="a")

        asyncio.run(work())
    assert answers.sent == ["old-refresh", "new-access"]


def test_a_503_of_the_authority_is_retried(sandbox: Sandbox, path: Path) -> None:
    clock = FakeClock()
    sandbox.answer_next(Answer(503))
    store = stored_tokens(sandbox, path, expires_in=-1)
    auth = sandbox_oauth(sandbox, store)
    options: dict[str, Any] = {"gateway": sandbox.gateway, "auth": auth, "clock": clock}
    with ConfluenceGroups.for_cloud(sandbox.cloud_id, **options) as groups:
        groups.current_user()
    assert clock.slept == [2.0]


def test_a_plain_httpx_client_can_use_the_credentials(sandbox: Sandbox) -> None:
    """The bodies can be read only once, and are sent twice."""
    auth = sandbox_oauth(sandbox, MemoryTokenStore(Tokens(*sandbox.grant())))
    sandbox.expire_tokens()
    address = f"{sandbox.gateway}/ex/confluence/{sandbox.cloud_id}/wiki/rest/api/group"
    body = iter([b'{"name": ', b'"writers"}'])
    with httpx.Client() as http:
        answer = http.post(address, content=body, auth=auth)
    assert answer.json()["name"] == "writers"

    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"name": ', b'"editors"}'):
            yield piece

    async def work() -> httpx.Response:
        async with httpx.AsyncClient() as http:
            return await http.post(address, content=pieces(), auth=auth)

    sandbox.expire_tokens()
    assert asyncio.run(work()).json()["name"] == "editors"


# --- arguments


@pytest.mark.parametrize(
    "authority",
    ["http://auth.example.com", "https://auth.example.com/oauth", "auth.example.com", "https://a:b@example.com"],
)
def test_a_malformed_authority_is_refused(authority: str) -> None:
    with pytest.raises(ConfigurationError, match="authority"):
        OAuth2("id", "secret", MemoryTokenStore(), authority=authority)


def test_a_plain_http_authority_needs_a_plain_http_gateway() -> None:
    """Other clients may use a proxy, which would see the client secret."""
    auth = OAuth2("id", "secret", MemoryTokenStore(old()), authority="http://127.0.0.1:9")
    answers = Answers()
    with pytest.raises(ConfigurationError, match="plain http"):
        remove_member("sync", answers, auth=auth)
    assert not answers.requests


def test_arguments_of_the_wrong_type_are_refused() -> None:
    with pytest.raises(TypeError, match="TokenStore"):
        OAuth2("id", "secret", {"access_token": "marker"})  # type: ignore[arg-type] # the wrong type is the point
    with pytest.raises(TypeError, match="clock"):
        OAuth2("id", "secret", MemoryTokenStore(), clock=3)  # type: ignore[arg-type] # the wrong type is the point
    with pytest.raises(ConfigurationError, match="client_secret is empty"):
        OAuth2("id", "", MemoryTokenStore())
    with pytest.raises(ConfigurationError, match="client_id"):
        OAuth2("i d", "secret", MemoryTokenStore())
