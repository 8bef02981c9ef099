from __future__ import annotations

from collections.abc import Iterator

import pytest

from confluence_groups_sdk import ApiToken, ConfluenceGroups
from confluence_groups_sdk.membership import Action, Guards, Preflight, check_change
from confluence_groups_sdk.sandbox import Sandbox

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


def test_members_are_not_read_if_the_group_gives_no_admin_rights(groups: ConfluenceGroups, sandbox: Sandbox) -> None:
    check(groups, sandbox, Action.REMOVE, "docs-editors", READER)
    assert not [seen for seen in sandbox.requests if "membersByGroupId" in seen.target]


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
