"""The values that plans, journals and reports consist of: their defaults, and what they say about themselves."""

from __future__ import annotations

import json
import re
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import pytest

from confluence_groups_sdk import JournalError
from confluence_groups_sdk._core.call_metadata import RateLimitInfo
from confluence_groups_sdk.membership import (
    Action,
    Change,
    GroupMembers,
    Guards,
    Outcome,
    Plan,
    Preflight,
    Progress,
    RecordedRun,
    Report,
    Result,
    SkippedChange,
    Stop,
    StopReason,
)
from confluence_groups_sdk.membership.model.plan import Estimate, PlannedGroup

CHANGE = Change(action=Action.REMOVE, group_id="g", group_name="Team", account_id="a")
RUN = RecordedRun(began_at="2027-01-15T09:00:00Z", by="me")


def report(**values: Any) -> Report:
    none: dict[str, Any] = {"results": (), "unfinished": (), "stop": None, "interrupted": False, "unverified": ()}
    return Report(**{**none, "plan_digest": "digest", "journal_hash": "hash", **values})


def result(outcome: Outcome, **values: Any) -> Result:
    return Result(change=CHANGE, outcome=outcome, **values)


@pytest.mark.parametrize(
    "kind", [Change, SkippedChange, Result, Progress, Guards, PlannedGroup, Estimate, Plan, Stop, RecordedRun, Report]
)
def test_values_take_only_keywords_so_that_fields_can_be_added_anywhere(kind: Any) -> None:
    names = [each.name for each in kind.__attrs_attrs__]
    with pytest.raises(TypeError, match="positional argument"):
        kind(*[None] * len(names))


def test_a_result_says_nothing_that_was_not_given() -> None:
    made = result(Outcome.REMOVED)
    assert (made.settled, made.final, made.stops, made.rate_limited, made.in_doubt) == (
        False,
        True,
        False,
        False,
        False,
    )
    assert (made.hold_s, made.error, made.guard, made.option) == (None, None, None, None)
    assert "limits" not in repr(made)


@pytest.mark.parametrize(
    ("values", "in_doubt"),
    [
        ({"outcome": Outcome.UNKNOWN, "settled": False, "final": True}, True),
        ({"outcome": Outcome.FAILED, "settled": True, "final": False}, True),
        ({"outcome": Outcome.FAILED, "settled": True, "final": True}, False),
        ({"outcome": Outcome.FAILED, "settled": False, "final": False}, False),
    ],
)
def test_a_result_is_in_doubt_if_it_is_unknown_or_will_be_settled_later(values: dict[str, Any], in_doubt: bool) -> None:
    assert result(**values).in_doubt is in_doubt


def test_a_change_is_held_only_if_it_was_rate_limited() -> None:
    limits = RateLimitInfo(retry_after=5.0)
    assert result(Outcome.FAILED, rate_limited=True, limits=limits).hold_s == 5
    assert result(Outcome.REMOVED, limits=limits).hold_s is None
    assert result(Outcome.FAILED, rate_limited=True).hold_s is None


def test_an_override_is_shown_as_a_python_argument() -> None:
    refused = SkippedChange(change=CHANGE, why="too many", guard="max_removals", option=("max_removals", 3))
    assert refused.override == "max_removals=3"
    assert str(refused) == "remove a from Team: too many [max_removals; Guards(max_removals=3) overrides it]"
    assert SkippedChange(change=CHANGE, why="too many", guard="max_removals").override is None
    assert str(SkippedChange(change=CHANGE, why="no member")) == "remove a from Team: no member"


def test_changes_say_who_and_where() -> None:
    assert str(CHANGE) == "remove a from Team"
    named = Change(action=Action.ADD, group_id="g", group_name="Team", account_id="a", display_name="Ann")
    assert str(named) == "add Ann (a) to Team"


def test_the_first_of_several_e_mails_is_named() -> None:
    with pytest.raises(ValueError, match=r"the e-mail first@example\.com protects nobody"):
        Guards(protected_accounts=["id", "first@example.com", "second@example.com"])


def test_guards_have_the_documented_defaults() -> None:
    guards = Guards()
    assert (guards.max_removals, guards.max_fraction, guards.overrides) == (100, 0.5, {})
    assert Guards(max_removals=100, max_fraction=0.5).overrides == {}
    assert Guards(max_removals=101, max_fraction=0.51).overrides == {"max_removals": 101, "max_fraction": 0.51}
    assert Guards(max_removals=None).overrides == {"max_removals": None}
    assert Guards(max_removals=99, max_fraction=0.49).overrides == {}
    assert Guards(allow_self=True).overrides == {"allow_self": True}


def test_a_report_is_already_complete_if_earlier_runs_did_everything() -> None:
    before = (result(Outcome.REMOVED),)
    complete = report(
        done_before=before, earlier_runs=(RUN, RUN, RecordedRun(began_at="later", by="id", by_name="Ann"))
    )
    assert complete.already_complete
    assert complete.completion == "already applied on later by Ann (id); nothing was sent; make a new plan"
    assert str(complete) == f"{complete.completion}; earlier outcomes: REMOVED 1; journal hash"
    assert report(done_before=before).completion == "already applied; nothing was sent; make a new plan"
    for other in (
        report(),
        report(done_before=before, results=before),
        report(done_before=before, unfinished=(CHANGE,)),
    ):
        assert not other.already_complete
        assert other.completion is None


def test_a_report_says_what_was_done_and_what_is_left() -> None:
    done = (result(Outcome.REMOVED), result(Outcome.FAILED), result(Outcome.REMOVED))
    assert str(report()) == "nothing to do; journal hash"
    assert str(report(unfinished=(CHANGE,))) == "nothing done; 1 left to do; journal hash"
    assert str(report(results=done)) == "2 REMOVED, 1 FAILED; journal hash"
    assert str(report(results=done[:1], done_before=done[1:])) == (
        "1 REMOVED; 2 done by earlier runs (REMOVED 1, FAILED 1); journal hash"
    )
    assert str(report(results=done[:1], unverified=(CHANGE,))) == "1 REMOVED; 1 not visible yet; journal hash"
    stopped = report(results=done[:1], unverified=(CHANGE,), stop=Stop(reason=StopReason.NOT_VERIFIED, error="403"))
    assert "1 not verified; stopped: the changes could not be verified: 403; journal hash" in str(stopped)
    assert stopped.stopped == "the changes could not be verified: 403"
    assert report().stopped is None
    assert report(results=done).counts == {Outcome.REMOVED: 2, Outcome.FAILED: 1}
    assert report(done_before=done).counts_before == {Outcome.REMOVED: 2, Outcome.FAILED: 1}


def test_a_report_is_saved_as_readable_json_and_completely_or_not_at_all(tmp_path: Path) -> None:
    named = Change(action=Action.ADD, group_id="g", group_name="Team", account_id="a", display_name="Zoë")
    saved = report(unfinished=(named,))
    path = tmp_path / "report.json"
    saved.save(path)
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == saved.as_json()
    assert "Zoë" in text
    assert text.endswith("}\n")
    missing = tmp_path / "missing" / "report.json"
    with pytest.raises(JournalError, match=re.escape(f"{missing}: the report cannot be written (No such file")):
        saved.save(missing)


@pytest.mark.parametrize("kind", [GroupMembers, Preflight])
def test_fields_are_given_by_name_so_that_more_can_follow(kind: type) -> None:
    assert {each.kind for each in signature(kind).parameters.values()} == {Parameter.KEYWORD_ONLY}
