"""No secret is in repr, errors, tracebacks, logs or pickles: the tests look for marker secrets."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import logging
import os
import pickle
import traceback
from collections.abc import Callable, Generator
from pathlib import Path

import httpx
import pytest
from fakes import KINDS, SITE, Answers, remove_member, wire

from confluence_groups_sdk import (
    APIConnectionError,
    APIError,
    ApiToken,
    AsyncConfluenceGroups,
    BearerToken,
    ConfigurationError,
    ConfluenceGroups,
    FileTokenStore,
    MemoryTokenStore,
    OAuth2,
    RetryPolicy,
    Tokens,
    discover_sites,
    discover_sites_async,
)

# These are globals because a traceback shows the local variables of tests.
EMAIL = "marker-person@example.com"
TOKEN = "marker-token-5e12f0" * 10  # as long as real ones
BASIC = base64.b64encode(f"{EMAIL}:{TOKEN}".encode()).decode()
ACCESS, REFRESH, CLIENT_SECRET = (f"{TOKEN}-{name}" for name in ("access", "refresh", "secret"))
SECRETS = (TOKEN[:20], EMAIL, BASIC[:24], BASIC[-24:])
BAD = (
    "",
    TOKEN + "\n",
    TOKEN + "\r\n",
    " " + TOKEN,
    TOKEN + "\x00",
    TOKEN + "\u2028",
    TOKEN + "\ud800",
    TOKEN + "\xa0",
)


def oauth(store: MemoryTokenStore | FileTokenStore | None = None) -> OAuth2:
    return OAuth2("client-id", CLIENT_SECRET, store or MemoryTokenStore(Tokens(ACCESS, REFRESH, 0)))


class CarelessAuth(httpx.Auth):
    """An auth class that sends a malformed token without checking it."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {TOKEN}\n"
        yield request


def assert_silent(text: str) -> None:
    assert not [secret for secret in SECRETS if secret in text], text


def format_error(error: BaseException) -> str:
    """Return everything that an error reporter could print about an error, with the variables of its frames."""
    formatted = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    chain = [error, error.__cause__, error.__context__]
    return "".join(formatted) + "".join(f"{link!r} {link} {vars(link)}" for link in chain if link is not None)


def catch(call: Callable[[], object]) -> BaseException:
    try:
        call()
    except (APIError, ConfigurationError, TypeError) as error:
        return error
    raise AssertionError("nothing was raised")


BAD_CREDENTIALS = (
    [pytest.param(lambda bad=bad: ApiToken(EMAIL, bad), id=f"token {bad!r}") for bad in BAD]
    + [pytest.param(lambda bad=bad: BearerToken(bad), id=f"bearer {bad!r}") for bad in BAD]
    + [pytest.param(lambda: BearerToken(TOKEN + "é"), id="bearer outside ASCII")]
    + [pytest.param(lambda: ApiToken(EMAIL + "\n", TOKEN), id="e-mail with a newline")]
    + [pytest.param(lambda: ApiToken(EMAIL + ":", TOKEN), id="e-mail with a colon")]
    + [pytest.param(lambda: ApiToken("", TOKEN), id="no e-mail")]
    + [pytest.param(lambda: ApiToken(EMAIL, TOKEN.encode()), id="bytes")]  # type: ignore[arg-type]
    + [pytest.param(lambda bad=bad: OAuth2("id", bad, MemoryTokenStore()), id=f"client secret {bad!r}") for bad in BAD]
    + [pytest.param(lambda bad=bad: Tokens(bad, REFRESH, 0), id=f"access token {bad!r}") for bad in BAD]
    + [pytest.param(lambda bad=bad: Tokens(ACCESS, bad, 0), id=f"refresh token {bad!r}") for bad in BAD]
    + [pytest.param(lambda: Tokens(ACCESS, REFRESH, TOKEN), id="a token for a time")]  # type: ignore[arg-type]
    + [pytest.param(lambda: Tokens(ACCESS, REFRESH, 0, TOKEN), id="a token for scopes")]
    + [pytest.param(lambda: BearerToken(None), id="none")]  # type: ignore[arg-type]
)


@pytest.mark.parametrize("build", BAD_CREDENTIALS)
def test_the_error_for_a_malformed_credential_does_not_show_it(build: Callable[[], object]) -> None:
    error = catch(build)
    assert isinstance(error, ConfigurationError)
    # skip the frames of this test, which hold the values; the frames of the package must not
    own = traceback.TracebackException.from_exception(error, capture_locals=True).stack[2:]
    assert own, "the error comes from the package"
    assert_silent(f"{error!r} {error} {vars(error)}")
    assert_silent("".join(f"{frame.line} {frame.locals}" for frame in own))


