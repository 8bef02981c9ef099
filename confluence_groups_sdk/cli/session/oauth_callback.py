"""The user's consent to OAuth 2.0: the browser visits the authority, and returns to a port on this machine with a code.

See RFC 6749 section 4.1 (authorization code), RFC 8252 section 7.3 (loopback) and docs/confluence-behaviour.md#oauth.
"""

from __future__ import annotations

import re
import secrets
import selectors
import socket
import threading
import webbrowser
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

from attrs import define, field

from ..._support.clock import MAX_WAIT_S, machine_monotonic
from ...auth.code_exchange import AuthorizationCode
from ...errors import ConfigurationError
from ..terminal import RefusedError, print_err

SCOPES = ("read:confluence-groups", "read:confluence-user", "write:confluence-groups", "offline_access")
CALLBACK_PATH = "/callback"
CONSENT_TIMEOUT_S = 300.0  # seconds for the user to consent
REQUEST_TIMEOUT_S = 10.0  # seconds for a connection as a whole
MAX_CONNECTIONS = 64
BACKLOG = 1024  # connections that the system accepts for us; without a free place, a browser tries again after a second
MAX_REQUEST_BYTES = 64 * 1024  # browsers also send the cookies of all other programs on localhost
END_OF_HEADERS = re.compile(rb"\n\r?\n")
LOGGED_IN = "You are logged in. Close this page and go back to the terminal."
NOT_LOGGED_IN = "You are not logged in. The terminal shows the reason."
MALFORMED = "This is not an HTTP request that this page understands."
WRONG_STATE = "This request does not belong to the login on this machine. Nothing was done."


