"""The calls that plans, runs and undos make: no more than the job needs. Each test counts them in the sandbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from attrs import evolve
from membership_fakes import OPEN, QUICK, TEAM, client, people, team

from confluence_groups_sdk import ApiToken, ConfluenceGroups, InputError, NotFoundError, PermissionDeniedError, User
from confluence_groups_sdk.membership import (
    Guards,
    Outcome,
    Plan,
    apply,
    plan_offboarding,
    plan_removals,
    plan_sync,
    read_access,
    rehearse,
    undo,
)
from confluence_groups_sdk.membership.planning.reading.group_lookup import (
    find_groups,
    find_listed_groups,
    find_many_groups,
    is_id_like,
)
from confluence_groups_sdk.membership.planning.resolver import Resolver
from confluence_groups_sdk.sandbox import Group, Person, Sandbox

KINDS = {
    "membersByGroupId": "members",
    "memberof": "memberships",
    "by-id": "by id",
    "picker": "search",
    "current": "caller",
    "group": "groups",
    "bulk": "users",
    "user": "user",
    "userByGroupId": "change",
}
ACCESS = {"access": 3}


class Calls:
    """Counts the calls of a block by kind."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def of(self, function: Callable[[], object]) -> Counter[str]:
        before = len(self._sandbox.requests)
        function()
        return Counter(_kind(seen.target) for seen in self._sandbox.requests[before:])


def _kind(target: str) -> str:
    address = urlsplit(target)
    if "accessType" in parse_qs(address.query):
        return "access"
    return KINDS[address.path.rpartition("/")[2]]


@pytest.fixture
def calls(sandbox: Sandbox) -> Calls:
    return Calls(sandbox)


def group_ids(number: int) -> list[str]:
    return [str(UUID(int=each)) for each in range(1, number + 1)]


def plain_groups(sandbox: Sandbox, number: int, members: Callable[[int], list[str]]) -> list[str]:
    """Add groups that give no access; return their ids, which look like Confluence's."""
    ids = group_ids(number)
    for index, group_id in enumerate(ids):
        sandbox.directory.add_group(Group(group_id, f"Group {index}", access=frozenset()), members(index))
    return ids


# --- whole jobs


def test_offboarding_takes_a_list_for_each_person_and_each_group(
    sandbox: Sandbox, calls: Calls, tmp_path: Path
) -> None:
    leavers = people(sandbox, 20)
    staying = people(sandbox, 3, first=900)
    plain_groups(sandbox, 20, lambda index: [leavers[index], leavers[index - 1], *staying])
    plans: list[Plan] = []
    with client(sandbox) as groups:
        planned = calls.of(lambda: plans.append(plan_offboarding(groups, account_ids=leavers, guards=OPEN)))
    assert planned == {"users": 1, "memberships": 20, "members": 20, "caller": 1, **ACCESS}
    journal = tmp_path / "journal"
    with client(sandbox) as groups:
        rehearsed = calls.of(lambda: rehearse(groups, plans[0]))
        assert rehearsed == {"caller": 1, "members": 20, "groups": 1}
        applied = calls.of(lambda: apply(groups, plans[0], journal=journal))
        assert applied == {"members": 20, "groups": 1, "change": 40}, "the rehearsal has read the caller"
        undone = calls.of(lambda: plans.append(undo(groups, journal)))
        assert undone == {"members": 20, "groups": 1}, "additions need no access"
        assert len(plans[1].changes) == 40
        assert calls.of(lambda: undo(groups, _applied(groups, plans[1], tmp_path)))["access"] == 3


def _applied(groups: ConfluenceGroups, plan: Plan, folder: Path) -> Path:
    assert apply(groups, plan, journal=folder / "back").counts == {Outcome.ADDED: 40}
    return folder / "back"


