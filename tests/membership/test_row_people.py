"""The people of rows: found by id or e-mail, and checked against everything else that the row says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from membership_fakes import TEAM, client, team

from confluence_groups_sdk import ConfluenceGroups, InputError
from confluence_groups_sdk._support.text import escape_controls
from confluence_groups_sdk.membership import Plan, Row, plan_offboarding, plan_removals, plan_sync, read_accounts
from confluence_groups_sdk.sandbox import Group, Person, Sandbox

UPPER = "708A9B555426330072F9867D"
LOWER = UPPER.lower()


def write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def plan_of(sandbox: Sandbox, rows: Any) -> Plan:
    with client(sandbox) as groups:
        return plan_removals(groups, rows)


def problems(sandbox: Sandbox, rows: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        plan_of(sandbox, rows)
    return list(caught.value.problems)


def test_an_upper_case_id_is_tried_as_given_first(sandbox: Sandbox) -> None:
    team(sandbox, 3)
    directory = sandbox.directory
    directory.add_person(Person(LOWER, "Lower", ""))
    directory.add_member(TEAM, LOWER)
    (change,) = plan_of(sandbox, [(TEAM, UPPER)]).changes
    assert (change.account_id, change.note) == (LOWER, f"row 1: the account is written {UPPER}")
    directory.add_person(Person(UPPER, "Upper", ""))
    plan = plan_of(sandbox, [(TEAM, UPPER)])
    assert [each.change.account_id for each in plan.skipped] == [UPPER]
    directory.add_member(TEAM, UPPER)
    assert [change.account_id for change in plan_of(sandbox, [(TEAM, UPPER)]).changes] == [UPPER]


def test_a_repaired_or_upper_case_id_that_is_unknown_shows_both(sandbox: Sandbox) -> None:
    team(sandbox, 3)
    assert problems(sandbox, [(TEAM, UPPER), (TEAM, f"'{LOWER}"), (TEAM, "557058%3Aab"), (TEAM, "'x@example.com")]) == [
        f"row 1: there is no account with the id {UPPER} or {LOWER}",
        f"row 2: there is no account with the id {LOWER} (it is written '{LOWER})",
        "row 3: there is no account with the id 557058:ab (it is written 557058%3Aab)",
        "row 4: no member shows the e-mail x@example.com: give the account id (it is written 'x@example.com)",
    ]


def test_deactivated_accounts_are_looked_up_and_removed_or_skipped(sandbox: Sandbox) -> None:
    ids = team(sandbox, 3)
    directory = sandbox.directory
    directory.add_person(evolve(directory.people[ids[0]], account_status="inactive"))
    directory.add_person(Person("gone", "Gone", "", account_status="closed"))
    plan = plan_of(sandbox, [(TEAM, ids[0]), (TEAM, "gone")])
    assert [change.account_id for change in plan.changes] == [ids[0]]
    assert [(each.change.account_id, each.why, each.change.note) for each in plan.skipped] == [
        ("gone", "not a member", "row 2")
    ]


def test_every_row_of_an_unknown_group_is_bad(sandbox: Sandbox) -> None:
    ids = team(sandbox, 3)
    assert problems(sandbox, [("x", ids[0]), (TEAM, ids[1]), ("x", ids[1])]) == [
        "row 1: there is no group with the id or exact name x",
        "row 3: there is no group with the id or exact name x",
    ]


def test_an_unknown_e_mail_of_a_leaver_says_how_many_people_hide_theirs(sandbox: Sandbox) -> None:
    team(sandbox, 3)
    sandbox.directory.add_person(Person("hidden", "Hidden", ""))
    sandbox.directory.add_member(TEAM, "hidden")
    with client(sandbox) as groups, pytest.raises(InputError, match=r"; 1 of the 9 people there hides their e-mail"):
        plan_offboarding(groups, account_ids=["x@example.com"])


def test_a_quoted_group_is_found_and_noted_unless_its_name_has_quotes(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox, 3)
    path = write(tmp_path, "group,account", f'"=""Team""",{ids[0]}', f"'Team,{ids[1]}")
    assert [change.note for change in plan_of(sandbox, path).changes] == [
        'line 2: the group is written ="Team"',
        "line 3: the group is written 'Team",
    ]
    sandbox.directory.add_group(Group("quoted", "'Team"), ids)
    assert [change.group_id for change in plan_of(sandbox, path).changes] == [TEAM, "quoted"]


