"""A site and a worker of a fleet, as they are now."""

from datetime import datetime
from typing import Any

from attrs import asdict, field, frozen

from .._support.pickling import VersionTolerantPickle
from .._support.public import public


def _as_json(status: Any) -> dict[str, Any]:
    return {
        name: each.isoformat() if isinstance(each, datetime) else each
        for name, each in asdict(status, recurse=False).items()
    }


@public
@frozen(kw_only=True)
class SiteStatus(VersionTolerantPickle):
    """What is known about a site of a fleet.

    Attributes:
        site: the site's name in jobs; its address if no job names it.
        address: the host or the cloud id, under which its rate is kept; None before a job has a plan.
        rate: the calls a second that all processes share now; None before the site has refused a call.
        recent_rate: the calls a second that the site has accepted in the last ten seconds.
        held_until: until when all calls wait; None if they do not.
        processes: the number of processes that are calling the site.
        jobs: the number of jobs by phase.
        points_left: the points that the plans of unfinished jobs still need, as their estimates say.
    """

    site: str
    address: str | None = None
    rate: float | None = None
    recent_rate: float = 0.0
    held_until: datetime | None = None
    processes: int = 0
    jobs: dict[str, int] = field(factory=dict)
    points_left: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the status as JSON objects; times are in ISO 8601."""
        return _as_json(self)


@public
@frozen(kw_only=True)
class WorkerStatus(VersionTolerantPickle):
    """A worker that is alive.

    Attributes:
        id: its id.
        host: the host it runs on.
        process: its process id.
        at_once: the number of jobs that it does at once, which is that of the worker that started last.
        started_at: when it was started.
        seen_at: its last heartbeat.
    """

    id: str
    host: str
    process: int
    at_once: int
    started_at: datetime
    seen_at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the status as JSON objects; times are in ISO 8601."""
        return _as_json(self)
