"""A TCP relay before a PostgreSQL server, which can refuse connections, hang as a broken network does, or speak TLS."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

HOST = "127.0.0.1"
CHUNK = 65_536  # bytes
POLL_S = 0.05
WAITING = 128  # connections that wait to be accepted
SSL_REQUEST = struct.pack("!II", 8, 80_877_103)  # https://www.postgresql.org/docs/current/protocol-message-formats.html
FILLERS = 3  # connections that fill the queue of a socket that accepts none


class Relay:
    """Passes on what clients and a server send; use `running_relay`.

    Args:
        server_port: the server's port of 127.0.0.1.
        tls: the certificate with which the relay speaks TLS to clients; None for plain connections.

    Attributes:
        port: the relay's port of 127.0.0.1, which stays the same.
    """

    def __init__(self, server_port: int, tls: ssl.SSLContext | None = None) -> None:
        self._server_port = server_port
        self._tls = tls
        self._flows = threading.Event()
        self._open: set[socket.socket] = set()
        self._fillers: list[socket.socket] = []
        self._lock = threading.Lock()
        self.port = 0
        self.accept()

    def accept(self) -> None:
        """Accept connections."""
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((HOST, self.port))
        self._listener.listen(WAITING)
        self.port = self._listener.getsockname()[1]
        self._flows.set()
        threading.Thread(target=self._accept_all, args=(self._listener,), daemon=True).start()

    def refuse(self) -> None:
        """End all connections, and refuse others, as a host whose server has ended does."""
        self._listener.close()
        while self._fillers:
            self._fillers.pop().close()
        self._flows.set()
        with self._lock:
            ended, self._open = self._open, set()
        for each in ended:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # wakes up the thread that reads, which closes it

    def hang(self) -> None:
        """Pass on nothing, and let attempts to connect hang, as a broken network does; what was sent arrives later."""
        self._flows.clear()
        self._listener.listen(0)
        for _ in range(FILLERS):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((HOST, self.port))
            self._fillers.append(filler)

    def flow(self) -> None:
        """Go on after `hang`."""
        while self._fillers:
            self._fillers.pop().close()
        self._listener.listen(WAITING)
        self._flows.set()

    def _accept_all(self, listener: socket.socket) -> None:
        while True:
            try:
                if self._flows.wait(POLL_S) and select.select([listener], [], [], POLL_S)[0]:
                    client = listener.accept()[0]
                    threading.Thread(target=self._serve, args=(client,), daemon=True).start()
            except (OSError, ValueError):  # it was closed
                if listener.fileno() < 0:
                    return

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            if self._tls is not None:
                client = _begin_tls(client, self._tls)
            with client, socket.create_connection((HOST, self._server_port)) as server:
                with self._lock:
                    self._open |= {client, server}
                try:
                    self._pass_on(client, server)
                finally:
                    with self._lock:
                        self._open -= {client, server}

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        others = {client: server, server: client}
        while True:
            waiting = [each for each in others if isinstance(each, ssl.SSLSocket) and each.pending()]
            for each in waiting or select.select([*others], [], [])[0]:
                data = each.recv(CHUNK)
                self._flows.wait()
                if not data:
                    return
                others[each].sendall(data)


def _begin_tls(client: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Answer a client's request for TLS as PostgreSQL does.

    Raises:
        OSError: the client wants something else, or does not trust the certificate.
    """
    if client.recv(len(SSL_REQUEST), socket.MSG_WAITALL) != SSL_REQUEST:
        raise ConnectionAbortedError("no request for TLS")
    client.sendall(b"S")
    return context.wrap_socket(client, server_side=True)


@contextmanager
def running_relay(server_port: int, tls: ssl.SSLContext | None = None) -> Iterator[Relay]:
    """Run a relay; end it and its connections at the end."""
    relay = Relay(server_port, tls)
    try:
        yield relay
    finally:
        relay.refuse()
