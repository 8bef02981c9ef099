"""``fleet submit`` and ``fleet worker``: from a file to jobs, and what a worker prints until it ends."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from databases.embedded import EmbeddedPostgres
from fleet_shell import JOB, FleetShell
from shell import Shell

from confluence_groups_sdk import ConfigurationError, fleet
from confluence_groups_sdk.cli.commands.fleet import section
from confluence_groups_sdk.fleet import JobRequest, Postgres, site_job
from confluence_groups_sdk.sandbox import Answer


class FakeFile:
    """What is in a file: these sites and these requests."""

    def __init__(self, sites: dict[str, object], requests: list[JobRequest]) -> None:
        self.sites = sites
        self._requests = requests

    def requests(self) -> list[JobRequest]:
        return self._requests


class FakeWorker:
    """Does all jobs once, and ends."""

    id = "host-1-abc"
    made: ClassVar[list[tuple[Any, ...]]] = []
    meanwhile: Callable[[], object] | None = None

    def __init__(self, shared: Postgres, sites: dict[str, Any], *, at_once: int) -> None:
        self.made.append((sorted(sites), at_once))
        self._shared = shared
        self._sites = sites

    def run(self) -> None:
        for job in self._shared.jobs.list():
            site_job(self._shared, self._sites[job.site], self._shared.jobs.request(job.id))
        if FakeWorker.meanwhile:
            FakeWorker.meanwhile()


@pytest.fixture
def typed(
    shell: Shell, shared: Postgres, schema: str, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> FleetShell:
    typed = FleetShell(shell, shared, schema, server.dsn, monkeypatch)
    sites = {"acme": typed.open_client, "beta": typed.open_client}
    requests: list[JobRequest] = [typed.offboard(), typed.offboard(id="2026-11-leavers/beta", site="beta")]
    monkeypatch.setattr(section, "load_fleet", lambda _path: FakeFile(sites, requests))
    for name in ("submit", "worker"):
        module = sys.modules[f"confluence_groups_sdk.cli.commands.fleet.{name}"]
        monkeypatch.setattr(module, "load_fleet", lambda _path: FakeFile(sites, requests))
    monkeypatch.setattr(fleet, "Worker", FakeWorker)
    monkeypatch.setattr(FakeWorker, "made", [])
    monkeypatch.setattr(FakeWorker, "meanwhile", None)
    return typed


def test_jobs_are_submitted_once(typed: FleetShell) -> None:
    first = typed.run("submit", "fleet.toml")
    assert first.code == 0
    assert first.out.splitlines() == [
        "job                   kind      state",
        "2026-11-leavers/acme  offboard  submitted",
        "2026-11-leavers/beta  offboard  submitted",
    ]
    assert first.err.splitlines() == [
        f"note: no worker is alive; to start one: confluence-groups fleet worker fleet.toml --schema {typed.schema}",
        f"next: confluence-groups fleet status --schema {typed.schema}",
    ]
    again = typed.run("submit", "fleet.toml", "--json")
    assert json.loads(again.out) == [
        {"job": each, "kind": "offboard", "state": "submitted before"} for each in (JOB, "2026-11-leavers/beta")
    ]
    assert len(typed.shared.jobs.list()) == 2


def test_another_request_with_an_id_is_an_error_and_the_others_are_submitted(typed: FleetShell) -> None:
    typed.shared.jobs.submit(typed.offboard(1))
    ended = typed.run("submit", "fleet.toml")
    assert ended.code == 2
    assert ended.out.splitlines()[1:] == [
        "2026-11-leavers/acme  offboard  another request has this id",
        "2026-11-leavers/beta  offboard  submitted",
    ]
    assert ended.err.splitlines()[-1] == (
        "error: 1 job not submitted, because it has the id of another request: give the job another name in fleet.toml"
    )
    assert typed.shared.jobs.request(JOB) == typed.offboard(1)


def test_some_jobs_are_submitted(typed: FleetShell) -> None:
    assert typed.run("submit", "fleet.toml", "--site", "beta", "--job", "2026-11-leavers").code == 0
    assert [job.site for job in typed.shared.jobs.list()] == ["beta"]
    for option, name in (("--job", "nothing"), ("--site", "gamma")):
        ended = typed.run("submit", "fleet.toml", option, name)
        assert (ended.code, ended.out) == (2, "")
        assert f"error: {option} {name}: the file has no job for it; it has: " in ended.err


def test_a_worker_prints_what_it_does(typed: FleetShell) -> None:
    typed.run("submit", "fleet.toml")
    typed.shell.sandbox.answer_next(Answer(status=401))
    ended = typed.run("worker", "fleet.toml", "--at-once", "3")
    assert (ended.code, ended.err) == (0, "")
    assert FakeWorker.made == [(["acme", "beta"], 3)]
    first, *events, last = ended.out.splitlines()
    assert first == "worker host-1-abc: 2 sites, 3 jobs at once; Ctrl-C ends it in order"
    assert last == "worker host-1-abc: ended"
    assert [line.partition(" ")[2].partition(": GET")[0] for line in events] == [
        "2026-11-leavers/acme: failed (run 1)",
        "2026-11-leavers/beta: waiting for approval (run 1)",
    ]


def test_a_worker_prints_warnings_without_control_characters(
    typed: FleetShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def warn() -> None:
        logging.getLogger("confluence_groups_sdk").warning("job %s waits", "odd\x1b[31m")

    monkeypatch.setattr(FakeWorker, "meanwhile", staticmethod(warn))
    ended = typed.run("worker", "fleet.toml")
    assert (ended.code, ended.err) == (0, "warning: job odd\\x1b[31m waits\n")
    warn()
    assert not [each for each in logging.getLogger("confluence_groups_sdk").handlers if "Printer" in repr(each)]


def test_a_worker_that_cannot_begin_says_why(typed: FleetShell, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ConfigurationError("the role may not create a schema")

    monkeypatch.setattr(FakeWorker, "meanwhile", staticmethod(fail))
    ended = typed.run("worker", "fleet.toml")
    assert (ended.code, ended.err) == (2, "error: the role may not create a schema\n")
    assert "ended" not in ended.out
    assert typed.run("worker", "fleet.toml", "--at-once", "0").code == 2
    bare = typed.shell.run("fleet", "worker", "fleet.toml", "--schema", "bare")
    assert (bare.code, "run confluence-groups fleet init" in bare.err) == (2, True)


def test_without_dbos_the_remedy_is_printed(typed: FleetShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(typed.shell.folder)
    monkeypatch.setitem(sys.modules, "dbos", None)
    file = sys.modules["confluence_groups_sdk.cli.commands.fleet.worker"]
    monkeypatch.setattr(file, "load_fleet", lambda _path: FakeFile({}, []))
    Path("fleet.toml").touch()
    for command in (("worker", "fleet.toml"), ("init", "--with-dbos")):
        ended = typed.shell.run("fleet", *command, "--dsn", typed.dsn, "--schema", typed.schema)
        assert (ended.code, ended.out) == (2, "")
        assert "pip install 'confluence-groups-sdk[dbos]'" in ended.err
