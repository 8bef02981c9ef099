"""The plan for decided removals: an ordinary plan whose request, reasons and notes come from the review."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from review_fakes import csv_bytes, rows_of
from review_runs import GROUPS, GUARDS, OTHER, TEAM, connect, decide, members, plan_review, prepare

from confluence_groups_sdk import ReviewError
from confluence_groups_sdk.membership import Guards, Plan, apply, undo
from confluence_groups_sdk.review import plan_decisions, read_decisions, take_snapshot
from confluence_groups_sdk.sandbox import Sandbox


def test_decided_removals_become_a_plan_with_a_true_digest(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = prepare(sandbox)
    with connect(sandbox) as client:
        review = plan_review(client, tmp_path, decide(ids))
        plan, decisions = review.plan, review.decisions
        assert [(each.group_id, each.account_id, each.reason) for each in plan.changes] == [
            (TEAM, ids[0], "access review: removed by Rita: left"),
            (TEAM, ids[1], "access review: removed by Rita"),
        ]
        assert plan.asked == (
            f"access review: remove 2 memberships (snapshot {review.snapshot.digest[:16]}, decisions "
            f"{decisions.digest[:16]})"
        )
        assert [each.email for each in plan.changes] == [f"{each}@example.com" for each in ids[:2]], "for the approver"
        assert "decisions: 2 remove, 12 keep, 1 exception, 0 undecided" in plan.notes
        plan.save(tmp_path / "plan.json")
        assert Plan.load(tmp_path / "plan.json") == plan
        assert ids[0] in members(sandbox, TEAM), "nothing was removed yet"
        assert len(apply(client, plan, journal=review.journal).results) == 2
        assert ids[0] not in members(sandbox, TEAM)
        assert len(undo(client, review.journal).changes) == 2


def test_what_no_longer_exists_is_skipped(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = prepare(sandbox)
    decided = {(TEAM, each): {"decision": "remove"} for each in ids[:4]} | {(OTHER, ids[0]): {"decision": "remove"}}
    with connect(sandbox) as client:
        taken = take_snapshot(client, groups=GROUPS)
        (tmp_path / "s.csv").write_bytes(csv_bytes(rows_of(taken, decided)))
        decisions = read_decisions(taken, [tmp_path / "s.csv"])
        sandbox.directory.remove_member(TEAM, ids[1])
        sandbox.directory.remove_person(ids[2])
        sandbox.directory.delete_group(OTHER)
        plan = plan_decisions(client, taken, decisions, guards=GUARDS)
        assert [each.account_id for each in plan.changes] == [ids[0], ids[3]]
        assert {(each.change.key, each.why) for each in plan.skipped} == {
            ((TEAM, ids[1]), "not a member"),
            ((TEAM, ids[2]), "there is no account with this id any more"),
            ((OTHER, ids[0]), "the group no longer exists"),
        }
        assert {each.change.group_name for each in plan.skipped} == {"Team", "Other"}
        assert {each.change.email for each in plan.skipped} == {f"{each}@example.com" for each in ids[:3]}
        sandbox.directory.delete_group(TEAM)
        assert not plan_decisions(client, taken, decisions).changes


def test_no_removal_gives_a_plan_without_changes(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = prepare(sandbox)
    with connect(sandbox) as client:
        review = plan_review(client, tmp_path, {(TEAM, ids[0]): {"decision": "keep"}})
    assert (review.plan.changes, review.plan.skipped) == ((), ())
    assert len(review.decisions.undecided) == 14


def test_guards_refuse_as_in_every_plan(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = prepare(sandbox)
    with connect(sandbox) as client:
        review = plan_review(client, tmp_path, decide(ids))
        plan = plan_decisions(client, review.snapshot, review.decisions, guards=Guards(protected_accounts=[ids[0]]))
    assert [each.change.account_id for each in plan.refused] == [ids[0]]
    assert plan.digest == plan.true_digest()


def test_parts_that_do_not_belong_together_are_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = prepare(sandbox)
    with connect(sandbox) as client:
        review = plan_review(client, tmp_path, decide(ids))
        taken, decisions = review.snapshot, review.decisions
        other = take_snapshot(client, groups=[TEAM])
        for snapshot, given, problem in [
            (other, decisions, "the decisions are about another snapshot"),
            (evolve(taken, calls=999), decisions, "the snapshot was edited"),
            (taken, evolve(decisions, allow_own_access=True), "the decisions were edited"),
            (taken, evolve(decisions, snapshot="0" * 64, digest=""), "the decisions are about another snapshot"),
            (
                taken,
                evolve(decisions, decided=(evolve(decisions.decided[0], account_id="x9"),), digest=""),
                "the snapshot has no member x9",
            ),
        ]:
            with pytest.raises(ReviewError, match=problem):
                plan_decisions(client, snapshot, given)
        elsewhere = evolve(taken, site="other.example.com", digest="")
        moved = evolve(decisions, snapshot=elsewhere.digest, digest="")
        with pytest.raises(ReviewError, match=r"it is of other\.example\.com"):
            plan_decisions(client, elsewhere, moved)


def test_notes_name_what_could_not_be_decided(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = prepare(sandbox)
    with connect(sandbox) as client:
        taken = take_snapshot(client, groups=GROUPS)
        partly = evolve(taken.groups[0], is_complete=False, known_by="403", unidentified=1)
        taken = evolve(taken, groups=(partly, *taken.groups[1:]), digest="")
        sheet = tmp_path / "s.csv"
        decided = {(TEAM, ids[0]): {"decision": "keep", "reviewer": ids[0]}}
        sheet.write_bytes(csv_bytes(rows_of(taken, decided)))
        decisions = read_decisions(taken, [sheet], allow_own_access=True)
        notes = "\n".join(plan_decisions(client, taken, decisions).notes)
    assert "the list of members is not complete (403), so nobody could decide about the others" in notes
    assert "1 member without an account id could not be decided about" in notes
    assert "1 decision about the reviewer's own access, which was allowed" in notes