class CallbackServer:
    """Waits on loopback for the request with the right state, and rejects all others (RFC 6749 section 10.12).

    It serves all connections in the thread that waits. Each has a deadline and a maximum length, and if there are too
    many, the oldest is closed: no other program can keep the browser out, and nothing is left when the wait ends.

    Args:
        port: the port to listen on; one of the app's callback URLs must contain it.
        clock: returns monotonic seconds.

    Raises:
        ConfigurationError: the port is in use.
    """

    def __init__(self, port: int, clock: Callable[[], float] = machine_monotonic) -> None:
        self.state = secrets.token_urlsafe(32)
        self._query: dict[str, str] | None = None
        self._clock = clock
        self._connections: list[_Connection] = []  # the oldest first
        try:
            self._listener = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
        except OSError as error:
            raise ConfigurationError(
                f"port {port}: {error.strerror or error}: give another --port, and add it to the app's callback URLs"
            ) from None
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self.redirect_uri = f"http://localhost:{self._listener.getsockname()[1]}{CALLBACK_PATH}"
        """The address to which the authority sends the browser back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connections(self) -> tuple[socket.socket, ...]:
        """The open connections."""
        return tuple(each.socket for each in self._connections)

    def close(self) -> None:
        """Close the port and all connections."""
        for each in list(self._connections):
            self._drop(each)
        self._selector.close()
        self._listener.close()

    def wait_for_code(self) -> AuthorizationCode:
        """Wait until the user has consented, and return the authorization code.

        Raises:
            RefusedError: the user did not consent, or not in time.
        """
        deadline = self._clock() + CONSENT_TIMEOUT_S
        while self._query is None:
            now = self._clock()
            if now >= deadline:
                raise RefusedError(f"nobody consented within {CONSENT_TIMEOUT_S:.0f} s: log in again")
            for each in [each for each in self._connections if each.deadline <= now]:
                self._drop(each)
            next_deadline = min([deadline, *(each.deadline for each in self._connections)])
            for key, _ in self._selector.select(min(next_deadline - now, MAX_WAIT_S)):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.data in self._connections:  # it was not dropped meanwhile
                    self._receive(key.data)
        if "code" not in self._query:
            reason = self._query.get("error_description") or self._query.get("error") or "without a reason"
            raise RefusedError(f"the authority gave no access: {reason}")
        return AuthorizationCode(self._query["code"], self.redirect_uri)

    def _accept(self) -> None:
        """Accept a connection; if there are too many, drop the oldest."""
        try:
            accepted, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):  # it broke before it was accepted
            return
        except OSError as error:  # the process has too many open files
            if not self._connections:
                raise ConfigurationError(f"{self.redirect_uri}: {error.strerror or error}") from None
            self._drop(self._connections[0])
            return
        accepted.setblocking(False)
        self._connections.append(_Connection(accepted, self._clock() + REQUEST_TIMEOUT_S))
        self._selector.register(accepted, selectors.EVENT_READ, self._connections[-1])
        if len(self._connections) > MAX_CONNECTIONS:
            self._drop(self._connections[0])

    def _drop(self, connection: _Connection) -> None:
        self._connections.remove(connection)
        self._selector.unregister(connection.socket)
        connection.socket.close()

    def _receive(self, connection: _Connection) -> None:
        """Read a part of a request; answer it when it is complete, and then read on until the other side closes."""
        try:
            part = connection.socket.recv(MAX_REQUEST_BYTES)
            if not part or connection.length > 2 * MAX_REQUEST_BYTES:
                self._drop(connection)
                return
            connection.length += len(part)
            if connection.request is None:
                return
            connection.request += part
            target = parse_target(connection.request)
            if target is None:
                return
            connection.request = None
            # A few hundred bytes: they fit into the buffer of the socket, which is empty.
            connection.socket.send(_format_response(*(target if isinstance(target, tuple) else self._answer(target))))
            connection.socket.shutdown(socket.SHUT_WR)  # closing it with unread bytes would discard the response
        except BlockingIOError:
            return
        except OSError:  # it broke: the browser connects again
            self._drop(connection)

    def _answer(self, target: str) -> tuple[int, str]:
        """Return the status and the text for a request."""
        try:
            url = urlsplit(target)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
        except ValueError:
            return 400, MALFORMED
        if url.path != CALLBACK_PATH:
            return 404, "There is nothing here."
        if not secrets.compare_digest(query.get("state", "").encode(), self.state.encode()):
            return 400, WRONG_STATE
        self._query = self._query or query
        return 200, LOGGED_IN if "code" in query else NOT_LOGGED_IN


@define(eq=False)
class _Connection:
    """A connection, with the part of its request that has arrived; None after the answer."""

    socket: socket.socket
    deadline: float
    length: int = 0
    request: bytearray | None = field(factory=bytearray, repr=False)


def parse_target(request: bytes | bytearray) -> str | tuple[int, str] | None:
    """Return the target of a GET request, status and text of the answer to another one, or None if it is incomplete.

    Args:
        request: what has arrived of the request.
    """
    if len(request) > MAX_REQUEST_BYTES:
        return 431, "The request is too long."
    head = request.lstrip(b"\r\n")  # RFC 9112 section 2.2
    if head and not head[:1].isalpha():  # for example TLS
        return 400, MALFORMED
    line, end, _ = head.partition(b"\n")
    if not end:
        return None
    words = line.removesuffix(b"\r").split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
        return 400, MALFORMED
    if words[0] != b"GET":
        return 405, "Only GET works here."
    return words[1].decode("latin-1") if END_OF_HEADERS.search(head) else None


def _format_response(status: int, text: str) -> bytes:
    body = text.encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Date: {formatdate(usegmt=True)}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
        *(["Allow: GET"] if status == 405 else []),
    )
    return "\r\n".join([*head, "", ""]).encode() + body


def consent_url(authority: str, client_id: str, callback: CallbackServer) -> str:
    """Build the address of the page on which the user consents."""
    query = {
        "audience": "api.atlassian.com",
        "client_id": client_id,
        "scope": " ".join(SCOPES),
        "redirect_uri": callback.redirect_uri,
        "state": callback.state,
        "response_type": "code",
        "prompt": "consent",
    }
    return f"{authority}/authorize?{urlencode(query)}"


def open_page(url: str, *, browser: bool) -> None:
    """Print the address of a page, and open it in the user's browser.

    A thread opens it, because a browser that runs in the terminal blocks until it ends, and it waits for the callback.

    Args:
        url: the address.
        browser: whether to open a browser, or only to print the address.
    """
    in_browser = "agree in the browser; if none opens, open this page on this machine:"
    print_err(in_browser if browser else "open this page and agree:", f"  {url}")
    if browser:
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True, name="browser").start()