@pytest.mark.parametrize(("by", "resolving"), [("id", {"by id": 1}), ("name", {"search": 1})])
def test_a_hundred_rows_of_one_group(sandbox: Sandbox, calls: Calls, by: str, resolving: dict[str, int]) -> None:
    ids = people(sandbox, 120)
    (group_id,) = plain_groups(sandbox, 1, lambda _: ids)
    group = group_id if by == "id" else "Group 0"
    with client(sandbox) as groups:
        made = calls.of(lambda: plan_removals(groups, [(group, each) for each in ids[:100]], guards=OPEN))
        assert made == {**resolving, "members": 1, "caller": 1, **ACCESS}
        again = calls.of(lambda: plan_removals(groups, [(group, f"{each}@example.com") for each in ids], guards=OPEN))
    assert again == {**resolving, "members": 1, **ACCESS}, "the caller is known"


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_row_for_each_of_a_hundred_groups(sandbox: Sandbox, calls: Calls, tmp_path: Path, by: str) -> None:
    ids = people(sandbox, 3)
    found = plain_groups(sandbox, 100, lambda _: ids)
    given = found if by == "id" else [f"Group {index}" for index in range(100)]
    plans: list[Plan] = []
    with client(sandbox) as groups:
        made = calls.of(lambda: plans.append(plan_removals(groups, [(each, ids[0]) for each in given], guards=OPEN)))
        assert made == {"groups": 1, "members": 100, "caller": 1, **ACCESS}
        applied = calls.of(lambda: apply(groups, plans[0], journal=tmp_path / "journal"))
    assert applied == {"members": 100, "groups": 1, "change": 100}


def test_groups_that_give_access_are_known_from_the_lists_of_access(sandbox: Sandbox, calls: Calls) -> None:
    ids = people(sandbox, 3)
    sandbox.directory.add_group(Group(group_ids(1)[0], "Users"), ids)
    with client(sandbox) as groups:
        made = calls.of(lambda: plan_removals(groups, [(group_ids(1)[0], ids[0])], guards=OPEN))
    assert made == {"members": 1, "caller": 1, **ACCESS}


def test_sync_looks_up_new_people_together(sandbox: Sandbox, calls: Calls, tmp_path: Path) -> None:
    ids = team(sandbox)
    new = people(sandbox, 150, first=500)
    plans: list[Plan] = []
    with client(sandbox) as groups:
        made = calls.of(lambda: plans.append(plan_sync(groups, group_id="Team", account_ids=[*ids, *new])))
        assert made == {"search": 1, "members": 1, "users": 2, "caller": 1}, "nobody leaves, and all are active"
        assert len(plans[0].changes) == 150
        applied = calls.of(lambda: apply(groups, plans[0], journal=tmp_path / "journal"))
    assert applied == {"members": 1, "by id": 1, "change": 150}


# --- the caller