HEADER = "group,account id,user,email,second email"


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        ("id-000,,id-000@example.com", None),
        ("id-000,P id-000,ID-000@Example.com", None),
        (",id-000,id-000@example.com", None),
        (",id-000@example.com,id-000@example.com", None),
        (",n/a,id-000@example.com", None),
        ("N/A,p000,id-000@example.com", "the row says p000, but the account is called P id-000"),
        (",Id-000 P,id-000@example.com", None),
        (",Bruno,id-000@example.com", "the row says Bruno, but the account is called P id-000"),
    ],
)
def test_other_cells_may_describe_the_same_person(
    sandbox: Sandbox, tmp_path: Path, cells: str, note: str | None
) -> None:
    team(sandbox, 3)
    (change,) = plan_of(sandbox, write(tmp_path, "group,account id,user,email", f"{TEAM},{cells}")).changes
    assert (change.account_id, change.note) == ("id-000", note and f"line 2: {note}")


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ("id-000,,id-001@example.com", "id-000 and id-001@example.com are different people: name one"),
        ("id-000,,new@example.com", "id-000 shows another e-mail than new@example.com: give only the right one"),
        (",id-001,id-000@example.com", "id-000@example.com and id-001 are different people: name one"),
        (",id-900,id-000@example.com", "id-000@example.com and id-900 are different people: name one"),
        ("id-000,id-001@example.com,", "id-000 and id-001@example.com are different people: name one"),
        (
            ",id-001@example.com,id-000@example.com",
            "id-001@example.com and id-000@example.com are different people: name one",
        ),
        (f",{LOWER},id-000@example.com", f"there is no account with the id {LOWER}"),
        ("nobody-1,,id-000@example.com", "there is no account with the id nobody-1"),
        (",Bruno Keller,", "there is only a name (Bruno Keller): give the account id or the e-mail"),
        (",Bruno,", "there is no account with the id Bruno"),
    ],
)
def test_cells_that_contradict_each_other_make_a_bad_row(
    sandbox: Sandbox, tmp_path: Path, cells: str, problem: str
) -> None:
    team(sandbox, 3)
    sandbox.directory.add_person(Person("id-900", "Other", ""))
    rows = write(tmp_path, "group,account id,user,email", f"{TEAM},id-002,,", f"{TEAM},{cells}")
    assert problems(sandbox, rows) == [f"line 3: {problem}"]


def test_an_email_that_cannot_be_compared_is_a_note(sandbox: Sandbox, tmp_path: Path) -> None:
    team(sandbox, 3)
    directory = sandbox.directory
    directory.add_person(evolve(directory.people["id-000"], email=""))
    (change,) = plan_of(sandbox, write(tmp_path, "group,account id,email", f"{TEAM},id-000,b@example.com")).changes
    assert change.note == "line 2: nobody shows the e-mail b@example.com, so it was not compared"


def test_a_plan_keeps_the_emails_that_it_read_to_find_people(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox, 3)
    plan = plan_of(sandbox, [(TEAM, f"{ids[0]}@example.com"), (TEAM, ids[1])])
    assert [change.email for change in plan.changes] == [f"{ids[0]}@example.com", f"{ids[1]}@example.com"]
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == plan
    without = plan_of(sandbox, [(TEAM, ids[0]), (TEAM, ids[1])])
    assert not [change for change in without.as_json()["changes"] if "email" in change], "no e-mail was needed"


