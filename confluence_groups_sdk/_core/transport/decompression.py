"""Decompress bodies part by part, up to a given length.

httpx decompresses each part completely, however long the result is, and as often as the header says. A small response
could then fill the memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

GZIP_WINDOW = 16 + zlib.MAX_WBITS
WINDOWS = {"gzip": GZIP_WINDOW, "x-gzip": GZIP_WINDOW, "deflate": zlib.MAX_WBITS}
NOT_ACCEPTED = frozenset({"br", "zstd", "compress", "x-compress"})  # not in our Accept-Encoding header


class UndecodableError(Exception):
    """A body is not compressed as its header says, or in a way that was not accepted."""


class Decoder:
    """Decodes one body, part by part, by its Content-Encoding (RFC 9110 section 8.4).

    Args:
        headers: the response's headers.

    Raises:
        UndecodableError: the body is compressed more than once, or in a way that was not accepted.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        codings = [each.strip().lower() for each in headers.get("content-encoding", "").split(",")]
        compressed = [each for each in codings if each in WINDOWS or each in NOT_ACCEPTED]
        if len(compressed) > 1 or not NOT_ACCEPTED.isdisjoint(compressed):
            raise UndecodableError
        self._coding = compressed[0] if compressed else None  # any other word means no compression
        self._zlib = zlib.decompressobj(WINDOWS[self._coding]) if self._coding else None
        self._started = False

    def decode(self, data: bytes, max_length: int) -> bytes:
        """Decode a part to at most ``max_length`` bytes, 1 or more; the rest is lost.

        Raises:
            UndecodableError: the body is not compressed as the header says.
        """
        if self._zlib is None:
            return data[:max_length]
        if self._zlib.eof:
            return b""  # ignore bytes after the end
        try:
            return self._inflate(self._zlib, data, max_length)
        except zlib.error:
            raise UndecodableError from None

    def finish(self) -> None:
        """Check that the body is complete.

        Raises:
            UndecodableError: the body is incomplete.
        """
        if self._zlib is not None and self._started and not self._zlib.eof:
            raise UndecodableError

    def _inflate(self, inflater: zlib._Decompress, data: bytes, max_length: int) -> bytes:
        first, self._started = not self._started, True
        try:
            return inflater.decompress(data, max_length)
        except zlib.error:
            if not (first and self._coding == "deflate"):
                raise
            self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)  # many servers send deflate without the zlib wrapper
            return self._zlib.decompress(data, max_length)
