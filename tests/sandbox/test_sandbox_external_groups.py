"""The sandbox refuses to change groups that an identity provider manages; the response is a guess."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes import WIRED, call_at

from confluence_groups_sdk import (
    ApiToken,
    BadRequestError,
    ConfluenceGroups,
    KnownProblem,
    PermissionDeniedError,
)
from confluence_groups_sdk.membership import Guards, Outcome, apply, plan_removals
from confluence_groups_sdk.sandbox import Answer, Credentials, Group, Sandbox

API = "/wiki/rest/api"
EDITORS = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
BRUNO = "608a9b555426330072f9867d"
CHIARA = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"
EMEKA = "5d53f3cbc6b9320d9ea5bdc2"
REFUSAL = (
    "Can not modify the group okta-writers, which is synced from an identity provider. "
    "Manage this group in your identity provider instead."
)
CHANGES: list[tuple[str, dict[str, str]]] = [
    ("add_member", {"group_id": "okta", "account_id": EMEKA}),
    ("remove_member", {"group_id": "okta", "account_id": BRUNO}),
    ("remove_member", {"group_id": "okta", "account_id": EMEKA}),  # no member
    ("delete_group", {"group_id": "okta"}),
]


@pytest.fixture
def synced(sandbox: Sandbox) -> Sandbox:
    sandbox.directory.add_group(Group("okta", "okta-writers", frozenset(), managed_by="EXTERNAL"), [BRUNO, CHIARA])
    return sandbox


def members(sandbox: Sandbox) -> list[str]:
    return [person.account_id for person in sandbox.directory.members("okta")]


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize(("method", "arguments"), CHANGES)
def test_an_externally_managed_group_refuses_changes(
    synced: Sandbox, kind: str, method: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(BadRequestError) as caught:
        call_at(kind, synced.url, method, arguments, auth=ApiToken(*synced.admin))
    assert (caught.value.message, caught.value.problem) == (REFUSAL, KnownProblem.EXTERNALLY_MANAGED)
    assert caught.value.request_id
    assert members(synced) == [BRUNO, CHIARA]


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize(("method", "arguments"), CHANGES)
def test_a_prepared_answer_replaces_the_guess(
    synced: Sandbox, kind: str, method: str, arguments: dict[str, Any]
) -> None:
    synced.answer_next(Answer(403, body=json.dumps({"statusCode": 403, "message": "Can not modify a SCIM group"})))
    with pytest.raises(PermissionDeniedError) as caught:
        call_at(kind, synced.url, method, arguments, auth=ApiToken(*synced.admin))
    assert caught.value.problem is KnownProblem.EXTERNALLY_MANAGED


@pytest.mark.parametrize("managed_by", [None, "ADMINS", "TEAM_MEMBERS", "OPEN", "external"])
def test_other_groups_can_be_changed(sandbox: Sandbox, managed_by: str | None) -> None:
    sandbox.directory.add_group(Group("okta", "okta-writers", managed_by=managed_by), [BRUNO])
    with ConfluenceGroups(sandbox.url, auth=ApiToken(*sandbox.admin)) as groups:
        groups.add_member(group_id="okta", account_id=EMEKA)
        groups.remove_member(group_id="okta", account_id=BRUNO)
        assert members(sandbox) == [EMEKA]
        groups.delete_group(group_id="okta")
    assert "okta" not in sandbox.directory.groups


def test_the_refusal_comes_after_every_documented_error(synced: Sandbox) -> None:
    def status(method: str, query: str, auth: Credentials, **options: Any) -> int:
        return httpx.request(
            method, f"{synced.url}{API}/group/{query}", auth=(auth.email, auth.token), **options
        ).status_code

    for auth, expected in ((synced.reader, 403), (synced.outsider, 403), (Credentials(synced.admin.email, "x"), 401)):
        assert status("DELETE", "by-id?id=okta", auth) == expected
        assert status("DELETE", f"userByGroupId?groupId=okta&accountId={BRUNO}", auth) == expected
    admin = synced.admin
    assert status("DELETE", "userByGroupId?groupId=okta&accountId=nobody", admin) == 404
    assert status("POST", "userByGroupId?groupId=okta", admin, json={"accountId": "nobody"}) == 404
    assert status("DELETE", f"userByGroupId?groupId=okta&accountId={EMEKA}", admin) == 400


def test_its_members_can_be_read(synced: Sandbox) -> None:
    with ConfluenceGroups(synced.url, auth=ApiToken(*synced.admin)) as groups:
        assert [each.account_id for each in groups.iter_members(group_id="okta")] == [BRUNO, CHIARA]
        assert groups.get_group(group_id="okta").is_externally_managed


@pytest.mark.parametrize("status", [None, 400, 403, 409])
def test_a_refusal_fails_only_the_changes_of_its_group(synced: Sandbox, tmp_path: Path, status: int | None) -> None:
    """The other groups of the plan can still be changed. The status on a real site is unknown."""

    def answer(request: httpx.Request) -> httpx.Response:
        if status and request.method == "DELETE" and request.url.params["groupId"] == "okta":
            return httpx.Response(status, request=request, text="Can not modify a SCIM group")
        return real.handle_request(request)

    rows = [("okta", BRUNO), ("okta", CHIARA), ("docs-editors", BRUNO), ("docs-editors", CHIARA)]
    with httpx.HTTPTransport() as real, httpx.Client(transport=httpx.MockTransport(answer)) as http:
        groups = ConfluenceGroups(synced.url, auth=ApiToken(*synced.admin), http_client=http)
        plan = plan_removals(groups, rows, guards=Guards(allow_external=True))
        assert len(plan.changes) == 4
        report = apply(groups, plan, journal=tmp_path / "journal")
    assert {(each.change.group_id, each.outcome) for each in report.results} == {
        ("okta", Outcome.FAILED),
        (EDITORS, Outcome.REMOVED),
    }
    assert report.stopped is None
    assert members(synced) == [BRUNO, CHIARA]
