from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from confluence_groups_sdk import (
    ApiToken,
    AuthenticationError,
    ConfluenceGroups,
    Group,
    PermissionDeniedError,
    ServerError,
    User,
)
from confluence_groups_sdk.membership import Action, Guards, Preflight, check_change
from confluence_groups_sdk.sandbox import Group as SandboxGroup
from confluence_groups_sdk.sandbox import Person, Sandbox

ADMIN = "5b10a2844c20165700ede21a"
READER = "608a9b555426330072f9867d"
GUARDS = Guards()
BOT = "557058:f58131cb-b67d-43c7-b30d-6b58d40bd077"


@pytest.fixture
def groups(sandbox: Sandbox) -> Iterator[ConfluenceGroups]:
    with ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin)) as admin:
        yield admin


def check(
    groups: ConfluenceGroups, sandbox: Sandbox, action: Action, name: str, account_id: str, guards: Guards = GUARDS
) -> Preflight:
    group = groups.get_group(group_id=sandbox.directory.group_named(name).id)
    return check_change(groups, action, group, groups.get_user(account_id=account_id), guards)


def test_an_allowed_change_has_no_refusal(groups: ConfluenceGroups, sandbox: Sandbox) -> None:
    single = check(groups, sandbox, Action.REMOVE, "docs-editors", READER)
    assert (single.refusal, single.is_member, single.is_done) == (None, True, False)
    assert str(single.change) == f"remove Bruno Keller ({READER}) from docs-editors"


def calls(sandbox: Sandbox, function: Callable[[], object]) -> list[str]:
    """Return what is requested, in short."""
    before = len(sandbox.requests)
    function()
    addresses = [urlsplit(seen.target) for seen in sandbox.requests[before:]]
    return [parse_qs(each.query).get("accessType", [each.path.rpartition("/")[2]])[0] for each in addresses]


def test_a_check_reads_only_what_a_guard_needs(groups: ConfluenceGroups, sandbox: Sandbox) -> None:
    directory = sandbox.directory
    group = groups.get_group(group_id=directory.group_named("docs-editors").id)
    admins = groups.get_group(group_id=directory.group_named("confluence-admins-sandbox").id)
    reader, admin = (groups.get_user(account_id=each) for each in (READER, ADMIN))

    def asked(action: Action, group: Group, user: User) -> list[str]:
        return calls(sandbox, lambda: check_change(groups, action, group, user, GUARDS))

    assert asked(Action.ADD, group, reader) == ["current", "memberof"]
    assert asked(Action.REMOVE, group, reader) == ["membersByGroupId"], "the caller is known, and the list has the user"
    directory.add_group(SandboxGroup("pair", "Pair"), [ADMIN, READER])
    pair = groups.get_group(group_id="pair")
    assert asked(Action.REMOVE, pair, reader) == ["membersByGroupId"], "the whole page counts"
    assert asked(Action.REMOVE, group, admin)[0] == "membersByGroupId"
    lists = {"user", "admin", "site-admin"}
    assert set(asked(Action.REMOVE, admins, admin)) == {"membersByGroupId", *lists}, "the caller would leave"
    directory.add_group(SandboxGroup("alone", "Alone"), [READER])
    alone = groups.get_group(group_id="alone")
    assert set(asked(Action.REMOVE, alone, reader)) == {"membersByGroupId", *lists}, "nobody would be left"


def test_members_are_read_until_there_is_another_person(groups: ConfluenceGroups, sandbox: Sandbox) -> None:
    robots = [f"bot-{number:03d}" for number in range(250)]
    for each in robots:
        sandbox.directory.add_person(Person(each, "Bot", "", account_type="app"))
    sandbox.directory.add_group(SandboxGroup("bots", "Bots", access=frozenset({"admin"})), [*robots, READER])
    group, reader = groups.get_group(group_id="bots"), groups.get_user(account_id=READER)
    refusal = check_change(groups, Action.REMOVE, group, reader, GUARDS).refusal
    assert refusal is not None
    assert refusal.guard == "last_admin"
    everybody = [READER, *robots, ADMIN]
    sandbox.directory.add_group(SandboxGroup("bots", "Bots", access=frozenset({"admin"})), everybody)
    sandbox.directory.add_group(SandboxGroup("big", "Big"), [ADMIN, *robots, READER])
    assert check_change(groups, Action.REMOVE, group, reader, GUARDS).refusal is None
    big = groups.get_group(group_id="big")
    asked = calls(sandbox, lambda: check_change(groups, Action.REMOVE, big, reader, GUARDS))
    assert asked == ["membersByGroupId", "memberof"], "the first page has another person, but not the user"


