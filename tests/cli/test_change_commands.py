"""The commands that change one thing: confirmation, dry run, curl commands and guards."""

from __future__ import annotations

import json
import logging
import shlex

import httpx
import pytest
from shell import ADA, ADMINS, BOT, BRUNO, CHIARA, DAGNY, EDITORS, Shell

from confluence_groups_sdk.sandbox import Answer, Group

CHANGES = {
    "remove": (["members", "remove", "docs-editors", CHIARA], f"remove Chiara Rossi ({CHIARA}) from docs-editors"),
    "add": (["members", "add", "docs-editors", ADA], f"add Ada Okafor ({ADA}) to docs-editors"),
    "create": (["groups", "create", "writers"], "create the group writers"),
    "delete": (["groups", "delete", "docs-editors"], f"delete the group docs-editors ({EDITORS}) with its 4 members"),
}


def state(shell: Shell) -> dict[str, list[str]]:
    directory = shell.sandbox.directory
    return {
        group.name: [each.account_id for each in directory.members(group.id)] for group in directory.groups_by_name()
    }


@pytest.mark.parametrize(("arguments", "words"), CHANGES.values(), ids=CHANGES)
def test_change_is_shown_and_needs_confirmation(shell: Shell, arguments: list[str], words: str) -> None:
    before = state(shell)
    for answer in ("n\n", "\n", ""):
        ended = shell.run(*arguments, answer=answer)
        assert ended.code == 3
        assert words in ended.err
        assert shell.sandbox.url.removeprefix("http://") in ended.err
    assert state(shell) == before
    assert not shell.writes
    assert shell.run(*arguments, answer="y\n").code == 0
    assert len(shell.writes) == 1
    assert state(shell) != before


@pytest.mark.parametrize("name", ["[bold]x[/bold]", "[/]", "[link=http://x]y", ":smile:", "%s", "{x}"])
def test_names_are_not_interpreted_as_markup(shell: Shell, name: str) -> None:
    shell.sandbox.directory.add_group(Group("odd", name, frozenset()), [BRUNO])
    ended = shell.run("members", "remove", name, BRUNO, answer="y\n")
    assert ended.code == 0
    assert f"from {name} on" in ended.err
    assert f"from {name}\n" in ended.out
    assert name in shell.run("groups", "list").out


@pytest.mark.parametrize(("arguments", "words"), CHANGES.values(), ids=CHANGES)
def test_option_yes_skips_the_question(shell: Shell, arguments: list[str], words: str) -> None:
    ended = shell.run(*arguments, "--yes")
    assert (ended.code, ended.err) == (0, "")
    assert words not in ended.out
    assert len(shell.writes) == 1


@pytest.mark.parametrize(("arguments", "words"), CHANGES.values(), ids=CHANGES)
def test_dry_run_shows_the_change_without_making_it(shell: Shell, arguments: list[str], words: str) -> None:
    before = state(shell)
    for more in ([], ["--yes"]):
        ended = shell.run(*arguments, "--dry-run", *more)
        assert (ended.code, ended.err) == (0, "")
        assert f"would {words}" in ended.out
    assert not shell.writes
    assert state(shell) == before


@pytest.mark.parametrize("arguments", [arguments for arguments, _ in CHANGES.values()], ids=CHANGES)
def test_curl_command_makes_the_same_change(shell: Shell, arguments: list[str]) -> None:
    ended = shell.run(*arguments, "--curl", "--yes")
    assert (ended.code, ended.err) == (0, "")
    assert not shell.writes
    assert shell.sandbox.admin.token not in ended.out
    words = shlex.split(ended.out)
    assert words[:3] == ["curl", "-X", words[2]]
    headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
    assert headers["Authorization"] == "Basic REDACTED"
    body = words[words.index("--data-raw") + 1] if "--data-raw" in words else None
    sent = {name: value for name, value in headers.items() if name != "Authorization"}
    answer = httpx.request(words[2], words[-1], headers=sent, content=body, auth=shell.sandbox.admin)
    assert answer.is_success
    by_hand = shell.sandbox.requests[-1]
    undone = Shell.run(shell, *arguments, "--yes") if arguments[1] not in ("delete", "create") else None
    assert undone is None or "nothing to do" in undone.out
    assert by_hand.headers["x-atlassian-token"] == "no-check"


