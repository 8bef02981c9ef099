"""The commands that change nothing on the site."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from shell import ADA, ADMINS, BOT, BRUNO, CHIARA, DAGNY, EDITORS, PROGRAM, USERS, Result, Shell

from confluence_groups_sdk import __version__
from confluence_groups_sdk.sandbox import Answer, Faults, Group, Person

SANDBOX_GROUPS = ["confluence-admins-sandbox", "confluence-users-sandbox", "docs-editors"]


def as_json(ended: Result) -> list[dict[str, object]]:
    assert (ended.code, ended.err) == (0, "")
    found: list[dict[str, object]] = json.loads(ended.out)
    return found


def column(ended: Result, number: int) -> list[str]:
    """Return a column of a table, without its header."""
    assert (ended.code, ended.err) == (0, "")
    return [re.split(r"\s{2,}", line)[number] for line in ended.out.splitlines()[1:]]


def test_groups_are_listed(shell: Shell) -> None:
    assert column(shell.run("groups", "list"), 1) == SANDBOX_GROUPS


NOT_EVERY_ADMIN = "note: groups do not show every admin: a person may be a site admin by a role, without any group\n"


@pytest.mark.parametrize(
    ("access", "expected", "note"),
    [
        ("admin", SANDBOX_GROUPS[:1], ""),
        ("user", SANDBOX_GROUPS[:2], ""),
        ("site-admin", SANDBOX_GROUPS[:1], NOT_EVERY_ADMIN),
    ],
)
def test_groups_are_listed_by_the_access_they_give(shell: Shell, access: str, expected: list[str], note: str) -> None:
    ended = shell.run("groups", "list", "--access", access, "-o", "json")
    assert (ended.code, ended.err) == (0, note)
    assert [row["name"] for row in json.loads(ended.out)] == expected


def test_help_says_that_groups_do_not_show_every_site_admin(shell: Shell) -> None:
    for command in (("groups", "list"), ("members", "remove"), ("plan", "remove")):
        assert "Groups do not show every" in " ".join(re.sub(r"[│|]", " ", shell.run(*command, "--help").out).split())


def test_groups_are_searched(shell: Shell) -> None:
    assert [row["id"] for row in as_json(shell.run("groups", "search", "edit", "-o", "json"))] == [EDITORS]


@pytest.mark.parametrize("name", ["docs-editors", EDITORS])
def test_group_is_shown_by_name_and_by_id(shell: Shell, name: str) -> None:
    ended = shell.run("groups", "show", name, "-o", "json")
    assert json.loads(ended.out)["id"] == EDITORS


def test_unknown_group_name_suggests_a_search(shell: Shell) -> None:
    ended = shell.run("members", "list", "docs editors")
    assert ended.code == 1
    assert "404 Not Found" in ended.err
    assert "confluence-groups groups search 'docs editors'" in ended.err
    assert "request id: 00000000-" in ended.err


def test_ambiguous_group_name_lists_the_ids(shell: Shell) -> None:
    shell.sandbox.directory.add_group(Group("other-id", "docs-editors"))
    ended = shell.run("members", "list", "docs-editors")
    assert ended.code == 2
    assert EDITORS in ended.err
    assert "other-id" in ended.err


def test_members_are_listed(shell: Shell) -> None:
    assert column(shell.run("members", "list", "docs-editors"), 0) == [BRUNO, CHIARA, DAGNY, BOT]


def test_members_are_listed_as_csv_safe_for_a_spreadsheet(shell: Shell) -> None:
    shell.sandbox.directory.add_person(Person(BRUNO, "=cmd|' /C calc'!A0", "bruno@example.com"))
    ended = shell.run("members", "list", "docs-editors", "--output", "csv")
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert [row["account_id"] for row in rows] == [BRUNO, CHIARA, DAGNY, BOT]
    assert rows[0]["display_name"] == "'=cmd|' /C calc'!A0"
    raw = shell.run("members", "list", "docs-editors", "--output", "csv", "--raw")
    assert next(csv.DictReader(io.StringIO(raw.out)))["display_name"] == "=cmd|' /C calc'!A0"


def test_empty_group_is_listed_as_a_header(shell: Shell) -> None:
    shell.sandbox.directory.add_group(Group("empty-id", "empty"))
    assert shell.run("members", "list", "empty").out.split() == ["account_id", "display_name", "email", "account_type"]
    assert shell.run("members", "list", "empty", "-o", "json").out == "[]\n"


def test_members_are_counted(shell: Shell) -> None:
    assert shell.run("members", "count", "docs-editors").out == "4\n"
    counted = json.loads(shell.run("members", "count", "docs-editors", "-o", "json").out)
    assert counted == {"group_id": EDITORS, "group_name": "docs-editors", "members": 4}


def test_users_are_shown_with_their_groups(shell: Shell) -> None:
    assert json.loads(shell.run("users", "show", BRUNO, "-o", "json").out)["email"] == "bruno@example.com"
    assert column(shell.run("users", "groups", BRUNO), 0) == [USERS, EDITORS]


def test_users_are_found_by_e_mail(shell: Shell) -> None:
    assert json.loads(shell.run("users", "show", "Bruno@example.com", "-o", "json").out)["account_id"] == BRUNO
    assert column(shell.run("users", "groups", "bruno@example.com"), 0) == [USERS, EDITORS]
    for command in ("show", "groups"):
        ended = shell.run("users", command, "farida@example.com")
        assert (ended.code, ended.out) == (2, "")
        assert "confluence-users-sandbox" in ended.err
        assert "shows the e-mail farida@example.com, and all 5 people there show theirs: check it;" in ended.err
        assert "for somebody without access to Confluence, give the account id" in ended.err


def test_own_account_is_shown(shell: Shell) -> None:
    assert json.loads(shell.run("users", "me", "-o", "json").out)["account_id"] == ADA


def test_groups_of_an_unknown_user_are_an_error(shell: Shell) -> None:
    ended = shell.run("users", "groups", "nobody")
    assert (ended.code, ended.out) == (1, "")


@pytest.mark.parametrize("forcing", ["TERM", "FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TTY_COMPATIBLE"])
def test_piped_output_has_no_colours_and_no_bar(shell: Shell, forcing: str) -> None:
    for arguments in (["members", "list", "docs-editors"], ["groups", "show", ADMINS], ["--help"], ["groups", "--no"]):
        ended = shell.spawn(*arguments, settings={"TERM": "xterm-256color"} | {forcing: "1"})
        assert ended.code == (2 if "--no" in arguments else 0)
        assert "\x1b" not in ended.out + ended.err


def test_ascii_terminal_gets_escapes(shell: Shell) -> None:
    settings = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    assert "Dagn\\xfd" in shell.spawn("members", "list", "docs-editors", settings=settings).out
    listed = json.loads(shell.spawn("members", "list", "docs-editors", "-o", "json", settings=settings).out)
    assert listed[2]["display_name"] == "Dagný Sørensen"


def test_verbose_shows_the_calls(shell: Shell) -> None:
    ended = shell.spawn("members", "count", EDITORS, "--verbose")
    assert ended.out == "4\n"
    assert re.findall(r"^(\w+)", ended.err, re.MULTILINE) == ["getGroupByGroupId", "getGroupMembersByGroupId"]
    assert shell.sandbox.admin.token not in ended.err


def test_version_is_shown(shell: Shell) -> None:
    assert shell.run("--version") == Result(0, f"confluence-groups {__version__}\n", "")


def commands() -> list[tuple[str, ...]]:
    import typer

    from confluence_groups_sdk.cli.app import app

    root = typer.main.get_group(app)
    found: list[tuple[str, ...]] = []
    for name, section in root.commands.items():
        inner = getattr(section, "commands", {})
        found += [(name, each) for each in inner] or [(name,)]
    return found


def test_all_commands_exist() -> None:
    wanted = {
        "groups": "list search show create delete",
        "members": "list count add remove",
        "users": "show groups find me",
        "review": "snapshot diff who sheet decide evidence verify",
        "plan": "remove sync offboard show",
        "journal": "show verify export",
        "fleet": "init submit worker status plan approve discard-plan run-again snapshot decide report",
    }
    sections = {(section, name) for section, names in wanted.items() for name in names.split()}
    alone = {("apply",), ("undo",), ("login",), ("logout",), ("sites",), ("sandbox",), ("doctor",)}
    assert set(commands()) == sections | alone


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_each_help_has_an_example(shell: Shell, command: tuple[str, ...]) -> None:
    ended = shell.run(*command, "--help")
    assert ended.code == 0
    example = ended.out.partition("For example:")[2]
    assert f"confluence-groups {' '.join(command)}" in example


def test_help_lists_the_exit_codes(shell: Shell) -> None:
    shown = " ".join(shell.run("--help").out.split())
    for code in ("0 done", "1 API", "2 usage", "3 refused", "4 some changes failed", "130 interrupted"):
        assert code in shown


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell: Shell, name: str) -> None:
    settings = {
        "_CONFLUENCE_GROUPS_COMPLETE": f"complete_{name}",
        "COMP_WORDS": "confluence-groups members r",
        "COMP_CWORD": "2",
        "_TYPER_COMPLETE_ARGS": "confluence-groups members r",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    ended = shell.spawn(settings=settings)
    assert "remove" in ended.out
    assert "list" not in ended.out


def test_bash_completes_commands_options_and_values(shell: Shell) -> None:
    (shell.folder / "confluence-groups").write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@"\n', encoding="utf-8")
    (shell.folder / "confluence-groups").chmod(0o700)
    for words, completed in (
        (["members", "re"], "remove"),
        (["members", "list", "docs-editors", "--out"], "--output"),
        (["members", "list", "docs-editors", "--output", "c"], "csv"),
    ):
        ended = _run_in_bash(
            shell,
            f"""PATH="$PWD:$PATH"
