"""The look-up of many users: as few calls as the site allows, and no user is unknown until getUser has said so.

Sources: docs/confluence-behaviour.md#looking-up-many-users.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from urllib.parse import quote

from ..._support.log import logger
from ...errors import APIStatusError, BadRequestError, KnownProblem, NotFoundError
from ...models import User, UserList
from . import operations
from .deserialization import Page
from .operations import BULK_LOOKUP, Call
from .pagination import Workflow

MAX_IDS = 100  # per call, as third parties state
MAX_QUERY_LENGTH = 6_000  # characters: servers and proxies commonly take 8,000 for the whole request line
NOT_SERVED = frozenset({400, 403, 404, 410})  # statuses of a look-up that mean: ask for each user


def get_users(account_ids: Iterable[str], reduced_operations: MutableMapping[str, object]) -> Workflow[UserList]:
    """Read users, up to 100 with each call, and each user alone whom such a call does not return.

    Args:
        account_ids: the ids of the users.
        reduced_operations: the operations with which this client asks for less at once; clients with other options
            share it. The look-up is added if the site does not serve it or reads only one id.

    Raises:
        TypeError, ValueError: an id is not acceptable; nothing was sent.
        APIError: a call failed, and not because there is no such user.
    """
    found: dict[str, User] = {}
    missing: list[str] = []
    ids = check_ids(account_ids)
    for chunk in split_ids(ids):
        listed = {}
        is_bulk = len(chunk) > 1 and BULK_LOOKUP not in reduced_operations
        if is_bulk:
            try:
                page: Page[User] = yield operations.look_up_users(chunk)
                listed = {user.account_id: user for user in page.items}
            except APIStatusError as error:
                if error.status_code not in NOT_SERVED:
                    raise
                _stop_using_bulk(reduced_operations, str(error.status_code))
        unlisted = [account_id for account_id in chunk if account_id not in listed]
        read = yield from _read_each(unlisted)
        if is_bulk and reads_one_id(len(chunk) - len(unlisted), len(read)):
            _stop_using_bulk(reduced_operations, "it reads only one id")
        found |= {account_id: listed[account_id] for account_id in chunk if account_id in listed} | read
        missing += [account_id for account_id in unlisted if account_id not in read]
    return UserList((found[account_id] for account_id in ids if account_id in found), missing)


def first_call(account_ids: Iterable[str]) -> Call[Page[User]] | Call[User]:
    """Build the call that a look-up sends first.

    Raises:
        TypeError: as for `get_users`.
        ValueError: as for `get_users`, or there are no ids, so that nothing would be sent.
    """
    ids = check_ids(account_ids)
    if not ids:
        raise ValueError("account_ids is empty, so no request would be sent")
    chunk = next(split_ids(ids))
    return operations.look_up_users(chunk) if len(chunk) > 1 else operations.get_user(*chunk)


def check_ids(account_ids: Iterable[str]) -> list[str]:
    """Return the ids as a list, each once.

    Raises:
        TypeError: it is a single text instead of several, or not iterable.
        ValueError: an id is empty, not a text, or not valid Unicode.
    """
    if isinstance(account_ids, str | bytes):
        raise TypeError(f"account_ids must be a list of account ids, not {type(account_ids).__name__}")
    return list(dict.fromkeys(operations.required("account_id", account_id) for account_id in account_ids))


def split_ids(ids: Iterable[str]) -> Iterator[list[str]]:
    """Yield the ids in chunks that one call can ask for, in the order given."""
    chunk: list[str] = []
    length = 0
    for account_id in ids:
        added = len("&accountId=") + len(quote(account_id, safe=""))
        if chunk and (len(chunk) == MAX_IDS or length + added > MAX_QUERY_LENGTH):
            yield chunk
            chunk, length = [], 0
        chunk.append(account_id)
        length += added
    if chunk:
        yield chunk


def reads_one_id(listed: int, unlisted: int) -> bool:
    """Check whether a response shows that the site reads only one of several ids, or none.

    A response may also lack a few existing users for another reason. Then the look-up still saves calls.

    Args:
        listed: the number of users in the response that were asked for.
        unlisted: the number of existing users that it lacks.
    """
    return listed <= 1 and unlisted > listed


def _stop_using_bulk(reduced_operations: MutableMapping[str, object], reason: str) -> None:
    """Let this client ask for each user alone from now on, and log it once."""
    this = object()
    if reduced_operations.setdefault(BULK_LOOKUP, this) is this:  # one step, so that only one thread warns
        logger.warning("%s: not served by this site (%s): asking for each user alone from now on", BULK_LOOKUP, reason)


def _read_each(account_ids: Iterable[str]) -> Workflow[dict[str, User]]:
    """Read the users that exist, with one call each. A text that cannot be an id may get 400."""
    found: dict[str, User] = {}
    for account_id in account_ids:
        try:
            found[account_id] = yield operations.get_user(account_id)
        except (NotFoundError, BadRequestError) as error:
            if error.problem is KnownProblem.WRONG_ADDRESS:
                raise
    return found
