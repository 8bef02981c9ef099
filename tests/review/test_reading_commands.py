"""The commands that read snapshots: diff, who, and users find."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shell import ADA, BRUNO, EDITORS, USERS, Shell
from snapshots import LATER, group, snapshot, user

from confluence_groups_sdk import ConfluenceGroups, IncompleteReadError, User
from confluence_groups_sdk.cli.rendering.snapshot_limits import limit_lines
from confluence_groups_sdk.review import Selection, SnapshotGroup, diff, render_diff
from confluence_groups_sdk.sandbox import Answer, Person

ADMIN = group("1", "anna", name="admins", access=["admin", "user"])
EDIT = group("2", "anna", "bob", name="editors", managed_by="EXTERNAL")


def save(name: str, *groups: SnapshotGroup, at: str = LATER) -> str:
    snapshot(*groups, at=at).save(name)
    return name


def test_equal_snapshots_end_with_0(shell: Shell) -> None:
    ended = shell.run("review", "diff", save("a", ADMIN), save("b", ADMIN))
    assert ended.code == 0
    assert "found:  no difference" in ended.out


def test_differences_end_with_5_and_are_listed_under_their_group(shell: Shell) -> None:
    ended = shell.run("review", "diff", save("a", ADMIN, EDIT), save("b", group("1", "bob", name="admins"), EDIT))
    assert ended.code == 5
    lines = ended.out.splitlines()
    assert lines[2] == ("found:  1 member joined, 1 member left, 1 group gives other access, 2 users lost access")
    assert lines[4:8] == [
        "admins",
        "  ~ access: admin, user before, none now",
        "  + Bob (bob@example.com)",
        "  - Anna (anna@example.com)",
    ]
    assert "  - lost the access admin" not in ended.out
    assert "Deactivated members are not listed" in ended.err


def test_differences_are_listed_under_their_user(shell: Shell) -> None:
    ended = shell.run("review", "diff", save("a", ADMIN), save("b", group("1", name="admins")), "--by", "user")
    assert ended.code == 5
    shown = ended.out.split("\n\n")
    assert shown[1].startswith("Groups\n  ~ admins: access:")
    assert shown[2].splitlines() == [
        "Anna (anna@example.com)",
        "  - lost the access admin",
        "  - lost the access user",
        "  - left admins (admin, user)",
    ]


def test_rows_as_csv_and_json_have_the_same_columns(shell: Shell) -> None:
    files = save("a", EDIT), save("b", group("2", "anna", "=cem", name="editors", managed_by="EXTERNAL"))
    as_csv = shell.run("review", "diff", *files, "-o", "csv")
    as_json = shell.run("review", "diff", *files, "-o", "json")
    assert (as_csv.code, as_json.code) == (5, 5)
    rows = list(csv.DictReader(io.StringIO(as_csv.out)))
    assert [(row["change"], row["group"], row["account_id"]) for row in rows] == [
        ("joined", "editors", "'=cem"),
        ("left", "editors", "bob"),
    ]
    assert [row.keys() for row in json.loads(as_json.out)] == [row.keys() for row in rows]


def test_groups_that_cannot_be_compared_end_with_4(shell: Shell) -> None:
    ended = shell.run(
        "review",
        "diff",
        save("a", EDIT),
        save("b", group("2", "anna", "bob", name="editors", failure="403", managed_by="EXTERNAL")),
    )
    assert ended.code == 4
    assert "editors (2): who left is unknown: the second snapshot may lack members: 403" in ended.out


def test_groups_that_only_one_snapshot_asked_for_are_named(shell: Shell) -> None:
    some = Selection(all_groups=False, group_ids=("1",))
    snapshot(ADMIN, selection=some, at=LATER).save("b")
    ended = shell.run("review", "diff", save("a", ADMIN, EDIT), "b")
    assert ended.code == 0
    assert "editors (2): the second snapshot was not asked for this group" in ended.out
    [row] = json.loads(shell.run("review", "diff", "a", "b", "-o", "json").out)
    assert (row["change"], row["group"]) == ("not-compared", "editors")


@pytest.mark.parametrize("order", [("b", "a"), ("a", "missing")])
def test_wrong_files_end_with_2(shell: Shell, order: tuple[str, str]) -> None:
    save("a", EDIT, at="2026-01-01T00:00:00Z")
    save("b", EDIT)
    ended = shell.run("review", "diff", *order)
    assert ended.code == 2
    assert ended.out == ""


def test_html_page_has_all_differences(shell: Shell) -> None:
    evil = group("2", "anna", name="<script>alert(1)</script>")
    ended = shell.run("review", "diff", save("a", ADMIN, EDIT), save("b", ADMIN, evil), "--html", "changes.html")
    assert ended.code == 5
    page = Path("changes.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "bob@example.com" in page
    assert "Deactivated members are not listed" in page
    assert shell.run("review", "diff", "a", "b", "--html", "changes.html").code == 2


def test_page_without_differences_says_so() -> None:
    found = diff(snapshot(EDIT), snapshot(EDIT, at=LATER))
    assert "No difference was found" in render_diff(found)
    partly = diff(snapshot(EDIT), snapshot(group("2", "anna", "bob", name="editors", failure="403"), at=LATER))
    assert "may still be different" in render_diff(partly)


def test_groups_of_a_user_are_read_from_a_snapshot(shell: Shell) -> None:
    ended = shell.run("review", "who", "ANNA@example.com", "--snapshot", save("a", ADMIN, EDIT))
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "Anna: anna@example.com, anna, atlassian",
        "",
        "group    access       managed_by  group_id",
        "admins   admin, user              1",
        "editors               EXTERNAL    2",
    ]
    lines = ended.err.splitlines()
    assert lines[:2] == ["", f"The snapshot was read from {LATER} to {LATER}."]
    assert lines[2:] == list(limit_lines(snapshot()))
    assert shell.sandbox.requests == []


def test_a_snapshot_says_which_groups_may_have_more_members(shell: Shell) -> None:
    partly = group("2", "anna", name="editors", failure="HTTP 403")
    ended = shell.run("review", "who", "anna", "--snapshot", save("a", partly))
    assert "editors (2) may have more members: HTTP 403" in ended.err
    assert f"read from {LATER} to {LATER}" in ended.err
    assert ended.code == 4
    found = shell.run("users", "find", "anna", "--snapshot", "a", "-o", "json")
    assert [row["account_id"] for row in json.loads(found.out)] == ["anna"]
    assert "editors (2) may have more members: HTTP 403" in found.err
    assert found.code == 4
    missing = shell.run("review", "who", "bob", "--snapshot", "a")
    assert missing.code == 2
    assert "1 group may have more members" in missing.err


def test_a_complete_snapshot_is_searched_without_a_word(shell: Shell) -> None:
    ended = shell.run("users", "find", "anna", "--snapshot", save("a", EDIT))
    assert (ended.code, ended.err) == (0, "")


def test_groups_of_a_user_are_read_from_the_site(shell: Shell) -> None:
    ended = shell.run("review", "who", ADA, "-o", "json")
    listed = json.loads(shell.run("users", "groups", ADA, "-o", "json").out)
    found = json.loads(ended.out)
    assert {row["group_id"] for row in found} == {row["id"] for row in listed}
    access = {row["group"]: row["access"] for row in found}
    assert access["confluence-admins-sandbox"] == "admin, site-admin, user"


def test_unknown_user_of_a_snapshot_ends_with_2(shell: Shell) -> None:
    ended = shell.run("review", "who", "nobody", "--snapshot", save("a", EDIT))
    assert (ended.code, ended.out) == (2, "")
    assert "no member of a group in the snapshot has the account id or e-mail nobody" in ended.err


def test_users_are_found_on_the_site_by_a_part_of_their_name(shell: Shell) -> None:
    person = Person("new", "Zoë Quill", "zoe@example.com")
    shell.sandbox.directory.add_person(person)
    shell.sandbox.directory.add_group(shell.sandbox.directory.groups[EDITORS], [ADA, BRUNO, "new"])
    ended = shell.run("users", "find", "zoe quill", "--group", "docs-editors", "-o", "json")
    assert ended.code == 0
    assert [(row["account_id"], row["email"]) for row in json.loads(ended.out)] == [("new", "zoe@example.com")]


def test_users_are_found_once_although_they_are_in_several_groups(shell: Shell) -> None:
    ended = shell.run("users", "find", ADA[:8], "-o", "json")
    assert [row["account_id"] for row in json.loads(ended.out)] == [ADA]


def test_groups_that_cannot_be_searched_are_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ConfluenceGroups.iter_members

    def refuse_editors(client: ConfluenceGroups, *, group_id: str, **options: Any) -> Iterator[User]:
        if group_id == EDITORS:
            raise IncompleteReadError("the list repeats")
        return real(client, group_id=group_id, **options)

    monkeypatch.setattr(ConfluenceGroups, "iter_members", refuse_editors)
    ended = shell.run("users", "find", ADA, "--group", EDITORS, "--group", USERS, "-o", "json")
    assert ended.code == 4
    assert [row["account_id"] for row in json.loads(ended.out)] == [ADA]
    assert f"not searched: docs-editors ({EDITORS}): the list repeats" in ended.err


def test_members_without_an_account_id_are_not_searched(shell: Shell) -> None:
    page = {"results": [None, {"type": "known", "accountId": "a"}], "start": 0, "limit": 200, "size": 2, "_links": {}}
    group_page = {"id": EDITORS, "name": "docs-editors", "type": "group"}
    shell.sandbox.answer_next(Answer(status=200, body=json.dumps(group_page)))
    shell.sandbox.answer_next(Answer(status=200, body=json.dumps(page)))
    ended = shell.run("users", "find", "a", "--group", EDITORS, "-o", "json")
    assert [row["account_id"] for row in json.loads(ended.out)] == ["a"]
    assert f"not searched: docs-editors ({EDITORS}): 1 member without an account id\n" in ended.err
    assert ended.code == 4


def test_an_empty_text_is_refused_before_any_call(shell: Shell) -> None:
    ended = shell.run("users", "find", " ")
    assert ended.code == 2
    assert shell.sandbox.requests == []


def test_users_are_found_in_a_snapshot(shell: Shell) -> None:
    saved = save("a", EDIT)
    ended = shell.run("users", "find", "BOB", "--snapshot", saved, "-o", "csv")
    assert [row["account_id"] for row in csv.DictReader(io.StringIO(ended.out))] == ["bob"]
    assert shell.run("users", "find", "bob", "--snapshot", saved, "--group", "x").code == 2
    assert user("bob").name == "Bob"


def test_find_says_that_nobody_was_found(shell: Shell) -> None:
    saved = save("a", EDIT)
    ended = shell.run("users", "find", "nobody has this name")
    assert ended.code == 0
    assert ended.err == (
        "nobody was found in 2 groups, which give access to Confluence; for other groups, give --group or --snapshot\n"
    )
    assert "nobody was found in 1 group\n" in shell.run("users", "find", "nobody at all", "--group", EDITORS).err
    assert f"nobody was found in {saved}\n" in shell.run("users", "find", "nobody at all", "--snapshot", saved).err
