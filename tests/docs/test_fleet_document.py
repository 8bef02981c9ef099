"""docs/fleet.md and examples/do_jobs.py: programs, file and commands, on the sandbox and a real PostgreSQL."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
import tomllib
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from databases.embedded import EmbeddedPostgres
from membership_fakes import people
from shell import Shell
from typer.testing import CliRunner

from confluence_groups_sdk import ConfigurationError, JobInUseError, Tokens
from confluence_groups_sdk.cli.app import app
from confluence_groups_sdk.fleet import FleetFile, JobPhase, Postgres
from confluence_groups_sdk.membership import plan_removals
from confluence_groups_sdk.sandbox import Answer, Group, Sandbox

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "fleet.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
PROGRAMS = [text for kind, text in BLOCKS if kind == "python"]
ENGINES = {re.match(r"# (\S+)", each)[1]: each for each in PROGRAMS if each.startswith("# ")}  # type: ignore[index] # all match
(FILE,) = (text for kind, text in BLOCKS if kind == "toml")
MANIFESTS = [yaml.safe_load(text) for kind, text in BLOCKS if kind == "yaml"]
COMMANDS = [
    command
    for kind, text in BLOCKS
    if not kind
    for line in text.splitlines()
    for command in line.split(" && ")
    if command.startswith("confluence-groups ")
]
JOB = "leavers-2026-11/acme"
DSN = "CONFLUENCE_FLEET_DSN"


@pytest.fixture
def leavers(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: EmbeddedPostgres, schema: str
) -> list[str]:
    """The page's file for the sandbox and its file of people, in the current folder; returns their account ids."""
    monkeypatch.chdir(tmp_path)
    ids = people(sandbox, 3)
    sandbox.directory.add_group(Group("team", "team"), ids)
    acme = FILE[FILE.index("[sites.acme]") : FILE.index("[sites.beta]")]
    jobs = FILE[FILE.index("[jobs.") :].replace('"acme", "beta"', '"acme"') + "guards.max_fraction = 1.0\n"
    Path("fleet.toml").write_text(acme.replace("https://acme.atlassian.net", sandbox.url) + jobs)
    Path("leavers.csv").write_text("\n".join(["account_id", *ids]))
    monkeypatch.setenv("ACME_EMAIL", sandbox.admin.email)
    monkeypatch.setenv("ACME_API_TOKEN", sandbox.admin.token)
    monkeypatch.setenv(DSN, server.dsn)
    monkeypatch.setattr(Postgres.__init__, "__kwdefaults__", {"schema": schema})
    with Postgres(server.dsn) as postgres:
        postgres.init()
    return ids


def test_the_file_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "leavers.csv").write_text("account_id\na\n")
    (tmp_path / "fleet.toml").write_text(FILE)
    fleet = FleetFile.load(tmp_path / "fleet.toml")
    assert list(fleet.sites) == list(tomllib.loads(FILE)["sites"])
    assert [each.id for each in fleet.requests()] == [JOB, "leavers-2026-11/beta"]