MISPLACED = [
    lambda: ConfluenceGroups(SITE, auth=(EMAIL, TOKEN)),  # type: ignore[arg-type] # the wrong type is the point
    lambda: AsyncConfluenceGroups(SITE, auth=TOKEN),  # type: ignore[arg-type] # the wrong type is the point
    lambda: ConfluenceGroups.for_cloud("some-id", auth=TOKEN),  # type: ignore[arg-type] # the wrong type is the point
    lambda: AsyncConfluenceGroups.for_cloud("some-id", auth=[TOKEN]),  # type: ignore[arg-type] # the wrong type is the point
    lambda: discover_sites(TOKEN),  # type: ignore[arg-type] # the wrong type is the point
    lambda: asyncio.run(discover_sites_async(TOKEN)),  # type: ignore[arg-type] # the wrong type is the point
    lambda: OAuth2("id", CLIENT_SECRET, {"refresh_token": REFRESH}),  # type: ignore[arg-type] # the wrong type is the point
    lambda: OAuth2("id", CLIENT_SECRET, MemoryTokenStore(), clock=REFRESH),  # type: ignore[arg-type] # the wrong type is the point
    lambda: OAuth2("id", CLIENT_SECRET, MemoryTokenStore(), authority="http://example.com"),
    lambda: ConfluenceGroups("http://example.com", auth=ApiToken(EMAIL, TOKEN)),
    lambda: AsyncConfluenceGroups(SITE, auth=BearerToken(TOKEN), retry=3),  # type: ignore[arg-type] # the wrong type is the point
]


@pytest.mark.parametrize("build", MISPLACED)
def test_errors_of_constructors_show_no_secret(build: Callable[[], object]) -> None:
    assert_silent(format_error(catch(build)))


@pytest.mark.parametrize(
    "auth", [ApiToken(EMAIL, TOKEN), BearerToken(TOKEN), oauth()], ids=lambda auth: type(auth).__name__
)
def test_credentials_are_not_shown_copied_or_pickled(auth: httpx.Auth) -> None:
    assert_silent(f"{auth!r} {auth} {[auth]}")
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="from_env") as refused:
            attempt(auth)
        assert_silent(str(refused.value))


def test_tokens_are_not_shown_copied_or_pickled() -> None:
    tokens = Tokens(ACCESS, REFRESH, 0, ("read",))
    assert_silent(f"{tokens!r} {tokens} {[tokens]} {MemoryTokenStore(tokens)!r}")
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled"):
            attempt(tokens)


