"""The steps that make the tables: only additions, so that older versions of the package work beside newer ones.

A step never changes once it is released. ``{schema}`` is the name of the schema.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class Migration:
    """One step.

    Attributes:
        sql: its statements.
        needs: the number of steps that a package must know to use the tables after this one. It only grows if older
            versions can no longer work beside the newer ones.
    """

    sql: str
    needs: int = 1


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

JOBS = """
CREATE TABLE {schema}.jobs (
    id text PRIMARY KEY,
    site text NOT NULL,
    kind text NOT NULL,
    request text NOT NULL,
    phase text NOT NULL,
    snapshot text,
    decisions text,
    decided_by text,
    decided_on date,
    plan text,
    digest text,
    approved_digest text,
    approved_by text,
    approved_at timestamptz,
    counts text NOT NULL DEFAULT '{}',
    progress text,
    summary text,
    error text,
    stop text,
    resume_at timestamptz,
    worker text,
    runs bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX jobs_by_phase ON {schema}.jobs (phase, created_at);
COMMENT ON TABLE {schema}.jobs IS 'one row for each job of a site: request and plan as JSON, and how far it has come';

CREATE TABLE {schema}.job_files (
    job text NOT NULL REFERENCES {schema}.jobs ON DELETE CASCADE,
    kind text NOT NULL,
    name text NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (job, kind, name)
);
COMMENT ON TABLE {schema}.job_files IS 'snapshots and returned sheets of reviews, compressed by zlib';
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

MIGRATIONS = (Migration(TOKENS_AND_JOURNALS), Migration(JOBS), Migration(WORKERS))
