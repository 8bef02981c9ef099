"""Errors, refusals and the ends of runs, with the command line's own names for options."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from shell import BRUNO, Shell

from confluence_groups_sdk import (
    APITimeoutError,
    AuthenticationError,
    BearerToken,
    ConfigurationError,
    ConfluenceGroups,
    IncompleteReadError,
)
from confluence_groups_sdk.cli.rendering.error_message import print_error
from confluence_groups_sdk.cli.rendering.report_summary import rehearsal_lines, report_lines
from confluence_groups_sdk.errors import InputError, KnownProblem
from confluence_groups_sdk.membership import Action, Change, Outcome, Report, Result, Stop, StopReason

CHANGE = Change(action=Action.REMOVE, group_id="g", group_name="docs-editors", account_id="a", display_name="Bruno")


def report(*results: Result, stop: Stop | None = None) -> Report:
    return Report(
        results=results,
        unfinished=(),
        stop=stop,
        interrupted=False,
        unverified=(),
        plan_digest="0" * 64,
        journal_hash="1" * 64,
    )


def print_message(error: Exception, capsys: pytest.CaptureFixture[str]) -> str:
    print_error(error, verbose=False)
    return capsys.readouterr().err


def test_remedy_for_a_token_with_scopes_names_the_cloud_id_option(capsys: pytest.CaptureFixture[str]) -> None:
    error = AuthenticationError("401 Unauthorized", status_code=401, problem=KnownProblem.AUTH_MISMATCH)
    shown = print_message(error, capsys)
    assert "--cloud-id" in shown
    assert "for_cloud" not in shown


def test_a_list_that_is_too_long_needs_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    error = IncompleteReadError("the limit is 5 entries", received=("a", "b"))
    assert "program" not in print_message(error, capsys)
    error.option = "max_list_items"
    of_a_plan = InputError("no plan was made", problems=("the members of the group g cannot be read",))
    of_a_plan.__cause__ = error
    for each in (error, of_a_plan):
        assert "no option for this limit; write a program that sets it" in print_message(each, capsys)


def test_other_problems_keep_the_errors_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    error = AuthenticationError("401 Unauthorized", problem=KnownProblem.MISSING_SCOPE, remedy="Add the scope x.")
    assert "  what to do: Add the scope x.\n" in print_message(error, capsys)


@pytest.mark.parametrize(
    ("error", "option"),
    [
        (ConfigurationError("cloud_id: give the site's cloud id", option="cloud_id"), "--cloud-id"),
        (ConfigurationError("give account ids", option="protected_accounts"), "--protect-account"),
        (APITimeoutError("no response in time"), "--timeout"),
    ],
)
def test_error_about_an_argument_names_the_option(
    error: Exception, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert print_message(error, capsys).endswith(f"  option: {option}\n")


@pytest.mark.parametrize("option", [None, "application_name"])
def test_error_about_another_argument_names_no_option(option: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    error = ConfigurationError("give a short name", option=option)
    assert print_message(error, capsys) == "error: give a short name\n"


def test_report_names_the_option_that_overrides_a_guard() -> None:
    result = Result(
        change=CHANGE, outcome=Outcome.REFUSED, error="too many", guard="max_removals", option=("max_removals", 3)
    )
    line = "REFUSED remove Bruno (a) from docs-editors: too many [max_removals; --max-removals 3 overrides it]"
    assert line in report_lines(report(result), Path("j"))
    with ConfluenceGroups("https://your-domain.atlassian.net", auth=BearerToken("token")) as client:
        assert line in rehearsal_lines(report(result), client)


@pytest.mark.parametrize(
    ("stop", "shown"),
    [
        (
            Stop(reason=StopReason.RATE_LIMITED, resume_at="2026-11-24T13:00:00Z", option="wait_for_quota"),
            "stopped: the site accepts no calls until 2026-11-24T13:00:00Z: resume then, or apply with "
            "--wait-for-quota",
        ),
        (
            Stop(reason=StopReason.TOO_MANY_FAILURES, error="400 Bad Request", option="stop_after_failures"),
            "stopped: too many changes failed (--stop-after-failures), the last one: 400 Bad Request",
        ),
        (Stop(reason=StopReason.INTERRUPTED), "stopped: interrupted"),
    ],
)
def test_report_names_the_option_that_prevents_a_stop(stop: Stop, shown: str) -> None:
    assert shown in report_lines(report(stop=stop), Path("j"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--error-rate", "7"),
        ("--drop-rate", "nan"),
        ("--latency", "-1"),
        ("--latency", "inf"),
        ("--rate-limit", "0"),
        ("--quota", "0"),
    ],
)
def test_fault_out_of_range_names_its_option(shell: Shell, option: str, value: str) -> None:
    ended = shell.run("sandbox", option, value)
    assert ended.code == 2
    assert ended.err.startswith(f"error: {option}: give ")


def test_groups_of_the_sandbox_need_people(shell: Shell) -> None:
    ended = shell.run("sandbox", "--groups", "30")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: --groups needs --people")


def test_files_of_the_demo_need_the_demo(shell: Shell) -> None:
    ended = shell.run("sandbox", "--files", ".")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: --files needs --demo")


def test_file_of_the_demo_replaces_no_other_file(shell: Shell) -> None:
    (shell.folder / "team.csv").write_text("mine", encoding="utf-8")
    ended = shell.run("sandbox", "--demo", "--files", ".")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: team.csv exists already: give --files an empty or new folder")
    assert not (shell.folder / "leavers.csv").exists()


def test_no_file_of_the_demo_is_written_without_the_extra(tmp_path: Path) -> None:
    run = "runpy.run_module('confluence_groups_sdk', run_name='__main__')"
    program = f"import runpy, sys; sys.modules['uvicorn'] = None; {run}"
    ended = subprocess.run(
        [sys.executable, "-c", program, "sandbox", "--demo", "--files", str(tmp_path / "files")],
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "confluence-groups-sdk[sandbox]" in ended.stderr
    assert not (tmp_path / "files").exists()


@pytest.mark.parametrize(("option", "value"), [("--max-fraction", "nan"), ("--timeout", "1e12"), ("--timeout", "0")])
def test_no_message_names_a_python_argument(shell: Shell, option: str, value: str) -> None:
    shell.csv(f"docs-editors,{BRUNO},")
    ended = shell.run("plan", "remove", "--csv", "rows.csv", option, value)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: {option}: give ")
    assert "None" not in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["members", "list", "--x\u202e\x1b]0;t\x07"],
        ["members", "list", "Evil", "\u202ename\u2066"],  # a name that the shell has split
        ["groups", "sh\u202ew"],
        ["\u202e"],
    ],
)
def test_messages_about_wrong_usage_cannot_control_a_terminal(shell: Shell, arguments: list[str]) -> None:
    ended = shell.run(*arguments)
    assert ended.code == 2
    assert "\\u202e" in ended.err
    assert all(line.isprintable() for line in ended.err.splitlines())


def test_package_and_its_folder_start_the_command_line(shell: Shell) -> None:
    for module in ("confluence_groups_sdk", "confluence_groups_sdk.cli"):
        ended = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, check=False, text=True)
        assert (ended.returncode, ended.stdout) == (0, shell.run("--version").out)
