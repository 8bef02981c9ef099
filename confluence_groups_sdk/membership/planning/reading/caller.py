"""The user who is calling, read once for each client."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from ....client import ConfluenceGroups
from ....models import User

_CALLERS: WeakKeyDictionary[ConfluenceGroups, User] = WeakKeyDictionary()


def read_caller(client: ConfluenceGroups) -> User:
    """Return the calling user. A client has one for all its life; an error is not kept.

    Raises:
        APIError: as for `current_user`.
    """
    caller = _CALLERS.get(client)
    if caller is None:
        caller = _CALLERS[client] = client.current_user()
    return caller
