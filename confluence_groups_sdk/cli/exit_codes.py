"""Exit codes, and the error messages printed with them.

`run_program` is the one place that ends the program. The exit code is the documented one even if a standard stream is
full, closed or a broken pipe. This module loads neither Typer nor Rich, so that it can report that they are missing.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
    KnownProblem,
    PlanError,
)
from .terminal import CLI_OPTIONS, OutputError, RefusedError, print_err

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

FAILED = 1  # API or network error
USAGE = 2  # usage error or bad input
REFUSED = 3  # by a guard, by drift, or by the user's answer
INCOMPLETE = 4  # some changes failed or are left
INTERRUPTED = 130  # by Ctrl-C

BAD_INPUT = (InputError, PlanError, JournalError, ConfigurationError, ValueError)
REMEDIES = {
    KnownProblem.AUTH_MISMATCH: (
        "E-mail and token belong to different accounts, or a token with scopes was sent to the site's own address. "
        "Send such a token through the gateway: give --cloud-id instead of --site."
    ),
}
"""The remedies that differ on a command line, because the errors' own name Python's means."""


class StandardStream(io.FileIO):
    """Standard output or error that fails at most once and discards everything after that.

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
                return super().write(data)
            except OSError as error:
                self.failure = error
                if self._raises:
                    raise OutputError from error
        return memoryview(data).nbytes


def run_program(program: Callable[[], object]) -> NoReturn:
    """Run the program and exit with its code.

    If standard output cannot be written, the program stops. The code is then 2, or 0 if the reader closed the pipe, as
    ``head`` does. Nothing depends on whether standard error can be written.
    """
    with _guarded_streams() as output:
        code = _code_of_run(program)
        with suppress(OutputError):
            sys.stdout.flush()
        failure = output.failure if output is not None else None
        if failure is not None and failure.errno != errno.EPIPE and code == 0:
            print_err(f"error: the output cannot be written: {failure.strerror}")
            code = USAGE
    sys.exit(code)


def _code_of_run(program: Callable[[], object]) -> int:
    try:
        program()
    except OutputError:
        return 0
    except KeyboardInterrupt:  # while modules load; commands report their own interruption
        print_err("", "interrupted")
        return INTERRUPTED
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print_err(str(end.code))
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
    # A name may contain characters that the terminal's encoding lacks: print their escapes.
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
        print_err("", "interrupted")
        sys.exit(INTERRUPTED)
    except RefusedError as error:
        print_err(f"refused: {error}")
        sys.exit(REFUSED)
    except (ConfluenceGroupsError, ValueError) as error:
        print_error(error, verbose=verbose)
        sys.exit(exit_code_of(error))
    except OSError as error:
        print_err(f"error: {error.filename or 'a file'}: cannot be written ({error.strerror or error})")
        sys.exit(USAGE)


def exit_code_of(error: Exception) -> int:
    """Return the exit code for an error."""
    if isinstance(error, DriftError):
        return REFUSED
    return USAGE if isinstance(error, BAD_INPUT) else FAILED


def print_error(error: Exception, *, verbose: bool) -> None:
    """Print an error: what happened, what to do, the option concerned, and the request id.

    Args:
        error: the error.
        verbose: whether to print the whole failed response.
    """
    if isinstance(error, DriftError):
        _print_drift(error)
    elif isinstance(error, APIError):
        _print_api_error(error, verbose=verbose)
    else:
        first, *others = str(error).splitlines() or [type(error).__name__]
        print_err(f"error: {first}", *others)
    if isinstance(error, IncompleteReadError):
        print_err(f"  {len(error.received)} were read before that; the list above is not complete")
    if isinstance(error, ConfluenceGroupsError) and error.option in CLI_OPTIONS:
        print_err(f"  option: {CLI_OPTIONS[error.option]}")


def _print_drift(error: DriftError) -> None:
    print_err("error: nothing was sent: memberships have changed since the plan was made")
    print_err(*(f"  {line}" for line in error.differences))
    print_err("  what to do: make a new plan, or make the changes that still apply with --on-drift continue")


def _print_api_error(error: APIError, *, verbose: bool) -> None:
    call = f"{error.method} {error.path}: " if error.method else ""
    message = f": {error.message}" if error.message else ""
    print_err(f"error: {call}{error.summary}{message}")
    if remedy := _remedy_for(error):
        print_err(f"  what to do: {remedy}")
    if error.retry_after is not None:
        print_err(f"  the site asks to wait {error.retry_after:.0f} s")
    if error.request_id:
        print_err(f"  request id: {error.request_id}")
    if verbose and error.status_code is not None:
        _print_response(error, error.status_code)


def _remedy_for(error: APIError) -> str:
    """Return the command line's own remedy for a known problem, or else the error's remedy."""
    own = REMEDIES.get(error.problem) if error.problem else None
    return own or error.remedy


def _print_response(error: APIError, status: int) -> None:
    print_err(f"  response status: {status} {_phrase_of(status)}".rstrip())
    print_err("  response headers:", *(f"    {name}: {value}" for name, value in error.headers.items()))
    print_err("  response body:", *(f"    {line}" for line in (error.body or "").splitlines()))


def _phrase_of(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
