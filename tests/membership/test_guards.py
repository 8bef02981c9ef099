"""Each guard stops a real harm, on the sandbox; and its override is in the plan and in the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from membership_doubles import TEAM, client, members, people, team

from confluence_groups_sdk import ConfluenceGroups
from confluence_groups_sdk import Group as LiveGroup
from confluence_groups_sdk.membership import (
    Action,
    Change,
    Guards,
    Outcome,
    Plan,
    apply,
    plan_offboarding,
    plan_removals,
    plan_sync,
    read_journal,
)
from confluence_groups_sdk.membership.live import Membership, Person
from confluence_groups_sdk.sandbox import Group, Sandbox
from confluence_groups_sdk.sandbox import Person as SandboxPerson

ADMIN = frozenset({"admin"})


class Harm(NamedTuple):
    """Something that must not happen by accident."""

    guard: str
    override: dict[str, Any]


HARMS = [
    Harm("self", {"allow_self": True}),
    Harm("last_admin", {"allow_last_admin": True}),
    Harm("app", {"allow_apps": True}),
    Harm("protected_account", {"allow_protected": True}),
    Harm("protected_group", {"allow_protected": True}),
    Harm("external", {"allow_external": True}),
    Harm("max_removals", {"max_removals": 150}),
    Harm("max_fraction", {"max_fraction": 1.0}),
]


def prepared(sandbox: Sandbox, guard: str) -> tuple[list[str], dict[str, Any]]:
    """Make a team of which some are to go by mistake; return them, and the options that the guard needs."""
    directory = sandbox.directory
    ids = team(sandbox, 400 if guard == "max_removals" else 40)
    if guard == "self":
        directory.add_member(TEAM, me(sandbox))
        return [me(sandbox)], {}
    if guard == "last_admin":
        directory.add_person(SandboxPerson("robot", "Robot", "", account_type="app"))
        directory.add_group(Group(TEAM, "Team", access=ADMIN), [*ids[:2], "robot"])
        return ids[:2], {}
    if guard == "app":
        directory.add_person(SandboxPerson(ids[0], "Robot", "", account_type="app"))
        return ids[:1], {}
    if guard == "protected_account":
        return ids[:1], {"protected_accounts": [ids[0]]}
    if guard == "protected_group":
        return ids[:1], {"protected_groups": ["Team"]}
    if guard == "external":
        directory.add_group(Group(TEAM, "Team", managed_by="EXTERNAL"), ids)
        return ids[:1], {}
    return ids[: 101 if guard == "max_removals" else 21], {}


def me(sandbox: Sandbox) -> str:
    return next(each.account_id for each in sandbox.directory.people.values() if each.email == sandbox.admin.email)


def planned(groups: ConfluenceGroups, account_ids: list[str], **options: Any) -> Plan:
    return plan_removals(groups, [(TEAM, each) for each in account_ids], guards=Guards(**options))


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.guard)
def test_a_guard_stops_a_harm(sandbox: Sandbox, tmp_path: Path, harm: Harm) -> None:
    going, options = prepared(sandbox, harm.guard)
    before = members(sandbox)
    with client(sandbox) as groups:
        plan = planned(groups, going, **options)
        assert plan.changes == ()
        assert [each.change.account_id for each in plan.refused] == going
        for refused in plan.refused:
            assert refused.guard == harm.guard
            assert (refused.option or "").startswith(next(iter(harm.override)))
            assert f"[{harm.guard}; Guards({refused.option}) overrides it]" in str(refused)
            assert refused.change.account_id in str(refused)
        assert apply(groups, plan, journal=tmp_path / "journal").results == ()
    assert members(sandbox) == before


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.guard)
def test_an_override_is_recorded(sandbox: Sandbox, tmp_path: Path, harm: Harm) -> None:
    going, options = prepared(sandbox, harm.guard)
    with client(sandbox) as groups:
        plan = planned(groups, going, **options, **harm.override)
        assert plan.refused == ()
        assert plan.overrides == harm.override
        assert {change.overridden for change in plan.changes} == {(harm.guard,)}
        report = apply(groups, plan, journal=tmp_path / "journal")
    assert report.counts == {Outcome.REMOVED: len(going)}
    assert read_journal(tmp_path / "journal").overrides == harm.override
    assert not set(going) & set(members(sandbox))


def test_what_a_refusal_proposes_overrides_it(sandbox: Sandbox) -> None:
    going, _ = prepared(sandbox, "max_fraction")
    with client(sandbox) as groups:
        (option,) = {each.option for each in planned(groups, going).refused}
        name, _, value = (option or "").partition("=")
        assert len(planned(groups, going, **{name: float(value)}).changes) == 21


def test_a_few_may_leave_a_small_group(sandbox: Sandbox) -> None:
    ids = team(sandbox, 6)
    with client(sandbox) as groups:
        assert len(planned(groups, ids[:5]).changes) == 5
        assert [each.guard for each in planned(groups, ids).refused] == ["max_fraction"] * 6


def test_the_fraction_may_be_reached_and_not_passed(sandbox: Sandbox) -> None:
    ids = team(sandbox, 40)
    with client(sandbox) as groups:
        assert len(planned(groups, ids[:20]).changes) == 20
        assert planned(groups, ids[:21]).changes == ()


def test_somebody_who_joins_in_the_same_plan_is_left(sandbox: Sandbox) -> None:
    (old,) = people(sandbox, 1)
    (new,) = people(sandbox, 1, first=900)
    sandbox.directory.add_person(SandboxPerson("robot", "Robot", "", account_type="app"))
    sandbox.directory.add_group(Group(TEAM, "Team", access=frozenset({"site-admin"})), [old])
    with client(sandbox) as groups:
        assert len(plan_sync(groups, group_id=TEAM, account_ids=[new]).changes) == 2
        by_a_robot = plan_sync(groups, group_id=TEAM, account_ids=["robot"], guards=Guards(allow_apps=True))
    assert [each.guard for each in by_a_robot.refused] == ["last_admin"]


def test_an_admin_who_stays_is_enough(sandbox: Sandbox) -> None:
    ids = team(sandbox, 3, access=ADMIN)
    with client(sandbox) as groups:
        assert len(planned(groups, ids[:2]).changes) == 2
        assert planned(groups, ids).changes == ()


def test_offboarding_oneself_is_refused_in_every_group_that_gives_access(sandbox: Sandbox) -> None:
    sandbox.directory.add_group(Group("plain", "Plain", access=frozenset()), [me(sandbox)])
    with client(sandbox) as groups:
        plan = plan_offboarding(groups, account_ids=[me(sandbox)])
    assert [change.group_name for change in plan.changes] == ["Plain"]
    assert {each.guard for each in plan.refused} == {"self"}


def test_where_access_cannot_be_read_every_group_may_give_admin_rights(sandbox: Sandbox) -> None:
    ids = team(sandbox, 2)
    from confluence_groups_sdk.membership import live

    with client(sandbox) as groups, pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "access_of_groups", lambda _: None)
        plan = planned(groups, ids)
    assert {each.guard for each in plan.refused} == {"last_admin"}


@pytest.mark.parametrize(
    "options",
    [
        {"allow_self": 1},
        {"max_removals": -1},
        {"max_removals": True},
        {"max_removals": 1.5},
        {"max_fraction": 1.01},
        {"max_fraction": float("nan")},
        {"max_fraction": True},
        {"protected_accounts": "id-1"},
        {"protected_groups": [""]},
    ],
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match="Guards"):
        Guards(**options)


IDS = [f"id-{number}" for number in range(12)]
CHANGES = st.lists(
    st.builds(
        Change,
        action=st.sampled_from(Action),
        group_id=st.sampled_from("gh"),
        group_name=st.just("G"),
        account_id=st.sampled_from(IDS),
        account_type=st.sampled_from(["app", "atlassian", None]),
    ),
    unique_by=lambda change: change.key,
)
GUARDS = st.builds(
    Guards,
    allow_self=st.booleans(),
    allow_last_admin=st.booleans(),
    allow_apps=st.booleans(),
    max_removals=st.none() | st.integers(0, 8),
    max_fraction=st.floats(0, 1),
    protected_accounts=st.lists(st.sampled_from(IDS), max_size=1),
)
KINDS = st.lists(st.sampled_from(["app", "atlassian", None]), min_size=12, max_size=12)


@given(changes=CHANGES, guards=GUARDS, kinds=KINDS, admin=st.booleans())
def test_nothing_that_is_forbidden_is_let_through(
    changes: list[Change], guards: Guards, kinds: list[str | None], admin: bool
) -> None:
    people_there = {each: Person(None, None, kind) for each, kind in zip(IDS, kinds, strict=True)}
    access = ADMIN if admin else frozenset({"user"})
    groups = {each: Membership(LiveGroup(id=each, name="G"), people_there, access) for each in "gh"}
    verdict = guards.judge(changes, groups, "id-0")
    passed = {change.key for change in verdict.changes}
    assert passed.isdisjoint(each.change.key for each in verdict.refused)
    assert len(verdict.changes) + len(verdict.refused) == len(changes)
    leaving = [change for change in verdict.changes if change.action is Action.REMOVE]
    if guards.max_removals is not None:
        assert len(leaving) <= guards.max_removals
    for change in verdict.changes:
        assert change.account_id not in guards.protected_accounts
        assert guards.allow_apps or people_there[change.account_id].account_type != "app"
        assert guards.allow_self or change.account_id != "id-0" or change.action is Action.ADD
    for group_id in "gh":
        going = {change.account_id for change in leaving if change.group_id == group_id}
        assert len(going) <= max(5, guards.max_fraction * len(IDS))
        joining = any(change.action is Action.ADD and change.group_id == group_id for change in verdict.changes)
        if admin and not guards.allow_last_admin and not joining:
            left = [each for each in IDS if each not in going and people_there[each].account_type != "app"]
            was = [each for each in IDS if people_there[each].account_type != "app"]
            assert left or not was or not [each for each in going if each in was]


def test_a_protected_group_is_known_by_its_name_in_any_case(sandbox: Sandbox) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        assert [each.guard for each in planned(groups, ids[:1], protected_groups=["tEAM"]).refused] == [
            "protected_group"
        ]


def test_an_email_would_protect_nobody() -> None:
    with pytest.raises(ValueError, match="give account ids: id-000@"):
        Guards(protected_accounts=["id-000@example.com"])
