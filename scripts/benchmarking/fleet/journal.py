"""Compare plans applied with a journal in PostgreSQL and in a file, and count what a journal takes on the disk."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

import psycopg
from databases.embedded import running_postgres

from benchmarking.figures import Figure, ratio
from benchmarking.pairs import time_interleaved
from benchmarking.planning import CHANGES, LATENCY_S, CannedClient, apply_plan, make_plan, make_task
from benchmarking.servers import serving
from confluence_groups_sdk.fleet import Postgres

ROUNDS = 9
SIZE = """
SELECT pg_total_relation_size('confluence_groups.journal_lines')::float8 / count(*) FROM confluence_groups.journals
"""


def measure() -> Iterator[Figure]:
    """Time both, on a server that waits for its disk as the file does."""
    given = make_task(2 * CHANGES)
    wanted = [each.account_id for each in given.members[CHANGES:]]
    with (
        running_postgres(fsync=True) as server,
        serving(latency=LATENCY_S) as url,
        TemporaryDirectory() as folder,
        Postgres(server.dsn) as shared,
    ):
        shared.init()
        client = CannedClient(given.members, site=url)
        plan = make_plan(client, wanted)
        tables = (shared.journal(token_hex(32)) for _ in itertools.count())  # by the digest of another plan
        files = (Path(folder) / str(number) for number in itertools.count())
        ways = {
            "database": partial(apply_plan, client, plan, tables),
            "file": partial(apply_plan, client, plan, files),
        }
        timings = time_interleaved(ways, rounds=ROUNDS, warm_up=1)
        with psycopg.connect(server.dsn) as connection:
            (size,) = connection.execute(SIZE).fetchone() or (0.0,)
    what = "journal in PostgreSQL, 8 workers, answers after 20 ms"
    yield ratio(what, "a journal in a file, both with fsync", timings.ratio("database", "file"), goal=1.10)
    yield Figure("a journal in PostgreSQL, with its index", size / CHANGES, "B a change")
