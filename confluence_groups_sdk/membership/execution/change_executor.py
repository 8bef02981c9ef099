"""Making one change and finding out what became of it; this needs no plan and no journal, so any process can do it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from attrs import evolve

from ..._core.call_metadata import CallMetadata, RateLimitInfo, current_call_metadata
from ..._support.concurrency.threads import map_in_threads
from ..._support.public import public
from ...client import ConfluenceGroups
from ...errors import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    BadRequestError,
    ClientClosedError,
    GoneError,
    IncompleteReadError,
    KnownProblem,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResponseValidationError,
    ServerError,
)
from ..model.changes import Action, Change, Outcome, Result
from ..planning.reading.group_lookup import find_group
from ..planning.reading.read_errors import concerns_site

FATAL_ERRORS = (AuthenticationError, PermissionDeniedError, GoneError, ClientClosedError)
"""Errors that every other change would also meet.

Sources in docs/confluence-behaviour.md: #authentication for 401, #permissions for 403, #operations for 410.
"""
TEMPORARY_ERRORS = (RateLimitError, APIConnectionError)
"""Errors after which a resumed run tries the change again."""

OpenClient = Callable[[], ConfluenceGroups]

_clients: dict[str, ConfluenceGroups] = {}
_clients_lock = threading.Lock()


class PerProcessClient:
    """Opens one client in each process, with a factory that can be pickled.

    Args:
        factory: such as ``functools.partial(ConfluenceGroups.from_env)``, which finds its credentials where it runs.
    """

    def __init__(self, factory: OpenClient) -> None:
        self._factory = factory
        self._name = uuid4().hex

    def __call__(self) -> ConfluenceGroups:
        with _clients_lock:
            if self._name not in _clients:
                _clients[self._name] = self._factory()
            return _clients[self._name]


@public
def perform(open_client: OpenClient, change: Change) -> Result:
    """Make one change (removeMemberFromGroupByGroupId, addUserToGroupByGroupId).

    Check before that the user is a member if the change is a removal, and is not one if it is an addition.

    Args:
        open_client: returns the client to use: one that all threads share or, in another process, one that is opened
            there (see `PerProcessClient`).
        change: the change to make.

    Returns:
        What became of the change. It contains API errors, which are not raised.
    """
    client = open_client()
    metadata = CallMetadata()
    token = current_call_metadata.set(metadata)
    try:
        result = _remove(client, change, metadata) if change.action is Action.REMOVE else _add(client, change)
    finally:
        current_call_metadata.reset(token)
    limits = metadata.limits
    if result.limits.retry_after is not None:
        limits = limits._replace(retry_after=result.limits.retry_after)
    return evolve(result, request_id=result.request_id or metadata.request_id, limits=limits)


def _remove(client: ConfluenceGroups, change: Change, metadata: CallMetadata) -> Result:
    try:
        client.remove_member(group_id=change.group_id, account_id=change.account_id)
    except NotFoundError as error:
        return _explain_not_found(client, change, error)
    except APIError as error:
        # An earlier attempt whose response was lost may have removed the member, even if this response denies it.
        if metadata.outcome_unknown or _is_outcome_unknown(error):
            return _look_up_outcome(client, change, error)
        return _failure(change, error)
    except ValueError as error:
        return _failure(change, error)
    return Result(change=change, outcome=Outcome.REMOVED)


def _add(client: ConfluenceGroups, change: Change) -> Result:
    try:
        client.add_member(group_id=change.group_id, account_id=change.account_id)
    except BadRequestError as error:
        return _explain_bad_request(client, change, error)
    except APIError as error:
        return _look_up_outcome(client, change, error) if _is_outcome_unknown(error) else _failure(change, error)
    except ValueError as error:
        return _failure(change, error)
    return Result(change=change, outcome=Outcome.ADDED)


def _is_outcome_unknown(error: APIError) -> bool:
    """Check whether an error leaves open whether the change was made (docs/confluence-behaviour.md#retries)."""
    if isinstance(error, APIConnectionError):
        # Otherwise, nothing was sent.
        return error.unanswered_attempts > 0 or error.problem is KnownProblem.OUTCOME_UNKNOWN
    return isinstance(error, ServerError | ResponseValidationError)


def _explain_not_found(client: ConfluenceGroups, change: Change, error: NotFoundError) -> Result:
    """Find out whether the group or the user is unknown; both get 404 (docs/confluence-behaviour.md#operations)."""
    try:
        group = find_group(client, change.group_id)
    except APIError as lookup_error:
        return evolve(_failure(change, error), final=False, stops=isinstance(lookup_error, FATAL_ERRORS))
    if group is None:
        return _failure(change, error)
    if error.unanswered_attempts:  # one of them may have removed the user
        return _look_up_outcome(client, change, error)
    return Result(
        change=change,
        outcome=Outcome.NOT_A_MEMBER,
        error=f"the server does not know this user: {error}",
        error_type=type(error).__name__,
        request_id=error.request_id,
    )


def _explain_bad_request(client: ConfluenceGroups, change: Change, error: BadRequestError) -> Result:
    """Find out whether the user was a member before, which may get 400 (docs/confluence-behaviour.md#operations)."""
    try:
        is_member = client.is_member(group_id=change.group_id, account_id=change.account_id)
    except (APIError, IncompleteReadError):
        is_member = False
    if not is_member:
        return _failure(change, error)
    return Result(change=change, outcome=Outcome.ALREADY_A_MEMBER, request_id=error.request_id)


def _look_up_outcome(client: ConfluenceGroups, change: Change, error: APIError) -> Result:
    """Find out whether a change was made whose response was lost.

    If the membership looks unchanged, the change may have been made nevertheless, because lists lag behind
    (docs/confluence-behaviour.md#eventual-consistency). It then stays in doubt.
    """
    # Without the error's remedy, which says to look at the site: applying the plan again settles the change.
    lost = evolve(_failure(change, error), error=error.description, settled=True, final=False)
    try:
        is_member = client.is_member(group_id=change.group_id, account_id=change.account_id)
    except (APIError, IncompleteReadError) as lookup_error:
        stops = lost.stops or isinstance(lookup_error, FATAL_ERRORS)
        return evolve(lost, outcome=Outcome.UNKNOWN, stops=stops)
    if is_member is (change.action is Action.REMOVE):
        return lost
    outcome = Outcome.REMOVED if change.action is Action.REMOVE else Outcome.ADDED
    return Result(
        change=change,
        outcome=outcome,
        settled=True,
        request_id=error.request_id,
        limits=lost.limits,
    )


def mark_settled(result: Result) -> Result:
    """Return the result of a change that an earlier run may have made."""
    if result.outcome is Outcome.ALREADY_A_MEMBER:
        return evolve(result, outcome=Outcome.ADDED, settled=True)
    if result.outcome in (Outcome.REMOVED, Outcome.ADDED) or not result.final:
        return evolve(result, settled=True)
    return result


def interpret_repeated_call(result: Result) -> Result:
    """Return the result of a change that an executor may have made twice, of which this is the second result.

    Before it was sent, the groups were read: a user to add was no member, and a user to remove was one.
    """
    outcomes = {Outcome.ALREADY_A_MEMBER: Outcome.ADDED, Outcome.NOT_A_MEMBER: Outcome.REMOVED}
    if result.outcome not in outcomes:
        return result
    return evolve(result, outcome=outcomes[result.outcome], settled=True, error=None, error_type=None)


class DoubtfulChanges:
    """Changes of which a foreign executor does not say whether they were made; they are to be looked up."""

    def __init__(self) -> None:
        self._failures: dict[Change, Result | None] = {}

    def add(self, change: Change) -> None:
        """Note a change that the executor cancelled, lost or repeated."""
        self._failures.setdefault(change, None)

    def note(self, result: Result, *, repeated: bool) -> Result:
        """Return a result from a foreign executor, in doubt until the change is looked up, if that is necessary.

        Args:
            result: the result.
            repeated: whether the executor may have made the call before.
        """
        if result.in_doubt:
            self._failures[result.change] = None
        elif repeated and result.outcome is Outcome.FAILED:
            self._failures[result.change] = result
            return evolve(result, settled=True, final=False)
        return result

    def look_up(self, client: ConfluenceGroups, is_interrupted_again: Callable[[], bool]) -> list[Result]:
        """Return results for the changes whose memberships could be read; the others stay in doubt.

        Args:
            client: reads the memberships.
            is_interrupted_again: whether to look up no more.
        """
        failures, self._failures = self._failures, {}
        unreachable: list[bool] = []  # has an item once the site cannot be read

        def look_up(change: Change) -> Result | None:
            if unreachable or is_interrupted_again():
                return None
            failure = failures[change]
            try:
                made = _was_made(client, change)
            except (APIError, IncompleteReadError, ValueError) as error:
                if concerns_site(error):
                    unreachable.append(True)
                return None
            if not made:
                return failure
            outcome = Outcome.REMOVED if change.action is Action.REMOVE else Outcome.ADDED
            return Result(change=change, outcome=outcome, settled=True)

        return [result for result in map_in_threads(look_up, list(failures)) if result]


def _was_made(client: ConfluenceGroups, change: Change) -> bool:
    """Read whether a change shows. A user may be absent because the group is, which then is no removal."""
    if client.is_member(group_id=change.group_id, account_id=change.account_id):
        return change.action is Action.ADD
    return change.action is Action.REMOVE and find_group(client, change.group_id) is not None


def _failure(change: Change, error: APIError | ValueError) -> Result:
    details: dict[str, Any] = {"error": str(error), "error_type": type(error).__name__}
    if isinstance(error, APIError):
        details["request_id"] = error.request_id
    if isinstance(error, RateLimitError):
        details |= {"rate_limited": True, "limits": RateLimitInfo(retry_after=error.retry_after)}
    stops = isinstance(error, FATAL_ERRORS) and not _concerns_one_group(error)
    final = not stops and not isinstance(error, TEMPORARY_ERRORS)
    return Result(change=change, outcome=Outcome.FAILED, final=final, stops=stops, **details)


def _concerns_one_group(error: APIError | ValueError) -> bool:
    """Check whether only this group refuses changes; its status is not known: docs/confluence-behaviour.md#errors."""
    return isinstance(error, APIError) and error.problem is KnownProblem.EXTERNALLY_MANAGED
