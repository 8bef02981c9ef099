"""The statements on the tables of jobs, and rows as objects."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from typing import Any

from attrs import asdict, fields

from ..._support.text import escape_controls
from .status import JobCounts, JobPhase, JobStatus

COLUMNS = tuple(each.name for each in fields(JobStatus))
PROSE = ("progress", "summary", "error")  # for people
SELECT = f"SELECT {', '.join(COLUMNS)} FROM {{schema}}.jobs"  # noqa: S608 - names of columns
GET = f"{SELECT} WHERE id = %s"
LIST = f"{SELECT} WHERE site = coalesce(%s, site) AND phase = coalesce(%s, phase) ORDER BY created_at, id"
SUBMIT = """
INSERT INTO {schema}.jobs (id, site, kind, request, phase) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
REQUEST = "SELECT request FROM {schema}.jobs WHERE id = %s"
PLAN = "SELECT plan FROM {schema}.jobs WHERE id = %s"
BEGIN = """
UPDATE {schema}.jobs SET runs = runs + 1, worker = %s, updated_at = now() WHERE id = %s
RETURNING runs
"""
UPDATE = "UPDATE {schema}.jobs SET {assignments}, updated_at = now() WHERE id = %(id)s AND runs = %(run)s"
APPROVE = """
UPDATE {schema}.jobs SET approved_digest = digest, approved_by = %(by)s, approved_at = now(), updated_at = now(),
    phase = CASE phase WHEN 'waiting for approval' THEN 'queued' ELSE phase END
WHERE id = %(id)s AND digest = %(digest)s AND approved_digest IS NULL
"""
QUEUE_AGAIN = """
UPDATE {schema}.jobs SET phase = 'queued', deaths = 0, updated_at = now()
WHERE id = %s AND phase IN ('incomplete', 'refused', 'failed')
"""
DISCARD_PLAN = """
UPDATE {schema}.jobs SET plan = NULL, digest = NULL, approved_digest = NULL, approved_by = NULL, approved_at = NULL,
    counts = '{}', progress = NULL, summary = NULL, error = NULL, stop = NULL, resume_at = NULL, updated_at = now(),
    decisions = NULL, decided_by = NULL, decided_on = NULL,
    phase = CASE WHEN snapshot IS NULL THEN 'queued' ELSE 'waiting for decisions' END
WHERE id = %(id)s AND runs = %(run)s
"""
DECIDE = """
UPDATE {schema}.jobs SET decisions = %(decisions)s, decided_by = %(by)s, decided_on = %(on)s, updated_at = now(),
    phase = CASE phase WHEN 'waiting for decisions' THEN 'queued' ELSE phase END
WHERE id = %(id)s AND digest IS NULL AND snapshot = %(snapshot)s
"""
FOLLOW_PLAN = """
UPDATE {schema}.jobs SET updated_at = now(), progress = NULL,
    phase = CASE WHEN %(needs_approval)s AND approved_digest IS DISTINCT FROM digest THEN 'waiting for approval'
        ELSE 'applying' END
WHERE id = %(id)s AND runs = %(run)s
"""
STORE_SNAPSHOT = """
UPDATE {schema}.jobs SET snapshot = %(digest)s, updated_at = now()
WHERE id = %(id)s AND runs = %(run)s AND snapshot IS NULL
"""
FOLLOW_SNAPSHOT = """
UPDATE {schema}.jobs SET phase = 'waiting for decisions', progress = NULL, updated_at = now()
WHERE id = %(id)s AND runs = %(run)s AND decisions IS NULL
"""
DECISIONS = "SELECT decisions, decided_on FROM {schema}.jobs WHERE id = %s"
FILES = "SELECT name, content FROM {schema}.job_files WHERE job = %s AND kind = %s ORDER BY name"
DELETE_FILES = "DELETE FROM {schema}.job_files WHERE job = %s AND kind = %s"
ADD_FILE = """
INSERT INTO {schema}.job_files (job, kind, name, content) VALUES (%s, %s, %s, %s)
ON CONFLICT (job, kind, name) DO UPDATE SET content = excluded.content
"""


def status_of(row: tuple[Any, ...]) -> JobStatus:
    """Return the status in a row with `COLUMNS`."""
    values = dict(zip(COLUMNS, row, strict=True))
    known = {each.name for each in fields(JobCounts)}
    counts = {name: value for name, value in json.loads(values["counts"]).items() if name in known}
    return JobStatus(**values | {"phase": JobPhase(values["phase"]), "counts": JobCounts(**counts)})


def column_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as a row has them."""
    return {name: _column_value(name, value) for name, value in values.items()}


def _column_value(name: str, value: Any) -> Any:
    if isinstance(value, JobCounts):
        return json.dumps(asdict(value))
    if isinstance(value, JobPhase):
        return value.value
    return storable(value) if name in PROSE and value is not None else value


def storable(text: str) -> str:
    """Return a text that PostgreSQL can keep, with its line breaks."""
    lines = [escape_controls(line) for line in text.split("\n")]
    return "\n".join(lines).encode("utf-8", "backslashreplace").decode()


def this_process() -> str:
    """Return the name of this process, for people: the host and the process id."""
    return storable(f"{socket.gethostname()}:{os.getpid()}")
