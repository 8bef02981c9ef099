"""Print an error for a user at a shell."""

from __future__ import annotations

from http import HTTPStatus

from ...errors import (
    APIError,
    ConfigurationError,
    ConfluenceGroupsError,
    DriftError,
    IncompleteReadError,
    InputError,
    KnownProblem,
    ReviewError,
)
from ..terminal import CLI_OPTIONS, print_err

REMEDIES = {
    KnownProblem.AUTH_MISMATCH: (
        "E-mail and token belong to different accounts, or a token with scopes was sent to the site's own address. "
        "Send such a token through the gateway: give --cloud-id instead of --site."
    ),
    KnownProblem.BEARER_TOKEN_AT_SITE: (
        "A site does not accept bearer tokens: set CONFLUENCE_EMAIL and CONFLUENCE_API_TOKEN instead of "
        "CONFLUENCE_ACCESS_TOKEN, or give --cloud-id instead of --site if it is an OAuth 2.0 access token."
    ),
    KnownProblem.PASSWORD_NOT_ACCEPTED: (
        "Confluence Cloud accepts no passwords: create an API token at id.atlassian.com for CONFLUENCE_API_TOKEN, or "
        "log in with it. It says the same of an API token that is wrong, expired or revoked: check e-mail and token."
    ),
}
"""The remedies that differ on a command line, because those of the errors name Python functions."""


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
    elif isinstance(error, InputError | ReviewError | ConfigurationError) and error.problems:
        print_err(f"error: {message_of(error)}", *(f"  {problem}" for problem in error.problems))
    else:
        first, *others = str(error).splitlines() or [type(error).__name__]
        print_err(f"error: {first}", *others)
    print_err(*(f"  {note}" for note in getattr(error, "__notes__", ())))
    if isinstance(error, IncompleteReadError):
        print_err(f"  {len(error.received)} were read before that; the list above is not complete")
    reading = error.__cause__ if isinstance(error, InputError) else error
    if isinstance(reading, IncompleteReadError) and reading.option == "max_list_items":
        print_err("  what to do: the commands have no option for this limit; write a program that sets it")
    if isinstance(error, ConfluenceGroupsError) and error.option in CLI_OPTIONS:
        print_err(f"  option: {CLI_OPTIONS[error.option]}")


def message_of(error: InputError | ReviewError | ConfigurationError) -> str:
    """Return the message of an error without its problems, which ``str`` shortens."""
    return str(error.args[0]) if error.args else ""


def _print_drift(error: DriftError) -> None:
    print_err("error: nothing was sent: memberships have changed since the plan was made")
    print_err(*(f"  {line}" for line in error.differences))
    print_err("  what to do: make a new plan, or make the changes that still apply with --on-drift continue")


def _print_api_error(error: APIError, *, verbose: bool) -> None:
    call = f"{error.method} {error.path}: " if error.method else ""
    message = f": {error.message}" if error.message else ""
    print_err(f"error: {call}{error.summary}{message}")
    if remedy := remedy_for(error):
        print_err(f"  what to do: {remedy}")
    if error.retry_after is not None:
        print_err(f"  the site asks to wait {error.retry_after:.0f} s")
    if error.request_id:
        print_err(f"  request id: {error.request_id}")
    if verbose and error.status_code is not None:
        _print_response(error, error.status_code)


def remedy_for(error: APIError) -> str:
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
