from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from membership_fakes import OPEN, TEAM, client, members, people, removals, team, writes

from confluence_groups_sdk import BadRequestError, ConfluenceGroups, InputError
from confluence_groups_sdk.membership import (
    Action,
    Progress,
    apply,
    plan_offboarding,
    plan_removals,
    plan_sync,
    read_accounts,
)
from confluence_groups_sdk.sandbox import Group, Person, Sandbox
from confluence_groups_sdk.sandbox.seed import READER


def problems(sandbox: Sandbox, rows: Any) -> tuple[str, ...]:
    with client(sandbox) as groups, pytest.raises(InputError, match="no plan was made") as caught:
        plan_removals(groups, rows)
    return caught.value.problems


def test_rows_name_groups_by_id_or_name_and_accounts_by_id_or_e_mail(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox)
    path = tmp_path / "hr.csv"
    path.write_text(f"groupId,user,reason\n{TEAM},{ids[0]},left\nTeam,ID-001@Example.com,\n", encoding="utf-8")
    with client(sandbox) as groups:
        plan = plan_removals(groups, path)
    assert [(change.account_id, change.display_name, change.reason) for change in plan.changes] == [
        (ids[0], f"P {ids[0]}", "left"),
        (ids[1], f"P {ids[1]}", None),
    ]
    assert plan.asked == "remove the members in 2 rows of hr.csv"
    assert (plan.site, plan.made_by_name) == (sandbox.url.removeprefix("http://"), "Ada Okafor")
    assert writes(sandbox) == []


def test_all_problems_are_named_and_no_plan_is_made(sandbox: Sandbox) -> None:
    ids = team(sandbox)
    directory = sandbox.directory
    directory.add_group(Group("twin-1", "Twin"))
    directory.add_group(Group("twin-2", "Twin"))
    directory.add_group(Group("team-2", "Teams"), [])
    assert problems(sandbox, [("Twin", "a"), ("team", "a"), ("nothing", "a"), (TEAM, ids[0])]) == (
        "row 1: 2 groups are called Twin: give the id (twin-1, twin-2)",
        "row 2: there is no group with the id or exact name team",
        "row 3: there is no group with the id or exact name nothing",
    )
    directory.add_person(Person("id-001", "Same", "id-000@example.com"))
    assert problems(sandbox, [(TEAM, "id-000@example.com"), (TEAM, "hidden@example.com"), (TEAM, ids[5])]) == (
        "row 1: 2 accounts have the e-mail id-000@example.com: give the account id (id-000, id-001)",
        "row 2: no member shows the e-mail hidden@example.com: give the account id",
    )
    assert problems(sandbox, [(TEAM,), (TEAM, " "), "Team", (TEAM, None), (TEAM, "a", "b")]) == (
        *(f"row {number}: give a group and an account, both strings that are not empty" for number in range(1, 5)),
        "row 5: there is no account with the id a",
    )


def test_non_members_are_skipped_and_repeated_rows_are_noted(sandbox: Sandbox) -> None:
    ids = team(sandbox)
    (other,) = people(sandbox, 1, first=900)
    with client(sandbox) as groups:
        plan = plan_removals(groups, [(TEAM, ids[0]), ("Team", "id-000@example.com"), (TEAM, other)])
    assert [change.account_id for change in plan.changes] == [ids[0]]
    assert [(each.change.display_name, each.why, each.guard, each.change.note) for each in plan.skipped] == [
        (f"P {other}", "not a member", None, "row 3")
    ]
    assert "1 of 3 rows repeat an earlier row" in plan.notes


def test_unknown_facts_are_noted(sandbox: Sandbox) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        assert removals(groups, ids[:1]).notes == ("unknown: whether an identity provider manages Team",)
        sandbox.directory.add_group(Group(TEAM, "Team", managed_by="ADMINS"), ids)
        assert removals(groups, ids[:1]).notes == ()


