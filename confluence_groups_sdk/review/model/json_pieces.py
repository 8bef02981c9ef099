"""Read a large JSON file piece by piece, as strictly as `parse_strict`.

As one text, a file of 60 MB takes up to 240 MB, because a single emoji makes every character take four bytes; the
parsed objects come on top of that.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from ..._support.strict_json import STRICT_DECODER, ShapeError

CHUNK_BYTES = 256 * 1024
NUMBER_GOES_ON = ("", ".", "e", "E")  # perhaps, after what was read of it
SPACE = re.compile(r"[ \t\n\r]*")


class JsonPieces:
    """The content of a JSON file: call `keys` or `items` for a container to be read piece by piece, `value` for others.

    Args:
        file: the file, which must be UTF-8.
        chunk_bytes: how many bytes are read at once, at first.
    """

    def __init__(self, file: BinaryIO, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogatepass").decode
        self._chunk_bytes = chunk_bytes
        self._text = ""
        self._position = 0
        self._has_ended = False

    def value(self) -> Any:
        """Return the next value as a whole.

        Raises:
            ShapeError: it is not valid JSON.
        """
        self._next_character()
        size = self._chunk_bytes
        while True:
            try:
                value, end = STRICT_DECODER.raw_decode(self._text, self._position)
            except ShapeError:
                raise
            except (ValueError, RecursionError) as error:
                if self._has_ended:
                    raise ShapeError(f"not valid JSON ({getattr(error, 'msg', error)})") from None
            else:
                if self._has_ended or self._text[end : end + 1] not in NUMBER_GOES_ON:
                    self._position = end
                    return value
            self._read(size)
            size *= 2  # so that a long value is not parsed too often

    def keys(self, path: str) -> Iterator[str]:
        """Yield the keys of the next value, an object; after each key, its value must be taken.

        Args:
            path: the object's path in the file, for messages.

        Raises:
            ShapeError: the value is not an object, is not valid JSON, or has a key twice.
        """
        seen: set[str] = set()
        for _ in self._parts("{", "}", f"{path}: must be an object"):
            if self._next_character() != '"':
                raise ShapeError("not valid JSON (Expecting property name enclosed in double quotes)")
            key: str = self.value()
            if key in seen:
                raise ShapeError(f"{key}: occurs twice in one object")
            seen.add(key)
            self._expect(":")
            yield key

    def items(self, path: str) -> Iterator[str]:
        """Yield the paths of the items of the next value, a list; after each path, the item must be taken.

        Args:
            path: the list's path in the file, for messages.

        Raises:
            ShapeError: the value is not a list, or is not valid JSON.
        """
        for number in self._parts("[", "]", f"{path}: must be a list"):
            yield f"{path}[{number}]"

    def end(self) -> None:
        """Check that nothing follows.

        Raises:
            ShapeError: something follows.
        """
        if self._next_character():
            raise ShapeError("not valid JSON (Extra data)")

    def _parts(self, opening: str, closing: str, wrong: str) -> Iterator[int]:
        if self._next_character() != opening:
            self.value()  # raises an error if it is not even JSON
            raise ShapeError(wrong)
        self._position += 1
        number = 0
        if self._next_character() != closing:
            while True:
                yield number
                number += 1
                if self._next_character() == closing:
                    break
                self._expect(",")
        self._position += 1

    def _expect(self, character: str) -> None:
        if self._next_character() != character:
            raise ShapeError(f"not valid JSON (Expecting '{character}' delimiter)")
        self._position += 1

    def _next_character(self) -> str:
        """Skip white space, and return the character after it without taking it; nothing at the end."""
        while True:
            found = SPACE.match(self._text, self._position)
            assert found is not None, "it also matches nothing"
            self._position = found.end()
            if self._position < len(self._text) or self._has_ended:
                return self._text[self._position : self._position + 1]
            self._read(self._chunk_bytes)

    def _read(self, size: int) -> None:
        """Read more of the file, and forget what was taken."""
        data = self._file.read(size) or b""  # a file of the kernel may have nothing to read at the moment
        self._has_ended = not data
        try:
            more = self._decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise ShapeError(f"not valid JSON ({error.reason})") from None
        self._text = self._text[self._position :] + more
        self._position = 0
