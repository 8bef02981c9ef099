"""The exit codes, and how the program ends.

`run_program` is the one place that ends the program. The exit code is the documented one even if a standard stream is
full, closed or a broken pipe. This module loads neither Typer nor Rich, so that it can report that they are missing.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from ..errors import (
    ConfigurationError,
    ConfluenceGroupsError,
    DriftError,
    InputError,
    JournalError,
    PlanError,
    ReviewError,
)
from .rendering.error_message import print_error
from .standard_streams import guarded_streams
from .terminal import OutputError, RefusedError, print_err

FAILED = 1  # API or network error
USAGE = 2  # usage error or bad input
REFUSED = 3  # by a guard, by drift, or by the user's answer
INCOMPLETE = 4  # some changes failed or are left, or some groups could not be read
ALREADY_COMPLETE = 5  # nothing was sent, because earlier runs have finished the plan
DIFFERENT = 5  # two snapshots are different
INTERRUPTED = 130  # by Ctrl-C

BAD_INPUT = (InputError, PlanError, JournalError, ReviewError, ConfigurationError, ValueError)


def run_program(program: Callable[[], object]) -> NoReturn:
    """Run the program and exit with its code.

    If standard output cannot be written, the program stops. The code is then 2, or 0 if the reader closed the pipe, as
    ``head`` does. A failure to write standard error does not change the code.
    """
    with guarded_streams() as output:
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
    except Exception:  # print the traceback while the streams are guarded
        sys.excepthook(*sys.exc_info())
        return FAILED
    return 0


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
    if isinstance(error, JournalError) and (error.changes_sent or error.recovered is not None):
        return INCOMPLETE
    return USAGE if isinstance(error, BAD_INPUT) else FAILED
