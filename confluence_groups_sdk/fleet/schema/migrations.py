"""The steps that make the tables: only additions, so that older versions of the package work beside newer ones.

A step never changes once it is released. ``{schema}`` is the name of the schema.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from .jobs import DEATHS, JOBS
from .rate_limits import RATE_LIMITS


@frozen
class Migration:
    """One step.

    Attributes:
        sql: its statements.
        needs: the number of steps that a package must know to use the tables after this one. It only grows if older
            versions can no longer work beside the newer ones.
        rights: what a role that works with the tables needs, each as in ``GRANT … ON TABLE``; functions need none. They
            may change.
    """

    sql: str
    needs: int = 1
    rights: Sequence[str] = ()


TOKENS_AND_JOURNALS = """
CREATE TABLE {schema}.tokens (
    name text PRIMARY KEY,
    revision bigint NOT NULL,
    is_sealed boolean NOT NULL,
    tokens bytea NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE {schema}.tokens IS 'OAuth 2.0 tokens as JSON; encrypted by the program if is_sealed';

CREATE TABLE {schema}.journals (
    plan text PRIMARY KEY,
    begun_at timestamptz NOT NULL DEFAULT now(),
    synced_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE {schema}.journals IS 'one row for each plan that was applied, by its digest';

CREATE TABLE {schema}.journal_lines (
    plan text NOT NULL REFERENCES {schema}.journals ON DELETE CASCADE,
    number bigint NOT NULL,
    line bytea NOT NULL,
    PRIMARY KEY (plan, number)
);
COMMENT ON TABLE {schema}.journal_lines IS 'the lines of each journal as in its file: convert_from(line, ''UTF8'')';
"""

WORKERS = """
CREATE TABLE {schema}.workers (
    id text PRIMARY KEY,
    host text NOT NULL,
    process integer NOT NULL,
    at_once integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    taken_over_at timestamptz
);
COMMENT ON TABLE {schema}.workers IS 'one row for each worker, kept for a day after its end; seen_at is its heartbeat';
"""

MIGRATIONS = (
    Migration(
        TOKENS_AND_JOURNALS,
        rights=(
            "SELECT ON TABLE {schema}.schema_version",
            "SELECT, INSERT, UPDATE ON TABLE {schema}.tokens",
            "SELECT, INSERT, UPDATE (synced_at) ON TABLE {schema}.journals",
            "SELECT, INSERT ON TABLE {schema}.journal_lines",  # never changed
        ),
    ),
    Migration(
        RATE_LIMITS,
        rights=(
            "SELECT, INSERT, UPDATE ON TABLE {schema}.rate_limits",
            "SELECT, INSERT, UPDATE, DELETE ON TABLE {schema}.rate_limit_steps, {schema}.rate_limit_members",
        ),
    ),
    Migration(
        JOBS,
        rights=(
            "SELECT, INSERT, UPDATE ON TABLE {schema}.jobs",
            "SELECT, INSERT, UPDATE, DELETE ON TABLE {schema}.job_files",
        ),
    ),
    Migration(WORKERS, rights=("SELECT, INSERT, UPDATE, DELETE ON TABLE {schema}.workers",)),
    Migration(DEATHS),
)
