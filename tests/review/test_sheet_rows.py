"""The rows of sheets: one for each membership, chosen and ordered as asked, with the exceptions that carry over."""

from __future__ import annotations

from datetime import date

import pytest
from snapshots import NOW, group, snapshot, user

from confluence_groups_sdk import InputError, ReviewError
from confluence_groups_sdk.review import (
    DecidedMembership,
    Decision,
    Decisions,
    ReviewerMap,
    SheetRow,
    Snapshot,
    sheet_rows,
)

TAKEN = snapshot(
    group("g1", "ada", "bot", "gus", name="writers", access=("user",)),
    group("g2", "ada", name="Admins", access=("site-admin", "admin", "user")),
    group("g3", "ada", "zoe", name="secret", access=None),
    group("g4", name="empty"),
    group("g5", "zoe", name="writers"),
    users=[
        user("ada", "Ada", status="active"),
        user("bot", "Bot", account_type="app", email=None, is_guest=None),
        user("gus", "gus", is_guest=True),
        user("zoe", "Zoë", email=None, account_type=None, is_guest=None),
    ],
)


def keys(rows: list[SheetRow]) -> list[tuple[str, str]]:
    return [row.key for row in rows]


def test_a_row_has_what_the_snapshot_knows() -> None:
    row = sheet_rows(TAKEN)[0]
    assert row == SheetRow(
        group_id="g2",
        group="Admins",
        account_id="ada",
        name="Ada",
        email="ada@example.com",
        account_type="atlassian",
        status="active",
        access="admin, site-admin, user",
        snapshot=TAKEN.digest,
    )


def test_unknown_values_are_empty_and_unknown_access_is_named() -> None:
    rows = {row.key: row for row in sheet_rows(TAKEN)}
    zoe, gus, bot = rows["g3", "zoe"], rows["g1", "gus"], rows["g1", "bot"]
    assert (zoe.email, zoe.account_type, zoe.status, zoe.access) == ("", "", "", "unknown")
    assert gus.account_type == "atlassian, guest"
    assert bot.account_type == "app"
    assert rows["g5", "zoe"].access == ""


def test_rows_are_ordered_by_group_or_by_member() -> None:
    by_group = [("g2", "ada"), ("g3", "ada"), ("g3", "zoe"), ("g1", "ada"), ("g1", "bot"), ("g1", "gus"), ("g5", "zoe")]
    assert keys(sheet_rows(TAKEN)) == by_group
    by_user = [("g2", "ada"), ("g3", "ada"), ("g1", "ada"), ("g1", "bot"), ("g1", "gus"), ("g3", "zoe"), ("g5", "zoe")]
    assert keys(sheet_rows(TAKEN, by="user")) == by_user
    with pytest.raises(InputError, match="cannot be sorted by size"):
        sheet_rows(TAKEN, by="size")


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ("access=admin", [("g2", "ada")]),
        (["access=site-admin", "access=unknown"], [("g2", "ada"), ("g3", "ada"), ("g3", "zoe")]),
        ("group=g5", [("g5", "zoe")]),
        ("group=secret", [("g3", "ada"), ("g3", "zoe")]),
        ("account_type=app", [("g1", "bot")]),
        (["account_type=app", "account_type=guest"], [("g1", "bot"), ("g1", "gus")]),
        (["access=user", "account_type=guest"], [("g1", "gus")]),
        (["access=admin", "account_type=guest"], []),
    ],
)
def test_conditions_choose_memberships(only: str | list[str], expected: list[tuple[str, str]]) -> None:
    assert keys(sheet_rows(TAKEN, only=only)) == expected


@pytest.mark.parametrize(
    ("only", "problem"),
    [
        (
            "access=owner",
            "access=owner: give one of access=admin, access=user, access=site-admin, access=unknown, group=",
        ),
        ("status=active", "status=active: give one of access=admin"),
        ("admin", "admin: give one of"),
        ("group=", "group=: give one of"),
        ("group=nobody", "the snapshot has no group with this id or name"),
        ("group=writers", "several groups have this name: give the id of one: g1, g5"),
    ],
)
def test_other_conditions_are_refused_with_what_is_possible(only: str, problem: str) -> None:
    with pytest.raises(InputError) as raised:
        sheet_rows(TAKEN, only=only)
    assert problem in str(raised.value)


def test_a_group_is_found_by_its_name_as_a_spreadsheet_has_it() -> None:
    taken = snapshot(group("g1", "ada", name="=team"))
    assert keys(sheet_rows(taken, only="group='=team")) == [("g1", "ada")]


def previous(until: date, *, of: Snapshot = TAKEN, **facts: str) -> Decisions:
    kept = DecidedMembership(
        group_id="g3", account_id="ada", decision=Decision.KEEP, reviewer="Max", sheet="q3.csv", line=3
    )
    exception = DecidedMembership(
        group_id="g2",
        account_id="ada",
        decision=Decision.EXCEPTION,
        reviewer="Max",
        until=until,
        comment="migration",
        sheet="q3.csv",
        line=2,
    )
    return Decisions(snapshot="0" * 64, site=facts.get("site", of.site), decided=(exception, kept))


def test_an_exception_carries_over_until_its_last_day() -> None:
    day = date.fromisoformat(NOW[:10])
    rows = {row.key: row for row in sheet_rows(TAKEN, previous=previous(day))}
    row = rows["g2", "ada"]
    assert (row.decision, row.until, row.reviewer, row.comment) == ("exception", NOW[:10], "Max", "migration")
    others = [each for key, each in rows.items() if key != row.key]
    assert {(each.decision, each.until, each.reviewer, each.comment) for each in others} == {("", "", "", "")}


def test_an_exception_that_ended_must_be_decided_again() -> None:
    rows = {row.key: row for row in sheet_rows(TAKEN, previous=previous(date(2026, 11, 28)))}
    row = rows["g2", "ada"]
    assert (row.decision, row.until, row.reviewer) == ("", "", "")
    assert row.comment == "exception ended on 2026-11-28"


def test_an_exception_keeps_its_reviewer_and_goes_to_the_present_one() -> None:
    reviewers = ReviewerMap(groups={"g2": "Kim", "g3": "Kim"})
    rows = sheet_rows(TAKEN, reviewers=reviewers, previous=previous(date(2027, 1, 1)), only=["group=g2", "group=g3"])
    assert [row.reviewer for row in rows] == ["Max", "Kim", "Kim"]
    assert {who: keys(each) for who, each in reviewers.split(rows).items()} == {"Kim": keys(rows)}


def test_decisions_about_another_site_are_refused() -> None:
    with pytest.raises(ReviewError, match=r"are about other\.example, and the snapshot is of"):
        sheet_rows(TAKEN, previous=previous(date(2027, 1, 1), site="other.example"))
