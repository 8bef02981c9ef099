"""Rows of CSV files on the command line: each one is carried out, skipped visibly, or a bad row with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shell import ADA, ADMINS, BRUNO, CHIARA, EDITORS, USERS, Shell

from confluence_groups_sdk.membership import Plan
from confluence_groups_sdk.sandbox import Group, Person

ROWS = 250  # more than two chunks of accounts; each row is looked up in each run
CASES = Path(__file__).parent.parent / "membership" / "csv_cases"
REPAIRED = {
    "apostrophe": ("'" + BRUNO, BRUNO),
    "formula-text": (f'="{BRUNO}"', BRUNO),
    "formula-text-raw": (f'="{BRUNO}"', BRUNO),
    "encoded-account": (CHIARA.replace(":", "%3A"), CHIARA),
}
BAD = {
    "hashes": (2, "########"),
    "placeholder-null": (2, "NULL"),
    "placeholder": (2, "n/a"),
    "sci-neg": (2, "6.08E-05"),
}


def test_every_case_is_expected() -> None:
    others = {"header-newline", "name-and-email"}
    assert {file.stem for file in CASES.iterdir()} == {*REPAIRED, *BAD, *others}


@pytest.mark.parametrize("name", REPAIRED)
def test_certain_damage_is_repaired_and_noted(shell: Shell, name: str) -> None:
    given, account_id = REPAIRED[name]
    result = shell.run("plan", "remove", "--csv", str(CASES / f"{name}.csv"))
    assert (result.code, result.err) == (0, "")
    (change,) = Plan.load("plan.json").changes
    assert change.account_id == account_id
    assert change.note is not None
    assert given in change.note
    assert f"note:      line 2: the account is written {given}\n" in result.out


@pytest.mark.parametrize("name", BAD)
def test_damaged_accounts_are_bad_rows(shell: Shell, name: str) -> None:
    line, cell = BAD[name]
    result = shell.run("plan", "remove", "--csv", str(CASES / f"{name}.csv"))
    assert result.code == 2
    assert f"  line {line}: " in result.err
    assert cell in result.err
    assert not Path("plan.json").exists()


@pytest.mark.parametrize("name", ["name-and-email", "header-newline"])
def test_an_email_identifies_the_person(shell: Shell, name: str) -> None:
    result = shell.run("plan", "remove", "--csv", str(CASES / f"{name}.csv"))
    assert (result.code, result.err) == (0, "")
    (change,) = Plan.load("plan.json").changes
    assert (change.account_id, change.note) == (BRUNO, None)


def test_another_name_is_a_note_beside_the_change(shell: Shell) -> None:
    shell.csv("docs-editors,Bruno Kellermann,bruno@example.com", header="group,user,email")
    result = shell.run("plan", "remove", "--csv", "rows.csv")
    assert result.code == 0
    (change,) = Plan.load("plan.json").changes
    assert change.note == "line 2: the row says Bruno Kellermann, but the account is called Bruno Keller"
    assert f"note:      {change.note}\n" in result.out
    assert change.note in shell.run("plan", "show", "plan.json").out
    shell.run("plan", "show", "plan.json", "--html", "plan.html")
    assert change.note in Path("plan.html").read_text(encoding="utf-8")


def test_people_who_are_not_members_are_shown_with_their_lines(shell: Shell) -> None:
    shell.csv(f"docs-editors,{BRUNO},", f"docs-editors,{ADA},")
    result = shell.run("plan", "remove", "--csv", "rows.csv")
    assert result.code == 0
    (skipped,) = Plan.load("plan.json").skipped
    assert (skipped.change.account_id, skipped.why, skipped.change.note) == (ADA, "not a member", "line 3")
    assert f"line 3: Ada Okafor ({ADA}) in docs-editors: not a member\n" in result.out


def test_problems_of_all_stages_are_listed_by_line(shell: Shell) -> None:
    shell.csv(
        f"nowhere,{BRUNO},",
        "docs-editors,gone-1,",
        "docs-editors,,",
        f"docs-editors,{BRUNO},",
        "docs-editors,no@x.org,",
    )
    result = shell.run("plan", "remove", "--csv", "rows.csv")
    assert result.code == 2
    assert result.err.splitlines() == [
        "error: rows.csv: 4 bad rows, so no plan was made:",
        "  line 2: there is no group with the id or exact name nowhere",
        "  line 3: there is no account with the id gone-1",
        "  line 4: the account is missing",
        "  line 6: no member shows the e-mail no@x.org: give the account id",
    ]


COMMANDS = (["remove"], ["sync", EDITORS], ["offboard"])


@pytest.mark.parametrize("command", COMMANDS, ids=[each[0] for each in COMMANDS])
def test_long_lists_of_problems_are_printed_in_full_or_written_to_a_file(shell: Shell, command: list[str]) -> None:
    shell.csv(*(f"docs-editors,gone-{number}," for number in range(ROWS)))
    lines = [f"line {number + 2}: there is no account with the id gone-{number}" for number in range(ROWS)]
    message = f"rows.csv: {ROWS} bad rows, so no plan was made:"
    result = shell.run("plan", *command, "--csv", "rows.csv")
    assert result.code == 2
    assert result.err.splitlines() == [f"error: {message}", *(f"  {line}" for line in lines)]
    result = shell.run("plan", *command, "--csv", "rows.csv", "--problems", "bad.txt")
    assert result.code == 2
    assert result.err.splitlines() == [
        f"error: {message}",
        f"  {ROWS} problems: see bad.txt",
    ]
    assert Path("bad.txt").read_text(encoding="utf-8").splitlines() == lines
    assert shell.run("plan", *command, "--csv", "rows.csv", "--problems", "bad.json").code == 2
    content = json.loads(Path("bad.json").read_text(encoding="utf-8"))
    assert content == {"error": message, "problems": lines}
    result = shell.run("plan", *command, "--csv", "rows.csv", "-o", "json")
    assert result.code == 2
    assert json.loads(result.out) == content
    assert result.err == f"error: {message}\n"


def test_problems_file_is_checked_before_any_call_and_written_only_if_there_are_problems(shell: Shell) -> None:
    shell.csv(f"docs-editors,{BRUNO},")
    before = len(shell.sandbox.requests)
    result = shell.run("plan", "remove", "--csv", "rows.csv", "--problems", "nowhere/bad.txt")
    assert (result.code, len(shell.sandbox.requests)) == (2, before)
    Path("old.txt").write_text("old", encoding="utf-8")
    assert shell.run("plan", "remove", "--csv", "rows.csv", "--problems", "old.txt").code == 2
    assert Path("old.txt").read_text(encoding="utf-8") == "old"
    assert shell.run("plan", "remove", "--csv", "rows.csv", "--problems", "new.txt").code == 0
    assert not Path("new.txt").exists()


def test_json_output_of_a_plan_has_its_rows(shell: Shell) -> None:
    shell.csv(f"docs-editors,{BRUNO},")
    result = shell.run("plan", "remove", "--csv", "rows.csv", "-o", "json")
    assert result.code == 0
    assert [each["account_id"] for each in json.loads(result.out)] == [BRUNO]
    assert "saved as plan.json" in result.err
    assert json.loads(result.out) == json.loads(shell.run("plan", "show", "plan.json", "-o", "json").out)


def test_offboarding_keeps_the_reasons_of_the_file(shell: Shell) -> None:
    shell.csv(
        f"{BRUNO},left in May",
        f"{CHIARA},",
        f'{CHIARA.replace(":", "%3A")},"moved, to Oslo"',
        "bruno@example.com,twice",
        header="account,reason",
    )
    shell.sandbox.directory.add_group(Group("g", "g", frozenset({"user"})), [BRUNO, ADA])
    result = shell.run("plan", "offboard", "--csv", "rows.csv", ADA, "--reason", "general", "--allow-self")
    reasons = {change.account_id: change.reason for change in Plan.load("plan.json").changes}
    assert reasons == {BRUNO: "left in May; twice", CHIARA: "moved, to Oslo", ADA: "general"}
    assert "%3A" in result.out


def test_an_email_nobody_shows_names_the_groups_searched(shell: Shell) -> None:
    directory = shell.sandbox.directory
    directory.add_person(Person("hidden-1", "Hidden", ""))
    directory.add_member(USERS, "hidden-1")
    result = shell.run("plan", "offboard", "gone@example.com")
    assert result.code == 2
    assert (
        "no member of the 2 groups that give access to Confluence (confluence-admins-sandbox, "
        "confluence-users-sandbox) shows the e-mail gone@example.com; 1 of the 6 people there hides their e-mail: "
        "give the account id"
    ) in result.err
    directory.delete_group(USERS)
    directory.delete_group(ADMINS)
    result = shell.run("plan", "offboard", "gone@example.com")
    assert "no group gives access to Confluence, so no e-mail can be searched for: give the account id" in result.err
