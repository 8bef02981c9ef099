"""Planning, applying, resuming and undoing on the command line."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from shell import ADA, ADMINS, BOT, BRUNO, CHIARA, DAGNY, EDITORS, PROGRAM, USERS, Shell

from confluence_groups_sdk import APIConnectionError, BadRequestError, ConfluenceGroups, RateLimitError
from confluence_groups_sdk.cli.commands import apply as apply_command
from confluence_groups_sdk.cli.rendering.approval_page import render_approval_page
from confluence_groups_sdk.errors import KnownProblem
from confluence_groups_sdk.membership import Plan, Report, apply, read_journal
from confluence_groups_sdk.sandbox import Answer, Group, Person


def editors(shell: Shell) -> list[str]:
    return [person.account_id for person in shell.sandbox.directory.members(EDITORS)]


@pytest.fixture
def planned(shell: Shell) -> Shell:
    """Make a plan to remove two people from the editors."""
    shell.csv(f"docs-editors,{BRUNO},has left", "docs-editors,dagny@example.com,")
    assert shell.run("plan", "remove", "--csv", "rows.csv").code == 0
    return shell


def test_plan_is_saved_and_changes_nothing(shell: Shell) -> None:
    shell.csv(f"docs-editors,{BRUNO},has left", "docs-editors,dagny@example.com,")
    result = shell.run("plan", "remove", "--csv", "rows.csv", "--out", "mine.json")
    assert (result.code, result.err) == (0, "")
    plan = Plan.load("mine.json")
    assert [change.account_id for change in plan.changes] == [BRUNO, DAGNY]
    for part in ("2 removals, 0 additions, in 1 group\n", "docs-editors: -2 of 4 members", plan.digest, "mine.json"):
        assert part in result.out
    assert not shell.writes


def test_refusals_are_reported_with_exit_code_3_and_the_rest_is_planned(shell: Shell) -> None:
    shell.csv(f"docs-editors,{BRUNO},", f"docs-editors,{BOT},", f"{ADMINS},{ADA},")
    result = shell.run("plan", "remove", "--csv", "rows.csv")
    assert result.code == 3
    assert "[app; --allow-apps overrides it]" in result.out
    assert "[self; --allow-self overrides it]" in result.out
    assert [change.account_id for change in Plan.load("plan.json").changes] == [BRUNO]
    result = shell.run(
        "plan", "remove", "--csv", "rows.csv", "--force", "--allow-apps", "--allow-self", "--allow-last-admin"
    )
    assert result.code == 0
    assert len(Plan.load("plan.json").changes) == 3
    assert "overrides: --allow-self, --allow-last-admin, --allow-apps" in result.out


@pytest.mark.parametrize(
    ("options", "planned"),
    [
        ([], 0),
        (["--max-fraction", "1"], 0),
        (["--max-removals", "300"], 0),
        (["--max-fraction", "1", "--max-removals", "299"], 0),
        (["--max-fraction", "1", "--max-removals", "300"], 300),
        (["--max-fraction", "1", "--max-removals", "-1"], 300),
    ],
)
def test_limits_reach_the_guards(shell: Shell, options: list[str], planned: int) -> None:
    for number in range(300):
        shell.sandbox.directory.add_person(Person(f"p{number}", f"Person {number}", ""))
    shell.sandbox.directory.add_group(Group("large", "large", frozenset()), [f"p{number}" for number in range(300)])
    shell.csv(*(f"large,p{number}," for number in range(300)))
    result = shell.run("plan", "remove", "--csv", "rows.csv", *options)
    assert len(Plan.load("plan.json").changes) == planned
    assert result.code == (0 if planned else 3)


@pytest.mark.parametrize(
    ("options", "planned"),
    [
        (["--protect-account", BRUNO, "--protect-account", DAGNY], [CHIARA]),
        (["--protect-account", "Bruno@example.com", "--protect-account", DAGNY], [CHIARA]),
        (["--protect-group", "Docs-Editors"], []),
        (["--protect-account", BRUNO, "--allow-protected"], [BRUNO, CHIARA, DAGNY]),
    ],
)
def test_protected_accounts_and_groups_reach_the_guards(shell: Shell, options: list[str], planned: list[str]) -> None:
    shell.csv(*(f"docs-editors,{each}," for each in (BRUNO, CHIARA, DAGNY)))
    shell.run("plan", "remove", "--csv", "rows.csv", *options)
    assert [change.account_id for change in Plan.load("plan.json").changes] == planned


def test_an_email_to_protect_that_nobody_shows_prevents_the_plan(planned: Shell) -> None:
    result = planned.run("plan", "remove", "--csv", "rows.csv", "--out", "b.json", "--protect-account", "a@example.com")
    assert result.code == 2
    assert "a@example.com" in result.err
    assert not Path("b.json").exists()


def test_guards_and_reasons_reach_every_kind_of_plan(planned: Shell) -> None:
    planned.run("apply", "plan.json", "--yes")
    kept = ["--protect-account", BRUNO, "--out"]
    for name, arguments in {
        "sync": ["sync", EDITORS, "--account", BOT, "--account", BRUNO, "--reason", "moved"],
        "offboard": ["offboard", BRUNO, CHIARA, "--reason", "moved"],
    }.items():
        assert planned.run("plan", *arguments, *kept, f"{name}.json").code == 3
        plan = Plan.load(f"{name}.json")
        assert BRUNO not in {change.account_id for change in plan.changes}
        assert {change.reason for change in plan.changes} == {"moved"}
    assert planned.run("undo", "plan.journal", *kept, "undo.json").code == 3
    assert [change.account_id for change in Plan.load("undo.json").changes] == [DAGNY]


def test_wait_for_quota_reaches_apply(planned: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def record_wait_option(*arguments: Any, wait_for_quota: bool, **options: Any) -> Report:
        asked.append(wait_for_quota)
        return apply(*arguments, **options)

    monkeypatch.setattr(apply_command, "apply_plan", record_wait_option)
    assert planned.run("apply", "plan.json", "--yes", "--wait-for-quota").code == 0
    assert planned.run("apply", "plan.json", "--yes").code == 5, "already applied"
    assert asked == [True, False]


def test_allow_external_reaches_the_guards(shell: Shell) -> None:
    shell.sandbox.directory.add_group(Group("ext", "external", frozenset(), managed_by="EXTERNAL"), [BRUNO])
    shell.csv(f"external,{BRUNO},")
    assert shell.run("plan", "remove", "--csv", "rows.csv").code == 3
    assert shell.run("plan", "remove", "--csv", "rows.csv", "--force", "--allow-external").code == 0


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (["--max-removals", "-1"], "--max-removals -1"),
        (["--max-fraction", "0.75"], "--max-fraction 0.75"),
        (["--max-fraction", "1"], "--max-fraction 1"),
    ],
)
def test_overrides_are_shown_as_options(shell: Shell, options: list[str], shown: str) -> None:
    shell.csv(f"docs-editors,{BRUNO},")
    assert f"overrides: {shown}\n" in shell.run("plan", "remove", "--csv", "rows.csv", *options).out
    assert f"<code>{shown}</code>" in render_approval_page(Plan.load("plan.json"))


def test_existing_file_is_replaced_only_with_force(planned: Shell) -> None:
    before = Path("plan.json").read_bytes()
    result = planned.run("plan", "offboard", CHIARA)
    assert result.code == 2
    assert "--force" in result.err
    assert Path("plan.json").read_bytes() == before
    assert planned.run("plan", "offboard", CHIARA, "--force").code == 0
    assert Path("plan.json").read_bytes() != before


def test_unwritable_file_is_reported_before_any_call(planned: Shell) -> None:
    before = len(planned.sandbox.requests)
    for arguments in (
        ["plan", "remove", "--csv", "rows.csv", "--out", "nowhere/plan.json"],
        ["apply", "plan.json", "--yes", "--report", "nowhere/report.json"],
    ):
        result = planned.run(*arguments)
        assert result.code == 2
        assert "nowhere" in result.err
    assert len(planned.sandbox.requests) == before


@pytest.mark.parametrize(
    ("option", "value"),
    [("--max-removals", "-5"), ("--max-fraction", "7"), ("--timeout", "nan")],
)
def test_value_out_of_range_names_its_option(planned: Shell, option: str, value: str) -> None:
    result = planned.run("plan", "remove", "--csv", "rows.csv", "--out", "b.json", option, value)
    assert result.code == 2
    assert result.err.startswith((f"error: {option}: give ", f"error: {option.removeprefix('--')} (connect): give "))


def test_sync_takes_accounts_and_a_member_list(shell: Shell) -> None:
    Path("members.csv").write_text(shell.run("members", "list", ADMINS, "-o", "csv").out, encoding="utf-8")
    result = shell.run(
        "plan",
        "sync",
        "docs-editors",
        "--csv",
        "members.csv",
        "--account",
        BRUNO,
        "--mode",
        "add-only",
        "--reason",
        "x",
    )
    assert result.code == 0
    (change,) = Plan.load("plan.json").changes
    assert (change.action, change.account_id, change.reason) == ("add", ADA, "x")
    result = shell.run("plan", "sync", EDITORS, "--account", BRUNO, "--mode", "remove-only", "--out", "b.json")
    assert [each.account_id for each in Plan.load("b.json").changes] == [CHIARA, DAGNY]


@pytest.mark.parametrize("mode", ["exact", "add-only", "remove-only"])
def test_an_empty_list_needs_allow_empty(shell: Shell, mode: str) -> None:
    shell.csv(name="nobody.csv", header="account")
    arguments = ["plan", "sync", "docs-editors", "--csv", "nobody.csv", "--mode", mode]
    refused = shell.run(*arguments)
    assert refused.code == 2
    assert "nobody.csv has no accounts" in refused.err
    assert "--allow-empty" in refused.err
    assert not Path("plan.json").exists()
    allowed = shell.run(*arguments, "--allow-empty", "--allow-apps")
    assert allowed.code == 0
    assert len(Plan.load("plan.json").changes) == (0 if mode == "add-only" else 4)
    assert shell.run("plan", "sync", "docs-editors", "--allow-empty", "--allow-apps", "--out", "b.json").code == 0


def test_offboarding_nobody_is_refused(shell: Shell) -> None:
    shell.csv(name="nobody.csv", header="account")
    result = shell.run("plan", "offboard", "--csv", "nobody.csv")
    assert (result.code, "--allow-empty" in result.err) == (2, False)


def test_offboarding_covers_all_groups_except_those_kept(shell: Shell) -> None:
    shell.csv(BRUNO, name="leavers.csv", header="accountId")
    assert shell.run("plan", "offboard", CHIARA, "--csv", "leavers.csv", "--keep", "docs-editors").code == 0
    assert {change.key for change in Plan.load("plan.json").changes} == {(USERS, BRUNO), (USERS, CHIARA)}


def test_missing_users_exit_with_2(shell: Shell) -> None:
    for arguments in (["plan", "offboard"], ["plan", "sync", EDITORS]):
        result = shell.run(*arguments)
        assert result.code == 2
        assert "--csv" in result.err


def test_all_bad_rows_are_reported_and_nothing_is_saved(shell: Shell) -> None:
    shell.csv("nowhere,x,", ",y,", "docs-editors,,")
    result = shell.run("plan", "remove", "--csv", "rows.csv")
    assert result.code == 2
    assert "line 3: the group is missing" in result.err
    assert "line 4: the account is missing" in result.err
    assert not Path("plan.json").exists()


def test_plan_is_shown_as_rows_with_refused_and_skipped_changes(shell: Shell) -> None:
    shell.csv(f"docs-editors,{BRUNO},has left", f"docs-editors,{BOT},", f"docs-editors,{ADA},")
    shell.run("plan", "remove", "--csv", "rows.csv")
    rows = list(csv.DictReader(io.StringIO(shell.run("plan", "show", "plan.json", "-o", "csv").out)))
    statuses = [(row["status"], row["account_id"], row["guard"]) for row in rows]
    assert statuses == [("planned", BRUNO, ""), ("refused", BOT, "app"), ("skipped", ADA, "")]
    assert json.loads(shell.run("plan", "show", "plan.json", "-o", "json").out)[0]["why"] == "has left"
    assert Plan.load("plan.json").digest in shell.run("plan", "show", "plan.json").out


def test_page_does_not_replace_another_file(planned: Shell) -> None:
    assert planned.run("plan", "show", "plan.json", "--html", "plan.html").code == 0
    text = Path("plan.html").read_text(encoding="utf-8")
    assert Plan.load("plan.json").digest in text
    assert text.endswith("</html>\n")
    assert planned.run("plan", "show", "plan.json", "--html", "plan.html").code == 2
    assert planned.run("plan", "show", "plan.json", "--html", "no-folder/plan.html").code == 2


def test_applying_shows_the_plan_and_asks(planned: Shell) -> None:
    result = planned.run("apply", "plan.json", answer="n\n")
    assert result.code == 3
    assert "docs-editors: -2 of 4 members" in result.err
    assert "apply 2 changes" in result.err
    assert not planned.writes
    assert not Path("plan.journal").exists()
    result = planned.run("apply", "plan.json", answer="y\n")
    assert result.code == 0
    assert "2 REMOVED\n" in result.out
    assert editors(planned) == [CHIARA, BOT]
    assert read_journal("plan.journal").last_hash in result.out


def test_dry_run_and_curl_send_and_write_nothing(planned: Shell) -> None:
    result = planned.run("apply", "plan.json", "--dry-run")
    assert (result.code, result.err) == (0, "")
    assert f"would remove Bruno Keller ({BRUNO}) from docs-editors" in result.out
    assert "2 changes would be made" in result.out
    result = planned.run("apply", "plan.json", "--curl", "--yes")
    commands = [shlex.split(line) for line in result.out.splitlines()]
    assert [command[:3] for command in commands] == [["curl", "-X", "DELETE"]] * 2
    assert not planned.writes
    assert not Path("plan.journal").exists()


def test_plan_without_changes_needs_no_confirmation(shell: Shell) -> None:
    shell.csv(f"docs-editors,{ADA},")
    shell.run("plan", "remove", "--csv", "rows.csv")
    result = shell.run("apply", "plan.json")
    assert (result.code, result.err) == (0, "")
    assert "there is nothing to apply" in result.out
    result = shell.run("apply", "plan.json", "--yes", "--expect-digest", "0" * 64)
    assert (result.code, result.out) == (2, "")
    assert "not the approved plan" in result.err
    assert not Path("plan.journal").exists()


def test_plan_with_another_digest_is_rejected(planned: Shell) -> None:
    digest = Plan.load("plan.json").digest
    for option in ("--yes", "--dry-run", "--curl"):
        result = planned.run("apply", "plan.json", option, "--expect-digest", "0" * 64)
        assert (result.code, result.out) == (2, "")
        assert "not the approved plan" in result.err
    assert not planned.writes
    assert planned.run("apply", "plan.json", "--yes", "--expect-digest", digest).code == 0


def test_drift_is_refused_unless_told_to_continue(planned: Shell) -> None:
    planned.sandbox.directory.remove_member(EDITORS, BRUNO)
    for options in (["--yes"], ["--dry-run"]):
        result = planned.run("apply", "plan.json", *options)
        assert result.code == 3
        assert "--on-drift continue" in result.err
        assert "docs-editors" in result.err
    result = planned.run("apply", "plan.json", "--yes", "--on-drift", "continue")
    assert result.code == 0
    assert "1 REMOVED, 1 NOT_A_MEMBER" in result.out


def test_refusal_during_apply_exits_with_3(planned: Shell) -> None:
    person = planned.sandbox.directory.people[BRUNO]
    planned.sandbox.directory.add_person(Person(BRUNO, person.display_name, "", account_type="app"))
    result = planned.run("apply", "plan.json", "--yes", "--on-drift", "continue")
    assert result.code == 3
    assert f"REFUSED remove Bruno Keller ({BRUNO}) from docs-editors" in result.out
    assert "--allow-apps" in result.out
    assert editors(planned) == [BRUNO, CHIARA, BOT]


def test_unfinished_changes_exit_with_4_and_are_resumed(planned: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def spent(*_: object, **__: object) -> None:
        raise RateLimitError("429 Too Many Requests", status_code=429, retry_after=3000.0)

    with monkeypatch.context() as limited:
        limited.setattr(ConfluenceGroups, "remove_member", spent)
        result = planned.run("apply", "plan.json", "--yes", "--report", "report.json")
    assert result.code == 4
    assert "2 left to do" in result.out
    assert "--wait-for-quota" in result.out
    assert "to continue: confluence-groups apply plan.json" in result.err
    assert len(json.loads(Path("report.json").read_text(encoding="utf-8"))["unfinished"]) == 2
    result = planned.run("apply", "plan.json", answer="y\n")
    assert "continuing where the last run ended" in result.err
    assert (result.code, editors(planned)) == (0, [CHIARA, BOT])


def test_closed_pipe_changes_neither_report_nor_exit_code(planned: Shell) -> None:
    planned.sandbox.directory.delete_group(EDITORS)
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        process = subprocess.run(
            [*PROGRAM, "apply", "plan.json", "--yes", "--on-drift", "continue", "--report", "report.json"],
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
            encoding="utf-8",
        )
    assert (process.returncode, process.stderr) == (4, "")
    assert len(json.loads(Path("report.json").read_text(encoding="utf-8"))["results"]) == 2


@pytest.mark.parametrize("kept", ["plan.json", "plan.journal", "./plan.json"])
def test_report_replaces_neither_plan_nor_journal(planned: Shell, kept: str) -> None:
    before = Path("plan.json").read_bytes()
    result = planned.run("apply", "plan.json", "--yes", "--report", kept)
    assert result.code == 2
    assert "the report would replace the plan or its journal" in result.err
    assert Path("plan.json").read_bytes() == before
    assert not planned.writes


def test_failed_change_is_reported(planned: Shell) -> None:
    planned.sandbox.directory.delete_group(EDITORS)
    result = planned.run("apply", "plan.json", "--yes", "--on-drift", "continue")
    assert result.code == 4
    assert f"FAILED remove Bruno Keller ({BRUNO}) from docs-editors: the group no longer exists" in result.out


def test_unknown_outcomes_are_settled_by_applying_again(planned: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    planned.run("apply", "plan.json", "--yes")
    planned.run("undo", "plan.journal", "--out", "back.json")

    def fail_without_response(*_: object, **__: object) -> None:
        raise APIConnectionError("no response (ReadError)", problem=KnownProblem.OUTCOME_UNKNOWN)

    with monkeypatch.context() as broken:
        broken.setattr(ConfluenceGroups, "add_member", fail_without_response)
        result = planned.run("apply", "back.json", "--yes")
    assert result.code == 4
    lines = [each for each in result.out.splitlines() if each.startswith("FAILED add ")]
    assert len(lines) == 2
    assert all(": no response (ReadError); applying the plan again settles it" in line for line in lines)
    assert KnownProblem.OUTCOME_UNKNOWN.remedy not in result.out
    assert planned.run("apply", "back.json", "--yes").code == 0
    assert set(editors(planned)) == {BRUNO, CHIARA, DAGNY, BOT}


def test_changes_not_visible_yet_are_reported_after_verifying(planned: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ConfluenceGroups, "remove_member", lambda *_, **__: None)  # pretends to remove
    monkeypatch.setattr("time.sleep", lambda _seconds: None)  # the time counts as passed
    result = planned.run("apply", "plan.json", "--yes", "--verify")
    assert result.code == 4
    assert result.out.count("not visible yet: remove ") == 2


def test_stop_after_failures_ends_the_run(planned: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BadRequestError("400 Bad Request")

    monkeypatch.setattr(ConfluenceGroups, "remove_member", refuse)
    result = planned.run("apply", "plan.json", "--yes", "--stop-after-failures", "2")
    assert result.code == 4
    assert "stopped: too many changes failed" in result.out
    assert (
        "stopped" not in planned.run("apply", "plan.json", "--yes", "--stop-after-failures", "0", "--journal", "b").out
    )


def test_edited_plan_and_foreign_journal_exit_with_2(planned: Shell) -> None:
    Path("plan.json").write_text(Path("plan.json").read_text().replace("has left", "was left"))
    assert planned.run("apply", "plan.json", "--yes").code == 2
    assert planned.run("plan", "show", "plan.json").code == 2
    assert planned.run("apply", "rows.csv", "--yes").code == 2
    assert planned.run("journal", "show", "rows.csv").code == 2
    assert planned.run("undo", "no.journal").code == 2


def test_journal_is_shown_verified_and_undone(planned: Shell) -> None:
    planned.run("apply", "plan.json", "--yes", "--journal", "j")
    rows = json.loads(planned.run("journal", "show", "j", "-o", "json").out)
    assert {(row["outcome"], row["account_id"]) for row in rows} == {("REMOVED", BRUNO), ("REMOVED", DAGNY)}
    last = read_journal("j").last_hash
    assert last in planned.run("journal", "show", "j").out
    assert planned.run("journal", "verify", "j", "--expect-hash", last).code == 0
    assert planned.run("journal", "verify", "j", "--expect-hash", "0" * 64).code == 2
    result = planned.run("undo", "j", "--out", "back.json")
    assert result.code == 0
    assert "0 removals, 2 additions" in result.out
    assert planned.run("undo", "j", "--out", "c.json", "--expect-hash", "0" * 64).code == 2
    assert planned.run("apply", "back.json", "--yes", "--verify").code == 0
    assert set(editors(planned)) == {BRUNO, CHIARA, DAGNY, BOT}
    Path("j").write_bytes(Path("j").read_bytes().replace(b"REMOVED", b"ADDED..", 1))
    result = planned.run("journal", "verify", "j")
    assert result.code == 2
    assert "damaged" in result.err


def test_changes_in_doubt_are_shown(planned: Shell) -> None:
    planned.run("apply", "plan.json", "--yes")
    lines = Path("plan.journal").read_bytes().splitlines(keepends=True)
    intents = next(number for number, line in enumerate(lines) if b'"intents"' in line)
    Path("plan.journal").write_bytes(b"".join(lines[: intents + 1]))
    result = planned.run("journal", "show", "plan.journal")
    assert "in doubt:  2" in result.out
    assert result.out.count("UNKNOWN") == 2


def test_rejected_credentials_end_apply_with_exit_code_1(planned: Shell) -> None:
    gone = Answer(401, {"x-seraph-loginreason": "AUTHENTICATED_FAILED"}, "")
    planned.run("plan", "remove", "--csv", "rows.csv", "--out", "again.json")
    planned.sandbox.answer_next(gone)
    result = planned.run("apply", "plan.json", "--yes")
    assert result.code == 1
    assert "401 Unauthorized" in result.err
    assert not planned.writes