def test_an_error_about_the_caller_is_not_kept(sandbox: Sandbox, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        with monkeypatch.context() as patch:
            patch.setattr(ConfluenceGroups, "current_user", _fail)
            with pytest.raises(NotFoundError):
                plan_removals(groups, [("Team", ids[0])])
        assert calls.of(lambda: plan_removals(groups, [("Team", ids[0])]))["caller"] == 1
        assert calls.of(lambda: plan_removals(groups, [("Team", ids[0])]))["caller"] == 0
    with client(sandbox) as another:
        assert calls.of(lambda: plan_removals(another, [("Team", ids[0])]))["caller"] == 1


def _fail(_self: ConfluenceGroups) -> User:
    raise NotFoundError("404")


# --- the access of groups


def test_a_search_for_an_e_mail_shares_a_list_of_access_with_the_guards(sandbox: Sandbox, calls: Calls) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        made = calls.of(lambda: plan_offboarding(groups, account_ids=[f"{ids[0]}@example.com"], guards=OPEN))
    assert (made["access"], made["users"] + made["user"]) == (3, 0), "the list of members has the person"
    assert made["by id"] == 0


def test_a_plan_without_removals_reads_no_access(sandbox: Sandbox, calls: Calls) -> None:
    ids = team(sandbox)
    with client(sandbox) as groups:
        assert calls.of(lambda: plan_sync(groups, group_id="Team", account_ids=ids))["access"] == 0
        assert calls.of(lambda: read_access(groups)) == ACCESS


def test_a_run_reads_access_only_if_the_caller_or_the_last_people_leave(
    sandbox: Sandbox, calls: Calls, tmp_path: Path
) -> None:
    directory = sandbox.directory
    ids = team(sandbox, 4)
    directory.add_person(Person("robot", "Robot", "", account_type="app"))
    directory.add_group(Group("pair", "Pair", access=frozenset()), [*ids[:2], "robot"])
    with client(sandbox) as groups:
        me = groups.current_user().account_id
        directory.add_group(Group("mine", "Mine", access=frozenset()), [me, *ids])
        some = plan_removals(groups, [("pair", ids[0])], guards=OPEN)
        last = plan_removals(groups, [("pair", ids[0]), ("pair", ids[1])], guards=OPEN)
        caller = plan_removals(groups, [("mine", me)], guards=OPEN)
        assert [len(plan.changes) for plan in (some, last, caller)] == [1, 2, 1]
        assert calls.of(lambda: rehearse(groups, some))["access"] == 0
        assert calls.of(lambda: rehearse(groups, last))["access"] == 3
        assert calls.of(lambda: rehearse(groups, caller))["access"] == 3
        directory.add_group(Group("pair", "Pair", access=frozenset({"admin"})), [*ids[:2], "robot"])
        report = apply(groups, last, journal=tmp_path / "journal")
    assert {(each.outcome, each.guard) for each in report.results} == {(Outcome.REFUSED, "last_admin")}


def test_a_run_sees_that_an_identity_provider_now_manages_one_of_many_groups(
    sandbox: Sandbox, calls: Calls, tmp_path: Path
) -> None:
    ids = people(sandbox, 3)
    found = plain_groups(sandbox, 30, lambda _: ids)
    with client(sandbox) as groups:
        plan = plan_removals(groups, [(each, ids[0]) for each in found], guards=OPEN)
        taken = Group(found[7], "Group 7", access=frozenset(), managed_by="EXTERNAL")
        sandbox.directory.add_group(taken, ids)
        assert calls.of(lambda: rehearse(groups, plan)) == {"members": 30, "groups": 1}
        report = apply(groups, plan, journal=tmp_path / "journal")
        assert report.counts == {Outcome.REMOVED: 29, Outcome.REFUSED: 1}
        free = plan_removals(groups, [(found[0], ids[1])], guards=evolve(OPEN, allow_external=True))
        assert calls.of(lambda: rehearse(groups, free)) == {"members": 1}, "no guard depends on it"


def test_a_run_sees_that_a_group_now_has_a_protected_name(sandbox: Sandbox, calls: Calls) -> None:
    ids = team(sandbox, 4)
    guards = Guards(allow_external=True, protected_groups={"Board"})
    with client(sandbox) as groups:
        plan = plan_removals(groups, [("Team", ids[0])], guards=guards)
        sandbox.directory.add_group(Group(TEAM, "Board"), ids)
        (refused,) = rehearse(groups, plan).results
        assert (refused.outcome, refused.guard) == (Outcome.REFUSED, "protected_group")
        allowed = plan_removals(groups, [("Board", ids[0])], guards=evolve(guards, allow_protected=True))
        assert calls.of(lambda: rehearse(groups, allowed)) == {"members": 1}, "both guards are overridden"


def test_the_error_of_a_group_that_cannot_be_looked_up_again_names_it(sandbox: Sandbox) -> None:
    ids = team(sandbox, 4)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/by-id"):
            return httpx.Response(403, request=request, json={})
        return real.handle_request(request)

    with httpx.HTTPTransport() as real, httpx.Client(transport=httpx.MockTransport(answer)) as http:
        groups = ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin), retry=QUICK, http_client=http)
        plan = plan_removals(groups, [("Team", ids[0])])
        with pytest.raises(PermissionDeniedError, match=rf"while reading the group Team \({TEAM}\)"):
            rehearse(groups, plan)


