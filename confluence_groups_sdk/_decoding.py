"""Undoing the compression of a body, never by more than asked for at a time.

httpx decodes a part of the body whole, however much comes of it, and as often as the header says; here a part that
decodes to too much, or to nothing at all, is seen at once.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

GZIP = 16 + zlib.MAX_WBITS
WINDOWS = {"gzip": GZIP, "x-gzip": GZIP, "deflate": zlib.MAX_WBITS}
NOT_ASKED_FOR = frozenset({"br", "zstd", "compress", "x-compress"})


class UndecodableError(Exception):
    """A body is not compressed as its header says, or in a way that was not asked for."""


class Decoder:
    """Decodes one body, part by part.

    Raises:
        UndecodableError: it is compressed more than once, or in a way that was not asked for.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        codings = [each.strip().lower() for each in headers.get("content-encoding", "").split(",")]
        compressed = [each for each in codings if each in WINDOWS or each in NOT_ASKED_FOR]
        if len(compressed) > 1 or not NOT_ASKED_FOR.isdisjoint(compressed):
            raise UndecodableError
        self._coding = compressed[0] if compressed else None  # another word in that header is no compression
        self._zlib = zlib.decompressobj(WINDOWS[self._coding]) if self._coding else None
        self._begun = False

    def decode(self, data: bytes, most: int) -> bytes:
        """Return what a part decodes to, cut at ``most`` bytes, 1 or more; what is cut off is lost.

        Raises:
            UndecodableError: it is not compressed as the header says.
        """
        if self._zlib is None:
            return data[:most]
        if self._zlib.eof:
            return b""  # what follows the end means nothing
        try:
            return self._inflated(data, most)
        except zlib.error:
            raise UndecodableError from None

    def end(self) -> None:
        """Make sure that the body is whole.

        Raises:
            UndecodableError: it breaks off.
        """
        if self._zlib is not None and self._begun and not self._zlib.eof:
            raise UndecodableError

    def _inflated(self, data: bytes, most: int) -> bytes:
        assert self._zlib is not None, "called where there is something to inflate"
        first, self._begun = not self._begun, True
        try:
            return self._zlib.decompress(data, most)
        except zlib.error:
            if not (first and self._coding == "deflate"):
                raise
            self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)  # many servers leave out the wrapping of deflate
            return self._zlib.decompress(data, most)