def test_outcome_is_printed(shell: Shell) -> None:
    assert shell.run("members", "remove", EDITORS, "chiara@example.com", "-y").out == (
        f"REMOVED Chiara Rossi ({CHIARA}) from docs-editors\n"
    )
    assert shell.run("members", "add", EDITORS, CHIARA, "-y").out == f"ADDED Chiara Rossi ({CHIARA}) to docs-editors\n"
    assert json.loads(shell.run("groups", "create", "writers", "-y", "-o", "json").out)["name"] == "writers"
    assert shell.run("groups", "delete", "writers", "-y").out.startswith("DELETED writers (")


def test_needless_change_is_reported_and_not_sent(shell: Shell) -> None:
    assert shell.run("members", "remove", EDITORS, ADA, "-y").out.startswith("NOT_A_MEMBER Ada Okafor")
    assert shell.run("members", "add", EDITORS, BRUNO, "-y").out.startswith("ALREADY_A_MEMBER Bruno Keller")
    assert not shell.writes


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["members", "remove", "docs-editors", BOT], "--allow-apps"),
        (["members", "add", ADMINS, BOT], "--allow-apps"),
        (["members", "remove", "confluence-users-sandbox", ADA], "--allow-self"),
        (["members", "remove", ADMINS, ADA, "--allow-self"], "--allow-last-admin"),
        (["members", "remove", "external", BRUNO], "--allow-external"),
        (["groups", "delete", ADMINS], "--force"),
        (["groups", "delete", "external"], "--force"),
    ],
)
def test_refusal_names_the_option_that_overrides_the_guard(shell: Shell, arguments: list[str], option: str) -> None:
    shell.sandbox.directory.add_group(Group("ext", "external", frozenset(), managed_by="EXTERNAL"), [BRUNO])
    ended = shell.run(*arguments, "--yes")
    assert (ended.code, ended.out) == (3, "")
    assert option in ended.err
    assert not shell.writes
    assert shell.run(*arguments, option, "--dry-run").code == 0


def test_email_finds_members_to_remove_and_all_users_to_add(shell: Shell) -> None:
    ended = shell.run("members", "remove", "docs-editors", "ada@example.com", "-y")
    assert ended.code == 2
    assert "no member of docs-editors shows the e-mail ada@example.com" in ended.err
    ended = shell.run("members", "add", "docs-editors", "Ada@example.com", "-y")
    assert (ended.code, ended.out) == (0, f"ADDED Ada Okafor ({ADA}) to docs-editors\n")
    ended = shell.run("members", "add", "docs-editors", "farida@example.com", "-y")
    assert ended.code == 2
    assert "shows the e-mail farida@example.com" in ended.err
    assert "give the account id" in ended.err


def test_verbose_shows_the_whole_failed_response(shell: Shell) -> None:
    shell.sign_in(shell.sandbox.reader)
    ended = shell.run("members", "remove", "docs-editors", DAGNY, "-y")
    assert ended.code == 1
    assert "403 Forbidden" in ended.err
    assert "site admin" in ended.err.partition("what to do")[2]
    assert "request id: 00000000-" in ended.err
    assert "content-type" not in ended.err
    shown = shell.run("members", "remove", "docs-editors", DAGNY, "-y", "--verbose").err
    assert "response status: 403 Forbidden" in shown
    assert "content-type: application/json" in shown
    assert '"authorized":false' in shown.partition("response body")[2]
    assert shell.sandbox.reader.token not in shown
    assert "removeMemberFromGroupByGroupId" in shown
    assert not logging.getLogger("confluence_groups_sdk").isEnabledFor(logging.INFO), "for this command only"
    assert "removeMemberFromGroupByGroupId" not in shell.run("members", "remove", "docs-editors", DAGNY, "-y").err


def test_headers_with_credentials_are_not_shown(shell: Shell) -> None:
    token = shell.sandbox.admin.token
    headers = {"Set-Cookie": "session=secret", "WWW-Authenticate": "secret", "X-Echo": token, "Location": "secret"}
    shell.sandbox.answer_next(Answer(403, headers, f"you sent {token}"))
    ended = shell.run("users", "me", "--verbose")
    assert "secret" not in ended.err
    assert token not in ended.err
    assert "x-echo: REDACTED" in ended.err


def test_response_cannot_send_escapes_to_the_terminal(shell: Shell) -> None:
    shell.sandbox.answer_next(Answer(403, {}, "\x1b[2Jgone"))
    ended = shell.run("users", "me", "--verbose")
    assert "\x1b" not in ended.err
    assert "\\x1b[2Jgone" in ended.err
