"""The decisions of the guards at their limits, without a server."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from confluence_groups_sdk import Group
from confluence_groups_sdk.membership import Action, Change, Guards
from confluence_groups_sdk.membership.planning.guard_evaluation import GuardDecision, evaluate
from confluence_groups_sdk.membership.planning.snapshot import GroupSnapshot, Member

PERSON = Member(None, None, "atlassian")
APP = Member(None, None, "app")
ADMIN = frozenset({"admin"})
CALLER = "caller"


def ids(number: int) -> list[str]:
    return [f"id-{each}" for each in range(number)]


def change(account_id: str, action: Action = Action.REMOVE, group_id: str = "g", kind: str | None = None) -> Change:
    return Change(action=action, group_id=group_id, group_name="G", account_id=account_id, account_type=kind)


def group(
    members: Iterable[str],
    *,
    apps: Iterable[str] = (),
    group_id: str = "g",
    access: frozenset[str] = frozenset(),
    unlisted: frozenset[str] = frozenset(),
) -> GroupSnapshot:
    listed = dict.fromkeys(members, PERSON) | dict.fromkeys(apps, APP)
    return GroupSnapshot(Group(id=group_id, name="G"), listed, access, unlisted)


def decide(guards: Guards, changes: list[Change], *groups: GroupSnapshot) -> GuardDecision:
    return evaluate(guards, changes, {each.group.id: each for each in groups}, CALLER)


def options(decision: GuardDecision) -> set[tuple[str, object] | None]:
    return {each.option for each in decision.refused}


def test_the_proposed_fraction_is_the_lowest_whole_percentage_that_allows_the_removals() -> None:
    """Floating-point products are too low for some of them: 0.58 * 50 is less than 29."""
    for size in (6, 7, 25, 29, 50, 99, 100, 101, 150):
        removals = [change(each) for each in ids(size)]
        for number in range(6, size + 1):
            refused = decide(Guards(max_fraction=0, max_removals=None), removals[:number], group(ids(size)))
            ((name, value),) = (option for option in options(refused) if option)
            assert name == "max_fraction"
            assert isinstance(value, float)
            percent = round(value * 100)
            assert value == percent / 100
            assert (percent - 1) * size < number * 100 <= percent * size
            allowed = decide(Guards(max_fraction=value, max_removals=None), removals[:number], group(ids(size)))
            assert (len(allowed.changes), allowed.refused) == (number, ())


def test_a_share_that_is_exactly_the_limit_is_allowed_and_is_no_override() -> None:
    removals = [change(each) for each in ids(21)]
    assert decide(Guards(), removals[:20], group(ids(40))).refused == ()
    assert {each.overridden for each in decide(Guards(), removals[:20], group(ids(40))).changes} == {()}
    refused = decide(Guards(), removals, group(ids(40)))
    assert options(refused) == {("max_fraction", 0.53)}
    assert {each.guard for each in refused.refused} == {"max_fraction"}
    assert "21 of 40 members would leave G, more than 50%" in refused.refused[0].why
    overridden = decide(Guards(max_fraction=0.53), removals, group(ids(40)))
    assert {each.overridden for each in overridden.changes} == {("max_fraction",)}


def test_members_who_are_not_listed_count_as_members() -> None:
    removals = [change(each) for each in ids(6)]
    assert decide(Guards(), removals, group(ids(10))).changes == ()
    unlisted = frozenset({"suspended-1", "suspended-2"})
    assert len(decide(Guards(), removals, group(ids(10), unlisted=unlisted)).changes) == 6


def test_a_group_without_members_cannot_lose_more_than_five() -> None:
    """The members may have been left out of the list: nothing else explains removals from an empty group."""
    removals = [change(each) for each in ids(6)]
    assert len(decide(Guards(), removals[:5], group([])).changes) == 5
    refused = decide(Guards(), removals, group([]))
    assert refused.changes == ()
    assert options(refused) == {("max_fraction", 1.0)}
    assert len(decide(Guards(max_fraction=1.0), removals, group([])).changes) == 6


def test_more_removals_than_listed_members_count_as_all_members() -> None:
    removals = [change(each) for each in ids(8)]
    assert options(decide(Guards(), removals, group(ids(7)))) == {("max_fraction", 1.0)}
    assert len(decide(Guards(max_fraction=1.0), removals, group(ids(7))).changes) == 8


def test_the_number_of_removals_that_is_exactly_the_limit_is_allowed_and_is_no_override() -> None:
    here = group(ids(400))
    removals = [change(each) for each in ids(101)]
    allowed = decide(Guards(), removals[:100], here)
    assert {each.overridden for each in allowed.changes} == {()}
    refused = decide(Guards(), removals, here)
    assert (refused.changes, options(refused)) == ((), {("max_removals", 101)})
    assert refused.refused[0].why == "101 removals are more than 100 in one plan"
    overridden = decide(Guards(max_removals=101), removals, here)
    assert {each.overridden for each in overridden.changes} == {("max_removals",)}
    assert {each.overridden for each in decide(Guards(max_removals=None), removals, here).changes} == {
        ("max_removals",)
    }
    assert decide(Guards(max_removals=0), removals[:1], here).changes == ()


def test_removals_are_counted_over_all_groups_and_only_those_that_are_allowed() -> None:
    first, second = group(ids(400), group_id="g"), group(ids(400), group_id="h")
    both = [*(change(each) for each in ids(60)), *(change(each, group_id="h") for each in ids(60))]
    assert options(decide(Guards(), both, first, second)) == {("max_removals", 120)}
    guards = Guards(protected_accounts=ids(20))  # in both groups
    assert len(decide(guards, both, first, second).changes) == 80
    additions = [change(f"new-{each}", Action.ADD) for each in range(200)]
    assert len(decide(Guards(), additions, first).changes) == 200


def test_refusals_of_one_group_leave_the_others_alone() -> None:
    changes = [change(each) for each in ids(6)] + [change("id-0", group_id="h")]
    decision = decide(Guards(), changes, group(ids(10)), group(ids(10), group_id="h"))
    assert [each.group_id for each in decision.changes] == ["h"]
    assert [each.change.account_id for each in decision.refused] == ids(6)


def test_a_refused_removal_does_not_count_for_the_share() -> None:
    removals = [change(each) for each in ids(6)]
    assert len(decide(Guards(protected_accounts=["id-0"]), removals, group(ids(10))).changes) == 5


@pytest.mark.parametrize("access", [frozenset({"admin"}), frozenset({"site-admin", "user"}), None])
def test_the_last_people_of_a_group_that_may_give_admin_rights_stay(access: frozenset[str] | None) -> None:
    admins = GroupSnapshot(Group(id="g", name="G"), {"id-0": PERSON, "id-1": PERSON, "robot": APP}, access)
    both = [change("id-0"), change("id-1")]
    refused = decide(Guards(), both, admins)
    assert options(refused) == {("allow_last_admin", True)}
    left = "only apps would be left in G, which gives admin rights; groups do not show admins by role"
    assert {each.why for each in refused.refused} == {left}
    assert len(decide(Guards(), both[:1], admins).changes) == 1
    overridden = decide(Guards(allow_last_admin=True), both, admins)
    assert {each.overridden for each in overridden.changes} == {("last_admin",)}


def test_only_an_added_person_in_the_same_group_replaces_the_last_one() -> None:
    admins, others = group(["id-0"], access=ADMIN), group([], group_id="h", access=ADMIN)
    leaving = change("id-0")
    for new, allowed in (
        (change("new", Action.ADD), True),
        (change("new", Action.ADD, kind="atlassian"), True),
        (change("new", Action.ADD, kind="app"), False),
        (change("new", Action.ADD, group_id="h"), False),
    ):
        decision = decide(Guards(allow_apps=True), [leaving, new], admins, others)
        assert (leaving in decision.changes) is allowed
    # Another removal in the group is no addition.
    assert decide(Guards(), [leaving, change("nobody")], admins).changes == ()


def test_the_last_app_of_a_group_that_gives_admin_rights_may_leave() -> None:
    admins = group([], apps=["robot"], access=ADMIN)
    assert len(decide(Guards(allow_apps=True), [change("robot")], admins).changes) == 1
    both = group(["id-0"], apps=["robot"], access=ADMIN)
    decision = decide(Guards(allow_apps=True), [change("robot"), change("id-0")], both)
    assert [each.account_id for each in decision.changes] == ["robot"]


def test_the_caller_may_leave_only_a_group_that_gives_no_access() -> None:
    leaving, joining = change(CALLER), change(CALLER, Action.ADD)
    for access, refused in ((frozenset({"user"}), True), (None, True), (frozenset(), False)):
        here = GroupSnapshot(Group(id="g", name="G"), {CALLER: PERSON, "id-0": PERSON}, access)
        assert bool(decide(Guards(), [leaving], here).refused) is refused
        assert decide(Guards(), [joining], here).refused == ()
        assert decide(Guards(), [change("id-0")], here).refused == ()
        allowed = decide(Guards(allow_self=True), [leaving], here)
        assert allowed.changes[0].overridden == (("self",) if refused else ())


def test_an_app_is_found_in_the_group_and_otherwise_in_the_change() -> None:
    here = group(["person"], apps=["robot"])
    assert options(decide(Guards(), [change("robot", kind="atlassian")], here)) == {("allow_apps", True)}
    assert decide(Guards(), [change("person", kind="app")], here).refused == ()
    assert options(decide(Guards(), [change("new", Action.ADD, kind="app")], here)) == {("allow_apps", True)}
    assert decide(Guards(), [change("new", Action.ADD)], here).refused == ()


def test_the_first_guard_that_is_not_overridden_refuses() -> None:
    here = group(ids(9), apps=["robot"])
    for guards, guard in (
        (Guards(protected_accounts=["robot"]), "protected_account"),
        (Guards(protected_accounts=["robot"], allow_protected=True), "app"),
        (Guards(protected_accounts=["robot"], allow_apps=True), "protected_account"),
    ):
        decision = decide(guards, [change("robot")], here)
        assert (decision.changes, [each.guard for each in decision.refused]) == ((), [guard])


def test_all_overridden_guards_are_noted_in_their_order() -> None:
    guards = Guards(
        protected_accounts=["id-0"], allow_protected=True, allow_apps=True, max_fraction=1.0, max_removals=None
    )
    here = group(ids(10)[1:], apps=["id-0"])
    decision = decide(guards, [change(each) for each in ids(6)], here)
    overridden = {each.account_id: each.overridden for each in decision.changes}
    assert overridden.pop("id-0") == ("protected_account", "app", "max_fraction")
    assert set(overridden.values()) == {("max_fraction",)}


def test_a_protected_group_is_found_by_its_id_and_by_its_name() -> None:
    here = group(ids(2))
    for name, refused in (("g", True), ("G", True), ("h", False)):
        decision = decide(Guards(protected_groups=[name]), [change("id-0")], here)
        assert options(decision) == ({("allow_protected", True)} if refused else set())
    shouted = GroupSnapshot(Group(id="ID", name="Straße"), {"id-0": PERSON})
    for name, refused in (("STRASSE", True), ("id", False), ("ID", True)):
        decision = decide(Guards(protected_groups=[name]), [change("id-0", group_id="ID")], shouted)
        assert bool(decision.refused) is refused
