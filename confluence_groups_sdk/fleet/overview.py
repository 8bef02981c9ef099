"""What is going on in a fleet: the sites with their rates, and the workers, read from the tables without any lock."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from attrs import evolve

from .connections import Connections
from .overview_model import SiteStatus, WorkerStatus

if TYPE_CHECKING:
    from psycopg import Connection

RECENT_S = 10  # over which the calls of a site are counted
MEMBER_TIMEOUT_S = 5  # a process that was not heard of for so long has ended
WORKER_TIMEOUT_S = 5
MEASURED = """
SELECT l.site, {schema}.rate_at(l.rate, l.since, clock.now),
    (SELECT coalesce(sum(s.calls), 0) FROM {schema}.rate_limit_steps AS s
        WHERE s.site = l.site AND s.start >= clock.now - %(recent)s)::float8 / %(recent)s,
    CASE WHEN l.held_until > clock.now THEN to_timestamp(l.held_until) END,
    (SELECT count(*) FROM {schema}.rate_limit_members AS m
        WHERE m.site = l.site AND m.seen >= clock.now - %(timeout)s)
FROM {schema}.rate_limits AS l, (SELECT extract(epoch FROM clock_timestamp())::float8 AS now) AS clock
ORDER BY l.site
"""
ADDRESSES = """
SELECT DISTINCT ON (site) site, substring(left(plan, 1000) FROM '"site":"([^"]*)"')
FROM {schema}.jobs ORDER BY site, plan IS NULL, created_at DESC
"""
JOBS = "SELECT site, phase, count(*) FROM {schema}.jobs GROUP BY site, phase ORDER BY site, phase"
ESTIMATES = """
SELECT site, counts, substring(right(plan, 1000) FROM '"estimate":[{][^{}]*"points":([0-9]+)')::float8
FROM {schema}.jobs WHERE phase <> 'done' AND plan IS NOT NULL
"""
"""Plans are long, so they are not parsed: the site is at the beginning of their text, and the estimate at the end."""
HAS_WORKERS = "SELECT to_regclass(%s) IS NOT NULL"
WORKERS = """
SELECT id, host, process, at_once, started_at, seen_at FROM {schema}.workers
WHERE ended_at IS NULL AND seen_at > clock_timestamp() - make_interval(secs => %s)
ORDER BY started_at, id
"""


def read_sites(connections: Connections) -> list[SiteStatus]:
    """Return the sites that jobs name or clients call.

    Raises:
        ConfigurationError: the server cannot be reached, or refuses.
    """

    def run(connection: Connection[Any]) -> list[SiteStatus]:
        def fetch(statement: str, values: Any = None) -> list[tuple[Any, ...]]:
            return connection.execute(connections.sql(statement), values).fetchall()

        measured = fetch(MEASURED, {"recent": RECENT_S, "timeout": MEMBER_TIMEOUT_S})
        return _merge(fetch(ADDRESSES), measured, fetch(JOBS), fetch(ESTIMATES))

    return connections.run(run)


def read_workers(connections: Connections) -> list[WorkerStatus]:
    """Return the workers that are alive.

    Raises:
        ConfigurationError: the server cannot be reached, or refuses.
    """

    def run(connection: Connection[Any]) -> list[WorkerStatus]:
        (exists,) = connection.execute(HAS_WORKERS, [f"{connections.schema}.workers"]).fetchone() or (False,)
        rows = connection.execute(connections.sql(WORKERS), [WORKER_TIMEOUT_S]).fetchall() if exists else []
        names = ("id", "host", "process", "at_once", "started_at", "seen_at")
        return [WorkerStatus(**dict(zip(names, row, strict=True))) for row in rows]

    return connections.run(run)


def _merge(
    addresses: Iterable[tuple[Any, ...]],
    measured: Iterable[tuple[Any, ...]],
    jobs: Iterable[tuple[Any, ...]],
    estimates: Iterable[tuple[Any, ...]],
) -> list[SiteStatus]:
    """Return one status for each site: a rate belongs to the jobs whose plans name its address."""
    rates = {
        address: {"rate": rate, "recent_rate": recent, "held_until": held, "processes": processes}
        for address, rate, recent, held, processes in measured
    }
    phases: dict[str, dict[str, int]] = defaultdict(dict)
    for site, phase, number in jobs:
        phases[site][phase] = number
    points: dict[str, float] = defaultdict(float)
    for site, counts, estimate in estimates:
        points[site] += (estimate or 0) * _share_left(json.loads(counts))
    found = [
        SiteStatus(site=site, address=address, jobs=phases[site], points_left=round(points[site]))
        for site, address in addresses
    ]
    found = [evolve(each, **rates.get(each.address or each.site, {})) for each in found]
    known = {each.address or each.site for each in found}
    return found + [
        SiteStatus(site=address, address=address, **values) for address, values in rates.items() if address not in known
    ]


def _share_left(counts: dict[str, int]) -> float:
    planned = counts.get("planned", 0)
    return counts.get("left", 0) / planned if planned else 0.0
