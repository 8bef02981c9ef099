"""What `Postgres.sites`, `Postgres.workers` and `JobWatch` read from the tables."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from attrs import evolve
from databases.embedded import EmbeddedPostgres
from membership_fakes import OPEN, client, people

from confluence_groups_sdk import ConfigurationError
from confluence_groups_sdk.fleet import JobPhase, JobWatch, OffboardRequest, Postgres, SiteStatus, site_job
from confluence_groups_sdk.sandbox import Group, Sandbox


def offboard(ids: list[str], job_id: str = "leavers/acme", site: str = "acme") -> OffboardRequest:
    return OffboardRequest(id=job_id, site=site, people=ids, guards=OPEN)


@pytest.fixture
def ids(sandbox: Sandbox) -> list[str]:
    found = people(sandbox, 10)
    sandbox.directory.add_group(Group("team", "Team"), found)
    return found


def test_a_new_fleet_has_nothing(shared: Postgres) -> None:
    assert (shared.sites(), shared.workers()) == ([], [])


def test_without_tables_an_error_says_what_to_run(server: EmbeddedPostgres, schema: str) -> None:
    with Postgres(server.dsn, schema=schema) as bare:
        for ask in (bare.sites, bare.workers, lambda: JobWatch(bare)):
            with pytest.raises(ConfigurationError, match="run confluence-groups fleet init"):
                ask()


def test_a_site_has_its_jobs_its_rate_and_the_points_that_are_left(
    shared: Postgres, sandbox: Sandbox, ids: list[str], server: EmbeddedPostgres, schema: str
) -> None:
    """The rate is kept by the site's address, and jobs by its name."""
    request = offboard(ids[:4])
    site_job(shared, lambda _: client(sandbox, rate_limiter=shared.rate_limiter(sandbox.url)), request)
    plan = shared.jobs.plan(request.id)
    (site,) = shared.sites()
    assert (site.site, site.address, site.jobs) == ("acme", plan.site, {"waiting for approval": 1})
    assert (site.rate, site.held_until, site.points_left) == (None, None, plan.estimate.points)
    assert site.processes == 1

    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(
            f"UPDATE {schema}.rate_limits SET rate = 12.5, since = now.now + 900, held_until = now.now + 900 "
            "FROM (SELECT extract(epoch FROM clock_timestamp())::float8 AS now) AS now"
        )
    (held,) = shared.sites()
    assert held.rate == pytest.approx(12.5)
    assert held.held_until is not None
    assert timedelta(minutes=14) < held.held_until - datetime.now(UTC) < timedelta(minutes=16)
    assert pickle.loads(pickle.dumps(held)) == held
    assert held.as_json()["held_until"] == held.held_until.isoformat()

    shared.jobs.approve(request.id, plan.digest)
    done = site_job(shared, lambda _: client(sandbox), request)
    assert done.phase is JobPhase.DONE
    (site,) = shared.sites()
    assert (site.jobs, site.points_left) == ({"done": 1}, 0)


def test_sites_without_rates_and_rates_without_jobs_are_there_too(
    shared: Postgres, sandbox: Sandbox, ids: list[str]
) -> None:
    shared.jobs.submit(offboard(ids, "leavers/beta", "beta"))
    with client(sandbox, rate_limiter=shared.rate_limiter("gamma.example.com")) as groups:
        groups.current_user()
    beta, gamma = shared.sites()
    assert beta == SiteStatus(site="beta", jobs={"queued": 1})
    assert evolve(gamma, recent_rate=0.0, processes=0) == SiteStatus(
        site="gamma.example.com", address="gamma.example.com"
    )


def test_workers_are_alive_while_their_hearts_beat(shared: Postgres, server: EmbeddedPostgres, schema: str) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(
            f"INSERT INTO {schema}.workers (id, host, process, at_once, seen_at, ended_at) VALUES "
            "('alive', 'h', 1, 4, now(), NULL), ('dead', 'h', 2, 4, now() - interval '1 minute', NULL), "
            "('ended', 'h', 3, 4, now(), now())"
        )
    (alive,) = shared.workers()
    assert (alive.id, alive.host, alive.process, alive.at_once) == ("alive", "h", 1, 4)
    assert alive.as_json()["started_at"] == alive.started_at.isoformat()
    assert pickle.loads(pickle.dumps(alive)) == alive


def test_a_watch_tells_each_change_of_this_process_once(
    shared: Postgres, sandbox: Sandbox, ids: list[str], server: EmbeddedPostgres, schema: str
) -> None:
    request = offboard(ids[:2])
    site_job(shared, lambda _: client(sandbox), offboard(ids[2:3], "earlier"))
    watch = JobWatch(shared)
    assert watch.changes() == []
    shared.jobs.submit(request)
    assert watch.changes() == [], "nobody has begun it"
    waiting = site_job(shared, lambda _: client(sandbox), request)
    assert watch.changes() == [waiting]
    assert watch.changes() == []
    assert waiting.digest is not None
    shared.jobs.approve(request.id, waiting.digest)
    assert watch.changes() == [], "a person did that"
    done = site_job(shared, lambda _: client(sandbox), request)
    assert watch.changes() == [done]
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"UPDATE {schema}.jobs SET worker = 'elsewhere:1', phase = 'failed', updated_at = now()")
    assert watch.changes() == []
