"""Badly behaved servers made of plain sockets: they break connections, never end a response, or send nonsense.

Also a proxy, and TLS with a private certificate authority. Everything is on loopback; each connection has a thread.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme
from fakes import is_complete

MAX_THREAD_LIFE_S = 30

Script = Callable[[socket.socket], None]
"""Handles one connection; it is closed afterwards."""


class SocketServer:
    """The address of a server, and what it has received so far."""

    def __init__(self, port: int, scheme: str) -> None:
        self.port = port
        self.address = f"{scheme}://127.0.0.1:{port}"
        self.connections = 0
        self.requests: list[bytes] = []
        self.closing = threading.Event()  # set at the end of the test, for scripts that withhold a response until then


@contextmanager
def serve(
    *scripts: Callable[[SocketServer, socket.socket], None], tls: ssl.SSLContext | None = None
) -> Iterator[SocketServer]:
    """Handle the first connection with the first script, and so on; the last script also handles all later ones."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = SocketServer(listener.getsockname()[1], "https" if tls else "http")

        def serve_one(connection: socket.socket, script: Callable[[SocketServer, socket.socket], None]) -> None:
            connection.settimeout(MAX_THREAD_LIFE_S)
            # Some tests are about clients that break the connection or do not trust the certificate.
            with connection, suppress(OSError):
                if tls is None:
                    script(server, connection)
                else:
                    with tls.wrap_socket(connection, server_side=True) as secured:
                        script(server, secured)

        def accept_connections() -> None:
            with suppress(OSError):  # the listener is closed
                while True:
                    connection, _ = listener.accept()
                    script = scripts[min(server.connections, len(scripts) - 1)]
                    server.connections += 1
                    threading.Thread(target=serve_one, args=(connection, script), daemon=True).start()

        thread = threading.Thread(target=accept_connections, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
    thread.join(timeout=MAX_THREAD_LIFE_S)


# --- scripts


def request_on(connection: socket.socket) -> bytes:
    """Read one request, or as much of it as arrives."""
    data = b""
    while not is_complete(data) and (chunk := connection.recv(65536)):
        data += chunk
    return data


def reset(connection: socket.socket) -> None:
    """Reset the connection, so that the other side gets an error instead of an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def reply_with(*answers: bytes) -> Callable[[SocketServer, socket.socket], None]:
    """Send the first response to the first request, and so on, the last to all later ones; keep the connection open."""

    def script(server: SocketServer, connection: socket.socket) -> None:
        count = 0
        while request := request_on(connection):
            server.requests.append(request)
            connection.sendall(answers[min(count, len(answers) - 1)])
            count += 1

    return script


def break_off(after: bytes | None) -> Callable[[SocketServer, socket.socket], None]:
    """Reset the connection after some bytes of a response; None resets it before the request is read."""

    def script(server: SocketServer, connection: socket.socket) -> None:
        if after is not None:
            server.requests.append(request_on(connection))
            connection.sendall(after)
        reset(connection)

    return script


def flood(head: bytes, chunk: bytes, sent: list[int], most: int) -> Callable[[SocketServer, socket.socket], None]:
    """Send a head, and then chunks as long as the client reads, up to ``most`` bytes; count them in ``sent``."""

    def script(server: SocketServer, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        server.requests.append(request_on(connection))
        connection.sendall(head)
        sent.append(0)
        place = len(sent) - 1
        while sent[place] < most:
            connection.sendall(chunk)
            sent[place] += len(chunk)

    return script


# --- TLS and proxies


class Authority:
    """A private certificate authority, and a TLS context for a server with one of its certificates."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.bundle = folder / "private-ca.pem"
        authority.cert_pem.write_to_path(str(self.bundle))
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self.server)

    def trusting(self) -> ssl.SSLContext:
        """Return a TLS context for a client that trusts only this authority."""
        return ssl.create_default_context(cafile=str(self.bundle))


class Proxy:
    """The address of a proxy, and what it has received so far."""

    def __init__(self, server: SocketServer) -> None:
        self._wires = server
        self.address = server.address
        self.relayed = bytearray()  # the bytes that clients sent through it

    @property
    def heads(self) -> list[bytes]:
        return self._wires.requests


@contextmanager
def run_proxy(refusal: bytes | None = None) -> Iterator[Proxy]:
    """Run a proxy that tunnels to loopback, or that answers every CONNECT with ``refusal``."""

    def script(server: SocketServer, connection: socket.socket) -> None:
        head = request_on(connection)
        server.requests.append(head)
        if refusal is not None:
            connection.sendall(refusal)
            return
        port = int(head.split(b" ")[1].rpartition(b":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=MAX_THREAD_LIFE_S) as target:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_relay, args=(target, connection, None), daemon=True)
            back.start()
            _relay(connection, target, proxy.relayed)
            back.join(timeout=MAX_THREAD_LIFE_S)

    with serve(script) as server:
        proxy = Proxy(server)
        yield proxy


def _relay(source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            if kept is not None:
                kept += data
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