def test_the_public_name_is_a_name_too(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    team(sandbox, 3)
    read = ConfluenceGroups.iter_members
    monkeypatch.setattr(
        ConfluenceGroups,
        "iter_members",
        lambda self, **given: (evolve(user, public_name="bkeller") for user in read(self, **given)),
    )
    (change,) = plan_of(sandbox, write(tmp_path, "group,account id,user name", f"{TEAM},id-000,BKeller")).changes
    assert change.note is None


def test_sync_looks_up_the_whole_list_in_every_mode(sandbox: Sandbox) -> None:
    ids = team(sandbox, 3)
    with client(sandbox) as groups:
        for mode in ("exact", "add-only", "remove-only"):
            with pytest.raises(InputError) as caught:
                plan_sync(groups, group_id=TEAM, account_ids=[*ids, LOWER, "######", "Bruno Keller"], mode=mode)
            assert caught.value.problems == (
                f"account_ids: there is no account with the id {LOWER}",
                "item 5: the account is ######: a spreadsheet has changed it",
                "item 6: there is only a name (Bruno Keller): give the account id or the e-mail",
            )


def test_sync_keeps_repaired_members_and_reasons(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox, 8)
    sandbox.directory.add_person(Person("new-1", "New", ""))
    path = write(tmp_path, "account,reason", *(f"'{each},stays" for each in ids), "new-1,joins", "'new-1,joins twice")
    with client(sandbox) as groups:
        plan = plan_sync(groups, group_id=TEAM, account_ids=path, reason="sync")
    (change,) = plan.changes
    assert (change.action, change.account_id, change.reason) == ("add", "new-1", "joins; joins twice")
    assert change.note == "line 11: the account is written 'new-1"


def test_offboarding_takes_rows_pairs_and_files(sandbox: Sandbox, tmp_path: Path) -> None:
    team(sandbox, 8)
    path = write(tmp_path, "account,reason", "id-002,from file")
    with client(sandbox) as groups:
        plan = plan_offboarding(
            groups,
            account_ids=["'id-000", ("id-001", "pair"), path, Row("", "id-003", "row", 7), ("id-004", None)],
            reason="all",
        )
        assert {change.account_id: (change.reason, change.note) for change in plan.changes} == {
            "id-000": ("all", "account_ids: the account is written 'id-000"),
            "id-001": ("pair", None),
            "id-002": ("from file", None),
            "id-003": ("row", None),
            "id-004": ("all", None),
        }
        for bad in (("id-000", 7), ("", "x"), Row("", "")):
            with pytest.raises(InputError, match="item 1: "):
                plan_offboarding(groups, account_ids=[bad])  # type: ignore[list-item] # the point
    assert read_accounts(path) == ["id-002"]


def test_offboarding_compares_emails_beside_ids(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox, 8)
    directory = sandbox.directory
    directory.add_person(evolve(directory.people["id-003"], email=""))
    with client(sandbox) as groups:
        before = len(sandbox.requests)
        path = write(tmp_path, "account id,email,display name", "id-000,id-000@example.com,P id-000")
        assert [change.note for change in plan_offboarding(groups, account_ids=path).changes] == [None]
        assert not [
            seen for seen in sandbox.requests[before:] if "accessType=user" in seen.target and "start=0" in seen.target
        ][1:]
        path = write(
            tmp_path,
            "account id,email",
            "id-001,id-002@example.com",
            "id-002,new@example.com",
            "id-003,id-004@example.com",
        )
        with pytest.raises(InputError) as caught:
            plan_offboarding(groups, account_ids=path)
    assert caught.value.problems == (
        "line 2: id-001 and id-002@example.com are different people: name one",
        "line 3: id-002 shows another e-mail than new@example.com: give only the right one",
        "line 4: id-003 and id-004@example.com are different people: name one",
    )
    assert len(ids) == 8


def test_a_leaver_without_groups_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.directory.add_person(Person("alone", "Alone", ""))
    with client(sandbox) as groups:
        plan = plan_offboarding(groups, account_ids=write(tmp_path, "account", "alone"))
    assert plan.changes == ()
    assert plan.notes == ("line 2: alone is in no group, so there is nothing to remove",)


def test_two_files_are_told_apart(sandbox: Sandbox, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("account\nNULL\n", encoding="utf-8")
    with client(sandbox) as groups, pytest.raises(InputError, match="no plan was made") as caught:
        plan_offboarding(groups, account_ids=[write(tmp_path, "account", "gone-1"), other])
    assert caught.value.problems == (
        "rows.csv: line 2: there is no account with the id gone-1",
        "other.csv: line 2: the account is NULL: a placeholder, not an account",
    )


def test_a_note_is_kept_in_the_plan_and_covered_by_its_digest(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox, 3)
    plan = plan_of(sandbox, [(TEAM, f"'{ids[0]}"), (TEAM, ids[1])])
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == plan
    changes = plan.as_json()["changes"]
    assert ("note" in changes[0], "note" in changes[1]) == (True, False)
    without = evolve(plan, changes=tuple(evolve(change, note=None) for change in plan.changes), digest="")
    assert without.digest != plan.digest


def test_a_note_cannot_control_a_terminal(sandbox: Sandbox, tmp_path: Path) -> None:
    (leaver, *_) = team(sandbox, 3)
    sandbox.directory.add_person(Person(leaver, "Mallory\x1b[2J\u202e\n", ""))
    (change,) = plan_of(sandbox, write(tmp_path, "group,account,name", f"{TEAM},{leaver},Eve\u2066")).changes
    assert change.display_name == "Mallory\x1b[2J\u202e\n"
    assert change.note == r"line 2: the row says Eve\u2066, but the account is called Mallory\x1b[2J\u202e\n"


def test_the_notes_of_all_rows_of_a_change_are_kept(sandbox: Sandbox, tmp_path: Path) -> None:
    (leaver, *_) = team(sandbox, 3)
    rows = write(tmp_path, "group,account,name", f"{TEAM},{leaver}", f"{TEAM},'{leaver},", f"{TEAM},{leaver},Eve")
    (change,) = plan_of(sandbox, rows).changes
    assert change.note == (
        f"line 3: the account is written '{leaver}; line 4: the row says Eve, but the account is called P {leaver}"
    )


def test_another_name_beside_a_person_without_a_change_is_a_note_of_the_plan(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = team(sandbox, 3)
    sandbox.directory.add_person(Person("alone", "Alone", ""))
    rows = write(tmp_path, "account,name", f"{ids[0]},Eve", *ids[1:], f"'{ids[1]}")
    with client(sandbox) as groups:
        kept = plan_sync(groups, group_id=TEAM, account_ids=rows)
        alone = plan_offboarding(groups, account_ids=write(tmp_path, "account,name", "alone,Eve"))
    assert kept.changes == ()
    assert kept.notes == (f"no change, but line 2: the row says Eve, but the account is called P {ids[0]}",)
    assert alone.notes == (
        "line 2: alone is in no group, so there is nothing to remove",
        "no change, but line 2: the row says Eve, but the account is called Alone",
    )


def test_each_reason_is_kept_once(sandbox: Sandbox) -> None:
    ids = team(sandbox, 3)
    sandbox.directory.add_person(Person("new-1", "New", ""))
    rows = [("new-1", "a"), ("new-1", "b"), ("new-1", "b"), ("new-1", None), ("new-1", "a")]
    with client(sandbox) as groups:
        plan = plan_sync(groups, group_id=TEAM, account_ids=[*rows, *ids])
        leaving = plan_offboarding(groups, account_ids=[(ids[0], reason) for _, reason in rows])
    assert [change.reason for change in (*plan.changes, *leaving.changes)] == ["a; b", "a; b"]


@pytest.mark.parametrize(("name", "is_noted"), [("Docs\u00a0editors", False), ("Docs editors", True)])
def test_a_group_is_found_with_any_kind_of_space(sandbox: Sandbox, tmp_path: Path, name: str, is_noted: bool) -> None:
    (leaver, *_) = ids = team(sandbox, 3)
    sandbox.directory.add_group(Group("docs", name), ids)
    rows = write(tmp_path, "group,account", f"Docs\u00a0editors,{leaver}")
    (change,) = plan_of(sandbox, rows).changes
    assert change.note == ("line 2: the group is written Docs editors" if is_noted else None)


def test_what_makes_the_cell_of_a_group_unusable_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    rows = write(tmp_path, "group,account", "Te\u200bam,x", "Te\x07am,x", '"Te', 'am",x')
    assert problems(sandbox, rows) == [
        "line 2: the group contains an invisible character",
        "line 3: the group contains a control character",
        "line 4: the group contains a control character",
    ]


@pytest.mark.parametrize("header", ["display_name", "User name", "public_name"])
@pytest.mark.parametrize(
    "name",
    [
        "id-001@example.com",
        "Old@Example.com",
        "id-001",
        "Ops/Infra",
        "C#",
        "=1+1",
        "2024",
        UPPER,
        LOWER,
        "a\u202eb/\nc",
    ],
)
def test_people_may_have_names_that_look_like_another_account(
    sandbox: Sandbox, tmp_path: Path, name: str, header: str
) -> None:
    ids = team(sandbox, 3)
    sandbox.directory.add_person(Person(LOWER, "Lower", ""))
    sandbox.directory.add_person(Person(ids[2], name, "id-002@example.com"))
    shown = escape_controls(f"'{name}" if name.startswith("=") else name)  # as `members list -o csv` writes it
    path = write(tmp_path, f"group,account_id,{header},email", f"Team,{ids[2]},{shown},id-002@example.com")
    (change,) = plan_of(sandbox, path).changes
    assert (change.account_id, change.note) == (ids[2], None)


@pytest.mark.parametrize("header", ["user", "email", "display_name"])
def test_an_e_mail_of_somebody_else_is_no_name(sandbox: Sandbox, tmp_path: Path, header: str) -> None:
    ids = team(sandbox, 3)
    name = "com example id-001" if header == "display_name" else "id-001@example.com"
    sandbox.directory.add_person(Person(ids[2], name, ""))
    path = write(tmp_path, f"group,account_id,{header}", f"Team,{ids[2]},id-001@example.com")
    assert problems(sandbox, path) == [f"line 2: {ids[2]} and id-001@example.com are different people: name one"]


def test_a_column_of_groups_that_a_plan_does_not_use_is_noted(sandbox: Sandbox, tmp_path: Path) -> None:
    team(sandbox, 3)
    (account_id, *_) = [person.account_id for person in sandbox.directory.members(TEAM)]
    file = write(tmp_path, "Group Name,Account ID", f"other,{account_id}")
    note = "rows.csv: the column Group Name is not used"
    with client(sandbox) as groups:
        assert note in plan_sync(groups, group_id=TEAM, account_ids=file, mode="add-only").notes
        assert note in plan_offboarding(groups, account_ids=[file]).notes
        assert note not in plan_sync(groups, group_id=TEAM, account_ids=[account_id], mode="add-only").notes
