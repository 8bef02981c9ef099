"""Workers as real processes: they do jobs, take over from killed ones, end in order, and never send when too slow."""

from __future__ import annotations

import random
import signal

import pytest
from engine_fleet import Fleet, wait_until

from confluence_groups_sdk.fleet import JobPhase


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


@pytest.mark.parametrize("seed", range(4))
def test_another_worker_goes_on_with_the_jobs_of_a_killed_one(fleet: Fleet, seed: int) -> None:
    rng = random.Random(seed)
    sites = ("acme", "beta")
    jobs = {name: fleet.submit(name, fleet.add_site(name, 60, latency=0.1)) for name in sites}
    workers = [fleet.start_worker(), fleet.start_worker()]
    watched, after = rng.choice(sites), rng.choice((0, 1, 20, 45))
    if after:
        wait_until(lambda: sum(fleet.sent(watched).values()) >= after, "changes are sent")
    else:
        wait_until(lambda: fleet.status(jobs[watched]).runs, "the job is begun")
    killed = fleet.owner(jobs[watched])
    killed.kill()
    known = {name: fleet.recorded(jobs[name]) for name in sites}
    sent = {name: fleet.sent(name) for name in sites}
    (survivor,) = [each for each in workers if each is not killed]
    wait_until(lambda: fleet.owner(jobs[watched]) is survivor, "another worker goes on", 10.0)
    for name in sites:
        status = fleet.wait_for(jobs[name])
        assert (status.phase, status.counts.done, fleet.left(name)) == (JobPhase.DONE, 60, [])
        again = fleet.sent(name) - sent[name]
        assert not [each for each in known[name] if any(each in target for target in again)]


def test_a_slow_worker_that_comes_back_sends_nothing(fleet: Fleet) -> None:
    job = fleet.submit("acme", fleet.add_site("acme", 80, latency=0.1))
    fleet.start_worker()
    wait_until(lambda: sum(fleet.sent("acme").values()) >= 10, "changes are sent")
    slow = fleet.owner(job)
    slow.send(signal.SIGSTOP)
    fleet.start_worker()
    assert fleet.wait_for(job).phase is JobPhase.DONE
    sent = len(fleet.sites["acme"].requests)
    slow.send(signal.SIGCONT)
    wait_until(lambda: "took over its jobs" in slow.text, "the slow worker learns of it")
    wait_until(lambda: f"{job}: this run has ended" in slow.text, "its run ends")
    later = fleet.submit("acme", ["acme-000"], job="later")  # and it is of use again
    assert fleet.wait_for(later).phase is JobPhase.DONE
    assert [each for each in fleet.sites["acme"].requests[sent:] if each.method != "GET"] == []
    assert fleet.status(job).phase is JobPhase.DONE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_stop_ends_its_run_in_order(fleet: Fleet, number: signal.Signals) -> None:
    job = fleet.submit("acme", fleet.add_site("acme", 80, latency=0.1))
    worker = fleet.start_worker()
    wait_until(lambda: sum(fleet.sent("acme").values()) >= 10, "changes are sent")
    worker.send(number)
    assert worker.process.wait(30) == 0
    assert len(fleet.recorded(job)) == sum(fleet.sent("acme").values()) < 80
    assert fleet.status(job).phase is JobPhase.APPLYING
    fleet.start_worker()
    assert fleet.wait_for(job).phase is JobPhase.DONE
    assert {*fleet.sent("acme").values()} == {1}
    assert "Traceback" not in worker.text