# --- users and their groups


def test_the_groups_of_an_unlisted_person_are_read_once(sandbox: Sandbox, calls: Calls, tmp_path: Path) -> None:
    ids = people(sandbox, 3)
    found = plain_groups(sandbox, 5, lambda _: ids)
    sandbox.directory.add_person(evolve(sandbox.directory.people[ids[0]], account_status="inactive"))
    plans: list[Plan] = []
    with client(sandbox) as groups:
        rows = [(each, ids[0]) for each in found]
        made = calls.of(lambda: plans.append(plan_removals(groups, rows, guards=OPEN)))
        assert (made["memberships"], made["users"], len(plans[0].changes)) == (1, 1, 5)
        leaving = calls.of(lambda: plans.append(plan_offboarding(groups, account_ids=[ids[0]], guards=OPEN)))
        assert (leaving["memberships"], len(plans[1].changes)) == (1, 5), "this list was read before"
        applied = calls.of(lambda: apply(groups, plans[0], journal=tmp_path / "journal"))
    assert (applied["memberships"], applied["change"]) == (1, 5)


def test_groups_are_asked_for_one_by_one_if_a_person_has_an_endless_list(sandbox: Sandbox) -> None:
    ids = people(sandbox, 2)
    found = plain_groups(sandbox, 3, lambda _: ids)
    full = [{"type": "group", "id": f"g{number}", "name": f"group {number}"} for number in range(200)]
    repeated = {"results": full, "start": 0, "limit": 200, "size": 200, "_links": {}}  # CONFCLOUD-62418

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/memberof"):
            return httpx.Response(200, request=request, json=repeated)
        return real.handle_request(request)

    with httpx.HTTPTransport() as real, httpx.Client(transport=httpx.MockTransport(answer)) as http:
        groups = ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin), retry=QUICK, http_client=http)
        outsider = people(sandbox, 1, first=900)[0]
        plan = plan_removals(groups, [(each, outsider) for each in found], guards=OPEN)
    assert [each.why for each in plan.skipped] == ["not a member"] * 3


def test_users_are_looked_up_a_hundred_at_a_time(sandbox: Sandbox, calls: Calls) -> None:
    ids = people(sandbox, 250)
    with client(sandbox) as groups:
        resolver = Resolver(groups)
        assert calls.of(lambda: resolver.load_users([*ids, *ids])) == {"users": 3}
        assert calls.of(lambda: resolver.load_users(ids)) == {}
        resolver.load_users(["nobody", "no-one"], "account_ids")
    assert set(resolver.users) == set(ids)
    assert [problem.rpartition(" ")[2] for problem in resolver.problems] == ["nobody", "no-one"]


# --- groups by id or name


@pytest.mark.parametrize(
    ("text", "is_like"),
    [
        (str(UUID(int=1)), True),
        ("i:0ABCDEFGHIJKLMNOPQRSTUV", True),
        ("20-characters-at-all", True),
        ("19-characters-there", False),
        ("site-admins", False),
        ("confluence-users-your-domain", False),
        ("all people of the 3rd floor", False),
        ("", False),
    ],
)
def test_ids_are_long_and_have_a_digit_and_no_space(text: str, is_like: bool) -> None:
    assert is_id_like(text) is is_like


