"""What a caller gives to a planner: rows, accounts and files, and the error that lists the bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from membership_fakes import TEAM, client, team

from confluence_groups_sdk import InputError
from confluence_groups_sdk.membership import Row, plan_offboarding, plan_removals, plan_sync, read_accounts
from confluence_groups_sdk.membership.planning.rows.given_rows import read_given_accounts, read_given_rows
from confluence_groups_sdk.sandbox import Person, Sandbox

UNKNOWN = "708a9b555426330072f9867d"


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("given", "row"),
    [
        (("g", "a"), Row("g", "a")),
        (["g", "a"], Row("g", "a")),
        ((" g ", "a", "left"), Row("g", "a", "left")),
        (("g", "a", ""), Row("g", "a")),
        (("g", "a", None), Row("g", "a")),
        (Row("g", "'a", "left", 7, by_name=True), Row("g", "a", "left", 7, by_name=True, given="'a")),
    ],
)
def test_rows_are_given_as_pairs_triples_or_rows(given: Any, row: Row) -> None:
    found = read_given_rows([given])
    place = f"line {row.line}" if row.line else "row 1"
    assert [(each.row, each.place) for each in found.rows] == [(row, place)]
    assert (found.size, found.problems) == (1, [])


@pytest.mark.parametrize(
    ("given", "row"),
    [
        ("a1", Row("", "a1")),
        (("a", "left"), Row("", "a", "left")),
        (("a", ""), Row("", "a")),
        (Row("", "a", "left"), Row("", "a", "left")),
        (Row("", "a", ""), Row("", "a")),
    ],
)
def test_accounts_are_given_alone_or_with_a_reason(given: Any, row: Row) -> None:
    found = read_given_accounts([given])
    assert [(each.row, each.place) for each in found.rows] == [(row, "account_ids")]
    assert (found.size, found.problems) == (1, [])


def test_bad_rows_are_listed_in_the_order_in_which_they_were_given() -> None:
    rows: list[Any] = [("g", "a")] * 11
    rows[1], rows[9] = ("g",), ("g", None)
    found = read_given_rows(rows)
    assert len(found.rows) == 9
    cause = LookupError()
    with pytest.raises(InputError) as caught:
        found.raise_problems(["before"], ["after"], cause)
    assert caught.value.__cause__ is cause
    problem = "give a group and an account, both strings that are not empty"
    assert caught.value.problems == ("before", f"row 2: {problem}", f"row 10: {problem}", "after")


def test_ids_as_confluence_writes_them_come_first(sandbox: Sandbox) -> None:
    team(sandbox, 3)
    with client(sandbox) as groups, pytest.raises(InputError) as caught:
        plan_sync(groups, group_id=TEAM, account_ids=["######", UNKNOWN])
    assert caught.value.problems == (
        f"account_ids: there is no account with the id {UNKNOWN}",
        "item 1: the account is ######: a spreadsheet has changed it",
    )


@pytest.mark.parametrize(
    ("number", "others", "title", "prefix"),
    [
        (1, [], "rows.csv: 1 bad row, so no plan was made:", ""),
        (1, ["id-000"], "no plan was made", ""),
        (2, [], "no plan was made", "rows.csv: "),
    ],
)
def test_an_error_is_about_a_file_if_everything_comes_from_it(
    tmp_path: Path, number: int, others: list[str], title: str, prefix: str
) -> None:
    path = write(tmp_path / "rows.csv", "account", "NULL")
    found = read_given_accounts([*[path] * number, *others])
    with pytest.raises(InputError) as caught:
        found.raise_problems()
    problem = f"{prefix}line 2: the account is NULL: a placeholder, not an account"
    assert caught.value.problems == (problem,) * number
    assert str(caught.value).startswith(title)


@pytest.mark.parametrize(("before", "after"), [(["the group"], []), ([], ["the site"])])
def test_problems_of_a_file_and_others_are_in_one_error(tmp_path: Path, before: list[str], after: list[str]) -> None:
    found = read_given_rows(write(tmp_path / "rows.csv", "group,account", "g,"))
    with pytest.raises(InputError, match=r"^rows\.csv: no plan was made") as caught:
        found.raise_problems(before, after)
    assert caught.value.problems == (*before, "line 2: the account is missing", *after)


def test_a_file_without_rows_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    rows = write(tmp_path / "rows.csv", "group,account")
    with client(sandbox) as groups:
        for plan in (
            lambda: plan_removals(groups, rows),
            lambda: plan_offboarding(groups, account_ids=rows),
            lambda: read_given_accounts(rows),
            lambda: read_accounts(rows),
        ):
            with pytest.raises(InputError, match=r"rows\.csv: there is no row below the headers"):
                plan()


def test_only_a_file_without_any_row_is_empty(tmp_path: Path) -> None:
    empty, bad = write(tmp_path / "empty.csv", "account"), write(tmp_path / "bad.csv", "account", "NULL")
    good = write(tmp_path / "good.csv", "account", "a")
    assert read_given_accounts([empty, bad, good], allow_empty=True).empty_files == ["empty.csv"]


def test_the_first_of_several_rows_about_a_person_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.directory.add_person(Person("alone", "Alone", ""))
    path = write(tmp_path / "rows.csv", "account", "alone", "alone")
    with client(sandbox) as groups:
        plan = plan_offboarding(groups, account_ids=path)
    assert "line 2: alone is in no group, so there is nothing to remove" in plan.notes
