"""Servers made of bare sockets, which do what no well-behaved server does: break off, never end, speak nonsense.

And a proxy, and TLS with a certificate authority of one's own. All on loopback, each connection in its own thread.
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
from doubles import whole

PATIENCE = 30  # seconds that a thread of these servers lives at the most

Script = Callable[[socket.socket], None]
"""What a server does with one connection; it is closed afterwards."""


class Wires:
    """What a server of bare sockets has seen."""

    def __init__(self, port: int, scheme: str) -> None:
        self.port = port
        self.address = f"{scheme}://127.0.0.1:{port}"
        self.connections = 0
        self.requests: list[bytes] = []
        self.closing = threading.Event()  # set when the test is over: for scripts that withhold an answer until then


@contextmanager
def served(*scripts: Callable[[Wires, socket.socket], None], tls: ssl.SSLContext | None = None) -> Iterator[Wires]:
    """Serve each connection by the script of its number, the last of them by all that come later."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wires = Wires(listener.getsockname()[1], "https" if tls else "http")

        def serve_one(connection: socket.socket, script: Callable[[Wires, socket.socket], None]) -> None:
            connection.settimeout(PATIENCE)
            # A client that breaks off, or trusts nobody, is what some of these tests are about.
            with connection, suppress(OSError):
                if tls is None:
                    script(wires, connection)
                else:
                    with tls.wrap_socket(connection, server_side=True) as secured:
                        script(wires, secured)

        def serve() -> None:
            with suppress(OSError):  # the listener is closed
                while True:
                    connection, _ = listener.accept()
                    script = scripts[min(wires.connections, len(scripts) - 1)]
                    wires.connections += 1
                    threading.Thread(target=serve_one, args=(connection, script), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield wires
        finally:
            wires.closing.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes whoever waits in accept
    thread.join(timeout=PATIENCE)


# --- scripts


def request_on(connection: socket.socket) -> bytes:
    """Read one request, or as much of it as there is."""
    data = b""
    while not whole(data) and (chunk := connection.recv(65536)):
        data += chunk
    return data


def reset(connection: socket.socket) -> None:
    """Break the connection off, so that the other side gets an error and no end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def answering(*answers: bytes) -> Callable[[Wires, socket.socket], None]:
    """Give each request on the connection its answer, the last of them to all that follow, and keep it open."""

    def script(wires: Wires, connection: socket.socket) -> None:
        count = 0
        while request := request_on(connection):
            wires.requests.append(request)
            connection.sendall(answers[min(count, len(answers) - 1)])
            count += 1

    return script


def breaking_off(after: bytes | None) -> Callable[[Wires, socket.socket], None]:
    """Reset the connection after these bytes of an answer; None: before the request is read."""

    def script(wires: Wires, connection: socket.socket) -> None:
        if after is not None:
            wires.requests.append(request_on(connection))
            connection.sendall(after)
        reset(connection)

    return script


def flooding(head: bytes, chunk: bytes, sent: list[int], most: int) -> Callable[[Wires, socket.socket], None]:
    """Send a head and then one chunk after the other, as long as anybody takes them; count the bytes in ``sent``."""

    def script(wires: Wires, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        wires.requests.append(request_on(connection))
        connection.sendall(head)
        sent.append(0)
        place = len(sent) - 1
        while sent[place] < most:
            connection.sendall(chunk)
            sent[place] += len(chunk)

    return script


# --- TLS and proxies


class Authority:
    """A private certificate authority, and a server's side of TLS with a certificate of it."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.bundle = folder / "private-ca.pem"
        authority.cert_pem.write_to_path(str(self.bundle))
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self.server)

    def trusting(self) -> ssl.SSLContext:
        """A client's side that trusts this authority and no other."""
        return ssl.create_default_context(cafile=str(self.bundle))


class Proxy:
    """What a proxy has seen."""

    def __init__(self, wires: Wires) -> None:
        self._wires = wires
        self.address = wires.address
        self.relayed = bytearray()  # what clients sent through it

    @property
    def heads(self) -> list[bytes]:
        return self._wires.requests


@contextmanager
def proxying(refusal: bytes | None = None) -> Iterator[Proxy]:
    """Run a proxy that tunnels to loopback, or answers every CONNECT with ``refusal``."""

    def script(wires: Wires, connection: socket.socket) -> None:
        head = request_on(connection)
        wires.requests.append(head)
        if refusal is not None:
            connection.sendall(refusal)
            return
        port = int(head.split(b" ")[1].rpartition(b":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as target:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_relay, args=(target, connection, None), daemon=True)
            back.start()
            _relay(connection, target, proxy.relayed)
            back.join(timeout=PATIENCE)

    with served(script) as wires:
        proxy = Proxy(wires)
        yield proxy


def _relay(source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            if kept is not None:
                kept += data
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