@pytest.mark.parametrize(("status", "error"), [(403, PermissionDeniedError), (500, ServerError)])
def test_members_that_cannot_be_read_matter_only_if_the_group_gives_admin_rights(
    sandbox: Sandbox, status: int, error: type[Exception]
) -> None:
    with answering_members(sandbox, status) as groups:
        single = check(groups, sandbox, Action.REMOVE, "docs-editors", READER)
        assert (single.refusal, single.is_member, single.is_done) == (None, True, False)
        refusal = check(groups, sandbox, Action.REMOVE, "confluence-users-sandbox", ADMIN).refusal
        assert refusal is not None
        assert refusal.guard == "self"
        with pytest.raises(error):
            check(groups, sandbox, Action.REMOVE, "confluence-admins-sandbox", ADMIN)


def test_an_error_that_every_call_would_meet_is_raised_at_once(sandbox: Sandbox) -> None:
    with answering_members(sandbox, 401) as groups, pytest.raises(AuthenticationError):
        check(groups, sandbox, Action.REMOVE, "docs-editors", READER)
    assert not any("accessType" in seen.target for seen in sandbox.requests)


def test_nothing_is_to_be_removed_from_a_deleted_group(groups: ConfluenceGroups) -> None:
    group, reader = Group(id="gone", name="Gone"), groups.get_user(account_id=READER)
    assert check_change(groups, Action.REMOVE, group, reader, GUARDS).is_done


@contextmanager
def answering_members(sandbox: Sandbox, status: int) -> Iterator[ConfluenceGroups]:
    """Connect to a site that answers every list of members with this status."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/membersByGroupId"):
            return httpx.Response(status, request=request, json={})
        return real.handle_request(request)

    with httpx.HTTPTransport() as real, httpx.Client(transport=httpx.MockTransport(answer)) as http:
        yield ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin), http_client=http)


@pytest.mark.parametrize(
    ("action", "name", "account_id", "guard", "option"),
    [
        (Action.REMOVE, "confluence-admins-sandbox", ADMIN, "self", "allow_self"),
        (Action.REMOVE, "confluence-users-sandbox", ADMIN, "self", "allow_self"),
        (Action.REMOVE, "docs-editors", BOT, "app", "allow_apps"),
        (Action.ADD, "confluence-admins-sandbox", BOT, "app", "allow_apps"),
    ],
)
def test_the_guards_of_plans_apply_to_single_changes(
    groups: ConfluenceGroups, sandbox: Sandbox, action: Action, name: str, account_id: str, guard: str, option: str
) -> None:
    refusal = check(groups, sandbox, action, name, account_id).refusal
    assert refusal is not None
    assert refusal.guard == guard
    guards = {
        "allow_self": Guards(allow_self=True, allow_last_admin=True),
        "allow_apps": Guards(allow_apps=True),
    }[option]
    allowed = check(groups, sandbox, action, name, account_id, guards)
    assert allowed.refusal is None
    assert guard in allowed.change.overridden


def test_only_the_last_admin_is_kept(groups: ConfluenceGroups, sandbox: Sandbox) -> None:
    name, free = "confluence-admins-sandbox", Guards(allow_self=True)
    refusal = check(groups, sandbox, Action.REMOVE, name, ADMIN, free).refusal
    assert refusal is not None
    assert refusal.guard == "last_admin"
    sandbox.directory.add_member(sandbox.directory.group_named(name).id, READER)
    assert check(groups, sandbox, Action.REMOVE, name, ADMIN, free).refusal is None


def test_a_change_is_done_if_there_is_nothing_to_change(groups: ConfluenceGroups, sandbox: Sandbox) -> None:
    assert check(groups, sandbox, Action.ADD, "docs-editors", READER).is_done
    assert check(groups, sandbox, Action.REMOVE, "docs-editors", ADMIN).is_done
