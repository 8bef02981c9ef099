"""The sandbox as a server that every program and web page on this machine can reach."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from attrs import evolve

from confluence_groups_sdk.sandbox import Answer, Faults, Group, Person, Sandbox

API = "/wiki/rest/api"
CLOUD_ID = "5f2f9d2c-0b6a-4c39-9a57-7c5a7f0c1d11"
GROUP = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
MEMBER = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"
REMOVAL = f"{API}/group/userByGroupId?groupId={GROUP}&accountId={MEMBER}"
T = TypeVar("T", Person, Group)
CALLBACK = "http://localhost:8976/callback"


def port_of(sandbox: Sandbox) -> int:
    return urlsplit(sandbox.url).port or 0


def login(sandbox: Sandbox) -> httpx.BasicAuth:
    return httpx.BasicAuth(*sandbox.admin)


def remove(sandbox: Sandbox, headers: dict[str, str]) -> httpx.Response:
    return httpx.delete(sandbox.url + REMOVAL, auth=login(sandbox), headers=headers)


def authorize(sandbox: Sandbox, redirect_uri: str, headers: dict[str, str] | None = None) -> httpx.Response:
    query = {
        "audience": "api.atlassian.com",
        "client_id": sandbox.oauth_client.client_id,
        "scope": "read:confluence-groups",
        "redirect_uri": redirect_uri,
        "state": "a state",
        "response_type": "code",
        "prompt": "consent",
    }
    return httpx.get(f"{sandbox.url}/authorize", params=query, headers=headers)


# --- web pages


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]", "LocalHost"])
def test_its_own_names_are_served(sandbox: Sandbox, name: str) -> None:
    assert remove(sandbox, {"Host": f"{name}:{port_of(sandbox)}"}).status_code == 204


HOSTS = [
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1",
    "localhost:1",
    "127.0.0.1:{port}.evil.example",
    "127.0.0.1.evil.example:{port}",
    "localhost.evil.example:{port}",
    "localhost.:{port}",
    "evil@127.0.0.1:{port}",
    "127.0.0.1:{port}@evil.example",
    "127.0.0.1:{port}, evil.example",
    "127.1:{port}",
    "2130706433:{port}",
    "0.0.0.0:{port}",
    "::1:{port}",
    "",
]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", [REMOVAL, "/authorize", "/oauth/token", "/nowhere"])
def test_other_host_names_are_refused(sandbox: Sandbox, host: str, path: str) -> None:
    """A page that rebinds the name of its own site to 127.0.0.1 sends that name."""
    headers = {"Host": host.format(port=port_of(sandbox))}
    answer = httpx.delete(sandbox.url + path, auth=login(sandbox), headers=headers)
    assert (answer.status_code, sandbox.url in answer.text) == (403, True)
    assert sandbox.directory.is_member(GROUP, MEMBER)
    assert sandbox.requests == []


def test_the_refusal_of_another_port_says_which_address_to_use(sandbox: Sandbox) -> None:
    """As through a tunnel or a container, whose port may be another one."""
    answer = httpx.get(f"{sandbox.url}{API}/group", auth=login(sandbox), headers={"Host": "localhost:1"})
    assert answer.text == f"Use the sandbox at {sandbox.url}: the Host header has another name or port"


def test_a_request_without_a_host_is_refused(sandbox: Sandbox) -> None:
    with socket.create_connection(("127.0.0.1", port_of(sandbox))) as connection:
        connection.sendall(b"GET /wiki/rest/api/group HTTP/1.0\r\n\r\n")
        assert connection.recv(65536).split()[1] == b"403"


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://localhost"},
    {"Origin": "http://localhost:{port}.evil.example"},
    {"Origin": "http://localhost:{port}@evil.example"},
    {"Origin": "https://localhost:{port}"},
    {"Origin": "null"},
    {"Origin": "file://"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:{port}"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "unknown"},
]
CALLS = [
    ("GET", f"{API}/group"),
    ("POST", f"{API}/group"),
    ("DELETE", REMOVAL),
    ("DELETE", f"{API}/group/by-id?id={GROUP}"),
    ("POST", "/oauth/token"),
    ("GET", "/oauth/token/accessible-resources"),
    ("OPTIONS", f"{API}/group"),
    ("GET", "/nowhere"),
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_requests_of_other_web_pages_fail_the_xsrf_check(
    sandbox: Sandbox, method: str, path: str, headers: dict[str, str]
) -> None:
    sent = {name: value.format(port=port_of(sandbox)) for name, value in headers.items()}
    answer = httpx.request(method, sandbox.url + path, auth=login(sandbox), headers=sent | {"User-Agent": "curl/8"})
    assert (answer.status_code, "XSRF check failed" in answer.text) == (403, True)
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert len(sandbox.directory.groups) == 3
    assert sandbox.directory.is_member(GROUP, MEMBER)
    assert sandbox.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "Mozilla/5.0"},
        {"Origin": "http://127.0.0.1:{port}"},
        {"Origin": "http://localhost:{port}", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://[::1]:{port}"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_its_own_origin_and_any_user_agent_are_served(sandbox: Sandbox, headers: dict[str, str]) -> None:
    sent = {name: value.format(port=port_of(sandbox)) for name, value in headers.items()}
    assert remove(sandbox, sent).status_code == 204


NAVIGATION = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def test_a_link_may_lead_to_the_consent_page_but_nothing_may_embed_it(sandbox: Sandbox) -> None:
    assert authorize(sandbox, CALLBACK, NAVIGATION).status_code == 302
    for changed in ({"Sec-Fetch-Dest": "iframe"}, {"Sec-Fetch-Mode": "no-cors"}, {"Origin": "https://evil.example"}):
        assert authorize(sandbox, CALLBACK, NAVIGATION | changed).status_code == 403
    assert httpx.get(f"{sandbox.url}{API}/group", headers=NAVIGATION).status_code == 403


# --- the consent page


@pytest.mark.parametrize(
    "address",
    [
        CALLBACK,
        "http://localhost:1",
        "http://127.0.0.1:65535/",
        "http://[::1]:8976/a/b",
        "http://LOCALHOST:8976/callback",
        "HTTP://localhost:8976/callback",
        "http://localhost/callback",
        "http://localhost:8976/callback?already=1",
        "http://localhost:8976/%20%2F",
        "http://localhost:8976//evil.example/",
        "http://localhost:8976/@evil.example",
    ],
)
def test_the_consent_page_redirects_to_loopback(sandbox: Sandbox, address: str) -> None:
    answer = authorize(sandbox, address)
    assert answer.status_code == 302
    target = urlsplit(answer.headers["location"])
    assert (target.scheme, target.username) == ("http", None)
    assert target.hostname in ("localhost", "127.0.0.1", "::1")
    query = parse_qs(target.query)
    assert query["state"] == ["a state"]
    assert len(query["code"]) == 1
    assert query.get("already", ["1"]) == ["1"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "http://localhost:1@evil.example/",
        "http://localhost:pw@evil.example:80/",
        "http://localhost:@evil.example/",
        "http://user@localhost:1/",
        "http://user:pw@127.0.0.1:1/",
        "http://@localhost:1/",
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.1.evil.example:1/",
        "http://localhost.evil.example:1/",
        "http://localhostevil.example:1/",
        "http://localhost:1.evil.example/",
        "http://localhost:1evil/",
        "http://localhost:/callback",
        "http://localhost:0/",
        "http://localhost:65536/",
        "http://localhost:-1/",
        "http://localhost:+1/",
        "http://localhost: 1/",
        "http://localhost:\u0661/",
        "http://localhost\\@evil.example/",
        "http://localhost:1\\@evil.example/",
        "http://localhost:1/\\evil.example",
        "http:\\\\localhost:1/",
        "//evil.example/",
        "//localhost:1/",
        "/callback",
        "localhost:1",
        "http:/evil.example/",
        "http:/localhost:1/",
        "http:localhost:1/",
        "http:///localhost:1/",
        "http:////evil.example/",
        "http://localhost.:1/",
        "http://127.0.0.1.:1/",
        "http://[::1].evil.example:1/",
        "http://[::1]evil.example:1/",
        "http://[::1%25eth0]:1/",
        "http://[::ffff:93.184.215.14]:1/",
        "http://[::2]:1/",
        "http://::1:1/",
        "http://[::1:1/",
        "http://127.1:1/",
        "http://0x7f000001:1/",
        "http://2130706433:1/",
        "http://0.0.0.0:1/",
        "http://%6cocalhost:1/",
        "http://localhost%2eevil.example:1/",
        "http://localhost%00.evil.example:1/",
        "http://localhost:1%2f@evil.example/",
        "http://localhost?@evil.example/",
        "http://localhost#@evil.example/",
        "http://localhost:1/#fragment",
        "http://localhost:1/\r\nSet-Cookie: a=b",
        "http://localhost:1/%0d%0a\n",
        "http://localhost:1\n/",
        "http://localhost:1/ x",
        "http://localhost:1/\t",
        "http://localhost:1/\x00",
        "http://localhost:1/\u2028",
        "http://localhost:1/%",
        "http://localhost:1/%zz",
        " http://localhost:1/",
        "http://localhost:1/ ",
        "\x01http://localhost:1/",
        "http://\u24dbocalhost:1/",
        "http://localho\u017ft:1/",
        "http://localhost\u3002evil.example:1/",
        "https://evil.example/",
        "https://localhost:1/",
        "ftp://localhost:1/",
        "file://localhost/etc/passwd",
        "javascript://localhost:1/%0aalert(1)",
        "data:text/html,x",
        "myapp://localhost:1/",
        "http+unix://localhost:1/",
        "http://evil.example:1/?http://localhost:1/",
    ],
)
def test_the_consent_page_redirects_nowhere_else(sandbox: Sandbox, address: str) -> None:
    answer = authorize(sandbox, address)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "set-cookie" not in answer.headers


# --- clients that disconnect


@contextmanager
def no_error_is_logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    assert "Traceback" not in capfd.readouterr().err


def connect(sandbox: Sandbox) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(sandbox)))


def head_of(sandbox: Sandbox, method: str, path: str, *more: str) -> bytes:
    credentials = f"Basic {b64encode(':'.join(sandbox.admin).encode()).decode()}"
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port_of(sandbox)}", f"Authorization: {credentials}", *more]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def leave(connection: socket.socket, *, by_reset: bool) -> None:
    if by_reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


@pytest.mark.parametrize("path", [f"{API}/group", f"/ex/confluence/{CLOUD_ID}{API}/group"])
@pytest.mark.parametrize(
    "credentials", ["Basic \xff", "Basic \xa0YTpi", "Basic YTpi=", "Basic /w==", "Basic", "Bearer \xff"]
)
def test_malformed_credentials_are_401_and_cause_no_traceback(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], path: str, credentials: str
) -> None:
    with no_error_is_logged(caplog, capfd), Sandbox() as sandbox:
        answer = httpx.get(sandbox.url + path, headers={b"Authorization": credentials.encode("latin-1")})
    assert answer.status_code == 401


BODIES = [
    ("POST", f"{API}/group", "Content-Length: 100", b'{"name":'),
    ("POST", f"{API}/group", "Transfer-Encoding: chunked", b'8\r\n{"name":\r\n'),
    ("POST", f"{API}/group/userByGroupId?groupId={GROUP}", "Content-Length: 100", b""),
    ("POST", "/oauth/token", "Content-Length: 100", b'{"grant_type":'),
]


@pytest.mark.parametrize("by_reset", [True, False])
@pytest.mark.parametrize(("method", "path", "length", "body"), BODIES)
@pytest.mark.parametrize("faults", [Faults(), Faults(drop_before=1), Faults(drop_after=1), Faults(error_rate=1)])
def test_a_client_that_leaves_while_it_sends_causes_no_traceback(
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    faults: Faults,
    method: str,
    path: str,
    length: str,
    body: bytes,
    *,
    by_reset: bool,
) -> None:
    with no_error_is_logged(caplog, capfd), Sandbox(faults=faults) as sandbox:
        with connect(sandbox) as connection:
            connection.sendall(head_of(sandbox, method, path, length) + body)
            leave(connection, by_reset=by_reset)
        assert httpx.get(f"{sandbox.url}/nowhere").status_code == 404, "the sandbox still serves"
    assert len(sandbox.directory.groups) == 3


@pytest.mark.parametrize("by_reset", [True, False])
def test_a_client_that_leaves_while_it_receives_causes_no_traceback(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], *, by_reset: bool
) -> None:
    with no_error_is_logged(caplog, capfd), Sandbox() as sandbox:
        sandbox.answer_next(Answer(200, body="x" * 50_000_000))
        with connect(sandbox) as connection:
            connection.sendall(head_of(sandbox, "GET", f"{API}/group"))
            assert connection.recv(100)
            leave(connection, by_reset=by_reset)
        assert httpx.get(f"{sandbox.url}/nowhere").status_code == 404


class HeldClock:
    """A clock whose sleepers wake when the test says so."""

    def __init__(self) -> None:
        self.sleeping = threading.Event()
        self._sleeper: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def now(self) -> float:
        return 1_800_000_000.0

    def monotonic(self) -> float:
        return 0.0

    async def async_sleep(self, _seconds: float) -> None:
        woken = asyncio.Event()
        self._sleeper = asyncio.get_running_loop(), woken
        self.sleeping.set()
        await woken.wait()

    def wake(self) -> None:
        assert self._sleeper
        loop, woken = self._sleeper
        loop.call_soon_threadsafe(woken.set)


@pytest.mark.parametrize("by_reset", [True, False])
@pytest.mark.parametrize("faults", [{}, {"drop_before": 1}, {"drop_after": 1}, {"error_rate": 1}, {"quota": 1}])
@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_a_client_that_leaves_during_a_delayed_fault_causes_no_traceback(
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    method: str,
    faults: dict[str, Any],
    *,
    by_reset: bool,
) -> None:
    clock = HeldClock()
    path = REMOVAL if method == "DELETE" else f"{API}/group"
    with no_error_is_logged(caplog, capfd), Sandbox(faults=Faults(latency=60, **faults), clock=clock) as sandbox:
        with connect(sandbox) as connection:
            connection.sendall(head_of(sandbox, method, path, *(["Content-Length: 14"] * (method == "POST"))))
            if method == "POST":
                connection.sendall(b'{"name":"new"}')
            assert clock.sleeping.wait(30)
            leave(connection, by_reset=by_reset)
        assert httpx.get(f"{sandbox.url}/nowhere").status_code == 404
        clock.wake()
    done = "error_rate" not in faults and "drop_before" not in faults
    if method == "DELETE":
        assert sandbox.directory.is_member(GROUP, MEMBER) is not done


def test_a_sandbox_that_stops_during_a_long_call_logs_no_traceback(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("confluence_groups_sdk.sandbox.server.STOP_TIMEOUT_S", 0)
    clock = HeldClock()
    with (
        caplog.at_level(logging.DEBUG),
        Sandbox(faults=Faults(latency=60), clock=clock) as sandbox,
        connect(sandbox) as connection,
    ):
        connection.sendall(head_of(sandbox, "DELETE", REMOVAL))
        assert clock.sleeping.wait(30)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    assert "Traceback" not in capfd.readouterr().err


# --- half surrogates

PERSON = Person("new-id", "New", "new@example.com", time_zone="Europe/Berlin")
NEW_GROUP = Group("new-id", "new", managed_by="ADMINS", usage_type="USERBASE_GROUP")


def changed(item: T, name: str, value: Any) -> T:
    """Return a person or a group with another value in one field."""
    return evolve(item, **{name: value})


HALVES = ["\ud800", "a\udfffb", "\udc80"]


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("name", ["account_id", "display_name", "email", "account_type", "account_status", "time_zone"])
def test_half_a_surrogate_pair_in_a_person_is_refused(sandbox: Sandbox, name: str, half: str) -> None:
    before = dict(sandbox.directory.people)
    with pytest.raises(ValueError, match=rf"\b{name}\b") as caught:
        sandbox.directory.add_person(changed(PERSON, name, half))
    assert str(caught.value).isprintable()
    assert sandbox.directory.people == before


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("name", ["id", "name", "managed_by", "usage_type", "access"])
def test_half_a_surrogate_pair_in_a_group_is_refused(sandbox: Sandbox, name: str, half: str) -> None:
    before = dict(sandbox.directory.groups)
    value: Any = frozenset({half}) if name == "access" else half
    with pytest.raises(ValueError, match=rf"\b{name}\b"):
        sandbox.directory.add_group(changed(NEW_GROUP, name, value))
    assert sandbox.directory.groups == before


@pytest.mark.parametrize("half", HALVES)
def test_half_a_surrogate_pair_anywhere_else_is_refused(sandbox: Sandbox, half: str) -> None:
    with pytest.raises(ValueError, match="name"):
        sandbox.directory.create_group(half)
    with pytest.raises(ValueError, match="body"):
        Answer(200, body=half)
    with pytest.raises(ValueError, match="header"):
        Answer(200, {"x": half})
    with pytest.raises(ValueError, match="scope"):
        sandbox.grant(scopes=[half])


@pytest.mark.parametrize("half", ["\\ud800", "\\udfff"])
@pytest.mark.parametrize(("path", "name"), [("/group", "name"), (f"/group/userByGroupId?groupId={GROUP}", "accountId")])
def test_half_a_surrogate_pair_in_a_request_is_400(sandbox: Sandbox, path: str, name: str, half: str) -> None:
    answer = httpx.post(f"{sandbox.url}{API}{path}", auth=login(sandbox), content=f'{{"{name}": "x{half}"}}'.encode())
    assert (answer.status_code, name in answer.json()["message"]) == (400, True)


def test_a_whole_pair_is_served(sandbox: Sandbox) -> None:
    sandbox.directory.add_person(evolve(PERSON, display_name="😀"))
    answer = httpx.get(f"{sandbox.url}{API}/user?accountId=new-id", auth=login(sandbox))
    assert answer.json()["displayName"] == "😀"
