"""The engine without a worker process: what loads when, the lease, and the workflows in a DBOS app of a program."""

from __future__ import annotations

import subprocess
import sys
import threading
from types import SimpleNamespace

import httpx
import own_app
import pytest
from databases.embedded import EmbeddedPostgres
from engine_fleet import Fleet

from confluence_groups_sdk import (
    APIConnectionError,
    ApiToken,
    ConfigurationError,
    ConfluenceGroups,
    JobInUseError,
    RetryPolicy,
)
from confluence_groups_sdk._support.clock import machine_monotonic
from confluence_groups_sdk.fleet import (
    JobPhase,
    OffboardRequest,
    Postgres,
    Worker,
    Workflows,
    create_workflow_tables,
    register_workflows,
)
from confluence_groups_sdk.fleet.engine import intake
from confluence_groups_sdk.fleet.engine.lease import LEASE_S, Lease, WorkerStoppedError
from confluence_groups_sdk.fleet.engine.takeover import MAX_DEATHS, count_deaths, take_over
from confluence_groups_sdk.fleet.engine.worker_table import DEAD_AFTER_S, WorkerTable, new_worker_id, session_name
from confluence_groups_sdk.fleet.engine.workflows import UNKNOWN_JOB, JobSteps
from confluence_groups_sdk.sandbox import Sandbox

DSN = "postgresql://nobody@127.0.0.1:1/nowhere"
LOADED = """
import sys
import confluence_groups_sdk.fleet as fleet
print(sorted({"dbos", "psycopg", "sqlalchemy"} & {*sys.modules}))
fleet.Worker, fleet.register_workflows
print(sorted({"dbos", "psycopg", "sqlalchemy"} & {*sys.modules}))
"""


def test_dbos_is_imported_only_when_it_is_used() -> None:
    result = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, check=True, text=True)
    assert result.stdout.split() == ["[]", "[]"]


def test_a_missing_dbos_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dbos", None)
    with Postgres(DSN) as shared:
        for use in (
            lambda: Worker(shared, {}),
            lambda: register_workflows(shared, lambda _site: pytest.fail("opened")),
            lambda: create_workflow_tables(shared),
        ):
            with pytest.raises(ConfigurationError, match=r"needs? dbos: pip install 'confluence-groups-sdk\[dbos\]'"):
                use()


@pytest.mark.parametrize("at_once", [0, -1, 1.5, True, "4"])
def test_the_number_of_jobs_at_once_is_checked(at_once: object) -> None:
    with Postgres(DSN) as shared, pytest.raises(ValueError, match="at_once"):
        Worker(shared, {}, at_once=at_once)  # type: ignore[arg-type] # what the test is about


def test_the_schema_of_dbos_has_a_name_that_postgresql_takes() -> None:
    with Postgres(DSN, schema="s" * 58) as shared:
        Worker(shared, {})
    with Postgres(DSN, schema="s" * 59) as shared, pytest.raises(ConfigurationError, match="at most 58"):
        Worker(shared, {})


def test_a_worker_without_a_database_says_so_at_once() -> None:
    with Postgres(DSN) as shared, pytest.raises(ConfigurationError, match="cannot be reached"):
        Worker(shared, {}).run()


def test_a_worker_without_tables_says_so(server: EmbeddedPostgres, schema: str) -> None:
    with Postgres(server.dsn, schema=schema) as empty, pytest.raises(ConfigurationError, match="fleet init"):
        Worker(empty, {}).run()


def test_a_program_with_a_dbos_app_of_its_own_registers_the_workflows(fleet: Fleet) -> None:
    job = fleet.submit("acme", fleet.add_site("acme", 5))
    sandbox = fleet.sites["acme"]
    command = [sys.executable, own_app.__file__, fleet.server.dsn, fleet.schema, sandbox.url, job]
    result = subprocess.run(
        command, capture_output=True, check=True, text=True, env=fleet.environment("acme"), timeout=120
    )
    phase, refusal = result.stdout.splitlines()
    assert (phase, fleet.left("acme")) == ("done", [])
    assert refusal.startswith("this process has a DBOS app: use register_workflows in it")


# --- heartbeats


def test_the_lease_ends_before_another_worker_may_take_over() -> None:
    assert LEASE_S <= DEAD_AFTER_S - 1


