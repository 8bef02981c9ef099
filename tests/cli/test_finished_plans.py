"""Applying a plan again on the command line: the question counts what is left, and nothing is claimed twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shell import ADA, BRUNO, CHIARA, DAGNY, EDITORS, Shell

from confluence_groups_sdk import BadRequestError, ConfluenceGroups, RateLimitError
from confluence_groups_sdk.cli.exit_codes import ALREADY_COMPLETE
from confluence_groups_sdk.membership import read_journal
from confluence_groups_sdk.sandbox import Person


@pytest.fixture
def planned(shell: Shell) -> Shell:
    """Make a plan to remove three people from the editors."""
    shell.csv(*(f"docs-editors,{account_id}," for account_id in (BRUNO, CHIARA, DAGNY)))
    assert shell.run("plan", "remove", "--csv", "rows.csv").code == 0
    return shell


def editors(shell: Shell) -> set[str]:
    return {person.account_id for person in shell.sandbox.directory.members(EDITORS)}


def fail_for(patch: pytest.MonkeyPatch, account_id: str, error: Exception) -> None:
    remove = ConfluenceGroups.remove_member

    def fail(self: ConfluenceGroups, **ids: str) -> None:
        if ids["account_id"] == account_id:
            raise error
        remove(self, **ids)

    patch.setattr(ConfluenceGroups, "remove_member", fail)


def apply_part(shell: Shell, patch: pytest.MonkeyPatch) -> None:
    """Apply the plan, except the removal of Dagný, which fails for a temporary reason."""
    with patch.context() as limited:
        fail_for(limited, DAGNY, RateLimitError("429 Too Many Requests", status_code=429))
        assert shell.run("apply", "plan.json", "--yes").code == 4


def test_finished_plan_exits_with_5_and_claims_nothing(planned: Shell) -> None:
    members = editors(planned)
    assert planned.run("apply", "plan.json", "--yes").code == 0
    assert planned.run("undo", "plan.journal", "--out", "back.json").code == 0
    assert planned.run("apply", "back.json", "--yes").code == 0
    assert editors(planned) == members
    requests, journal = len(planned.sandbox.requests), Path("plan.journal").read_bytes()
    for options in ([], ["--yes"], ["--verify", "--yes"], ["--on-drift", "continue"]):
        result = planned.run("apply", "plan.json", *options)
        assert result.code == ALREADY_COMPLETE == 5
        (run,) = read_journal("plan.journal").runs
        assert f"already applied on {run}; nothing was sent; make a new plan\n" in result.out
        assert f"by Ada Okafor ({ADA})" in result.out
        assert "3 REMOVED" not in result.out
        assert "earlier outcomes: REMOVED 3\n" in result.out
        assert "apply 3 changes" not in result.err, "there is nothing to ask"
        assert "to continue" not in result.err
    assert editors(planned) == members
    assert len(planned.sandbox.requests) == requests
    assert Path("plan.journal").read_bytes() == journal


def test_finished_plan_is_reported_as_json(planned: Shell) -> None:
    planned.run("apply", "plan.json", "--yes", "--report", "report.json")
    first = json.loads(Path("report.json").read_bytes())
    assert (first["already_complete"], len(first["results"]), first["done_before"]) == (False, 3, [])
    assert planned.run("apply", "plan.json", "--report", "again.json").code == 5
    again = json.loads(Path("again.json").read_bytes())
    assert (again["already_complete"], again["results"]) == (True, [])
    assert again["done_before"] == [{**each, "request_id": each["request_id"]} for each in first["results"]]
    assert again["earlier_runs"][-1]["by"] == ADA


@pytest.mark.parametrize("option", ["--dry-run", "--curl"])
def test_rehearsal_of_a_finished_plan_exits_with_5(planned: Shell, option: str) -> None:
    planned.run("apply", "plan.json", "--yes")
    result = planned.run("apply", "plan.json", option)
    assert result.code == 5
    assert "already applied on " in (result.err if option == "--curl" else result.out)
    assert option != "--curl" or result.out == "", "standard output has curl commands alone"


def test_finished_plan_is_still_checked(planned: Shell) -> None:
    planned.run("apply", "plan.json", "--yes")
    assert planned.run("apply", "plan.json", "--expect-digest", "0" * 64).code == 2
    assert planned.run("apply", "plan.json", "--site", "https://other.atlassian.net").code == 2
    assert planned.run("plan", "offboard", CHIARA, "--out", "other.json").code == 0
    result = planned.run("apply", "other.json", "--journal", "plan.journal")
    assert result.code == 2
    assert "another plan" in result.err


def test_damaged_journal_is_reported_before_the_question(planned: Shell) -> None:
    planned.run("apply", "plan.json", "--yes")
    journal = Path("plan.journal")
    journal.write_bytes(journal.read_bytes().replace(b"REMOVED", b"ADDED..", 1))
    result = planned.run("apply", "plan.json", answer="y\n")
    assert result.code == 2
    assert "apply 3 changes" not in result.err


def test_question_counts_what_is_left(planned: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    apply_part(planned, monkeypatch)
    result = planned.run("apply", "plan.json", answer="n\n")
    assert result.code == 3
    assert "apply 1 of 3 changes on " in result.err
    assert "; 2 were done before?" in result.err
    result = planned.run("apply", "plan.json", "--report", "report.json", answer="y\n")
    assert (result.code, DAGNY in editors(planned)) == (0, False)
    assert "1 REMOVED\n2 done by earlier runs: REMOVED 2\n" in result.out
    report = json.loads(Path("report.json").read_bytes())
    assert (report["counts"]["REMOVED"], report["counts_before"]["REMOVED"]) == (1, 2)


def test_rehearsal_counts_what_is_left(planned: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    apply_part(planned, monkeypatch)
    result = planned.run("apply", "plan.json", "--dry-run")
    assert result.code == 0
    assert result.out.count("would remove ") == 1
    assert "REMOVED remove" not in result.out
    assert "2 done by earlier runs: REMOVED 2\n" in result.out
    assert "1 change would be made on " in result.out
    assert planned.run("apply", "plan.json", "--curl").out.count("curl ") == 1


def test_failures_of_earlier_runs_are_shown_and_keep_exit_code_4(
    planned: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last run alone would look as if the whole plan had succeeded."""
    with monkeypatch.context() as broken:
        fail_for(broken, BRUNO, BadRequestError("400 Bad Request"))
        apply_part(planned, broken)
    result = planned.run("apply", "plan.json", "--yes")
    failure = f"FAILED in an earlier run: remove Bruno Keller ({BRUNO}) from docs-editors: 400 Bad Request"
    assert failure in result.out
    assert "1 REMOVED\n2 done by earlier runs: REMOVED 1, FAILED 1\n" in result.out
    assert result.code == 4
    again = planned.run("apply", "plan.json", "--yes")
    assert again.code == 5
    assert failure in again.out
    assert "earlier outcomes: REMOVED 2, FAILED 1\n" in again.out


def test_refusals_of_earlier_runs_keep_exit_code_3(planned: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    person = planned.sandbox.directory.people[BRUNO]
    planned.sandbox.directory.add_person(Person(BRUNO, person.display_name, "", account_type="app"))
    with monkeypatch.context() as limited:
        fail_for(limited, DAGNY, RateLimitError("429 Too Many Requests", status_code=429))
        assert planned.run("apply", "plan.json", "--yes", "--on-drift", "continue").code == 4
    result = planned.run("apply", "plan.json", "--yes", "--on-drift", "continue")
    assert result.code == 3
    assert f"REFUSED in an earlier run: remove Bruno Keller ({BRUNO}) from docs-editors" in result.out


def test_journal_shows_its_runs(planned: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    apply_part(planned, monkeypatch)
    planned.run("apply", "plan.json", "--yes")
    shown = planned.run("journal", "show", "plan.journal").out
    first, second = read_journal("plan.journal").runs
    assert f"begun:     {first}\n" in shown
    assert f"continued: {second}\n" in shown


def test_help_names_the_exit_code(shell: Shell) -> None:
    assert "exit code is 5" in " ".join(shell.run("apply", "--help").out.split())