def test_the_page_has_all_commands() -> None:
    assert {shlex.split(each)[2] for each in COMMANDS if each.startswith("confluence-groups fleet ")} == {
        "init",
        "worker",
        "submit",
        "status",
        "plan",
        "approve",
        "report",
        "snapshot",
        "decide",
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_these_options(command: str) -> None:
    name, *arguments = shlex.split(command)
    words = [each for each in arguments if not each.startswith("-")]
    shown = CliRunner().invoke(app, [*words[:2], "--help"], env={"COLUMNS": "200"}).output
    for option in (each for each in arguments if each.startswith("--")):
        assert option in shown, f"{name} {words[0]} {words[1]} has no {option}"


def test_each_mentioned_command_exists() -> None:
    shown = CliRunner().invoke(app, ["fleet", "--help"], env={"COLUMNS": "200"}).output
    for name in set(re.findall(r"`fleet ([a-z-]+)", PAGE)):
        assert f" {name} " in shown


def test_the_program_shares_rate_tokens_and_journal(
    sandbox: Sandbox, leavers: list[str], capsys: pytest.CaptureFixture[str], server: EmbeddedPostgres
) -> None:
    """OAuth 2.0 is replaced by a token of the sandbox; everything else is the program of the page."""
    program = PROGRAMS[0].replace("postgresql://offboarding@db.example.com/fleet?sslmode=verify-full", server.dsn)
    program = program.replace("ConfluenceGroups.for_cloud(cloud_id, auth=auth,", "ConfluenceGroups(site, auth=token,")
    from confluence_groups_sdk import ApiToken, ConfluenceGroups

    token = ApiToken(*sandbox.admin)
    with ConfluenceGroups(sandbox.url, auth=token) as groups:
        plan = plan_removals(groups, [("team", leavers[0], "left")])
    plan.save("plan.json")
    with Postgres(server.dsn) as shared:
        with shared.token_store("acme").lock():
            shared.token_store("acme").save(Tokens("access", "refresh", 2e9))
        ids = {"client_id": "i", "client_secret": "s", "cloud_id": "c"}
        names: dict[str, Any] = {**ids, "site": sandbox.url, "token": token}
        exec(compile(program, "docs/fleet.md", "exec"), names)
        assert not sandbox.directory.is_member("team", leavers[0])
        assert shared.journal(plan).read()
    assert "1 removed" in capsys.readouterr().out.lower()


def _fake(name: str, **names: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(names)
    return module


class _Celery:
    """Calls a task again on the errors that it names, as Celery's workers do."""

    def __init__(self, name: str, broker: str) -> None:
        pass

    def task(self, function: Callable[[str], str], *, autoretry_for: Any, **options: Any) -> Callable[[str], str]:
        assert (options["acks_late"], options["reject_on_worker_lost"], options["max_retries"]) == (True, True, None)
        assert autoretry_for == (JobInUseError, ConfigurationError)
        return function


class _Dask:
    def __init__(self, address: str) -> None:
        pass

    def map(self, function: Callable[[str], str], items: list[str], *, pure: bool, retries: int) -> list[Any]:
        assert not pure, "a job is done again if it is asked for again"
        assert retries
        return [SimpleNamespace(result=lambda each=each: function(each)) for each in items]


def _engine_modules(done: list[str]) -> list[ModuleType]:
    def dag(**options: Any) -> Any:
        assert isinstance(options["start_date"], datetime)
        return lambda function: function

    def task(function: Callable[[str], str], *, retries: int, retry_delay: timedelta) -> Any:
        assert (retries, retry_delay) == (20, timedelta(minutes=1))
        return SimpleNamespace(expand=lambda job_id: done.extend(function(each) for each in job_id[:1]))

    activity = SimpleNamespace(defn=lambda function: function)
    unsafe = SimpleNamespace(imports_passed_through=nullcontext)  # without it, Temporal refuses what jobs.py imports
    workflow = SimpleNamespace(defn=lambda cls: cls, run=lambda function: function, unsafe=unsafe)
    return [
        _fake("celery", Celery=_Celery),
        _fake("dask"),
        _fake("dask.distributed", Client=_Dask),
        _fake("airflow"),
        _fake("airflow.sdk", dag=dag, task=task),
        _fake("temporalio", activity=activity, workflow=workflow),
    ]


@pytest.mark.usefixtures("leavers")
@pytest.mark.parametrize("engine", ["tasks.py", "submit.py", "dags/leavers.py", "activities.py"])
def test_the_programs_for_engines_do_the_job(
    engine: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, server: EmbeddedPostgres
) -> None:
    done: list[str] = []
    for module in _engine_modules(done):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    jobs = _fake("jobs")
    exec(compile(ENGINES["jobs.py"].replace("/etc/fleet/fleet.toml", "fleet.toml"), "jobs.py", "exec"), vars(jobs))
    monkeypatch.setitem(sys.modules, "jobs", jobs)
    with Postgres(server.dsn) as shared:
        shared.jobs.submit(FleetFile.load("fleet.toml").requests()[0])
        names: dict[str, Any] = {}
        exec(compile(ENGINES[engine], engine, "exec"), names)
        for name in ("offboard", "do_site_job"):
            if name in names:
                done.append(names[name](JOB))
        assert shared.jobs.get(JOB).phase is JobPhase.WAITING_FOR_APPROVAL
        digest = shared.jobs.get(JOB).digest
        assert digest is not None
        shared.jobs.approve(JOB, digest)
        assert jobs.do_job(JOB) == "done"
    assert all(each == "waiting for approval" for each in done)
    assert not sandbox.directory.members("team")


def test_each_engine_is_tested() -> None:
    assert set(ENGINES) == {"jobs.py", "tasks.py", "submit.py", "dags/leavers.py", "activities.py"}


@pytest.mark.usefixtures("leavers")
def test_the_example_does_the_jobs_once(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], server: EmbeddedPostgres
) -> None:
    main = runpy.run_path(str(ROOT / "examples" / "do_jobs.py"), run_name="do_jobs")["main"]
    assert main(["fleet.toml"]) == 0
    assert capsys.readouterr().out == f"{JOB}: waiting for approval\n"
    with Postgres(server.dsn) as shared:
        with shared.jobs.run(JOB):
            assert main(["fleet.toml"]) == 0, "it is done elsewhere"
        digest = shared.jobs.get(JOB).digest
        assert digest is not None
        shared.jobs.approve(JOB, digest)
    assert main(["fleet.toml"]) == 0
    assert capsys.readouterr().out.endswith(f"{JOB}: done\n")
    assert not sandbox.directory.members("team")
    assert main(["fleet.toml"]) == 0


@pytest.mark.usefixtures("leavers")
def test_the_example_says_when_a_job_is_not_done(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], server: EmbeddedPostgres
) -> None:
    main = runpy.run_path(str(ROOT / "examples" / "do_jobs.py"), run_name="do_jobs")["main"]
    sandbox.answer_next(Answer(401))
    assert main(["fleet.toml"]) == 4
    ended = capsys.readouterr()
    assert ended.out.startswith(f"{JOB}: failed: ")
    assert ("401" in ended.out, ended.err) == (True, "")
    with Postgres(server.dsn) as shared:
        assert shared.jobs.get(JOB).phase is JobPhase.FAILED
    assert main(["fleet.toml"]) == 0, "the next run goes on"
    assert capsys.readouterr().out == f"{JOB}: waiting for approval\n"


def test_the_example_names_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main = runpy.run_path(str(ROOT / "examples" / "do_jobs.py"), run_name="do_jobs")["main"]
    with pytest.raises(SystemExit):
        main(["fleet.toml"])
    assert "CONFLUENCE_FLEET_DSN" in capsys.readouterr().err
    monkeypatch.setenv(DSN, "postgresql://127.0.0.1:1/fleet")
    monkeypatch.chdir(tmp_path)
    assert main(["fleet.toml"]) == 1
    assert "fleet.toml: the file cannot be read" in capsys.readouterr().err


def test_manifests_start_what_exists(shell: Shell) -> None:
    job, worker = MANIFESTS
    (cron,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert (ROOT / "examples" / cron["command"][1]).is_file()
    (container,) = worker["containers"]
    program, *arguments = container["command"]
    ended = shell.run(*arguments, "--dsn", "postgresql://127.0.0.1:1/fleet")
    assert (program, ended.code) == ("confluence-groups", 2)
    assert "/etc/fleet/fleet.toml: the file cannot be read" in ended.err