def test_a_worker_learns_that_another_one_took_over(shared: Postgres) -> None:
    connections = shared._connections
    slow, other = (WorkerTable(connections, new_worker_id(), 1) for _ in range(2))
    assert [slow.beat(), other.beat(), slow.beat()] == [False, False, False]
    sql = "UPDATE {schema}.workers SET taken_over_at = now()"
    connections.run(lambda connection: connection.execute(connections.sql(sql)))
    assert [slow.beat(), slow.beat(), other.beat()] == [True, False, True]
    connections.run(lambda connection: connection.execute(connections.sql("DELETE FROM {schema}.workers")))
    assert [slow.beat(), slow.beat()] == [True, False]


def test_all_workers_have_the_number_of_jobs_of_the_last_one(shared: Postgres) -> None:
    """DBOS keeps one number for a queue, so others would show what they do not do."""
    first, last = (WorkerTable(shared._connections, new_worker_id(), number) for number in (10, 2))
    for each in (first, last, first):
        each.beat()
    assert (last.share_number(), last.share_number()) == (1, 0)
    first.beat()
    assert [each.at_once for each in shared.workers()] == [2, 2]


def test_nothing_is_done_while_all_workers_live(shared: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dbos", None)  # it would fail
    first, second = new_worker_id(), new_worker_id()
    for each in (first, second):
        WorkerTable(shared._connections, each, 1).beat()
    assert take_over(shared._connections, second, by_heartbeat=True) == []


def test_a_job_that_kills_its_workers_ends(shared: Postgres) -> None:
    """Otherwise it would kill one worker after another, with all other jobs that they do."""

    def die() -> None:
        shared._connections.run(
            lambda connection: count_deaths(shared._connections, connection, ["poison#1", "poison#1.1", "unknown#1"])
        )

    shared.jobs.submit(OffboardRequest(id="poison", site="acme", people=("id-1",)))
    for _ in range(MAX_DEATHS - 1):
        die()
    assert shared.jobs.get("poison").phase is JobPhase.QUEUED
    with shared.jobs.run("poison") as late:
        die()
        with pytest.raises(JobInUseError):
            late.update(phase=JobPhase.DONE)
    status = shared.jobs.get("poison")
    assert (status.phase, status.error) == (
        JobPhase.FAILED,
        f"{MAX_DEATHS} workers died while they did this job: look at their logs, then run it again",
    )
    assert JobSteps(shared, lambda _site: pytest.fail("opened"), None).plan("poison") == JobPhase.FAILED
    assert shared.jobs.queue_again("poison")
    die()
    assert shared.jobs.get("poison").phase is JobPhase.QUEUED, "it is counted from the beginning"


def test_many_new_jobs_do_not_delay_a_takeover(shared: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker does both by turns, and enqueuing a job takes some milliseconds."""
    enqueued: list[str] = []
    dbos = SimpleNamespace(DBOS=SimpleNamespace(list_workflows=lambda **_: []))
    monkeypatch.setitem(sys.modules, "dbos", dbos)
    monkeypatch.setattr(intake, "_enqueue", lambda _shared, job, _workflows, **_: enqueued.append(job.id))
    for number in range(intake.MAX_ENQUEUED + 1):
        shared.jobs.submit(OffboardRequest(id=f"job-{number:03d}", site="acme", people=("id-1",)))
    workflows = Workflows(*(lambda _job: "" for _ in range(3)))
    assert intake.enqueue_jobs(shared, workflows) == intake.MAX_ENQUEUED + 1
    assert enqueued == [f"job-{number:03d}" for number in range(intake.MAX_ENQUEUED)]


def test_one_worker_at_a_time_enqueues_jobs(shared: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them doing it would slow down the start of many jobs."""
    found: list[int] = []

    def look_meanwhile(*_: object, **__: object) -> None:
        monkeypatch.setattr(intake, "_enqueue", lambda *_, **__: None)
        found.append(intake.enqueue_jobs(shared, workflows))

    monkeypatch.setitem(sys.modules, "dbos", SimpleNamespace(DBOS=SimpleNamespace(list_workflows=lambda **_: [])))
    monkeypatch.setattr(intake, "_enqueue", look_meanwhile)
    shared.jobs.submit(OffboardRequest(id="job", site="acme", people=("id-1",)))
    workflows = Workflows(*(lambda _job: "" for _ in range(3)))
    assert intake.enqueue_jobs(shared, workflows) == 1
    assert found == [0]


def test_the_name_of_a_session_is_not_cut_by_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "ü" * 300)
    assert len(session_name(new_worker_id()).encode()) <= 63


# --- the lease


def client_over(http: httpx.Client, sandbox: Sandbox) -> ConfluenceGroups:
    retry = RetryPolicy(max_retries=0)
    return ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin), http_client=http, retry=retry)


