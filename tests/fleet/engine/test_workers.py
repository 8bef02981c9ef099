"""Workers as real processes: they do jobs, take over from killed ones, end in order, and never send when too slow."""

from __future__ import annotations

import signal
from base64 import b64encode
from collections import Counter
from contextlib import suppress

import psycopg
import pytest
from engine_fleet import Fleet, wait_until

from confluence_groups_sdk.fleet import JobPhase, create_workflow_tables
from confluence_groups_sdk.sandbox import Faults

ROLE = 'wörk"er'


def test_two_workers_do_the_jobs_of_all_sites(fleet: Fleet) -> None:
    jobs = {}
    for name in ("acme", "beta", "gamma"):
        jobs[fleet.submit(name, fleet.add_site(name, 12))] = name
    fleet.start_worker()
    fleet.start_worker()
    for job, site in jobs.items():
        status = fleet.wait_for(job)
        assert (status.phase, status.counts.done, status.runs) == (JobPhase.DONE, 12, 2)
        assert fleet.left(site) == []
        assert {*fleet.sent(site).values()} == {1}


def test_another_worker_goes_on_with_the_jobs_of_a_killed_one(fleet: Fleet) -> None:
    """At one moment; ``scripts/prove fleet-workers`` chooses many."""
    sites = ("acme", "beta")
    jobs = {name: fleet.submit(name, fleet.add_site(name, 30, latency=0.1)) for name in sites}
    workers = [fleet.start_worker(), fleet.start_worker()]
    watched = sites[0]
    wait_until(lambda: sum(fleet.sent(watched).values()) >= 10, "changes are sent")
    killed = fleet.owner(jobs[watched])
    killed.kill()
    known = {name: fleet.recorded(jobs[name]) for name in sites}
    sent = {name: fleet.sent(name) for name in sites}
    (survivor,) = [each for each in workers if each is not killed]
    wait_until(lambda: fleet.owner(jobs[watched]) is survivor, "another worker goes on", 10.0)
    for name in sites:
        status = fleet.wait_for(jobs[name])
        assert (status.phase, status.counts.done, fleet.left(name)) == (JobPhase.DONE, 30, [])
        again = fleet.sent(name) - sent[name]
        assert not [each for each in known[name] if any(each in target for target in again)]


@pytest.fixture
def role(fleet: Fleet) -> str:
    """A role that has only the rights that ``fleet init --with-dbos --grant-to`` gives, and cannot create a schema."""
    quoted = ROLE.replace('"', '""')
    with psycopg.connect(fleet.server.dsn, autocommit=True) as connection, suppress(psycopg.errors.DuplicateObject):
        connection.execute(f'CREATE ROLE "{quoted}" LOGIN'.encode())
    fleet.shared.init(grant_to=ROLE)
    create_workflow_tables(fleet.shared, grant_to=ROLE)
    return ROLE


def test_a_slow_worker_that_comes_back_sends_nothing(fleet: Fleet, role: str) -> None:
    """Another one ends its sessions and takes over; the role of both has no more rights than it needs."""
    job = fleet.submit("acme", fleet.add_site("acme", 30, latency=0.1))
    fleet.start_worker(role=role)
    wait_until(lambda: sum(fleet.sent("acme").values()) >= 6, "changes are sent")
    slow = fleet.owner(job)
    slow.send(signal.SIGSTOP)
    other = fleet.start_worker(role=role)
    assert fleet.wait_for(job).phase is JobPhase.DONE
    sent = len(fleet.sites["acme"].requests)
    slow.send(signal.SIGCONT)
    wait_until(lambda: "took over its jobs" in slow.text, "the slow worker learns of it")
    wait_until(lambda: f"{job}: this run has ended" in slow.text, "its run ends")
    later = fleet.submit("acme", ["acme-000"], job="later")  # and it is of use again
    assert fleet.wait_for(later).phase is JobPhase.DONE
    assert [each for each in fleet.sites["acme"].requests[sent:] if each.method != "GET"] == []
    assert fleet.status(job).phase is JobPhase.DONE
    other.send(signal.SIGTERM)
    assert other.process.wait(30) == 0
    assert not [each for each in fleet.workers if "denied" in each.text or "must be" in each.text]


def test_a_worker_that_is_told_to_stop_ends_its_run_in_order(fleet: Fleet) -> None:
    job = fleet.submit("acme", fleet.add_site("acme", 24, latency=0.1))
    worker = fleet.start_worker()
    wait_until(lambda: sum(fleet.sent("acme").values()) >= 6, "changes are sent")
    worker.send(signal.SIGTERM)
    assert worker.process.wait(30) == 0
    assert len(fleet.recorded(job)) == sum(fleet.sent("acme").values()) < 24
    assert fleet.status(job).phase is JobPhase.APPLYING
    fleet.start_worker()
    assert fleet.wait_for(job).phase is JobPhase.DONE
    assert {*fleet.sent("acme").values()} == {1}
    assert "Traceback" not in worker.text


