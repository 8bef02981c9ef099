"""Exit codes, and the error messages printed with them.

`run_program` is the one place that ends the program. The exit code is the documented one even if a standard stream is
full, closed or a broken pipe. This module loads neither Typer nor Rich, so that it can report that they are missing.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn, TextIO

from ..errors import (
    APIError,
    ConfigurationError,
    ConfluenceGroupsError,
    DriftError,
    IncompleteReadError,
    InputError,
    JournalError,
    PlanError,
)
from .terminal import OutputError, RefusedError, in_options, say

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

FAILED = 1  # API or network
USAGE = 2  # or bad input
REFUSED = 3  # by a guard, by drift, by an answer
INCOMPLETE = 4  # some changes failed
INTERRUPTED = 130

BAD_INPUT = (InputError, PlanError, JournalError, ConfigurationError, ValueError)
PLAIN = ("Give the same command again, with --verbose to see more.",)


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


def run_program(program: Callable[[], object]) -> NoReturn:
    """Run the program and exit with its code.

    If standard output cannot be written, the program stops. The code is then 2, or 0 if the reader closed the pipe, as
    ``head`` does. A failure to write standard error does not change the code.
    """
    with _guarded_streams() as output:
        code = _code_of_run(program)
        try:
            sys.stdout.flush()
        except OutputError:
            pass
        except KeyboardInterrupt:  # nobody reads the pipe
            code = INTERRUPTED
            if output is not None:
                output.failure = OSError(errno.EPIPE, "interrupted")  # discard the rest
        failure = output.failure if output is not None else None
        if failure is not None and failure.errno != errno.EPIPE and code == 0:
            say(f"error: the output cannot be written: {failure.strerror}")
            code = USAGE
    sys.exit(code)


def _code_of_run(program: Callable[[], object]) -> int:
    try:
        program()
    except OutputError:
        return 0
    except KeyboardInterrupt:  # while modules load; commands report their own interruption
        say("", "interrupted")
        return INTERRUPTED
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        say(str(end.code))
        return FAILED
    except Exception:  # print the traceback while the streams are guarded
        sys.excepthook(*sys.exc_info())
        return FAILED
    return 0


@contextmanager
def _guarded_streams() -> Iterator[StandardStream | None]:
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


@contextmanager
def reported(*, verbose: bool) -> Iterator[None]:
    """Print the error that ends a command, and exit with its code.

    Args:
        verbose: whether to print the whole failed response.
    """
    try:
        yield
    except KeyboardInterrupt:
        say("", "interrupted")
        sys.exit(INTERRUPTED)
    except RefusedError as error:
        say(f"refused: {error}")
        sys.exit(REFUSED)
    except (ConfluenceGroupsError, ValueError) as error:
        describe(error, verbose=verbose)
        sys.exit(code_of(error))
    except OSError as error:
        say(f"error: {error.filename or 'a file'}: cannot be written ({error.strerror or error})")
        sys.exit(USAGE)


def code_of(error: Exception) -> int:
    """Return the exit code for an error."""
    if isinstance(error, DriftError):
        return REFUSED
    return USAGE if isinstance(error, BAD_INPUT) else FAILED


def describe(error: Exception, *, verbose: bool) -> None:
    """Print an error: what happened, what to do, and by which id support finds it."""
    if isinstance(error, APIError):
        _describe_call(error, verbose=verbose)
    elif isinstance(error, DriftError):
        say("error: nothing was sent: memberships have changed since the plan was made")
        say(*(f"  {line}" for line in error.differences))
        say("  what to do: make a new plan, or --on-drift continue with what is still true")
    else:
        first, *others = in_options(str(error)).splitlines() or [type(error).__name__]
        say(f"error: {first}", *others)
        if isinstance(error, IncompleteReadError):
            say(f"  {len(error.received)} were read before that; the list above is not whole")


def _describe_call(error: APIError, *, verbose: bool) -> None:
    said = f": {error.message}" if error.message else ""
    call = f"{error.method} {error.path}: " if error.method else ""
    say(f"error: {call}{error.summary}{said}")
    if error.remedy:
        say(f"  what to do: {in_options(error.remedy)}")
    if error.retry_after is not None:
        say(f"  the site asks to wait {error.retry_after:.0f} s")
    if error.request_id:
        say(f"  request id: {error.request_id}")
    if verbose and error.status_code is not None:
        say(f"  response status: {error.status_code} {_phrase(error.status_code)}".rstrip(), "  response headers:")
        say(*(f"    {name}: {value}" for name, value in error.headers.items()))
        say("  response body:", *(f"    {line}" for line in (error.body or "").splitlines()))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