def test_a_run_sends_while_the_lease_is_valid(sandbox: Sandbox) -> None:
    lease = Lease()
    lease.renew(machine_monotonic())
    with httpx.Client() as http, lease.run() as run:
        run.fence(lambda _site: client_over(http, sandbox))("acme").current_user()
        assert len(http.event_hooks["request"]) == 1
    assert http.event_hooks["request"] == []


def test_a_request_waits_for_the_next_heartbeat(sandbox: Sandbox) -> None:
    lease = Lease()
    lease.renew(machine_monotonic())
    with httpx.Client() as http, lease.run() as run:
        fenced = run.fence(lambda _site: client_over(http, sandbox))("acme")
        lease.renew(machine_monotonic() - 2 * LEASE_S)
        call = threading.Thread(target=fenced.current_user)
        call.start()
        call.join(0.1)
        assert (call.is_alive(), sandbox.requests) == (True, [])
        lease.renew(machine_monotonic())
        call.join()
        assert len(sandbox.requests) == 1


def test_a_request_is_not_sent_after_another_worker_took_over(sandbox: Sandbox) -> None:
    lease = Lease()
    lease.renew(machine_monotonic())
    with httpx.Client() as http, lease.run() as run:
        fenced = run.fence(lambda _site: client_over(http, sandbox))("acme")
        lease.lose()
        lease.renew(machine_monotonic())  # it lives again, but this run is another worker's
        with pytest.raises(APIConnectionError):
            fenced.current_user()
        with pytest.raises(WorkerStoppedError):
            run.check()
    assert sandbox.requests == []


def test_after_a_failure_of_the_database_all_workers_get_time_for_a_heartbeat() -> None:
    lease, now = Lease(), machine_monotonic()
    assert not lease.has_lasted(0.0)
    lease.renew(now)
    assert lease.has_lasted(0.0)
    assert not lease.has_lasted(DEAD_AFTER_S)
    lease._steady_since = now - DEAD_AFTER_S
    lease.renew(now)
    assert lease.has_lasted(DEAD_AFTER_S)
    lease._valid_until = now
    assert not lease.has_lasted(0.0)
    lease.renew(now)
    assert not lease.has_lasted(DEAD_AFTER_S)


def test_a_stopped_worker_begins_no_run() -> None:
    lease = Lease()
    lease.renew(machine_monotonic())
    lease.stop()
    with pytest.raises(WorkerStoppedError), lease.run():
        pytest.fail("a run began")


def test_a_run_begins_after_any_failure_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that gave up would leave its job to a worker that lives, and which nobody takes it from."""
    monkeypatch.setattr("confluence_groups_sdk.fleet.engine.lease.MAX_WAIT_S", 0.01)
    lease, began = Lease(), threading.Event()

    def begin() -> None:
        with lease.run():
            began.set()

    run = threading.Thread(target=begin)
    run.start()
    run.join(0.3)
    assert run.is_alive()
    lease.renew(machine_monotonic())
    run.join(5)
    assert began.is_set()


def test_reading_is_ended_between_two_requests(sandbox: Sandbox) -> None:
    lease = Lease()
    lease.renew(machine_monotonic())
    with httpx.Client() as http, lease.run() as run:
        run.is_reading = True
        fenced = run.fence(lambda _site: client_over(http, sandbox))("acme")
        fenced.current_user()
        lease.stop()
        with pytest.raises(WorkerStoppedError):
            fenced.current_user()
    assert len(sandbox.requests) == 1


def test_an_unexpected_error_ends_its_job_alone(shared: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(ConfluenceGroups):
        def __getattribute__(self, name: str) -> object:
            raise ZeroDivisionError("secret")

    def open_client(_site: str) -> ConfluenceGroups:
        return object.__new__(Broken)

    shared.jobs.submit(OffboardRequest(id="leavers", site="acme", people=("id-1",)))
    steps = JobSteps(shared, open_client, None)
    assert steps.plan("leavers") == JobPhase.FAILED
    status = shared.jobs.get("leavers")
    assert "secret" not in (status.error or "")
    assert steps.plan("leavers") == JobPhase.FAILED
    assert shared.jobs.get("leavers").runs == status.runs, "it is not tried again by itself"
    assert steps.apply("another") == UNKNOWN_JOB
    assert "there is no job with this id" in caplog.text
