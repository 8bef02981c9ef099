"""A connection of the sandbox, which a fault can break."""

from __future__ import annotations

import socket
import struct
import sys
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

AT_ONCE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # linger: on, for 0 seconds


class Connection(H11Protocol):
    """uvicorn's HTTP/1.1, with ``reset`` in the state that every request on this connection has."""

    def __init__(self, *, app_state: dict[str, Any], **options: Any) -> None:
        super().__init__(app_state={**app_state, "reset": self.reset}, **options)

    def reset(self) -> None:
        """Break the connection: the other side sees a TCP reset, and nothing of what was not sent yet."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        self.transport.abort()
