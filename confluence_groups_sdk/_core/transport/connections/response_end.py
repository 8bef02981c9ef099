"""Find out whether the bytes received on an HTTP/1.1 connection end exactly where a response ends.

A server or a proxy may send more than the response to a request. HTTP libraries keep the rest, and take it for the
response to the next request. So a connection with a rest must not be used again.

This follows the framing of RFC 9112 section 6 as far as servers use it. Where it is unsure, it says that the connection
must not be used again. That costs no more than another connection.
"""

from __future__ import annotations

import re
from collections.abc import Callable

MAX_HEAD_BYTES = 100 * 1024  # httpx rejects longer ones
NO_BODY = (204, 304)
NO_CONTENT = b"HTTP/1.1 204 "

HEAD_END = re.compile(rb"\n\r?\n")
STATUS = re.compile(rb"HTTP/1\.1 ([1-9][0-9][0-9])[ \r\n]")
FRAMING = re.compile(rb"\n(content-length|transfer-encoding)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
FOLDED = re.compile(rb"\n[ \t]")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
MAX_SIZE_LINE = 10  # bytes that CHUNK_SIZE can match
MAX_DIGITS = 18  # of a Content-Length


class ResponseEnd:
    """Follows the responses on one connection.

    Attributes:
        reached: whether the bytes end where a response ends, or none were received yet. False during a response.
        is_given_up: whether the connection must not be used again.
    """

    def __init__(self) -> None:
        self.reached = True
        self.is_given_up = False
        self._method = b""
        # A method of the class, because one of the object would make a reference cycle. Bytes before the first request
        # are ignored: a SOCKS proxy sends some.
        self._follow: Callable[[ResponseEnd, bytes], None] = ResponseEnd._ignore
        self._kept = b""  # the beginning of a head, or of a chunk's size line
        self._missing = 0  # bytes of the body, or of a chunk and its line end

    def expect(self, method: bytes) -> None:
        """Note that a request with this method is about to be sent, after a complete response or as the first."""
        self._method = method
        self._follow = ResponseEnd._follow_head
        self.reached = False

    def feed(self, data: bytes) -> None:
        """Follow bytes that were received."""
        if (
            data.startswith(NO_CONTENT)
            and data.find(b"\n\r\n") == len(data) - 3
            and b"\n\n" not in data
            and self._follow is ResponseEnd._follow_head
            and not self._kept
        ):  # a shorter way for the usual response to a change
            self.reached = True
            self._follow = ResponseEnd._expect_nothing
        else:
            self._follow(self, data)

    def give_up(self) -> None:
        """Say from now on that the connection must not be used again."""
        self.reached = False
        self.is_given_up = True
        self._kept = b""
        self._follow = ResponseEnd._ignore

    def _ignore(self, data: bytes) -> None:
        """Follow no longer, or not yet."""

    def _expect_nothing(self, data: bytes) -> None:
        if data:
            self.give_up()

    def _complete(self, rest: bytes) -> None:
        self.reached = True
        self._follow = ResponseEnd._expect_nothing
        self._follow(self, rest)

    def _follow_head(self, data: bytes) -> None:
        searched = max(len(self._kept) - 2, 0)  # the end may lie on both sides
        data = self._kept + data
        while (end := HEAD_END.search(data, searched)) is not None:
            status = STATUS.match(data)
            code = int(status[1]) if status else 0
            if not 100 <= code < 200 or code == 101:
                self._begin_body(code, data[: end.end()], data[end.end() :])
                return
            data, searched = data[end.end() :], 0
        self._kept = data
        if len(data) > MAX_HEAD_BYTES:
            self.give_up()

    def _begin_body(self, status: int, head: bytes, data: bytes) -> None:
        self._kept = b""
        if status in NO_BODY or (status and self._method == b"HEAD"):
            self._complete(data)
            return
        fields = FRAMING.findall(head)
        if status < 200 or len(fields) != 1 or FOLDED.search(head) or self._method == b"CONNECT":
            self.give_up()
            return
        [(name, value)] = fields
        name, value = name.lower(), value.strip()
        if name == b"content-length" and value.isdigit() and len(value) <= MAX_DIGITS:
            self._missing = int(value)
            self._follow = ResponseEnd._follow_body
        elif name == b"transfer-encoding" and value.lower() == b"chunked":
            self._missing = 0
            self._follow = ResponseEnd._follow_chunks
        else:
            self.give_up()
        self._follow(self, data)

    def _follow_body(self, data: bytes) -> None:
        if len(data) < self._missing:
            self._missing -= len(data)
        else:
            self._complete(data[self._missing :])

    def _follow_chunks(self, data: bytes) -> None:
        data = self._kept + data
        self._kept = b""
        position = self._missing  # of the next chunk's size line
        while position < len(data):
            line = CHUNK_SIZE.match(data, position)
            if line is None:
                self._kept, self._missing = data[position:], 0
                if len(self._kept) >= MAX_SIZE_LINE:
                    self.give_up()
                return
            size = int(line[1], 16)
            if size == 0:
                self._follow = ResponseEnd._follow_end_of_chunks
                self._follow(self, data[line.end() :])
                return
            position = line.end() + size + len(b"\r\n")
        self._missing = position - len(data)

    def _follow_end_of_chunks(self, data: bytes) -> None:
        data = self._kept + data
        self._kept = b""
        if data.startswith(b"\r\n"):
            self._complete(data[2:])
        elif b"\r\n".startswith(data):
            self._kept = data
        else:
            self.give_up()  # trailers
