"""Finds the groups and users that a command line names, by the rules of plans."""

from __future__ import annotations

import shlex

from .. import membership
from ..client import ConfluenceGroups
from ..errors import BadRequestError, NotFoundError
from ..membership import resolve_user
from ..models import Group
from .program import PROGRAM

__all__ = ["resolve_group", "resolve_user"]


def resolve_group(client: ConfluenceGroups, name: str) -> Group:
    """Find a group by its id or its exact name.

    Raises:
        InputError: several groups have this name.
        NotFoundError, BadRequestError: no group has this id or name; the remedy is a command that searches for it.
        APIError, IncompleteReadError: a call failed.
    """
    try:
        return membership.resolve_group(client, name)
    except (NotFoundError, BadRequestError) as error:
        search = f"{PROGRAM} groups search {shlex.quote(name)}"
        error.remedy = f"Give the id or the exact name, which this may find: {search}"
        raise
