"""Say in an error whether the change may have been made although the call failed."""

from __future__ import annotations

from typing import Any

from .._support.libraries.http import httpx
from .._support.text import format_count
from ..errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    KnownProblem,
    ResponseValidationError,
    ServerError,
)
from .api.operations import Call
from .transport.replies import NoResponse, response_in

NOTHING_SENT = "Nothing was sent. "
NOT_CARRIED_OUT = "The call was not carried out. "
CLOSED_REMEDY = "Send the call with a client that is open."
REPEATABLE_REMEDY = "You may also send the call again, which does no harm."
REPEATABLE_TIMEOUT_REMEDY = "You may also send the call again, which does no harm, and allow more time."


def is_response_to(response: httpx.Response, request: httpx.Request) -> bool:
    """Check that a response answers this request, and not one that the credentials sent before it."""
    return response.request is request or response.request.url == request.url


def may_have_made_change(call: Call[Any], request: httpx.Request, reply: object) -> bool:
    """Check whether an attempt may have made a change: it was sent, and got no response or a 5xx."""
    if not call.writes:
        return False
    response = response_in(reply)
    if response is None:
        return isinstance(reply, NoResponse) and not reply.failure.unsent and reply.is_about(request)
    return response.status_code >= 500 and is_response_to(response, request)


def describe_failure(reply: NoResponse, request: httpx.Request) -> tuple[str, str | None]:
    """Return the summary and the remedy of the error for a call that got no response."""
    summary = f"no response ({type(reply.cause).__name__})"
    if reply.problem:
        summary = f"{summary}: {reply.problem}"
    if reply.failure.unsent:
        return summary, f"{NOT_CARRIED_OUT if reply.renewing else NOTHING_SENT}{reply.remedy}"
    return summary, reply.remedy if reply.is_about(request) else f"{NOT_CARRIED_OUT}{reply.remedy}"


def describe_closing(*, unsent: bool, attempt: int) -> tuple[str, str]:
    """Return the summary and the remedy of the error for a call that ended because its client was closed.

    Args:
        unsent: whether the attempt sent nothing.
        attempt: the attempt's number, from 1.
    """
    if not unsent:
        return "the client was closed before the response came", CLOSED_REMEDY
    if attempt == 1:
        return "the client was closed before the call was sent", f"{NOTHING_SENT}{CLOSED_REMEDY}"
    return "the client was closed before the call was sent again", CLOSED_REMEDY


def mark_outcome_unknown(call: Call[Any], error: APIError) -> APIError:
    """Warn in the error's remedy if the change may have been made and must not be made twice; return the error."""
    if not call.repeatable and isinstance(error, ServerError | APIConnectionError | ResponseValidationError):
        set_problem(error, KnownProblem.OUTCOME_UNKNOWN)
    return error


def set_problem(error: APIError, problem: KnownProblem) -> None:
    """Give an error a known problem and its remedy."""
    error.problem = problem
    error.remedy = problem.remedy


def record_unanswered(call: Call[Any], error: APIError, unanswered: int, *, earlier: int) -> None:
    """Record in the final error how many attempts at a change got no answer, and say so in its remedy.

    Args:
        call: the call.
        error: its final error.
        unanswered: the number of attempts that may have made the change.
        earlier: how many of them came before the attempt that the error is about.
    """
    error.unanswered_attempts = unanswered
    if not unanswered:
        return
    check = f" Check with {call.check}." if call.check else ""
    if error.problem is KnownProblem.OUTCOME_UNKNOWN:
        error.remedy += check
    elif earlier < unanswered:
        attempts = "" if unanswered == 1 else f" by one of {unanswered} attempts"
        error.remedy = f"The change may have been made{attempts}.{check} {_remedy_after_doubt(error)}"
    else:
        attempts = "An earlier attempt" if earlier == 1 else format_count(earlier, "earlier attempt")
        remedy = error.remedy.removeprefix(NOTHING_SENT).removeprefix(NOT_CARRIED_OUT)  # true of the last attempt only
        error.remedy = f"{attempts} went unanswered, so the change may have been made.{check} {remedy}"


def _remedy_after_doubt(error: APIError) -> str:
    """Return what else to do about a repeatable change whose last attempt went unanswered."""
    if isinstance(error, APITimeoutError):
        return REPEATABLE_TIMEOUT_REMEDY
    return REPEATABLE_REMEDY if isinstance(error, APIConnectionError) else error.remedy
