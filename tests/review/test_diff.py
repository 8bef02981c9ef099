"""Differences between snapshots: everything that changed, and nothing that the snapshots do not show."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from snapshots import LATER, NOW, group, snapshot, user

from confluence_groups_sdk import ReviewError
from confluence_groups_sdk.review import (
    DifferenceKind,
    Selection,
    Snapshot,
    SnapshotDiff,
    diff,
    difference_lines,
    render_diff,
)

ADMINS = Selection(all_groups=False, access=("admin",))


def shown(found: SnapshotDiff) -> list[tuple[str, str | None, str | None]]:
    """Return kind, group and account of each difference."""
    return [(each.kind.value, each.group_id, each.account_id) for each in found.differences]


def test_equal_snapshots_have_no_difference() -> None:
    found = diff(snapshot(group("g", "a")), snapshot(group("g", "a"), at=LATER))
    assert found.is_empty
    assert found.is_complete


def test_members_who_joined_and_left_are_named() -> None:
    found = diff(snapshot(group("g", "a", "b")), snapshot(group("g", "b", "c"), users=[user("c", "Cem")], at=LATER))
    assert shown(found) == [("joined", "g", "c"), ("left", "g", "a")]
    [joined] = found.joined
    assert (joined.name, joined.email, joined.group) == ("Cem", "c@example.com", "group g")
    assert [each.account_id for each in found.left] == ["a"]


def test_members_of_new_and_deleted_groups_joined_and_left() -> None:
    found = diff(snapshot(group("old", "a")), snapshot(group("new", "b"), at=LATER))
    assert shown(found) == [
        ("new-group", "new", None),
        ("deleted-group", "old", None),
        ("joined", "new", "b"),
        ("left", "old", "a"),
    ]
    assert [each.group_id for each in found.new_groups] == ["new"]
    assert [each.group_id for each in found.deleted_groups] == ["old"]


def test_new_and_deleted_groups_may_have_members_who_were_not_read() -> None:
    first, second = snapshot(group("old", "a", failure="403")), snapshot(group("new", "b", failure="404"), at=LATER)
    found = diff(first, second)
    assert [(each.group_id, each.why, each.is_failure) for each in found.not_compared] == [
        ("new", "the second snapshot may lack members: 404", True),
        ("old", "the first snapshot may lack members: 403", True),
    ]
    whole = diff(snapshot(group("old", "a")), snapshot(group("new", "b"), at=LATER))
    assert whole.not_compared == ()


def test_a_renamed_group_is_the_same_group() -> None:
    found = diff(snapshot(group("g", "a", name="x")), snapshot(group("g", "a", name="y"), at=LATER))
    assert [(each.kind, each.before, each.after) for each in found.differences] == [
        (DifferenceKind.RENAMED_GROUP, "x", "y")
    ]


def test_access_that_a_group_gives_and_that_its_members_gain() -> None:
    found = diff(
        snapshot(group("g", "a", access=["user"]), group("h", "b", access=["admin"])),
        snapshot(group("g", "a", access=["user", "admin"]), group("h", "b", access=["admin"]), at=LATER),
    )
    assert [(each.kind.value, each.before, each.after) for each in found.changed_access] == [
        ("changed-access", "user", "admin, user")
    ]
    assert [(each.account_id, each.access) for each in found.of(DifferenceKind.GAINED_ACCESS)] == [("a", ("admin",))]
    assert found.of(DifferenceKind.LOST_ACCESS) == ()


def test_who_has_access_through_another_group_already_gains_none() -> None:
    before = snapshot(group("g", "a", access=["admin"]), group("h", access=["admin"]))
    after = snapshot(group("g", access=["admin"]), group("h", "a", access=["admin"]), at=LATER)
    assert shown(diff(before, after)) == [("left", "g", "a"), ("joined", "h", "a")]


@pytest.mark.parametrize("is_first", [True, False])
def test_an_incomplete_list_leads_to_no_claim_that_needs_it(is_first: bool) -> None:
    partly = group("g", "a", failure="403", access=["admin"])
    complete = group("g", "b", access=["admin"])
    before, after = (partly, complete) if is_first else (complete, partly)
    found = diff(snapshot(before), snapshot(after, at=LATER))
    sure = ("left", "g", "a") if is_first else ("joined", "g", "a")
    access = ("lost-access", None, "a") if is_first else ("gained-access", None, "a")
    assert shown(found) == [sure, access]
    assert [(each.group_id, "403" in each.why) for each in found.not_compared] == [("g", True)]
    assert not found.is_complete


def test_a_group_that_was_not_asked_for_is_neither_new_nor_deleted() -> None:
    named = Selection(all_groups=False, group_ids=("g",))
    found = diff(snapshot(group("g"), selection=named), snapshot(group("g"), group("h", "a"), at=LATER))
    assert found.is_empty
    assert [(each.group_id, each.is_failure) for each in found.not_compared] == [("h", False)]
    assert found.is_complete
    back = diff(snapshot(group("g"), group("h", "a")), snapshot(group("g"), selection=named, at=LATER))
    assert back.is_empty
    assert [(each.group_id, each.is_failure) for each in back.not_compared] == [("h", False)]


def test_a_group_that_gives_admin_access_from_now_on_is_found_by_its_access() -> None:
    before = snapshot(group("g", "a", access=["admin"]), selection=ADMINS)
    after = snapshot(group("g", "a", access=["admin"]), group("h", "b", access=["admin"]), selection=ADMINS, at=LATER)
    assert shown(diff(before, after)) == [("selected-group", "h", None), ("gained-access", None, "b")]
    gone = diff(snapshot(group("h", "b", access=["admin"]), selection=ADMINS), snapshot(selection=ADMINS, at=LATER))
    assert shown(gone) == [("unselected-group", "h", None), ("lost-access", None, "b")]


def test_only_the_access_that_was_asked_for_is_new_or_gone() -> None:
    """A snapshot of admin groups does not show whether a group without admin access gives user access."""
    everything = snapshot(group("h", "b", access=["admin", "user"]))
    [gone] = diff(everything, snapshot(selection=ADMINS, at=LATER)).of(DifferenceKind.UNSELECTED_GROUP)
    assert (gone.before, gone.after) == ("admin", None)
    later = snapshot(group("h", "b", access=["admin", "user"]), at=LATER)
    [new] = diff(snapshot(selection=ADMINS), later).of(DifferenceKind.SELECTED_GROUP)
    assert (new.before, new.after) == (None, "admin")


def test_unknown_access_is_not_compared() -> None:
    found = diff(snapshot(group("g", "a", access=None)), snapshot(group("g", "a", access=["admin"]), at=LATER))
    assert found.is_empty
    assert [each.why for each in found.not_compared] == ["the access that it gives is unknown in one of the snapshots"]


def test_who_manages_a_group_is_compared_only_if_both_say_it() -> None:
    before = snapshot(group("g"), group("h", managed_by="ADMINS"))
    after = snapshot(group("g", managed_by="EXTERNAL"), group("h", managed_by="EXTERNAL"), at=LATER)
    assert shown(diff(before, after)) == [("changed-management", "h", None)]


def test_snapshots_of_other_sites_and_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ReviewError, match=r"different sites: example\.atlassian\.net and other"):
        diff(snapshot(), snapshot(site="other"))
    with pytest.raises(ReviewError, match="swap them"):
        diff(snapshot(at=LATER), snapshot(at=NOW))


def test_snapshots_that_overlap_are_refused() -> None:
    """A snapshot that was resumed late may have read a group after the second one did."""
    resumed = evolve(snapshot(group("g", "a")), ended_at="2026-12-30T12:00:00Z", digest="")
    with pytest.raises(
        ReviewError, match=r"overlap: the first one ended at 2026-12-30T12:00:00Z, after the second one"
    ):
        diff(resumed, snapshot(group("g"), at=LATER))
    assert diff(resumed, resumed).is_empty, "a snapshot equals itself"
    assert diff(resumed, snapshot(group("g"), at="2026-12-30T12:00:00Z")).left


def test_equal_access_is_not_claimed_if_it_is_unknown() -> None:
    unknown = diff(snapshot(group("g", "a", access=None)), snapshot(group("g", "a", access=None), at=LATER))
    assert "the same access" not in render_diff(unknown)
    assert "which groups give access is unknown" in render_diff(unknown)
    known = diff(snapshot(group("g", "a")), snapshot(group("g", "a"), at=LATER))
    assert "the same memberships and the same access" in render_diff(known)


def test_snapshots_of_different_groups_are_not_equal() -> None:
    one, other = (Selection(all_groups=False, group_ids=(each,)) for each in "gh")
    before = snapshot(group("g", "a"), selection=one)
    with pytest.raises(ReviewError, match="were asked for different groups, so nothing can be compared"):
        diff(before, snapshot(group("h", "b"), selection=other, at=LATER))
    assert diff(before, snapshot(group("g", "a", access=["admin"]), selection=ADMINS, at=LATER)).changed_access
    assert diff(snapshot(selection=ADMINS), snapshot(group("g"), at=LATER)).is_empty, "no group gives admin access"


def test_lines_of_text_stay_lines() -> None:
    """Names come from the server."""
    evil = group("g\n", "a\n", name="x\x1b[2J\n", failure="403\n")
    found = diff(snapshot(), snapshot(evil, users=[user("a\n", "A\u202e")], at=LATER))
    for by_user in (True, False):
        lines = list(difference_lines(found, by_user=by_user))
        assert all(line.isprintable() for line in lines), lines


def test_a_snapshot_is_described_with_the_time_that_reading_took() -> None:
    resumed = evolve(snapshot(group("g", "a")), ended_at=LATER, digest="")
    found = diff(resumed, snapshot(group("g"), at=LATER))
    assert f"before: read from {NOW} to {LATER}, 1 group, 1 member, all groups" in next(difference_lines(found))
    assert f"read from {NOW} to {LATER}" in render_diff(found)


MEMBERS = st.sets(st.sampled_from("abcdef"))
GROUPS = st.dictionaries(st.sampled_from("ghij"), MEMBERS)


def taken(groups: dict[str, set[str]], at: str) -> Snapshot:
    return snapshot(*(group(name, *members) for name, members in groups.items()), at=at)


@given(GROUPS, GROUPS)
def test_applying_the_differences_gives_the_second_snapshot(
    before: dict[str, set[str]], after: dict[str, set[str]]
) -> None:
    found = diff(taken(before, NOW), taken(after, LATER))
    memberships = {(name, member) for name, members in before.items() for member in members}
    memberships |= {(each.group_id or "", each.account_id or "") for each in found.joined}
    memberships -= {(each.group_id or "", each.account_id or "") for each in found.left}
    assert memberships == {(name, member) for name, members in after.items() for member in members}
    names = (before.keys() | {each.group_id for each in found.new_groups}) - {
        each.group_id for each in found.deleted_groups
    }
    assert names == after.keys()
    assert found.is_empty == (before == after)
