"""Who reviews what: a CSV file, of which nothing is skipped silently."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snapshots import group, snapshot, user

from confluence_groups_sdk import InputError
from confluence_groups_sdk.review import ReviewerMap, Selection, read_reviewers, sheet_rows
from confluence_groups_sdk.review.sheets.file_names import MAX_BYTES, file_name, name_files

TAKEN = snapshot(
    group("g1", "ada", "bea", name="editors"),
    group("g2", "ada", "cem", name="=admins"),
    group("g3", "cem", name="twins"),
    group("g4", "cem", name="twins"),
    users=[user("cem", email=None)],
)
PART = snapshot(*TAKEN.groups, users=TAKEN.users.values(), selection=Selection(all_groups=False, access=("user",)))


def read(tmp_path: Path, content: str | bytes, *, part: bool = False) -> ReviewerMap:
    file = tmp_path / "reviewers.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_reviewers(file, PART if part else TAKEN)


@pytest.mark.parametrize(
    "content",
    [
        "group,reviewer\neditors,Max\ng2,Kim\n",
        "﻿group;reviewer\r\n\r\neditors;Max\r\n'=admins;Kim\r\n;\r\n",
        "sep=;\nReviewer;Group name;why\nMax;editors;x\nKim;=admins;\n",
        "group_id\tgroup\treviewer\ng1\teditors\tMax\n\t=admins\t Kim \n",
        "group,reviewer\neditors,Max\ng2,Kim\ng2,kim\n".encode("utf-16"),
    ],
)
def test_groups_are_named_by_id_or_name_in_any_usual_csv(tmp_path: Path, content: str | bytes) -> None:
    found = read(tmp_path, content)
    assert found == ReviewerMap(groups={"g1": "Max", "g2": "Kim"})


def test_the_most_specific_entry_counts(tmp_path: Path) -> None:
    found = read(
        tmp_path, "group,account,reviewer\neditors,,Max\n,ADA@example.com,Kim\ng1,ada,Lee\ng2,,max\n,bea,MAX\n"
    )
    assert found.reviewer_of("g1", "ada") == "Lee"
    assert found.reviewer_of("g2", "ada") == "Kim"
    assert found.reviewer_of("g1", "bea") == "Max"
    assert found.reviewer_of("g2", "cem") == "Max"
    assert found.reviewer_of("g3", "cem") == ""
    assert list(found.split(sheet_rows(TAKEN))) == ["Kim", "Lee", "Max", ""]


def test_all_bad_rows_are_named(tmp_path: Path) -> None:
    content = """group,account,reviewer
editors,,
,,Max
nobody,,Max
twins,,Max
g1,dan@example.com,Max
g1,ada,Max
g1,ada@example.com,Kim
g2,,Max,more
g2,,M\u202eax
"""
    with pytest.raises(InputError) as raised:
        read(tmp_path, content)
    assert str(raised.value).splitlines()[0] == "reviewers.csv: 8 bad rows:"
    assert raised.value.problems == (
        "line 2: the reviewer is missing",
        "line 3: the group is missing",
        "line 4: the snapshot has no group with this id or exact name: nobody",
        "line 5: several groups match twins: give the id: g3, g4",
        "line 6: the snapshot has no account with this id or e-mail: dan@example.com",
        "line 8: the reviewer is Kim, and in line 7 it is Max",
        "line 9: there are more cells than headers",
        "line 10: the reviewer contains a control character: M\\u202eax",
    )


def test_columns_that_disagree_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2: the cells name different groups: g1, =admins"):
        read(tmp_path, "group_id,group,reviewer\ng1,=admins,Max\n")


def test_what_a_partial_snapshot_does_not_have_is_a_note(tmp_path: Path) -> None:
    found = read(tmp_path, "group,account,reviewer\nnobody,,Max\neditors,,Max\n,dan,Kim\n", part=True)
    assert found.groups == {"g1": "Max"}
    assert found.notes == (
        "reviewers.csv: line 2: the snapshot has no group with this id or exact name: nobody",
        "reviewers.csv: line 4: the snapshot has no account with this id or e-mail: dan",
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "the file is empty"),
        ("group,reviewer\n", "there is no row below the headers"),
        ("team,reviewer\nx,y\n", "line 1: the first row must have the headers group and reviewer.*; it has: team, rev"),
        ("group,reviewer,Reviewer\ng1,a,b\n", "line 1: the header reviewer occurs twice"),
        ('group,reviewer\n"g1,Max\n', "line 2: this is not CSV"),
        (b"group,reviewer\ng1,M\xfcller\n", "save it as “CSV UTF-8”"),
    ],
)
def test_files_that_cannot_be_read_are_refused(tmp_path: Path, content: str | bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read(tmp_path, content)
    with pytest.raises(InputError, match="the file cannot be read"):
        read_reviewers(tmp_path, TAKEN)


@pytest.mark.parametrize(
    ("reviewer", "name"),
    [
        ("dana@example.com", "dana@example.com"),
        ("../../etc/passwd", "etc-passwd"),
        ("a/b\\c:d*?", "a-b-c-d"),
        ("..", "reviewer"),
        ("con", "_con"),
        ("COM1.txt", "_COM1.txt"),
        (" Zoë  Müller. ", "Zoë  Müller"),
        ("-rf", "rf"),
        ("山田", "山田"),
        ("a\nb\u202e", "a-nb-u202e"),
    ],
)
def test_file_names_are_safe(reviewer: str, name: str) -> None:
    assert file_name(reviewer) == name


def test_file_names_that_collide_get_numbers() -> None:
    names = name_files(["Max", "max/", "MAX", "Unassigned", "\ufb01x", "fix"], reserved=["unassigned"])
    assert list(names.values()) == ["Max", "max-2", "MAX-3", "Unassigned-2", "\ufb01x", "fix-2"]


@given(st.lists(st.text(max_size=300), unique=True, max_size=8))
def test_any_names_give_distinct_files_in_the_folder(people: list[str]) -> None:
    names = name_files(people, reserved=["unassigned"])
    assert len({name.casefold() for name in names.values()} | {"unassigned"}) == len(people) + 1
    for name in names.values():
        assert Path("folder", f"{name}.xlsx").name == f"{name}.xlsx"
        assert not name.startswith((".", "-", " "))
        assert not set(name) & set('/\\:*?"<>|')
        assert 0 < len(name.encode()) <= MAX_BYTES + 4