def test_an_id_is_looked_up_first_only_if_it_looks_like_one(sandbox: Sandbox, calls: Calls) -> None:
    team(sandbox, 1)
    (group_id,) = plain_groups(sandbox, 1, lambda _: [])
    named = "a-group-of-2027-with-a-long-name"
    sandbox.directory.add_group(Group("named", named))
    with client(sandbox) as groups:
        assert calls.of(lambda: find_groups(groups, group_id)) == {"by id": 1}
        assert calls.of(lambda: find_groups(groups, "Team")) == {"search": 1}
        assert calls.of(lambda: find_groups(groups, TEAM)) == {"search": 1, "by id": 1}
        assert calls.of(lambda: find_groups(groups, named)) == {"by id": 1, "search": 1}
        assert [find_groups(groups, each)[0].id for each in (group_id, "Team", TEAM, named)] == [
            group_id,
            TEAM,
            TEAM,
            "named",
        ]


def test_the_list_of_groups_is_read_if_it_is_cheap(sandbox: Sandbox, calls: Calls) -> None:
    ids, names = group_ids(500), [f"Group {index:03d}" for index in range(500)]
    for group_id, name in zip(ids, names, strict=True):
        sandbox.directory.add_group(Group(group_id, name))
    with client(sandbox) as groups:
        assert calls.of(lambda: find_many_groups(groups, ids[:19])) == {"by id": 19}
        assert calls.of(lambda: find_many_groups(groups, ids[:20])) == {"groups": 1}, (
            "all of them are on the first page"
        )
        assert calls.of(lambda: find_many_groups(groups, ids[:400])) == {"groups": 2}, "of 20 pages allowed"
        some = calls.of(lambda: find_many_groups(groups, names[:40]))
        assert some == {"groups": 2, "search": 40}, "names count only if all groups were read"
        assert calls.of(lambda: find_many_groups(groups, names[:60])) == {"groups": 3}
        found = find_many_groups(groups, names[:60])
        assert [group.name for [group] in found.values()] == names[:60]


def test_names_in_the_list_may_be_ambiguous_or_ids(sandbox: Sandbox, calls: Calls) -> None:
    team(sandbox, 1)
    ids = plain_groups(sandbox, 30, lambda _: [])
    sandbox.directory.add_group(Group("twin", "Group 3"))
    sandbox.directory.add_group(Group("named-like-an-id", ids[0]))
    texts = [*ids, "Group 3", "Team", TEAM, "nothing"]
    with client(sandbox) as groups:
        found = find_many_groups(groups, texts)
        assert {text: find_groups(groups, text) for text in texts} == found, "as one by one"
        assert [group.id for group in found["Group 3"]] == [ids[3], "twin"]
        assert found["nothing"] == []
        by_name = find_many_groups(groups, texts, by_name=True)
        assert [group.id for group in by_name[ids[0]]] == ["named-like-an-id"]
        assert by_name[TEAM] == []
        made = calls.of(lambda: find_many_groups(groups, texts))
    assert made == {"groups": 1, "search": 1, "by id": 1}, "what is not in the list is looked up"


@pytest.mark.parametrize("status", [403, 500, 504])
def test_groups_are_looked_up_one_by_one_if_their_list_cannot_be_read(sandbox: Sandbox, status: int) -> None:
    ids = plain_groups(sandbox, 20, lambda _: [])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/group"):
            return httpx.Response(status, request=request, json={})
        return real.handle_request(request)

    with httpx.HTTPTransport() as real, httpx.Client(transport=httpx.MockTransport(answer)) as http:
        groups = ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin), retry=QUICK, http_client=http)
        assert [group.id for [group] in find_many_groups(groups, ids).values()] == ids
        assert find_listed_groups(groups, ids, 1) == {}


def test_an_unknown_group_among_many_is_a_problem(sandbox: Sandbox) -> None:
    ids = people(sandbox, 1)
    found = plain_groups(sandbox, 25, lambda _: ids)
    with client(sandbox) as groups, pytest.raises(InputError) as caught:
        plan_removals(groups, [(each, ids[0]) for each in [*found, str(UUID(int=99))]], guards=OPEN)
    assert caught.value.problems == (f"row 26: there is no group with the id or exact name {UUID(int=99)}",)
