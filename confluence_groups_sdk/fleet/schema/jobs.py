"""The tables of jobs."""

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

DEATHS = """
ALTER TABLE {schema}.jobs ADD COLUMN deaths integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN {schema}.jobs.deaths IS 'the number of workers that died while they did the job, since it was queued';
"""
