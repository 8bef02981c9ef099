"""One change, carried out and called by its true name. It knows nothing of plans and journals: it may run anywhere."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from attrs import evolve

from .._headers import Limits
from .._heard import Heard, hearing
from ..client import ConfluenceGroups
from ..errors import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    BadRequestError,
    GoneError,
    IncompleteReadError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResponseValidationError,
    ServerError,
)
from .changes import Action, Change, Outcome, Result
from .live import group_or_none

HITS_ALL = (AuthenticationError, PermissionDeniedError, GoneError)
"""What would happen to every other change, too."""
LOST = (ServerError, APIConnectionError, ResponseValidationError)
"""What says nothing about whether the change was made."""

OpenClient = Callable[[], ConfluenceGroups]

_clients: dict[str, ConfluenceGroups] = {}
_opening = threading.Lock()


def perform(open_client: OpenClient, change: Change) -> Result:
    """Carry out one change (removeMemberFromGroupByGroupId, addUserToGroupByGroupId).

    The person is supposed to be a member where he is to be removed, and none where he is to be added: whoever calls
    this has looked.

    Args:
        open_client: gives the client to use: the one that all threads share, or, in another process, one that is built
            there (see `OncePerProcess`).
        change: what to do.

    Returns:
        What became of it; errors of the API are in it and not raised.
    """
    client = open_client()
    heard = Heard()
    reset = hearing.set(heard)
    try:
        result = _removed(client, change, heard) if change.action is Action.REMOVE else _added(client, change)
    finally:
        hearing.reset(reset)
    limits = heard.limits
    if result.limits.retry_after is not None:
        limits = limits._replace(retry_after=result.limits.retry_after)
    return evolve(result, request_id=result.request_id or heard.request_id, limits=limits)


class OncePerProcess:
    """Gives each process a client of its own, built once, from a factory that can be pickled.

    Args:
        factory: such as ``functools.partial(ConfluenceGroups.from_env)``: it finds its credentials where it runs.
    """

    def __init__(self, factory: OpenClient) -> None:
        self._factory = factory
        self._name = uuid4().hex

    def __call__(self) -> ConfluenceGroups:
        with _opening:
            if self._name not in _clients:
                _clients[self._name] = self._factory()
            return _clients[self._name]


def _removed(client: ConfluenceGroups, change: Change, heard: Heard) -> Result:
    try:
        client.remove_member(group_id=change.group_id, account_id=change.account_id)
    except NotFoundError as error:
        return _absent(client, change, error)
    except APIError as error:
        if heard.lost or isinstance(error, LOST):  # an earlier attempt may have been made, whatever the last one says
            return _settled(client, change, error)
        return _failed(change, error)
    except ValueError as error:
        return _failed(change, error)
    return Result(change=change, outcome=Outcome.REMOVED)


def _added(client: ConfluenceGroups, change: Change) -> Result:
    try:
        client.add_member(group_id=change.group_id, account_id=change.account_id)
    except BadRequestError as error:
        return _refused(client, change, error)
    except LOST as error:
        return _settled(client, change, error)
    except (APIError, ValueError) as error:
        return _failed(change, error)
    return Result(change=change, outcome=Outcome.ADDED)


def _absent(client: ConfluenceGroups, change: Change, error: NotFoundError) -> Result:
    """Tell no such group from no such user: the answer to a removal is the same."""
    try:
        group = group_or_none(client, change.group_id)
    except APIError as unread:
        return evolve(_failed(change, error), final=False, stops=isinstance(unread, HITS_ALL))
    if group is None:
        return _failed(change, error)
    return Result(
        change=change,
        outcome=Outcome.NOT_A_MEMBER,
        error=f"the server knows no such user: {error}",
        error_type=type(error).__name__,
        request_id=error.request_id,
    )


def _refused(client: ConfluenceGroups, change: Change, error: BadRequestError) -> Result:
    """Tell who is a member already from what is not acceptable for another reason."""
    try:
        member = client.is_member(group_id=change.group_id, account_id=change.account_id)
    except (APIError, IncompleteReadError):
        member = False
    if not member:
        return _failed(change, error)
    return Result(change=change, outcome=Outcome.ALREADY_A_MEMBER, request_id=error.request_id)


def _settled(client: ConfluenceGroups, change: Change, error: APIError) -> Result:
    """Look whether a change was made whose answer was lost.

    What still looks as before may be done nevertheless, since lists lag behind: it stays in doubt.
    """
    lost = evolve(_failed(change, error), settled=True, final=False)
    try:
        member = client.is_member(group_id=change.group_id, account_id=change.account_id)
    except (APIError, IncompleteReadError) as unread:
        return evolve(lost, outcome=Outcome.UNKNOWN, stops=lost.stops or isinstance(unread, HITS_ALL))
    if member is (change.action is Action.REMOVE):
        return lost
    outcome = Outcome.REMOVED if change.action is Action.REMOVE else Outcome.ADDED
    return Result(change=change, outcome=outcome, settled=True, request_id=error.request_id, limits=lost.limits)


def _failed(change: Change, error: APIError | ValueError) -> Result:
    told: dict[str, Any] = {"error": str(error), "error_type": type(error).__name__}
    if isinstance(error, APIError):
        told["request_id"] = error.request_id
    if isinstance(error, RateLimitError):
        told["limits"] = Limits(retry_after=error.retry_after)
    stops = isinstance(error, HITS_ALL)
    final = not stops and not isinstance(error, RateLimitError)
    return Result(change=change, outcome=Outcome.FAILED, final=final, stops=stops, **told)
