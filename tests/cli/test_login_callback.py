"""The browser reaches the page to which a login returns, even if other programs connect to its port."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from raw_socket_servers import reset
from shell import PROGRAM, Shell

from confluence_groups_sdk import ConfigurationError
from confluence_groups_sdk.cli.session.oauth_callback import (
    CALLBACK_PATH,
    CONSENT_TIMEOUT_S,
    MAX_CONNECTIONS,
    MAX_REQUEST_BYTES,
    REQUEST_TIMEOUT_S,
    CallbackServer,
    parse_target,
)
from confluence_groups_sdk.cli.terminal import RefusedError

MOST_WAIT_S = 5.0  # for a test that fails
HEAD = b"Host: localhost\r\nUser-Agent: browser\r\nAccept: */*\r\n\r\n"


class Login:
    """A login that waits in a thread for its callback, by a clock that the test sets."""

    def __init__(self, stack: ExitStack) -> None:
        self.moment = 0.0
        self.result: object = None
        self._stack = stack
        self.server = stack.enter_context(CallbackServer(0, clock=lambda: self.moment))
        self.port = urlsplit(self.server.redirect_uri).port or 0
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()
        stack.callback(self._end)

    def _end(self) -> None:
        """End the wait before the port is closed."""
        self.moment += CONSENT_TIMEOUT_S
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=MOST_WAIT_S).close()
        self._thread.join(MOST_WAIT_S)

    def _wait(self) -> None:
        try:
            self.result = self.server.wait_for_code()
        except (RefusedError, OSError, ValueError) as error:
            self.result = error

    def connect(self, sent: bytes = b"") -> socket.socket:
        """Return a connection on which some bytes were sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=MOST_WAIT_S)
        self._stack.enter_context(connection)
        connection.sendall(sent)
        return connection

    def answer(self, sent: bytes) -> bytes:
        """Return what a connection gets for some bytes, until it is closed."""
        return read_all(self.connect(sent))

    def get(self, target: str) -> bytes:
        """Return the response to a request of a browser."""
        return self.answer(f"GET {target} HTTP/1.1\r\n".encode() + HEAD)

    def go_on(self, seconds: float) -> None:
        """Let time pass, and wait until the login has noticed."""
        self.moment += seconds
        assert self.get("/favicon.ico").startswith(b"HTTP/1.1 404 ")

    def finish(self) -> None:
        """Check that the real browser gets its page, and that the login has its code."""
        assert self.get(f"{CALLBACK_PATH}?code=c-1&state={self.server.state}").endswith(b"go back to the terminal.")
        self._thread.join(MOST_WAIT_S)
        assert not self._thread.is_alive()
        assert getattr(self.result, "value", self.result) == "c-1"

    @property
    def open_connections(self) -> int:
        return len(self.server.connections)


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    data = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            data += part
    return data


@pytest.fixture
def login() -> Iterator[Login]:
    with ExitStack() as stack:
        yield Login(stack)


@pytest.mark.parametrize("number", [1, 100, 3 * MAX_CONNECTIONS])
def test_silent_connections_do_not_keep_the_browser_out(login: Login, number: int) -> None:
    for _ in range(number):
        login.connect()
    login.finish()
    assert login.open_connections <= MAX_CONNECTIONS


@pytest.mark.parametrize("sent", [b"G", b"GET /callback", b"GET /callback?code=x&state=y HTTP/1.1\r\nHost: loc"])
def test_unfinished_requests_do_not_keep_the_browser_out(login: Login, sent: bytes) -> None:
    for _ in range(2 * MAX_CONNECTIONS):
        login.connect(sent)
    login.finish()


def test_more_connections_than_the_limit_close_the_oldest(login: Login) -> None:
    oldest = login.connect(b"GET /")
    for _ in range(MAX_CONNECTIONS):
        login.connect()
    assert read_all(oldest) == b""
    login.finish()


def test_as_many_connections_as_the_limit_stay_open(login: Login) -> None:
    waiting = [login.connect() for _ in range(MAX_CONNECTIONS - 1)]
    login.go_on(0)
    waiting[0].sendall(b"GET / HTTP/1.1\r\n" + HEAD)
    assert read_all(waiting[0]).startswith(b"HTTP/1.1 404 ")
    login.finish()


def test_a_request_may_have_64_kib() -> None:
    head = b"GET /callback HTTP/1.1\r\nA: "
    request = head + b"a" * (MAX_REQUEST_BYTES - len(head) - 4) + b"\r\n\r\n"
    assert len(request) == MAX_REQUEST_BYTES
    assert parse_target(request) == "/callback"
    assert parse_target(request[:-1]) is None
    longer = parse_target(request + b"a")
    assert isinstance(longer, tuple)
    assert longer[0] == 431


