"""Guard standard output and error, so that a full, closed or broken stream does not change the exit code."""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from .terminal import OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class StandardStream(io.FileIO):
    """Standard output or error that reports the first failed write and discards everything after it.

    Without it, the interpreter flushes the lost bytes again at exit, fails again, and exits with code 120.
    """

    def __init__(self, descriptor: int, *, raises: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._raises = raises
        self.failure: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write bytes; after a failure, discard them."""
        if self.failure is None:
            try:
                while (written := super().write(data)) is None:  # a full pipe that does not block
                    select.select([], [self], [])
                return written
            except OSError as error:
                self.failure = error
                if self._raises:
                    raise OutputError from error
        return memoryview(data).nbytes


@contextmanager
def guarded_streams() -> Iterator[StandardStream | None]:
    """Guard the standard streams, and yield standard output's guard: None if it is not a file of this process."""
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115 - open as long as the program
    sys.stdout, output = _guard(sys.stdout, raises=True)
    sys.stderr, _ = _guard(sys.stderr, raises=False)
    try:
        yield output
        sys.stderr.flush()
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


def _guard(stream: TextIO | None, *, raises: bool) -> tuple[TextIO, StandardStream | None]:
    """Return a stream to print to in place of a standard stream.

    Args:
        stream: the standard stream; None if it was closed when the program started, as by ``>&-``.
        raises: whether the first failure to write raises `OutputError`.
    """
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8"), None
    raw = getattr(getattr(stream, "buffer", None), "raw", None) or getattr(stream, "buffer", None)
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(raw, io.FileIO):
        return stream, None  # a test's buffer, or a Windows console, which is never full
    guard = StandardStream(raw.fileno(), raises=raises)
    lines = stream.line_buffering or stream.write_through
    # Names may hold characters that the terminal's encoding lacks: print them as escapes.
    text = io.TextIOWrapper(
        io.BufferedWriter(guard), stream.encoding, "backslashreplace", newline="\n", line_buffering=lines
    )
    return text, guard