def test_a_site_without_access_filter_is_noted(sandbox: Sandbox) -> None:
    ids = team(sandbox)

    def reject_access_filter(_self: ConfluenceGroups, *, access_type: str) -> Any:
        raise BadRequestError(f"accessType {access_type} is not known")

    with client(sandbox) as groups, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ConfluenceGroups, "iter_groups", reject_access_filter)
        plan = removals(groups, ids[:1])
    assert plan.groups[0].access is None
    assert "unknown: the access that Team give; they count as giving admin rights" in plan.notes


@pytest.mark.parametrize(
    ("mode", "joining", "leaving", "note"),
    [
        ("exact", 2, 3, None),
        ("add-only", 2, 0, "3 members are not on the list; this mode removes nobody"),
        ("remove-only", 0, 3, "2 accounts of the list are not members; this mode adds nobody"),
    ],
)
def test_sync_makes_the_group_match_the_list(
    sandbox: Sandbox, tmp_path: Path, mode: Any, joining: int, leaving: int, note: str | None
) -> None:
    ids = team(sandbox)
    new = people(sandbox, 2, first=900)
    wanted = [*ids[3:5], "id-005@example.com", *ids[6:], *new]
    with client(sandbox) as groups:
        plan = plan_sync(groups, group_id="Team", account_ids=wanted, mode=mode, reason="review")
        actions = [change.action for change in plan.changes]
        assert (actions.count(Action.ADD), actions.count(Action.REMOVE)) == (joining, leaving)
        assert {change.reason for change in plan.changes} == {"review"}
        assert all(change.display_name for change in plan.changes)
        assert note is None or note in plan.notes
        apply(groups, plan, journal=tmp_path / "journal")
    assert set(members(sandbox)) == {*(ids[3:] if leaving else ids), *(new if joining else [])}


def test_a_list_of_one_is_called_one_account(sandbox: Sandbox) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = plan_sync(groups, group_id="Team", account_ids=ids[:1], guards=OPEN)
    assert plan.asked == "sync the members of Team with a list of 1 account (exact)"


def test_sync_rejects_unknown_accounts_groups_and_modes(sandbox: Sandbox) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        with pytest.raises(InputError) as caught:
            plan_sync(groups, group_id=TEAM, account_ids=[*ids, "nobody", "no-one"])
        assert caught.value.problems == (
            "account_ids: there is no account with the id nobody",
            "account_ids: there is no account with the id no-one",
        )
        with pytest.raises(InputError, match="no group with the id or exact name"):
            plan_sync(groups, group_id="nothing", account_ids=[])
        with pytest.raises(ValueError, match="mode must be one of exact, add-only, remove-only"):
            plan_sync(groups, group_id=TEAM, account_ids=[], mode="all")  # type: ignore[arg-type] # the point
        with pytest.raises(TypeError, match="a list of ids"):
            plan_sync(groups, group_id=TEAM, account_ids="id-000")
        with pytest.raises(InputError) as caught:
            plan_sync(groups, group_id=TEAM, account_ids=["id-000", "", "id-001", " ", 7])  # type: ignore[list-item] # the point
        assert [problem.partition(":")[0] for problem in caught.value.problems] == ["item 2", "item 4", "item 5"]
        with pytest.raises(InputError, match="item 1"):
            plan_sync(groups, group_id=TEAM, account_ids=[7])  # type: ignore[list-item] # the point


@pytest.mark.parametrize("mode", ["exact", "add-only", "remove-only"])
@pytest.mark.parametrize("source", [list, tuple, iter, lambda items: (each for each in items), dict.fromkeys])
def test_sync_refuses_an_empty_list_unless_told_otherwise(sandbox: Sandbox, mode: Any, source: Any) -> None:
    ids = team(sandbox, 4)
    with client(sandbox) as groups:
        with pytest.raises(InputError, match=r"the list has no accounts.*allow_empty=True") as caught:
            plan_sync(groups, group_id=TEAM, account_ids=source([]), mode=mode)
        assert caught.value.option == "allow_empty"
        plan = plan_sync(groups, group_id=TEAM, account_ids=source([]), mode=mode, allow_empty=True, guards=OPEN)
    leaving = [] if mode == "add-only" else ids
    assert [(change.action, change.account_id) for change in plan.changes] == [("remove", each) for each in leaving]