@pytest.mark.parametrize("first", [b"", b"G", b"GET / HTTP/1.1\r\nA: b\r\n"])
def test_a_connection_has_a_deadline_as_a_whole(login: Login, first: bytes) -> None:
    slow = login.connect(first)
    login.go_on(0)  # it is accepted before time passes
    for _ in range(9):
        login.go_on(REQUEST_TIMEOUT_S / 10)
        slow.sendall(b"G")
    assert login.open_connections
    login.go_on(REQUEST_TIMEOUT_S / 10)
    assert read_all(slow) == b""
    login.finish()


def test_a_connection_that_stays_open_after_its_answer_is_closed(login: Login) -> None:
    slow = login.connect(b"GET / HTTP/1.1\r\n" + HEAD)
    assert read_all(slow).startswith(b"HTTP/1.1 404 ")
    login.go_on(REQUEST_TIMEOUT_S)
    assert login.open_connections <= 1, "the one that showed that time has passed"
    login.finish()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nA: " + b"a" * 2 * MAX_REQUEST_BYTES,
        b"GET /" + b"a" * 2 * MAX_REQUEST_BYTES,
        b"a" * 2 * MAX_REQUEST_BYTES,
        b"\r\n" * MAX_REQUEST_BYTES,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * MAX_REQUEST_BYTES,
    ],
    ids=["header", "target", "word", "empty lines", "many headers"],
)
def test_a_request_that_is_too_long_is_refused(login: Login, sent: bytes) -> None:
    connection = login.connect()
    with suppress(ConnectionError):
        connection.sendall(sent)
    answer = b""
    with suppress(ConnectionError):
        answer = read_all(connection)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    login.finish()


def test_an_endless_request_is_cut_off(login: Login) -> None:
    connection = login.connect(b"GET / HTTP/1.1\r\n")
    with pytest.raises(ConnectionError):
        connection.sendall(b"A: b\r\n" * 16 * MAX_REQUEST_BYTES)
    assert login.get("/").startswith(b"HTTP/1.1 404 ")
    login.finish()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /callback?code=c&state={state}\r\n", 400),  # HTTP/0.9
        (b"GET\r\n", 400),
        (b"G\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS
        (b"\x00\xff nonsense\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /callback?code=c&state={state} HTTP/2.0\r\n\r\n", 400),
        (b"GET /callback?code=c&state={state} extra HTTP/1.1\r\n\r\n", 400),
        (b"GET //[ HTTP/1.1\r\n\r\n", 400),
        (b"GET http://[/callback?code=c&state={state} HTTP/1.1\r\n\r\n", 400),
        (b"POST /callback?code=c&state={state} HTTP/1.1\r\nContent-Length: 99999\r\n\r\n" + b"a" * 99999, 405),
        (b"HEAD /callback?code=c&state={state} HTTP/1.1\r\n\r\n", 405),
        (b"OPTIONS /callback?code=c&state={state} HTTP/1.1\r\n\r\n", 405),
        (b"GET /callback?code=c&state=guessed HTTP/1.1\r\n\r\n", 400),
        (b"GET /callback?code=c&state=%F0%9F%92%A9\xff HTTP/1.1\r\n\r\n", 400),
        (b"GET /callback?code=c HTTP/1.1\r\n\r\n", 400),
        (b"GET /callback HTTP/1.1\r\n\r\n", 400),
        (b"GET /callbacks?code=c&state={state} HTTP/1.1\r\n\r\n", 404),
        (b"GET /favicon.ico HTTP/1.1\r\n\r\n", 404),
        (b"GET * HTTP/1.1\r\n\r\n", 404),
    ],
)
def test_another_request_is_answered_and_the_wait_goes_on(login: Login, sent: bytes, status: int) -> None:
    answer = login.answer(sent.replace(b"{state}", login.server.state.encode()))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
    assert login.result is None
    login.finish()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET {target} HTTP/1.0\r\n\r\n",
        b"\r\nGET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://localhost{target} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET {target} HTTP/1.1\nHost: localhost\n\n",
        b"GET {target} HTTP/1.1\r\nCookie: " + b"a" * 60_000 + b"\r\n\r\n",
    ],
    ids=["1.0", "empty line", "absolute", "bare newlines", "large cookies"],
)
def test_requests_of_other_clients_are_accepted(login: Login, sent: bytes) -> None:
    target = f"{CALLBACK_PATH}?state={login.server.state}&code=c-2".encode()
    assert login.answer(sent.replace(b"{target}", target)).startswith(b"HTTP/1.1 200 ")
    login._thread.join(MOST_WAIT_S)
    assert getattr(login.result, "value", login.result) == "c-2"