def test_clients_show_no_secret() -> None:
    auth = ApiToken(EMAIL, TOKEN)
    with ConfluenceGroups(SITE, auth=auth) as groups:
        assert_silent(f"{groups!r} {vars(groups)} {groups.raw!r}")
    tasks = AsyncConfluenceGroups(SITE, auth=auth)
    assert_silent(f"{tasks!r} {vars(tasks)} {tasks.raw!r}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_that_httpx_refuses_is_not_in_the_error(kind: str) -> None:
    """h11's protocol error quotes the header, so it must not even be the cause of the error."""

    def run() -> None:
        with wire(b"") as (address, _), ConfluenceGroups(address, auth=CarelessAuth()) as groups:
            groups.remove_member(group_id="g", account_id="a")

    async def run_async() -> None:
        with wire(b"") as (address, _):
            async with AsyncConfluenceGroups(address, auth=CarelessAuth()) as groups:
                await groups.remove_member(group_id="g", account_id="a")

    error = catch(run if kind == "sync" else lambda: asyncio.run(run_async()))
    assert isinstance(error, APIConnectionError)
    assert type(error.__cause__) is httpx.LocalProtocolError
    assert error.__context__ is None
    assert_silent(format_error(error))
    assert_silent(str(pickle.dumps(error)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "answer",
    [
        lambda: httpx.Response(401, json={"message": f"bad credentials: {TOKEN}, {BASIC}"}),
        lambda: httpx.Response(200, text=f"Authorization: Basic {BASIC}"),
        lambda: httpx.ReadError(f"while sending Basic {BASIC}"),
        lambda: httpx.ReadTimeout(f"while sending Basic {BASIC}"),
    ],
    ids=["echoed", "echoed by a proxy", "broken", "late"],
)
def test_errors_show_no_secret(kind: str, answer: Callable[[], httpx.Response | Exception]) -> None:
    auth, once = ApiToken(EMAIL, TOKEN), RetryPolicy(max_retries=0)
    error = catch(lambda: remove_member(kind, Answers(answer()), auth=auth, retry=once))
    assert_silent(format_error(error))
    assert_silent(str(pickle.dumps(error)))


@pytest.mark.parametrize("kind", KINDS)
def test_logs_show_no_secret(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    answers = (
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\natl-request-id: %s\r\nConnection: close\r\n\r\n" % TOKEN.encode(),
    )
    retry = RetryPolicy(first_delay=0)

    async def call(address: str) -> None:
        async with AsyncConfluenceGroups(address, auth=ApiToken(EMAIL, TOKEN), retry=retry) as groups:
            await groups.remove_member(group_id="g", account_id="a")

    with caplog.at_level(logging.DEBUG), wire(*answers) as (address, received):
        if kind == "sync":
            with ConfluenceGroups(address, auth=ApiToken(EMAIL, TOKEN), retry=retry) as groups:
                groups.remove_member(group_id="g", account_id="a")
        else:
            asyncio.run(call(address))
    assert BASIC.encode() in received[0], "the token was sent, so it could have been logged"
    ours = [record.getMessage() for record in caplog.records if record.name == "confluence_groups_sdk"]
    assert [line for line in ours if "503" in line]
    assert [line for line in ours if "204" in line]
    assert_silent("".join(ours))
    assert_silent("".join(record.getMessage() for record in caplog.records if record.name.startswith("httpx")))


def test_our_log_lines_have_no_ids(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="confluence_groups_sdk"):
        remove_member("sync", Answers(httpx.Response(204)), account_id="marker-account", group_id="marker-group")
    own = [record.getMessage() for record in caplog.records if record.name == "confluence_groups_sdk"]
    assert own
    assert not [line for line in own if "marker" in line]


ECHO = f"{ACCESS} {REFRESH} {CLIENT_SECRET}"
ECHOED = {"error": ECHO, "error_description": ECHO}
RENEWED = {"access_token": TOKEN + "-new", "refresh_token": TOKEN + "-newer", "expires_in": 3600}
AUTHORITY_ANSWERS: dict[str, Callable[[], httpx.Response | Exception]] = {
    "invalid refresh token": lambda: httpx.Response(403, json={"error": "invalid_grant", "error_description": ECHO}),
    "wrong client": lambda: httpx.Response(401, json=ECHOED),
    "text": lambda: httpx.Response(400, text="x" * 450 + ECHO),
    "escaped": lambda: httpx.Response(400, text=json.dumps(ECHOED).replace("-", "\\u002d")),
    "long": lambda: httpx.Response(404, text="x" * (64 * 1024 - 30) + ECHO),
    "busy": lambda: httpx.Response(429, text=ECHO, headers={"Retry-After": "3600"}),
    "broken": lambda: httpx.Response(503, text=ECHO),
    "broken header": lambda: httpx.Response(500, headers={"X-Echo": REFRESH, "atl-request-id": REFRESH}),
    "request id": lambda: httpx.Response(418, headers={"atl-request-id": CLIENT_SECRET}),
    "another status": lambda: httpx.Response(201, json=RENEWED),
    "malformed": lambda: httpx.Response(200, json={**RENEWED, "refresh_token": [TOKEN]}),
    "malformed, with words": lambda: httpx.Response(200, json={"message": RENEWED["access_token"]}),
    "no JSON": lambda: httpx.Response(200, text=json.dumps(RENEWED)[:-1]),
    "not to be sent": lambda: httpx.Response(200, json={**RENEWED, "access_token": TOKEN + "\n"}),
    "no connection": lambda: httpx.ConnectError(ECHO),
    "late": lambda: httpx.ReadTimeout(ECHO),
    "zipped badly": lambda: httpx.Response(200, text=ECHO, headers={"Content-Encoding": "gzip"}),
}


def decode_response(answer: Callable[[], httpx.Response | Exception]) -> httpx.Response | Exception:
    """Return the response, or the error that httpx raises when it decodes the response."""
    try:
        return answer()
    except httpx.DecodingError as error:
        return error


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("answer", AUTHORITY_ANSWERS.values(), ids=AUTHORITY_ANSWERS)
def test_errors_of_a_refresh_show_no_secret(
    kind: str, answer: Callable[[], httpx.Response | Exception], caplog: pytest.LogCaptureFixture
) -> None:
    once = RetryPolicy(max_retries=0)
    with caplog.at_level(logging.DEBUG):
        error = catch(lambda: remove_member(kind, Answers(decode_response(answer)), auth=oauth(), retry=once))
    assert_silent(format_error(error))
    assert_silent(str(pickle.dumps(error)))
    assert_silent("".join(record.getMessage() for record in caplog.records))


@pytest.mark.parametrize("kind", KINDS)
def test_the_log_of_a_refresh_shows_no_secret(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    answers = Answers(httpx.Response(200, json=RENEWED), httpx.Response(204))
    with caplog.at_level(logging.DEBUG):
        remove_member(kind, answers, auth=oauth())
    ours = [record.getMessage() for record in caplog.records if record.name == "confluence_groups_sdk"]
    assert [line for line in ours if "refreshed" in line]
    assert_silent("".join(record.getMessage() for record in caplog.records))


@pytest.mark.parametrize("kind", KINDS)
def test_errors_of_a_store_show_no_secret(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tokens.json"
    store = FileTokenStore(path)
    store.save(Tokens(ACCESS, REFRESH, 0))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        answers = Answers(httpx.Response(200, json=RENEWED))
        assert_silent(format_error(catch(lambda: remove_member(kind, answers, auth=oauth(store)))))
    path.write_text(json.dumps({"access_token": ACCESS, "refresh_token": REFRESH + "\n", "expires_at": 0}))
    assert_silent(format_error(catch(lambda: remove_member(kind, Answers(), auth=oauth(store)))))
    path.chmod(0o644)
    assert_silent(format_error(catch(lambda: remove_member(kind, Answers(), auth=oauth(store)))))
