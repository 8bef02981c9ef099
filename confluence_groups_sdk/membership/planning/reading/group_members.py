"""The members of many groups: read completely, several groups at the same time, and in order."""

from collections.abc import Generator, Iterable

from attrs import frozen

from ...._core.call_metadata import record_call_metadata
from ...._support.concurrency.threads import map_in_threads
from ...._support.pickling import VersionTolerantPickle
from ...._support.public import public
from ...._support.validation import is_whole_number
from ....client import ConfluenceGroups
from ....errors import APIError, IncompleteReadError
from ....models import User
from .read_errors import READ_ERRORS, concerns_site

WORKERS = 8
MAX_WORKERS = 64
PAGES_IN_PARALLEL = 8  # of one large group; the client's rate limiter bounds the calls of all groups


@public
@frozen(kw_only=True)
class GroupMembers(VersionTolerantPickle):
    """The members of a group, or why they cannot be read.

    Attributes:
        group_id: the group's id.
        members: the listed members; none if they cannot be read.
        error: why they cannot be read; None if they were read completely.
        unidentified: the number of members whom the server listed without an account id.
        list_end: how the end of the list was recognised, in words; None if the members cannot be read.
        stated_total: the number of members that the server stated; None if it stated none, as for a small group.
    """

    group_id: str
    members: tuple[User, ...] = ()
    error: APIError | IncompleteReadError | None = None
    unidentified: int = 0
    list_end: str | None = None
    stated_total: int | None = None


@public
def read_groups(
    client: ConfluenceGroups, group_ids: Iterable[str], *, workers: int = WORKERS
) -> Generator[GroupMembers, None, None]:
    """Read the members of many groups (getGroupMembersByGroupId), and yield them in the order of the ids.

    A group of 1 to 199 members takes one call; the pages of a large group are requested together. At most twice as
    many groups as ``workers`` are read before they are taken. Closing the iterator waits for the calls that have begun.

    Args:
        client: reads the groups.
        group_ids: the ids; each is taken when its group may be read.
        workers: how many groups are read at the same time, 1 to 64.

    Raises:
        TypeError: one string was given instead of several ids.
        ValueError: ``workers`` is out of range, or an id is empty, ``.`` or ``..``.
        APIError: something failed that the other groups would also meet, such as a lost connection. Other errors are in
            `GroupMembers.error`.
    """
    if isinstance(group_ids, str):
        raise TypeError("give a list of ids, not one string")
    if not is_whole_number(workers, minimum=1) or workers > MAX_WORKERS:
        raise ValueError(f"workers must be a whole number from 1 to {MAX_WORKERS}")
    return map_in_threads(lambda group_id: _read(client, group_id), group_ids, workers=workers, ahead=2 * workers)


def list_members(client: ConfluenceGroups, group_id: str) -> Generator[User, None, None]:
    """Iterate over the members of a group; the pages of a large one are requested together.

    Raises:
        APIError, IncompleteReadError: as for `iter_members`.
    """
    return client.iter_members(group_id=group_id, in_parallel=PAGES_IN_PARALLEL)


def _read(client: ConfluenceGroups, group_id: str) -> GroupMembers:
    try:
        with record_call_metadata() as metadata:
            members = tuple(list_members(client, group_id))
    except READ_ERRORS as error:
        if concerns_site(error):
            raise
        return GroupMembers(group_id=group_id, error=error)
    return GroupMembers(
        group_id=group_id,
        members=members,
        unidentified=metadata.unidentified,
        list_end=metadata.list_end,
        stated_total=metadata.stated_total,
    )
