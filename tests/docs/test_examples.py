"""The example programs, run on the sandbox in the way that a user runs them."""

from __future__ import annotations

import csv
import io
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk import User
from confluence_groups_sdk.sandbox import Answer, Group, Person, Sandbox

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
EDITORS = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
ADMINS = "3a7c1f52-9d0e-4b8f-8f5c-2d6e1a9b7c40"
ADA = "5b10a2844c20165700ede21a"
BRUNO = "608a9b555426330072f9867d"
CHIARA = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"
DAGNY = "712020:9a1f7c3e-6b1d-4b52-a7d9-3f0c5e8b2a44"
BOT = "557058:f58131cb-b67d-43c7-b30d-6b58d40bd077"
NOWHERE = "00000000-0000-4000-8000-0000000000aa"
NOBODY = "557058:00000000-0000-4000-8000-0000000000bb"

UNKNOWN = {
    "copy_members": [EDITORS, NOWHERE],
    "group_to_csv": [NOWHERE],
    "groups_of_a_leaver": [NOBODY],
    "remove_member": [NOWHERE, CHIARA],
}
"""Arguments for each example with an unknown id."""

ELSEWHERE = {"do_jobs", "nightly_access_diff", "pull_request_flow"}
"""The examples that test_review_examples.py and test_fleet_document.py test."""

FORMULAS = [
    '=HYPERLINK("http://x")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\t1",
    "\r1",
    "\n1",
    "  =1",
    "\u00a0=1",
    "\u200b=1",
    "\x00=1",
    "\uff1d1",
]
HARMLESS = [
    "Rossi, Chiara",
    'Emeka "The" O\'Neil',
    "two\nlines",
    "two\r\nlines",
    "Dagný Sørensen",
    "李小龙 🦊",
    "a;b\tc",
    "1=1",
    "'quoted'",
    "Jean-Luc +1 me@example.com",
]


@pytest.fixture(autouse=True)
def _as_admin(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFLUENCE_SITE", sandbox.url)
    monkeypatch.setenv("CONFLUENCE_EMAIL", sandbox.admin.email)
    monkeypatch.setenv("CONFLUENCE_API_TOKEN", sandbox.admin.token)


def example(name: str) -> dict[str, Any]:
    """Import an example, and return its names."""
    return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name=name)


WRITE = example("group_to_csv")["write"]


def run(name: str, *arguments: str) -> int:
    """Run an example in this process, and return its exit code."""
    code: int = example(name)["main"](list(arguments))
    return code


