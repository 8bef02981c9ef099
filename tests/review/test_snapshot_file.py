"""Snapshots as files: canonical, complete, private, and refused if edited."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk import ReviewError
from confluence_groups_sdk._support.strict_json import canonical_json
from confluence_groups_sdk.review import Selection, Snapshot, SnapshotGroup, SnapshotUser

NOW = "2026-11-29T12:00:00Z"
ANNA = SnapshotUser(account_id="a1", name="Anna", email="anna@example.com", account_type="atlassian", is_guest=False)
BOT = SnapshotUser(account_id="b2", name="=bot", account_type="app", status="active")


def group(group_id: str, *members: str, access: tuple[str, ...] | None = ()) -> SnapshotGroup:
    return SnapshotGroup(
        id=group_id, name=f"group {group_id}", access=access, members=members, known_by="the list ended", read_at=NOW
    )


def snapshot(*groups: SnapshotGroup, users: tuple[SnapshotUser, ...] = (ANNA, BOT)) -> Snapshot:
    return Snapshot(
        site="example.atlassian.net",
        taken_by="a1",
        started_at=NOW,
        ended_at=NOW,
        groups=groups,
        users={user.account_id: user for user in users},
    )


TEXTS = st.text(max_size=8)
IDS = st.text(min_size=1, max_size=6)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    ids = draw(st.lists(IDS, unique=True, max_size=5))
    users = {
        each: SnapshotUser(
            account_id=each,
            name=draw(st.none() | TEXTS),
            email=draw(st.none() | TEXTS),
            account_type=draw(st.sampled_from([None, "atlassian", "app"])),
            is_guest=draw(st.none() | st.booleans()),
            status=draw(st.none() | TEXTS),
        )
        for each in ids
    }
    groups = [
        group(each, *draw(st.lists(st.sampled_from(ids), unique=True) if ids else st.just([])), access=access)
        for each in sorted(draw(st.lists(IDS, unique=True, max_size=3)))
        for access in [draw(st.sampled_from([None, (), ("admin", "user")]))]
    ]
    return Snapshot(
        site="s", taken_by="a", started_at=NOW, ended_at=NOW, calls=3, points=9, groups=tuple(groups), users=users
    )


@given(snapshots())
def test_a_file_gives_the_same_snapshot_in_the_canonical_form(taken: Snapshot) -> None:
    data = taken.as_bytes()
    content = json.loads(data)
    assert data == canonical_json(content) + b"\n"
    assert Snapshot.from_bytes(data) == taken
    del content["digest"]
    assert taken.digest == hashlib.sha256(canonical_json(content)).hexdigest()


def test_a_saved_snapshot_is_private_and_loads_again(tmp_path: Path) -> None:
    taken = snapshot(group("g1", "a1", "b2", access=("admin",)), group("g2"))
    taken.save(tmp_path / "q4.snapshot")
    assert stat.S_IMODE((tmp_path / "q4.snapshot").stat().st_mode) == 0o600
    assert (tmp_path / "q4.snapshot").read_bytes() == taken.as_bytes()
    assert Snapshot.load(tmp_path / "q4.snapshot") == taken


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b'"Anna"', b'"Anne"', "was edited"),
        (b'["a1","b2"]', b'["a1","a1"]', "an account id occurs twice"),
        (b'["a1","b2"]', b'["a1","b3"]', "b3 is not one of the users"),
        (b'"is_guest":false', b'"is_guest":0', "users.a1.is_guest: must be true, false or null"),
        (b'"id":"g2"', b'"id":"g0"', "groups must be in the order of their ids"),
        (b'"format":"confluence-groups-snapshot/1"', b'"format":"other"', "format: must be"),
    ],
)
def test_an_edited_snapshot_is_refused_with_its_place(old: bytes, new: bytes, problem: str) -> None:
    data = snapshot(group("g1", "a1", "b2"), group("g2")).as_bytes()
    assert old in data
    with pytest.raises(ReviewError, match=problem):
        Snapshot.from_bytes(data.replace(old, new), name="q4.snapshot")


def test_a_selection_says_which_groups_were_asked_for() -> None:
    assert str(Selection()) == "all groups"
    selection = Selection(all_groups=False, access=("admin", "user"), group_ids=("g1",))
    assert str(selection) == "the groups that give the access admin, user and 1 named group"


def test_a_snapshot_is_complete_if_each_group_is() -> None:
    partly = SnapshotGroup(id="g3", name="x", is_complete=False, known_by="403", read_at=NOW)
    assert snapshot(group("g1")).is_complete
    assert not snapshot(group("g1"), partly).is_complete
