"""Each guard refuses a real mistake in the sandbox, and its override is recorded in the plan and the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from membership_fakes import TEAM, client, members, people, team

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
from confluence_groups_sdk.membership.planning.guard_evaluation import evaluate
from confluence_groups_sdk.membership.planning.reading.access import AccessReader
from confluence_groups_sdk.membership.planning.snapshot import GroupSnapshot, Member
from confluence_groups_sdk.sandbox import Group, Sandbox
from confluence_groups_sdk.sandbox import Person as SandboxPerson

ADMIN = frozenset({"admin"})


class Mistake(NamedTuple):
    """A change by mistake, the guard that refuses it, and the option that overrides the guard."""

    guard: str
    override: dict[str, Any]


MISTAKES = [
    Mistake("self", {"allow_self": True}),
    Mistake("last_admin", {"allow_last_admin": True}),
    Mistake("app", {"allow_apps": True}),
    Mistake("protected_account", {"allow_protected": True}),
    Mistake("protected_group", {"allow_protected": True}),
    Mistake("external", {"allow_external": True}),
    Mistake("max_removals", {"max_removals": 150}),
    Mistake("max_fraction", {"max_fraction": 1.0}),
]


def prepare_mistake(sandbox: Sandbox, guard: str) -> tuple[list[str], dict[str, Any]]:
    """Make a team; return the members to remove by mistake, and the options that the guard needs."""
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


def plan_removals_of(groups: ConfluenceGroups, account_ids: list[str], **options: Any) -> Plan:
    return plan_removals(groups, [(TEAM, each) for each in account_ids], guards=Guards(**options))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.guard)
def test_each_guard_refuses_its_mistake(sandbox: Sandbox, tmp_path: Path, mistake: Mistake) -> None:
    going, options = prepare_mistake(sandbox, mistake.guard)
    before = members(sandbox)
    with client(sandbox) as groups:
        plan = plan_removals_of(groups, going, **options)
        assert plan.changes == ()
        assert [each.change.account_id for each in plan.refused] == going
        for refused in plan.refused:
            assert refused.guard == mistake.guard
            assert refused.option is not None
            assert refused.option[0] == next(iter(mistake.override))
            assert f"[{mistake.guard}; Guards({refused.override}) overrides it]" in str(refused)
            assert refused.change.account_id in str(refused)
        assert apply(groups, plan, journal=tmp_path / "journal").results == ()
    assert members(sandbox) == before


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.guard)
def test_overrides_are_recorded_in_plan_and_journal(sandbox: Sandbox, tmp_path: Path, mistake: Mistake) -> None:
    going, options = prepare_mistake(sandbox, mistake.guard)
    with client(sandbox) as groups:
        plan = plan_removals_of(groups, going, **options, **mistake.override)
        assert plan.refused == ()
        assert plan.overrides == mistake.override
        assert {change.overridden for change in plan.changes} == {(mistake.guard,)}
        report = apply(groups, plan, journal=tmp_path / "journal")
    assert read_journal(tmp_path / "journal").overrides == mistake.override
    refused = mistake.guard == "external"  # by the site, too
    assert report.counts == {Outcome.FAILED if refused else Outcome.REMOVED: len(going)}
    assert (set(going) & set(members(sandbox))) == (set(going) if refused else set())


def test_the_proposed_option_overrides_the_refusal(sandbox: Sandbox) -> None:
    going, _ = prepare_mistake(sandbox, "max_fraction")
    with client(sandbox) as groups:
        (option,) = {each.option for each in plan_removals_of(groups, going).refused}
        assert option is not None
        assert len(plan_removals_of(groups, going, **dict([option])).changes) == 21


def test_five_removals_are_allowed_from_a_group_of_any_size(sandbox: Sandbox) -> None:
    ids = team(sandbox, 6)
    with client(sandbox) as groups:
        assert len(plan_removals_of(groups, ids[:5]).changes) == 5
        assert [each.guard for each in plan_removals_of(groups, ids).refused] == ["max_fraction"] * 6


def test_max_fraction_itself_is_allowed(sandbox: Sandbox) -> None:
    ids = team(sandbox, 40)
    with client(sandbox) as groups:
        assert len(plan_removals_of(groups, ids[:20]).changes) == 20
        assert plan_removals_of(groups, ids[:21]).changes == ()


def test_people_added_by_the_same_plan_count_as_remaining_admins(sandbox: Sandbox) -> None:
    (old,) = people(sandbox, 1)
    (new,) = people(sandbox, 1, first=900)
    sandbox.directory.add_person(SandboxPerson("robot", "Robot", "", account_type="app"))
    sandbox.directory.add_group(Group(TEAM, "Team", access=frozenset({"site-admin"})), [old])
    with client(sandbox) as groups:
        assert len(plan_sync(groups, group_id=TEAM, account_ids=[new]).changes) == 2
        by_a_robot = plan_sync(groups, group_id=TEAM, account_ids=["robot"], guards=Guards(allow_apps=True))
    assert [each.guard for each in by_a_robot.refused] == ["last_admin"]


def test_one_remaining_admin_is_enough(sandbox: Sandbox) -> None:
    ids = team(sandbox, 3, access=ADMIN)
    with client(sandbox) as groups:
        assert len(plan_removals_of(groups, ids[:2]).changes) == 2
        assert plan_removals_of(groups, ids).changes == ()


def test_offboarding_yourself_is_refused_in_groups_that_give_access(sandbox: Sandbox) -> None:
    sandbox.directory.add_group(Group("plain", "Plain", access=frozenset()), [me(sandbox)])
    with client(sandbox) as groups:
        plan = plan_offboarding(groups, account_ids=[me(sandbox)])
    assert [change.group_name for change in plan.changes] == ["Plain"]
    assert {each.guard for each in plan.refused} == {"self"}


def test_unknown_access_counts_as_admin_rights(sandbox: Sandbox) -> None:
    ids = team(sandbox, 2)
    with client(sandbox) as groups, pytest.MonkeyPatch.context() as patch:
        patch.setattr(AccessReader, "read", lambda _: None)
        plan = plan_removals_of(groups, ids)
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
def test_invalid_options_are_rejected(options: dict[str, Any]) -> None:
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
def test_no_combination_of_changes_passes_the_guards(
    changes: list[Change], guards: Guards, kinds: list[str | None], admin: bool
) -> None:
    people_there = {each: Member(None, None, kind) for each, kind in zip(IDS, kinds, strict=True)}
    access = ADMIN if admin else frozenset({"user"})
    groups = {each: GroupSnapshot(LiveGroup(id=each, name="G"), people_there, access) for each in "gh"}
    decision = evaluate(guards, changes, groups, "id-0")
    passed = {change.key for change in decision.changes}
    assert passed.isdisjoint(each.change.key for each in decision.refused)
    assert len(decision.changes) + len(decision.refused) == len(changes)
    leaving = [change for change in decision.changes if change.action is Action.REMOVE]
    if guards.max_removals is not None:
        assert len(leaving) <= guards.max_removals
    for change in decision.changes:
        assert change.account_id not in guards.protected_accounts
        assert guards.allow_apps or people_there[change.account_id].account_type != "app"
        assert guards.allow_self or change.account_id != "id-0" or change.action is Action.ADD
    for group_id in "gh":
        going = {change.account_id for change in leaving if change.group_id == group_id}
        assert len(going) <= max(5, guards.max_fraction * len(IDS))
        joining = any(change.action is Action.ADD and change.group_id == group_id for change in decision.changes)
        if admin and not guards.allow_last_admin and not joining:
            left = [each for each in IDS if each not in going and people_there[each].account_type != "app"]
            was = [each for each in IDS if people_there[each].account_type != "app"]
            assert left or not was or not [each for each in going if each in was]


def test_protected_group_names_ignore_case(sandbox: Sandbox) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        assert [each.guard for each in plan_removals_of(groups, ids[:1], protected_groups=["tEAM"]).refused] == [
            "protected_group"
        ]


def test_protected_accounts_reject_e_mails() -> None:
    with pytest.raises(ValueError, match="give account ids; the e-mail id-000@"):
        Guards(protected_accounts=["id-000@example.com"])
