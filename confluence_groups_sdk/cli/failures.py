"""What went wrong, in words and as an exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import typer

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
from .terminal import RefusedError, hush, in_options, say

FAILED = 1  # API or network
USAGE = 2  # or bad input
REFUSED = 3  # by a guard, by drift, by an answer
INCOMPLETE = 4  # some changes failed
INTERRUPTED = 130

BAD_INPUT = (InputError, PlanError, JournalError, ConfigurationError, ValueError)
PLAIN = ("Give the same command again, with --verbose to see more.",)


@contextmanager
def reported(*, verbose: bool) -> Iterator[None]:
    """Say what went wrong, and end with the exit code for it.

    Args:
        verbose: whether to show the whole of an answer that was no success.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:  # head, say, has seen enough
        hush()
        raise typer.Exit(0) from None
    except KeyboardInterrupt:
        say("", "interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except RefusedError as error:
        say(f"refused: {error}")
        raise typer.Exit(REFUSED) from None
    except (ConfluenceGroupsError, ValueError) as error:
        describe(error, verbose=verbose)
        raise typer.Exit(code_of(error)) from None
    except OSError as error:
        unwritable(error)
        raise typer.Exit(USAGE) from None


def unwritable(error: OSError) -> None:
    """Say why the output, or a file, cannot be written."""
    hush()
    say(f"error: {error.filename or 'output'}: it cannot be written ({error.strerror or error})")


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