def test_an_empty_sync_still_passes_the_guards(sandbox: Sandbox) -> None:
    team(sandbox, 10)
    with client(sandbox) as groups:
        plan = plan_sync(groups, group_id=TEAM, account_ids=[], allow_empty=True)
    assert (plan.changes, {each.guard for each in plan.refused}) == ((), {"max_fraction"})


def test_a_file_with_headers_only_is_an_empty_list(sandbox: Sandbox, tmp_path: Path) -> None:
    team(sandbox, 4)
    path = tmp_path / "hr.csv"
    path.write_text("account\n", encoding="utf-8")
    with client(sandbox) as groups:
        with pytest.raises(InputError, match="there is no row below the headers"):
            plan_sync(groups, group_id=TEAM, account_ids=read_accounts(path))
        accounts = read_accounts(path, allow_empty=True)
        assert accounts == []
        assert len(plan_sync(groups, group_id=TEAM, account_ids=accounts, allow_empty=True).changes) == 4
    path.write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="the file is empty"):
        read_accounts(path, allow_empty=True)


@pytest.mark.parametrize("mode", ["exact", "add-only", "remove-only"])
def test_a_deactivated_member_on_the_list_is_no_change(sandbox: Sandbox, mode: Any) -> None:
    ids = team(sandbox)
    new, absent = people(sandbox, 2, first=900)
    directory = sandbox.directory
    for account_id in (ids[0], absent):  # a member and somebody who is no member, both deactivated
        directory.add_person(evolve(directory.people[account_id], account_status="inactive"))
    with client(sandbox) as groups:
        plan = plan_sync(groups, group_id=TEAM, account_ids=[*ids, new, absent], mode=mode)
        asked = [seen.target for seen in sandbox.requests if "/user/memberof" in seen.target]
    added = [] if mode == "remove-only" else sorted([new, absent])
    assert [(change.action, change.account_id) for change in plan.changes] == [("add", each) for each in added]
    assert "members whom Confluence does not list, such as deactivated accounts: 1; no change" in plan.notes
    if mode == "remove-only":
        assert "2 accounts of the list are not members; this mode adds nobody" in plan.notes
    assert (
        len({target for target in asked if "start=0" in target or "start" not in target}) == 2
    )  # not for listed or active ones


def test_sync_finds_the_e_mail_of_a_user_who_is_no_member(sandbox: Sandbox) -> None:
    ids = team(sandbox, 4, access=frozenset())
    with client(sandbox) as groups:
        plan = plan_sync(groups, group_id=TEAM, account_ids=[*ids, "Bruno@example.com", "id-001@example.com"])
        assert [(change.action, change.account_id) for change in plan.changes] == [("add", READER)]
        calls = len(sandbox.requests)
        plan_sync(groups, group_id=TEAM, account_ids=[*ids, "id-001@example.com"])
        assert not [seen for seen in sandbox.requests[calls:] if "accessType" in seen.target]  # all are members
        with pytest.raises(InputError, match=r"nobody@example\.com"):
            plan_sync(groups, group_id=TEAM, account_ids=[*ids, "nobody@example.com"])


def test_applying_a_sync_again_changes_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox)
    directory = sandbox.directory
    (new,) = people(sandbox, 1, first=900)
    wanted = [*ids, new]
    with client(sandbox) as groups:
        apply(groups, plan_sync(groups, group_id=TEAM, account_ids=wanted), journal=tmp_path / "first")
        for account_id in (ids[3], new):
            directory.add_person(evolve(directory.people[account_id], account_status="inactive"))
        assert plan_sync(groups, group_id=TEAM, account_ids=wanted).changes == ()
    assert directory.is_member(TEAM, new)