def test_trouble_at_one_site_stops_that_site_alone_and_shows_no_credentials(fleet: Fleet) -> None:
    fine = fleet.submit("acme", fleet.add_site("acme", 12))
    down = fleet.submit("beta", fleet.add_site("beta", 12, error_rate=1.0))
    unknown = fleet.submit("gamma", fleet.add_site("gamma", 2))
    fleet.start_worker(at_once=1, lost=["gamma"])
    assert fleet.wait_for(fine).phase is JobPhase.DONE
    failed = fleet.wait_for(down)
    assert (failed.phase, bool(failed.error)) == (JobPhase.FAILED, True)
    assert "does not know the site gamma" in (fleet.wait_for(unknown).error or "")
    assert fleet.status(down).runs == failed.runs, "an ended job is not tried again by itself"
    email, token = fleet.sites["acme"].admin
    text = "".join(fleet.all_tables())
    assert fine in text
    for each in (token, b64encode(f"{email}:{token}".encode()).decode()):
        assert each not in text
        assert not [worker for worker in fleet.workers if each in worker.text]
    fleet.sites["beta"].faults = Faults()
    assert fleet.shared.jobs.queue_again(down)
    assert fleet.wait_for(down, JobPhase.DONE).counts.done == 12


def test_a_job_that_waits_for_approval_holds_no_slot(fleet: Fleet) -> None:
    people = fleet.add_site("acme", 12)
    waiting = fleet.submit("acme", people, needs_approval=True)
    fleet.start_worker(at_once=1)
    digest = fleet.wait_for(waiting, JobPhase.WAITING_FOR_APPROVAL).digest
    other = fleet.submit("acme", [people[0]], job="other")
    assert fleet.wait_for(other).phase is JobPhase.DONE
    assert fleet.sent("acme").total() == 1
    assert digest is not None
    fleet.shared.jobs.approve(waiting, digest, by="a second person")
    status = fleet.wait_for(waiting, JobPhase.REFUSED, JobPhase.DONE)  # by drift: the other job changed the group
    assert status.phase is JobPhase.REFUSED
    again = fleet.submit("acme", people[1:], job="again", needs_approval=True)
    digest = fleet.wait_for(again, JobPhase.WAITING_FOR_APPROVAL).digest
    assert digest is not None
    fleet.shared.jobs.approve(again, digest)
    assert fleet.wait_for(again, JobPhase.DONE).counts.done == 11
    assert fleet.left("acme") == []


def test_each_worker_does_so_many_jobs_at_once_and_one_of_a_site(fleet: Fleet) -> None:
    names = ("acme", "beta", "gamma", "delta")
    people = {name: fleet.add_site(name, 4, latency=0.2) for name in names}
    jobs = [fleet.submit(name, people[name][half::2], job=f"half-{half}") for half in (0, 1) for name in names]
    workers = [fleet.start_worker(), fleet.start_worker()]
    most: dict[str, int] = {}
    while not all(fleet.status(job).phase is JobPhase.DONE for job in jobs):
        rows = fleet.running()
        for key, number in (Counter(site for site, _ in rows) + Counter(worker for _, worker in rows)).items():
            most[key] = max(most.get(key, 0), number)
        assert not [job for job in jobs if fleet.status(job).phase.can_run_again]
    assert {most[each.id] for each in workers} == {2}
    assert {most[name] for name in names} == {1}


def test_a_worker_is_quiet(fleet: Fleet) -> None:
    job = fleet.submit("acme", fleet.add_site("acme", 3))
    worker = fleet.start_worker()
    fleet.wait_for(job)
    worker.send(signal.SIGINT)
    assert worker.process.wait(30) == 0
    lines = [line for line in worker.text.splitlines() if " confluence_groups_sdk " not in line]
    assert lines == []
    assert "DBOS" not in worker.text
    assert worker.process.stdout is not None
    assert worker.process.stdout.read() == ""


def test_a_worker_goes_on_after_the_database_was_restarted(fleet: Fleet) -> None:
    job = fleet.submit("acme", fleet.add_site("acme", 24, latency=0.1))
    fleet.start_worker()
    wait_until(lambda: sum(fleet.sent("acme").values()) >= 6, "changes are sent")
    fleet.server.stop(kill=True)
    fleet.server.start()
    assert fleet.wait_for(job).phase is JobPhase.DONE
    assert fleet.left("acme") == []