def run_alone(name: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run an example as a program whose terminal shows only ASCII."""
    return subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )


def page(*account_ids: str) -> Answer:
    """Return a response with a page of members."""
    return Answer(200, body=json.dumps({"results": [{"accountId": account_id} for account_id in account_ids]}))


def test_each_example_is_tested() -> None:
    found = {path.stem for path in EXAMPLES.iterdir() if path.name != "__pycache__"}
    assert found == set(UNKNOWN) | ELSEWHERE


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_unknown_ids_are_reported_without_a_traceback(
    name: str, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [sandbox.directory.members(group) for group in sandbox.directory.groups]
    assert run(name, *UNKNOWN[name]) == 1
    output = capsys.readouterr()
    assert "404 Not Found" in output.err
    assert "Traceback" not in output.err
    assert [sandbox.directory.members(group) for group in sandbox.directory.groups] == before


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_missing_credentials_and_empty_ids_are_reported_without_a_traceback(
    name: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(name, *("" for _ in UNKNOWN[name])) == 1
    assert "empty" in capsys.readouterr().err
    monkeypatch.delenv("CONFLUENCE_API_TOKEN")
    assert run(name, *UNKNOWN[name]) == 1
    assert "CONFLUENCE_API_TOKEN" in capsys.readouterr().err
    assert not sandbox.requests


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_help_shows_the_command_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = example(name)
    with pytest.raises(SystemExit, match="0"):
        module["main"](["--help"])
    usage, text = capsys.readouterr().out.split("\n\n", 1)
    (command,) = (line.split() for line in text.splitlines() if line.startswith("    python examples/"))
    assert command[1] == f"examples/{name}.py"
    required = [word for word in command if word.isupper()]
    assert len(required) == len(UNKNOWN[name])
    assert " ".join(required) in " ".join(usage.split())


def test_member_is_removed(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    before = sandbox.directory.members(EDITORS)
    assert run("remove_member", EDITORS, CHIARA) == 0
    assert sandbox.directory.members(EDITORS) == [person for person in before if person.account_id != CHIARA]
    output = capsys.readouterr()
    assert (CHIARA in output.out, EDITORS in output.out, output.err) == (True, True, "")


def test_missing_permission_is_reported(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONFLUENCE_EMAIL", sandbox.reader.email)
    monkeypatch.setenv("CONFLUENCE_API_TOKEN", sandbox.reader.token)
    assert run("remove_member", EDITORS, CHIARA) == 1
    output = capsys.readouterr()
    assert ("site admin" in output.err, output.out) == (True, "")
    assert sandbox.directory.is_member(EDITORS, CHIARA)


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file by column name."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def fill(sandbox: Sandbox, names: list[str]) -> str:
    """Create a group whose members have these names, and return its id."""
    for number, name in enumerate(names):
        sandbox.directory.add_person(Person(f"id-{number}", name, f"{number}@example.com"))
    sandbox.directory.add_group(Group("g", "g"), [f"id-{number}" for number in range(len(names))])
    return "g"


def test_csv_has_all_members_with_their_fields(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.page_limit = 2
    target = tmp_path / "members.csv"
    assert run("group_to_csv", EDITORS, "--output", str(target)) == 0
    assert [line["account_id"] for line in read(target)] == [BRUNO, CHIARA, DAGNY, BOT]
    *_, dagny, bot = read(target)
    assert dagny == {
        "account_id": DAGNY,
        "display_name": "Dagný Sørensen",
        "email": "dagny@example.com",
        "account_type": "atlassian",
        "active": "True",
        "is_guest": "False",
        "time_zone": "",
    }
    assert (bot["account_type"], bot["email"]) == ("app", "")
    assert target.read_bytes().startswith(b"\xef\xbb\xbfaccount_id,")
    assert [path.name for path in tmp_path.iterdir()] == ["members.csv"]


def test_csv_of_an_empty_group_has_only_a_header(sandbox: Sandbox, tmp_path: Path) -> None:
    target = tmp_path / "members.csv"
    assert run("group_to_csv", fill(sandbox, []), "--output", str(target)) == 0
    assert (read(target), len(target.read_bytes().splitlines())) == ([], 1)


@pytest.mark.parametrize("name", FORMULAS)
def test_no_spreadsheet_runs_a_name(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    target = tmp_path / "members.csv"
    assert run("group_to_csv", fill(sandbox, [name]), "--output", str(target)) == 0
    (line,) = read(target)
    assert line["display_name"] == f"'{name}"


def test_no_spreadsheet_runs_another_cell(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.directory.add_person(Person("=id", "n", "=1@example.com", account_type="+x", time_zone="@zone"))
    sandbox.directory.add_group(Group("g", "g"), ["=id"])
    target = tmp_path / "members.csv"
    assert run("group_to_csv", "g", "--output", str(target)) == 0
    (line,) = read(target)
    cells = (line["account_id"], line["email"], line["account_type"], line["time_zone"])
    assert cells == ("'=id", "'=1@example.com", "'+x", "'@zone")


def test_harmless_names_are_unchanged(sandbox: Sandbox, tmp_path: Path) -> None:
    target = tmp_path / "members.csv"
    assert run("group_to_csv", fill(sandbox, HARMLESS), "--output", str(target)) == 0
    assert [line["display_name"] for line in read(target)] == HARMLESS


@given(st.text())
def test_any_name_is_kept_and_runs_nothing(name: str) -> None:
    file = io.StringIO(newline="")
    WRITE([User(account_id="a", display_name=name)], file)
    ((_, found, *_),) = list(csv.reader(io.StringIO(file.getvalue(), newline=""), strict=True))[1:]
    assert found in (name, f"'{name}")
    assert not found.lstrip().startswith(("=", "+", "-", "@"))
    assert not found.startswith(("\t", "\r", "\n"))


def test_csv_on_a_terminal_shows_names_that_cannot_control_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    group = fill(sandbox, ["\x1b]0;t\x07\u202eEvil\r\n", *HARMLESS])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run("group_to_csv", group) == 0
    lines = capsys.readouterr().out.split("\r\n")
    assert all(line.isprintable() for line in lines)
    assert r"\x1b]0;t\x07\u202eEvil\r\n" in lines[1]


@pytest.mark.parametrize("old", [None, "old content"])
def test_failed_read_leaves_no_partial_file(
    old: str | None, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "members.csv"
    if old is not None:
        target.write_text(old)
    sandbox.answer_next(page(ADA, BRUNO), Answer(500))
    assert run("group_to_csv", EDITORS, "--output", str(target)) == 1
    assert len(sandbox.requests) == 2  # it failed halfway
    assert "500" in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ([] if old is None else [old])


def test_interruption_leaves_no_partial_file(tmp_path: Path) -> None:
    module = example("group_to_csv")

    def interrupt() -> Iterator[User]:
        yield User(account_id="a")
        raise KeyboardInterrupt

    def write_half_a_file() -> None:
        with module["whole_file"](tmp_path / "members.csv") as file:
            module["write"](interrupt(), file)

    with pytest.raises(KeyboardInterrupt):
        write_half_a_file()
    assert not list(tmp_path.iterdir())


def test_target_of_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    target, link = tmp_path / "members.csv", tmp_path / "link.csv"
    target.write_text("old content")
    link.symlink_to(target)
    assert run("group_to_csv", EDITORS, "--output", str(link)) == 0
    assert link.is_symlink()
    assert len(read(target)) == 4
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("output", ["pipe", "folder", "no-such-folder/members.csv"])
def test_output_that_is_not_a_file_is_left_alone(
    output: str, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    assert run("group_to_csv", EDITORS, "--output", str(tmp_path / output)) == 1
    assert output in capsys.readouterr().err or "/" in output
    assert (pipe.is_fifo(), folder.is_dir()) == (True, True)
    assert len(list(tmp_path.iterdir())) == 2
    assert not sandbox.requests


def test_standard_output_is_always_utf_8(sandbox: Sandbox) -> None:
    result = run_alone("group_to_csv", fill(sandbox, HARMLESS))
    assert (result.returncode, result.stderr) == (0, b"")
    lines = list(csv.DictReader(io.StringIO(result.stdout.decode(), newline=""), strict=True))
    assert [line["display_name"] for line in lines] == HARMLESS


def test_lone_surrogate_is_escaped_in_the_file(sandbox: Sandbox, tmp_path: Path) -> None:
    body = '{"results": [{"accountId": "a", "displayName": "\\ud83e Fox"}]}'
    sandbox.answer_next(Answer(200, body=body), page())
    target = tmp_path / "members.csv"
    assert run("group_to_csv", EDITORS, "--output", str(target)) == 0
    assert [line["display_name"] for line in read(target)] == ["\\ud83e Fox"]


def test_groups_of_a_leaver_are_printed_with_external_management(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.page_limit = 1
    sandbox.directory.add_group(Group("x", "synced", managed_by="EXTERNAL"), [CHIARA])
    sandbox.directory.add_group(Group("o", "open", managed_by="OPEN"), [CHIARA])
    sandbox.directory.add_group(Group("n", "two\nlines \x1b[2J"), [CHIARA])
    assert run("groups_of_a_leaver", CHIARA) == 0
    lines = capsys.readouterr().out.splitlines()
    found = {line.split()[0]: line for line in lines}
    assert len(lines) == len(found)
    assert set(found) == {group.id for group in sandbox.directory.groups_of(CHIARA)}
    assert found[EDITORS] == f"{EDITORS}  'docs-editors'"
    assert [group_id for group_id, line in found.items() if "externally" in line] == ["x"]
    assert found["n"] == r"n  'two\nlines \x1b[2J'"


def test_leaver_without_groups_is_reported(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    sandbox.directory.add_person(Person("loner", "Lo Ner", "loner@example.com"))
    assert run("groups_of_a_leaver", "loner") == 0
    assert capsys.readouterr().out == "loner is in no group\n"


def test_repeating_list_of_groups_is_an_error(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    repeated = Answer(200, body='{"results": [{"id": "g", "name": "writers"}], "limit": 1}')
    sandbox.answer_next(repeated, repeated)
    assert run("groups_of_a_leaver", CHIARA) == 1
    output = capsys.readouterr()
    assert output.out == "g  'writers'\n"
    assert "there may be more" in output.err


def test_only_missing_members_are_added(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    sandbox.page_limit = 1
    source = sandbox.directory.members(EDITORS)
    sandbox.directory.add_member(ADMINS, CHIARA)
    assert run("copy_members", EDITORS, ADMINS) == 0
    assert [person.account_id for person in sandbox.directory.members(ADMINS)] == [ADA, CHIARA, BRUNO, DAGNY]
    assert sandbox.directory.members(EDITORS) == source
    output = capsys.readouterr()
    assert output.out.splitlines() == [
        f"added    {BRUNO}  'Bruno Keller'",
        f"skipped  {CHIARA}  'Chiara Rossi': a member already",
        f"added    {DAGNY}  'Dagný Sørensen'",
        f"skipped  {BOT}  'Release Notes Bot': an app",
    ]
    assert output.err == ""


def test_both_lists_are_read_before_any_change(sandbox: Sandbox) -> None:
    sandbox.page_limit = 1
    assert run("copy_members", EDITORS, ADMINS) == 0
    methods = [seen.method for seen in sandbox.requests]
    assert methods == ["GET"] * methods.count("GET") + ["POST"] * 3


def test_second_copy_changes_nothing(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert [run("copy_members", EDITORS, ADMINS) for _ in range(2)] == [0, 0]
    assert capsys.readouterr().out.count("added") == 3
    assert len(sandbox.directory.members(ADMINS)) == 4


def test_failed_addition_does_not_stop_the_others(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    lists = (page(BRUNO, CHIARA, DAGNY), page(), page(BRUNO), page())
    sandbox.answer_next(*lists, Answer(400, body='{"message": "not this one"}'))
    assert run("copy_members", EDITORS, ADMINS) == 1
    assert [person.account_id for person in sandbox.directory.members(ADMINS)] == [ADA, DAGNY]
    output = capsys.readouterr()
    assert [line.split()[:2] for line in output.out.splitlines()] == [["skipped", BRUNO], ["added", DAGNY]]
    (failure,) = output.err.splitlines()
    assert failure.startswith(f"failed   {CHIARA}")
    assert "not this one" in failure


def test_unknown_source_adds_nobody(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("copy_members", NOWHERE, ADMINS) == 1
    assert "404" in capsys.readouterr().err
    assert {seen.method for seen in sandbox.requests} == {"GET"}


def test_program_runs_if_the_terminal_cannot_show_names(sandbox: Sandbox) -> None:
    result = run_alone("copy_members", EDITORS, ADMINS)
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"'Dagn\\xfd S\\xf8rensen'" in result.stdout
    assert sandbox.directory.is_member(ADMINS, DAGNY)


def test_failing_program_prints_no_traceback() -> None:
    result = run_alone("remove_member", NOWHERE, CHIARA)
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.count(b"\n") == 1
    assert b"404 Not Found" in result.stderr
