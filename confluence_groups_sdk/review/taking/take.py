"""Take a snapshot: read the groups and their members, and go on where an interrupted run ended."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress

from ..._core.limits.rate_limiter_status import RateLimiterStatus
from ..._support.clock import Clock, SystemClock, utc_timestamp
from ..._support.public import public
from ...client import ConfluenceGroups
from ...errors import IncompleteReadError, ReviewError
from ...membership import GroupMembers, Progress, read_groups
from ..model.snapshot import Snapshot
from ..model.snapshot_parts import SnapshotGroup
from .groups import complete_group, describe_group, describe_users
from .progress_file import Beginning, ProgressFile, open_progress
from .selection import SelectedGroups, check_request, select_groups

WORKERS = 8
READING = "reading"  # the phase


@public
def take_snapshot(
    client: ConfluenceGroups,
    *,
    groups: Iterable[str] | None = None,
    access: Iterable[str] | None = None,
    workers: int = WORKERS,
    resume: str | os.PathLike[str] | None = None,
    on_progress: Callable[[Progress], object] | None = None,
    clock: Clock = SystemClock(),
) -> Snapshot:
    """Take a snapshot of all groups, or of the union of ``groups`` and ``access``.

    It reads the caller, the three lists of groups that give access, the groups that were asked for, and the members of
    each group, which take one call for each group of 1 to 199 members. A group that cannot be read is in the snapshot
    all the same, for instance one that was deleted meanwhile: ``is_complete`` is False, and ``known_by`` says why.

    With a progress file, each group that was read stays read. If the run is killed or fails, for instance because a
    quota is spent, call this function again with the same arguments: it lists the groups again, and reads the members
    of the groups that are left. Groups deleted between the runs are dropped. However late you call it, the groups that
    earlier runs have read keep their members of that time: see ``read_at``. Delete the file when the snapshot is saved,
    because the next snapshot would go on from it.

    ``calls`` and ``points`` are those of the client's rate limiter, so they include other calls that share it at the
    same time. Calls that a killed run made after its last group are not known, nor those of a run that ended before it
    read a group.

    Args:
        client: reads the groups.
        groups: ids or exact names of groups.
        access: types of access, ``user``, ``admin`` or ``site-admin``: all groups that give one of them.
        workers: how many groups are read at the same time, 1 to 64.
        resume: the path of the progress file, which is created if it is missing; None for none. It needs the extra
            ``files``.
        on_progress: is called with the progress: groups read, and all groups.
        clock: the time.

    Raises:
        TypeError: ``groups`` or ``access`` is one string.
        ValueError: ``groups`` or ``access`` is empty, or an argument is out of range.
        InputError: a group was not found, or several have its name.
        ReviewError: the progress file is damaged, belongs to another site, user or selection, is in use, or cannot be
            written; or the site does not say which groups give access, and ``access`` asks for them.
        ConfigurationError: filelock is not installed.
        APIError, IncompleteReadError: a list of groups cannot be read, or something failed that all groups would meet.
    """
    request = check_request(groups, access)
    started_at = utc_timestamp(clock.now())
    read_groups(client, (), workers=workers)  # rejects a wrong number before anything is sent
    before = client.rate_limiter.snapshot()
    caller = client.current_user()
    selected = select_groups(client, request)
    beginning = Beginning(
        site=client.site,
        taken_by=caller.account_id,
        taken_by_name=caller.display_name or caller.public_name,
        started_at=started_at,
        selection=selected.selection,
    )
    with open_progress(resume, beginning) as progress:
        run = _Run(client, progress, before, clock)
        with run.counted_to_the_end():
            failed = run.read_members(selected, workers, on_progress or (lambda _: None))
        return _build_snapshot(progress, selected, failed, ended_at=utc_timestamp(clock.now()))


class _Run:
    """One run, which may continue others.

    Args:
        client: reads the groups.
        progress: keeps what was read.
        before: the state of the rate limiter when the run began.
        clock: the time.
    """

    def __init__(
        self, client: ConfluenceGroups, progress: ProgressFile, before: RateLimiterStatus, clock: Clock
    ) -> None:
        self._client = client
        self._progress = progress
        self._clock = clock
        self._calls_apart = progress.state.calls - before.responses  # from what the rate limiter counts
        self._points_apart = progress.state.points - before.points

    def read_members(
        self, selected: SelectedGroups, workers: int, on_progress: Callable[[Progress], object]
    ) -> dict[str, SnapshotGroup]:
        """Read the members of the groups that are left, and record them; return the groups that cannot be read.

        Raises:
            APIError: something failed that the other groups would also meet.
            ReviewError: the progress cannot be written.
        """
        state, total = self._progress.state, len(selected.groups)
        left = [group_id for group_id in selected.groups if group_id not in state.groups]
        began_at: dict[str, str] = {}
        failed: dict[str, SnapshotGroup] = {}
        done = total - len(left)
        on_progress(Progress(phase=READING, done=done, total=total))
        with closing(self._read_each(left, workers, began_at)) as results:
            for number, result in enumerate(results, done + 1):
                group = describe_group(selected.groups[result.group_id], result, began_at.pop(result.group_id))
                if result.error is not None:
                    failed[group.id] = group
                else:
                    users = describe_users(result.members, state.users)
                    del result  # it may be large
                    self._progress.record(group, users, *self._counted())
                on_progress(Progress(phase=READING, done=number, total=total))
        return failed

    def _read_each(
        self, group_ids: Iterable[str], workers: int, began_at: dict[str, str]
    ) -> Generator[GroupMembers, None, None]:
        """Yield the members of each group; first of the groups that can be read, then why the others cannot.

        Args:
            group_ids: the ids of the groups.
            workers: how many groups are read at the same time.
            began_at: gets the time before each group is read. A group read ahead may wait long until it is yielded.
        """
        unsendable: list[str] = []

        def take_ids() -> Iterator[str]:
            for group_id in group_ids:
                began_at[group_id] = utc_timestamp(self._clock.now())
                if _is_sendable(self._client, group_id):
                    yield group_id
                else:
                    unsendable.append(group_id)

        with closing(read_groups(self._client, take_ids(), workers=workers)) as results:
            yield from results
        for group_id in unsendable:
            yield GroupMembers(group_id=group_id, error=IncompleteReadError("the group's id cannot be sent"))

    @contextmanager
    def counted_to_the_end(self) -> Iterator[None]:
        """Record the calls when the run ends, also if it fails."""
        try:
            yield
        except BaseException:
            with suppress(ReviewError):  # the error that ended the run matters more
                self._progress.record_calls(*self._counted())
            raise
        self._progress.count(*self._counted())

    def _counted(self) -> tuple[int, int]:
        """Return the calls and points of all runs so far."""
        status = self._client.rate_limiter.snapshot()
        return status.responses + self._calls_apart, status.points + self._points_apart


def _is_sendable(client: ConfluenceGroups, group_id: str) -> bool:
    """Check whether an id can be part of an address, which ``..`` and half of a surrogate pair cannot."""
    try:
        client.prepare("iter_members", group_id=group_id)
    except ValueError:
        return False
    return True


def _build_snapshot(
    progress: ProgressFile, selected: SelectedGroups, failed: Mapping[str, SnapshotGroup], ended_at: str
) -> Snapshot:
    """Return the snapshot of the selected groups; earlier runs may have read groups that are gone."""
    state, beginning = progress.state, progress.state.beginning
    groups = tuple(
        complete_group(state.groups.get(group_id) or failed[group_id], group, selected.access)
        for group_id, group in selected.groups.items()
    )
    members = {account_id for group in groups for account_id in group.members}
    users = {account_id: user for account_id, user in state.users.items() if account_id in members}
    return Snapshot(
        site=beginning.site,
        taken_by=beginning.taken_by,
        taken_by_name=beginning.taken_by_name,
        started_at=beginning.started_at,
        ended_at=ended_at,
        calls=state.calls,
        points=state.points,
        selection=beginning.selection,
        groups=groups,
        users=users,
    )