def test_a_request_in_small_parts_is_accepted(login: Login) -> None:
    connection = login.connect()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in f"GET {CALLBACK_PATH}?code=c-3&state={login.server.state} HTTP/1.1\r\n".encode() + HEAD:
        connection.sendall(bytes([byte]))
    assert read_all(connection).startswith(b"HTTP/1.1 200 ")
    login._thread.join(MOST_WAIT_S)
    assert getattr(login.result, "value", login.result) == "c-3"


def test_connections_that_break_do_not_end_the_wait(login: Login) -> None:
    for sent in (b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n" + HEAD):
        login.connect(sent).close()
        reset(login.connect(sent))
    login.go_on(0)
    login.finish()


def test_a_process_without_free_descriptors_closes_the_oldest(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = login.connect()
    login.go_on(0)
    real = socket.socket.accept
    failures = [OSError(24, "Too many open files"), ConnectionAbortedError(), BlockingIOError()]

    def accept(listener: socket.socket) -> object:
        if failures:
            raise failures.pop(0)
        return real(listener)

    monkeypatch.setattr(socket.socket, "accept", accept)
    login.finish()
    assert not failures
    assert read_all(silent) == b""


def test_the_name_localhost_reaches_the_page(login: Login) -> None:
    target = f"{login.server.redirect_uri}?code=c-4&state={login.server.state}"
    assert target.startswith("http://localhost:")
    assert httpx.get(target, trust_env=False).status_code == 200


def test_other_addresses_of_this_machine_do_not_listen(login: Login) -> None:
    with pytest.raises(OSError, match=r"refused|unreachable|assign|not supported"):
        socket.create_connection(("::1", login.port), timeout=MOST_WAIT_S).close()


def test_the_wait_as_a_whole_is_limited_while_connections_come(login: Login) -> None:
    silent = login.connect()
    login.moment = CONSENT_TIMEOUT_S
    login.connect()
    login._thread.join(MOST_WAIT_S)
    assert isinstance(login.result, RefusedError)
    login.server.close()
    assert read_all(silent) == b""


def test_a_port_can_be_used_again_at_once() -> None:
    port = 0
    for number in range(3):
        with ExitStack() as stack, reserved(port) as server:
            port = urlsplit(server.redirect_uri).port or 0
            waiting = threading.Thread(target=server.wait_for_code, daemon=True)
            waiting.start()
            silent = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=MOST_WAIT_S))
            silent.sendall(b"G")
            response = httpx.get(f"{server.redirect_uri}?code={number}&state={server.state}", trust_env=False)
            assert response.status_code == 200
            waiting.join(MOST_WAIT_S)
            assert not waiting.is_alive()


@contextmanager
def reserved(port: int) -> Iterator[CallbackServer]:
    with CallbackServer(port) as server:
        with pytest.raises(ConfigurationError, match="give another --port"):
            CallbackServer(urlsplit(server.redirect_uri).port or 0)
        yield server
    assert server.connections == ()


def test_only_the_main_thread_waits(login: Login) -> None:
    before = threading.active_count()
    for _ in range(20):
        login.connect(b"G")
    login.go_on(0)
    assert threading.active_count() == before
    login.finish()


@pytest.mark.skipif(sys.platform == "win32", reason="a Ctrl-C there reaches the whole console")
def test_ctrl_c_ends_a_login_with_open_connections(shell: Shell, tmp_path: Path) -> None:
    shell.sign_in(None)
    shell.note_sandbox()
    command = [*PROGRAM, "login", "--sandbox", "--port", "0", "--no-browser"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=tmp_path)
    assert process.stderr is not None
    try:
        page = next(line for line in process.stderr if b"http://" in line).decode().strip()
        port = urlsplit(parse_qs(urlsplit(page).query)["redirect_uri"][0]).port or 0
        with ExitStack() as stack:
            for sent in (b"", b"GET / HTTP/1.1\r\n"):
                stack.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(sent)
            assert httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 404
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) != 0
    finally:
        process.kill()
        process.communicate()
    assert not (Path(os.environ["XDG_CONFIG_HOME"]) / "confluence-groups" / "login.json").exists()


def test_the_wait_is_cut_into_short_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    class Selector(selectors.DefaultSelector):
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            assert timeout is not None
            waits.append(timeout)
            return []

    monkeypatch.setattr(selectors, "DefaultSelector", Selector)
    moments = iter([0.0, 0.0, CONSENT_TIMEOUT_S - 0.5, CONSENT_TIMEOUT_S])
    with CallbackServer(0, clock=lambda: next(moments)) as server, pytest.raises(RefusedError):
        server.wait_for_code()
    assert waits == [1.0, 0.5], "on Windows, Ctrl-C is handled only between waits"