def test_offboarding_removes_from_all_groups_even_deactivated_users(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox)
    directory = sandbox.directory
    directory.add_group(Group("second", "Second"), ids[:5])
    directory.add_group(Group("kept", "Alumni"), ids[:2])
    directory.add_person(evolve(directory.people[ids[0]], account_status="inactive"))
    seen: list[Progress] = []
    with client(sandbox) as groups:
        plan = plan_offboarding(
            groups, account_ids=[ids[0], "ID-001@example.com"], keep_groups=["Alumni"], on_progress=seen.append
        )
        assert {change.key for change in plan.changes} == {(each, who) for each in (TEAM, "second") for who in ids[:2]}
        assert {each.why for each in plan.skipped} == {"this group is kept"}
        assert plan.asked == "remove 2 users from all their groups except Alumni"
        apply(groups, plan, journal=tmp_path / "journal")
        with pytest.raises(InputError, match="no account with the id nobody"):
            plan_offboarding(groups, account_ids=["nobody"])
    assert [group.id for group in directory.groups_of(ids[0])] == ["kept"]
    assert [group.id for group in directory.groups_of(ids[1])] == ["kept"]
    assert seen[-1].done == seen[-1].total


def test_a_group_that_was_searched_for_e_mails_is_not_read_again(sandbox: Sandbox) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        plan = plan_offboarding(groups, account_ids=[f"{ids[0]}@example.com"])
    assert [change.group_id for change in plan.changes] == [TEAM]
    assert (
        sum(f"/{TEAM}/membersByGroupId" in seen.target and "start=0" in seen.target for seen in sandbox.requests) == 1
    )


def test_an_empty_plan_can_be_applied(sandbox: Sandbox, tmp_path: Path) -> None:
    with client(sandbox) as groups:
        plan = plan_removals(groups, [], guards=OPEN)
        report = apply(groups, plan, journal=tmp_path / "journal")
    assert (plan.changes, report.results, str(report).partition(";")[0]) == ((), (), "nothing to do")


def test_a_group_whose_name_is_another_groups_id_is_not_confused_with_it(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox)
    group_id = "6d1f0c52-2a3b-4c5d-8e9f-0a1b2c3d4e5f"
    sandbox.directory.add_group(Group(group_id, "Named"), ids)
    sandbox.directory.add_group(Group("zzz", group_id), ids[:3])
    rows = tmp_path / "rows.csv"
    rows.write_text(f"group name,group id,account\n{group_id},,{ids[0]}\n,{group_id},{ids[1]}\n", encoding="utf-8")
    with client(sandbox) as groups:
        plan = plan_removals(groups, rows)
    assert {change.key for change in plan.changes} == {("zzz", ids[0]), (group_id, ids[1])}


def test_an_empty_file_beside_other_accounts_needs_allow_empty_too(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox, 5)
    (tmp_path / "empty.csv").write_text("account\n", encoding="utf-8")
    accounts: list[str | Path] = [tmp_path / "empty.csv", ids[0]]
    with client(sandbox) as groups:
        with pytest.raises(InputError, match=r"empty\.csv has no accounts.*allow_empty=True") as caught:
            plan_sync(groups, group_id=TEAM, account_ids=accounts)
        assert caught.value.option == "allow_empty"
        assert len(plan_sync(groups, group_id=TEAM, account_ids=accounts, allow_empty=True).changes) == 4


@pytest.mark.parametrize("size", [0, 1, 199, 200])
@pytest.mark.parametrize("action", list(Action))
def test_an_estimate_has_the_calls_that_applying_takes(
    sandbox: Sandbox, tmp_path: Path, size: int, action: Action
) -> None:
    ids = team(sandbox, size)
    joining = people(sandbox, 3, first=900)
    desired = [*ids, *joining] if action is Action.ADD else [joining[0], *ids[1:]]
    with client(sandbox) as groups:
        plan = plan_sync(groups, group_id=TEAM, account_ids=desired, guards=OPEN)
    before = len(sandbox.requests)
    with client(sandbox) as groups:
        apply(groups, plan, journal=tmp_path / "journal")
    assert plan.estimate.calls == len(sandbox.requests) - before
