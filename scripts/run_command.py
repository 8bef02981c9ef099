"""Run a script's `main` and exit with its code, even if a standard stream is full, closed or a broken pipe."""

from __future__ import annotations

import errno
import io
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

USAGE = 2  # also: a file or the output cannot be read or written
INTERRUPTED = 130


class StandardStream(io.FileIO):
    """Standard output or error that remembers the first failed write and discards everything after it.

    Without it, the interpreter flushes the lost bytes again at exit, fails again, and exits with code 120.
    """

    failure: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write bytes; after a failure, discard them."""
        if self.failure is None:
            try:
                while (written := super().write(data)) is None:  # a full pipe that does not block
                    select.select([], [self], [])
                return written
            except OSError as error:
                self.failure = error
        return memoryview(data).nbytes


def exit_on_interrupt() -> None:
    """Let Ctrl-C end the process without a traceback while its modules are loaded, until `run_command` takes over."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _exit_interrupted)


def _exit_interrupted(_signal: int, _frame: object) -> NoReturn:
    os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)


def run_command(main: Callable[[], int | None]) -> NoReturn:
    """Run `main` and exit with the code it returns; None means 0.

    A file that cannot be read or written ends the script with code 2, Ctrl-C with code 130. If `main` returns 0 but
    standard output could not be written, the code is 2; a reader that closed the pipe, as ``head`` does, is no failure.
    """
    if signal.getsignal(signal.SIGINT) is _exit_interrupted:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdout, output = _guard(sys.stdout)
    sys.stderr, _ = _guard(sys.stderr)
    code = _code_of_run(main)
    try:
        sys.stdout.flush()
    except KeyboardInterrupt:  # nobody reads the pipe
        code = INTERRUPTED
        if output is not None:
            output.failure = OSError(errno.EPIPE, "interrupted")  # discard the rest
    failure = output and output.failure
    if failure and failure.errno != errno.EPIPE and code == 0:
        print(f"error: the output cannot be written: {failure.strerror}", file=sys.stderr)
        code = USAGE
    sys.stderr.flush()
    sys.exit(code)


def _code_of_run(main: Callable[[], int | None]) -> int:
    try:
        return main() or 0
    except OSError as error:
        print(f"error: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1


def _guard(stream: TextIO | None) -> tuple[TextIO, StandardStream | None]:
    """Return a stream to print to in place of a standard stream, which is None if it was closed from the start."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8"), None
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(_raw(stream), io.FileIO):
        return stream, None  # a Windows console, which is never full
    guard = StandardStream(stream.fileno(), "w", closefd=False)
    # Names in the input may hold characters that the terminal's encoding lacks: print them as escapes.
    text = io.TextIOWrapper(
        io.BufferedWriter(guard),
        stream.encoding,
        "backslashreplace",
        line_buffering=stream.line_buffering or stream.write_through,
    )
    return text, guard


def _raw(stream: io.TextIOWrapper) -> object:
    return getattr(stream.buffer, "raw", stream.buffer)