eval "$(_CONFLUENCE_GROUPS_COMPLETE=source_bash confluence-groups)"
registered=$(complete -p confluence-groups) && [[ $registered =~ -F\\ ([^ ]+) ]]
COMP_WORDS=(confluence-groups {shlex.join(words)}); COMP_CWORD={len(words)}
"${{BASH_REMATCH[1]}}" confluence-groups; echo "${{COMPREPLY[@]}}" """,
        )
        assert (ended.out.split(), ended.err) == ([completed], "")


def _run_in_bash(shell: Shell, command: str) -> Result:
    process = subprocess.run(
        ["bash", "-c", command], capture_output=True, check=False, encoding="utf-8", cwd=shell.folder
    )
    return Result(process.returncode, process.stdout, process.stderr)


def test_no_file_is_left_behind(shell: Shell) -> None:
    shell.run("members", "list", "docs-editors")
    assert [path.name for path in Path(shell.folder).iterdir()] == ["home"]


def test_members_without_an_account_id_are_counted_on_standard_error(shell: Shell) -> None:
    page = {"results": [None, {"accountId": "a", "displayName": "Ada"}, {"accountId": ""}], "limit": 200, "_links": {}}
    group = {"id": "g", "name": "G", "type": "group"}
    shell.sandbox.answer_next(Answer(200, body=json.dumps(group)), Answer(200, body=json.dumps(page)))
    result = shell.run("members", "list", "6d1f0c52-2a3b-4c5d-8e9f-0a1b2c3d4e5f", "-o", "json")
    assert result.code == 0
    assert [row["account_id"] for row in json.loads(result.out)] == ["a"]
    assert result.err == "2 members not listed: Confluence sends no account id for them\n"


def test_notices_of_the_server_are_printed_once_at_the_end(shell: Shell) -> None:
    shell.sandbox.faults = Faults(headers={"Deprecation": "@1688169599"})
    listed = shell.run("groups", "list", "-o", "json")
    assert (listed.code, listed.err) == (0, "notice of the server: getGroups: deprecated from 2023-06-30T23:59:59Z\n")
    assert len(json.loads(listed.out)) == len(SANDBOX_GROUPS)
    failed = shell.run("members", "list", "no such group")
    assert failed.code == 1
    assert failed.err.count("notice of the server: getGroupByGroupId: deprecated") == 1
