"""``fleet submit`` and ``fleet worker``: from a file to jobs, and what a worker prints until it ends."""

from __future__ import annotations

import json
import logging
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, ClassVar

import pytest
from databases.embedded import EmbeddedPostgres
from fleet_shell import JOB, FleetShell, command_after
from shell import PROGRAM, Shell

from confluence_groups_sdk import ConfigurationError, fleet
from confluence_groups_sdk.fleet import Postgres, site_job
from confluence_groups_sdk.sandbox import Answer

TIME_LIMIT_S = 90


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
            request = self._shared.jobs.request(job.id)
            site_job(self._shared, lambda site: self._sites[site].open_client(self._shared), request)
        if FakeWorker.meanwhile:
            FakeWorker.meanwhile()


@pytest.fixture
def typed(
    shell: Shell, shared: Postgres, schema: str, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> FleetShell:
    typed = FleetShell(shell, shared, schema, server.dsn, monkeypatch)
    typed.write_file()
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
    ended = typed.run("submit", "fleet.toml", "--site", "gamma")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "error: --site gamma: no job is for this site; there are jobs for acme, beta\n"
    ended = typed.run("submit", "fleet.toml", "--job", "nothing")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines()[1:] == ["  jobs.nothing: there is no such job"]


def test_a_file_without_jobs_has_none_to_submit(typed: FleetShell) -> None:
    file = Path("fleet.toml")
    file.write_text(file.read_text().partition("[jobs")[0])
    ended = typed.run("submit", "fleet.toml")
    assert (ended.code, ended.err) == (2, "error: the file has no jobs: add a table such as [jobs.leavers-2026-11]\n")


@pytest.mark.parametrize("command", ["submit", "worker"])
def test_all_mistakes_of_a_file_are_printed_and_no_secret(typed: FleetShell, command: str) -> None:
    mistakes = [
        f'[sites.s{number}]\nurl = "https://s{number}.atlassian.net"\napi_token = "marker, a secret"\n'
        for number in range(30)
    ]
    Path("fleet.toml").write_text("".join(mistakes))
    ended = typed.run(command, "fleet.toml")
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) > 30
    assert "marker" not in ended.err
    missing = typed.run(command, "nowhere.toml")
    assert (missing.code, missing.err) == (
        2,
        "error: nowhere.toml: the file cannot be read (No such file or directory)\n",
    )


def test_a_worker_prints_what_it_does(typed: FleetShell) -> None:
    typed.run("submit", "fleet.toml")
    typed.shell.sandbox.answer_next(Answer(status=401))
    ended = typed.run("worker", "fleet.toml", "--at-once", "3")
    assert (ended.code, ended.err) == (0, "")
    assert FakeWorker.made == [(["acme", "beta"], 3)]
    first, *events, last = ended.out.splitlines()
    assert first == "worker host-1-abc: 2 sites, 3 jobs at once; Ctrl-C ends it in order"
    assert last == "worker host-1-abc: ended"
    reached = [line.partition(" ")[2].partition(": GET")[0] for line in events]
    assert [each for each in reached if not each.endswith(": planning")] == [
        "2026-11-leavers/acme: failed",
        "2026-11-leavers/beta: waiting for approval",
    ]


def test_a_worker_names_the_variables_that_are_missing(typed: FleetShell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a host without credentials would be noticed only when jobs fail there."""
    file = Path("fleet.toml")
    before, _, after = file.read_text().rpartition("CONFLUENCE_API_TOKEN")
    file.write_text(f"{before}BETA_API_TOKEN{after}")
    ended = typed.run("worker", "fleet.toml")
    assert (ended.code, ended.err) == (
        0,
        "warning: sites.beta.api_token: the environment variable BETA_API_TOKEN is not set; jobs of beta fail here\n",
    )
    monkeypatch.setenv("BETA_API_TOKEN", "marker")
    assert typed.run("worker", "fleet.toml").err == ""


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
    monkeypatch.delattr(fleet, "Worker")
    monkeypatch.setitem(sys.modules, "dbos", None)
    for command in (("worker", "fleet.toml"), ("init", "--with-dbos")):
        ended = typed.run(*command)
        assert (ended.code, ended.out) == (2, "")
        assert "pip install 'confluence-groups-sdk[dbos]'" in ended.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_process_does_jobs_until_a_signal(
    typed: FleetShell, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.delattr(fleet, "Worker")
    command = [*PROGRAM, "fleet", "worker", "fleet.toml", "--at-once", "2", "--schema", typed.schema]
    assert typed.run("submit", "fleet.toml", "--site", "acme").code == 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        timer = threading.Timer(TIME_LIMIT_S, process.kill)
        timer.start()
        try:
            seen = read_until(process.stdout, f"{JOB}: waiting for approval")
            assert re.fullmatch(r"worker \S+: 2 sites, 2 jobs at once; Ctrl-C ends it in order\n", seen[0])
            shown = typed.run("status")
            assert "no worker" not in shown.out
            assert re.search(r"^worker +at once +started$", shown.out, re.MULTILINE)
            approved = typed.run_line(command_after(shown.out, "approve it"), answer="y\n")
            assert (approved.code, "no worker" in approved.err) == (0, False)
            read_until(process.stdout, f"{JOB}: done: 12 REMOVED")
            assert typed.run("report", JOB).code == 0
            process.send_signal(number)
            rest, errors = process.communicate()
        finally:
            timer.cancel()
            process.kill()
    assert (process.returncode, errors) == (0, "")
    assert rest.endswith(": ended\n")
    assert typed.shared.workers() == []
    assert len(typed.shell.writes) == 12


def read_until(stream: IO[str], text: str) -> list[str]:
    """Return the lines up to one with a text."""
    lines = []
    for line in stream:
        lines.append(line)
        if text in line:
            return lines
    pytest.fail(f"there is no {text!r} in {lines}")
