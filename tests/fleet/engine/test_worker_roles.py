"""Workers whose role has only the rights that ``fleet init --with-dbos --grant-to`` gives."""

from __future__ import annotations

import signal
from contextlib import suppress

import psycopg
import pytest
from engine_fleet import Fleet, wait_until

from confluence_groups_sdk.fleet import JobPhase, create_workflow_tables

ROLE = 'wörk"er'


@pytest.fixture
def role(fleet: Fleet) -> str:
    """A role that was given what workers need, and no right to create a schema."""
    quoted = ROLE.replace('"', '""')
    with psycopg.connect(fleet.server.dsn, autocommit=True) as connection, suppress(psycopg.errors.DuplicateObject):
        connection.execute(f'CREATE ROLE "{quoted}" LOGIN'.encode())
    fleet.shared.init(grant_to=ROLE)
    create_workflow_tables(fleet.shared, grant_to=ROLE)
    return ROLE


def test_workers_need_no_other_right(fleet: Fleet, role: str) -> None:
    """They do jobs, end the sessions of a suspended worker, take over from it, and end in order."""
    job = fleet.submit("acme", fleet.add_site("acme", 30, latency=0.1), needs_approval=True)
    fleet.start_worker(role=role)
    digest = fleet.wait_for(job, JobPhase.WAITING_FOR_APPROVAL).digest
    fleet.shared.jobs.approve(job, digest or "")
    wait_until(lambda: sum(fleet.sent("acme").values()) >= 3, "changes are sent")
    suspended = fleet.owner(job)
    suspended.send(signal.SIGSTOP)
    survivor = fleet.start_worker(role=role)
    status = fleet.wait_for(job)
    assert (status.phase, status.counts.done, fleet.left("acme")) == (JobPhase.DONE, 30, [])
    survivor.send(signal.SIGTERM)
    assert survivor.process.wait(30) == 0
    problems = [line for line in survivor.text.splitlines() if "permission denied" in line or "must be owner" in line]
    assert problems == []
