"""Groups and people, as they are named on a command line."""

from __future__ import annotations

import shlex

from ..client import ConfluenceGroups
from ..errors import BadRequestError, InputError, NotFoundError
from ..models import Group, User
from . import PROGRAM


def group_of(client: ConfluenceGroups, given: str) -> Group:
    """Return the group of this id or exact name.

    Raises:
        InputError: several groups have this name.
        NotFoundError, BadRequestError: there is no such group.
        APIError: as for every call.
    """
    try:
        return client.get_group(group_id=given)
    except (NotFoundError, BadRequestError) as error:
        named = [group for group in client.search_groups(query=given) if group.name == given]
        if not named:
            search = f"{PROGRAM} groups search {shlex.quote(given)}"
            error.remedy = f"Give the id or the exact name, which this may find: {search}"
            raise error from None
    if len(named) > 1:
        ids = ", ".join(group.id for group in named)
        raise InputError(f"{len(named)} groups are called {given}: give the id ({ids})")
    return named[0]


def user_of(client: ConfluenceGroups, given: str, *, group: Group | None = None) -> User:
    """Return the user of this account id, or of the e-mail that a member of the group shows.

    Raises:
        InputError: no member shows this e-mail, or several do.
        NotFoundError: there is no such user.
        APIError, IncompleteReadError: as for every call.
    """
    if "@" not in given:
        return client.get_user(account_id=given)
    if group is None:
        raise InputError(f"{given}: an e-mail finds nobody here: give the account id")
    wanted = given.casefold()
    found = [user for user in client.iter_members(group_id=group.id) if (user.email or "").casefold() == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(user.account_id for user in found)
        raise InputError(f"{given} is the e-mail of {len(found)} accounts: give the id ({ids})")
    raise InputError(f"no member of {group.name} shows the e-mail {given}: give the account id")
