"""The sandbox's side of a connection, which a fault can reset."""

from __future__ import annotations

import socket
import struct
import sys
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # SO_LINGER: on, for 0 seconds


class ResettableProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with a function ``reset`` in the state of each request."""

    def __init__(self, *, app_state: dict[str, Any], **options: Any) -> None:
        super().__init__(app_state={**app_state, "reset": self.reset}, **options)

    def reset(self) -> None:
        """Reset the connection: the client sees a TCP reset, and nothing that was not sent yet."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.transport.abort()
