"""The sandbox, called with plain httpx: its responses are the documented ones."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from confluence_groups_sdk.sandbox import Answer, Faults, Group, Person, Sandbox

PATH = "/wiki/rest/api/group/userByGroupId"
GROUP = "c2b5e8a1-47d3-4f6a-9e1b-5a8d3c7f2e90"
MEMBER = "557058:1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"
NO_MEMBER = "5d53f3cbc6b9320d9ea5bdc2"


def delete(sandbox: Sandbox, query: dict[str, str], **options: Any) -> httpx.Response:
    options.setdefault("auth", tuple(sandbox.admin))
    return httpx.request("DELETE", sandbox.url + options.pop("path", PATH), params=query, **options)


def assert_documented_error(response: httpx.Response, status: int) -> None:
    body = response.json()
    assert response.status_code == body["statusCode"] == status
    assert body["data"]["successful"] is False
    assert body["data"]["errors"][0]["message"]["translation"] == body["message"]
    assert response.headers["atl-request-id"]


def test_a_member_is_removed_and_a_second_removal_succeeds(sandbox: Sandbox) -> None:
    for _ in range(2):
        response = delete(sandbox, {"groupId": GROUP, "accountId": MEMBER})
        assert (response.status_code, response.content) == (204, b"")
        assert not sandbox.directory.is_member(GROUP, MEMBER)


def test_removing_a_user_who_is_not_a_member_succeeds(sandbox: Sandbox) -> None:
    before = sandbox.directory.members(GROUP)
    assert delete(sandbox, {"groupId": GROUP, "accountId": NO_MEMBER}).status_code == 204
    assert sandbox.directory.members(GROUP) == before


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"groupId": GROUP},
        {"accountId": MEMBER},
        {"groupId": "", "accountId": MEMBER},
        {"groupId": GROUP, "accountId": " "},
        {"groupId": "a\x07b", "accountId": MEMBER},
        {"groupid": GROUP, "accountid": MEMBER},
    ],
)
def test_a_missing_or_invalid_argument_is_400(sandbox: Sandbox, query: dict[str, str]) -> None:
    assert_documented_error(delete(sandbox, query), 400)


@pytest.mark.parametrize("query", [{"groupId": "x", "accountId": MEMBER}, {"groupId": GROUP, "accountId": "x"}])
def test_an_unknown_group_or_user_is_404(sandbox: Sandbox, query: dict[str, str]) -> None:
    assert_documented_error(delete(sandbox, query), 404)


def test_missing_or_wrong_credentials_are_401(sandbox: Sandbox) -> None:
    query = {"groupId": GROUP, "accountId": MEMBER}
    assert_documented_error(delete(sandbox, query, auth=None), 401)
    for wrong in ((sandbox.admin.email, "x"), ("x", sandbox.admin.token), (sandbox.reader.email, sandbox.admin.token)):
        response = delete(sandbox, query, auth=wrong)
        assert_documented_error(response, 401)
        assert response.headers["x-seraph-loginreason"] == "AUTHENTICATED_FAILED"
    for header in ("Basic", "Basic !", "Basic /w==", "Digest x", f"Bearer {sandbox.access_token}"):
        assert_documented_error(delete(sandbox, query, auth=None, headers={"Authorization": header}), 401)
    assert sandbox.directory.is_member(GROUP, MEMBER)


def test_callers_who_may_not_write(sandbox: Sandbox) -> None:
    query = {"groupId": GROUP, "accountId": MEMBER}
    assert_documented_error(delete(sandbox, query, auth=tuple(sandbox.reader)), 403)
    outsider = delete(sandbox, query, auth=tuple(sandbox.outsider))
    assert (outsider.status_code, outsider.json()) == (
        403,
        {"message": "Current user not permitted to use Confluence", "statusCode": 403},
    )
    browser = delete(sandbox, query, headers={"Origin": "https://evil.example"})
    assert (browser.status_code, "XSRF check failed" in browser.text) == (403, True)
    assert sandbox.directory.is_member(GROUP, MEMBER)


def test_the_gateway(sandbox: Sandbox) -> None:
    query = {"groupId": GROUP, "accountId": MEMBER}
    bearer = {"Authorization": f"Bearer {sandbox.access_token}"}
    path = f"/ex/confluence/{sandbox.cloud_id}{PATH}"
    assert delete(sandbox, query, path="/ex/confluence/other" + PATH, auth=None, headers=bearer).status_code == 404
    assert delete(sandbox, query, path=path, auth=None).json() == {"code": 401, "message": "Unauthorized"}
    assert delete(sandbox, query, path=path, auth=None, headers=bearer).status_code == 204
    assert delete(sandbox, query, path=path).status_code == 204
    sandbox.scopes.remove("write:confluence-groups")
    refused = delete(sandbox, query, path=path, auth=None, headers=bearer)
    assert (refused.status_code, refused.headers["x-failure-category"]) == (401, "FAILURE_CLIENT_SCOPE_CHECK")


# --- the other operations


def ask(sandbox: Sandbox, method: str, path: str, **options: Any) -> httpx.Response:
    options.setdefault("auth", tuple(sandbox.admin))
    return httpx.request(method, f"{sandbox.url}/wiki/rest/api{path}", **options)


def test_a_page_of_groups_looks_like_a_live_one(sandbox: Sandbox) -> None:
    page = ask(sandbox, "GET", "/group?limit=1").json()
    group_id = "3a7c1f52-9d0e-4b8f-8f5c-2d6e1a9b7c40"
    assert page == {
        "results": [
            {
                "id": group_id,
                "name": "confluence-admins-sandbox",
                "resourceAri": f"ari:cloud:identity::group/{group_id}",
                "type": "group",
                "usageType": "USERBASE_GROUP",
                "managedBy": "ADMINS",
                "_links": {"self": f"{sandbox.url}/wiki/rest/experimental/group/confluence-admins-sandbox"},
            }
        ],
        "start": 0,
        "limit": 1,
        "size": 1,
        "_links": {
            "base": f"{sandbox.url}/wiki",
            "context": "/wiki",
            "self": f"{sandbox.url}/wiki/rest/api/group",
            "next": "/rest/api/group?next=true&limit=1&start=1",
        },
    }


def test_groups_are_sorted_by_name_and_the_last_page_has_no_next_link(sandbox: Sandbox) -> None:
    sandbox.directory.create_group("aardvarks")
    page = ask(sandbox, "GET", "/group").json()
    names = [group["name"] for group in page["results"]]
    assert names == ["aardvarks", "confluence-admins-sandbox", "confluence-users-sandbox", "docs-editors"]
    assert "next" not in page["_links"]
    assert "totalSize" not in page


@pytest.mark.parametrize(
    ("access_type", "names"),
    [
        ("user", ["confluence-admins-sandbox", "confluence-users-sandbox"]),
        ("admin", ["confluence-admins-sandbox"]),
        ("site-admin", ["confluence-admins-sandbox"]),
    ],
)
def test_groups_by_the_access_they_give(sandbox: Sandbox, access_type: str, names: list[str]) -> None:
    page = ask(sandbox, "GET", f"/group?accessType={access_type}").json()
    assert [group["name"] for group in page["results"]] == names


def test_operations_without_a_documented_total_have_none(sandbox: Sandbox) -> None:
    for path in ("/group?", f"/user/memberof?accountId={MEMBER}&"):
        assert "totalSize" not in ask(sandbox, "GET", f"{path}shouldReturnTotalSize=true").json()


def test_limit_0_gives_no_results(sandbox: Sandbox) -> None:
    page = ask(sandbox, "GET", "/group?limit=0").json()
    assert (page["results"], page["limit"]) == ([], 0)


def test_groups_with_one_name_are_sorted_by_id_and_their_links_are_escaped(sandbox: Sandbox) -> None:
    for group_id in ("y", "x"):
        sandbox.directory.add_group(Group(group_id, "a b/c"))
    first, second, *_ = ask(sandbox, "GET", "/group").json()["results"]
    assert (first["id"], second["id"]) == ("x", "y")
    assert first["_links"]["self"].endswith("/group/a%20b%2Fc")


def test_search_matches_parts_of_names(sandbox: Sandbox) -> None:
    page = ask(sandbox, "GET", "/group/picker?query=SANDBOX&limit=1&shouldReturnTotalSize=true").json()
    assert [group["name"] for group in page["results"]] == ["confluence-admins-sandbox"]
    assert page["totalSize"] == 2
    assert page["_links"]["next"] == (
        "/rest/api/group/picker?query=SANDBOX&shouldReturnTotalSize=true&next=true&limit=1&start=1"
    )
    assert ask(sandbox, "GET", "/group/picker?query=no-such").json()["results"] == []


def test_a_member_looks_like_a_live_one(sandbox: Sandbox) -> None:
    page = ask(sandbox, "GET", f"/group/{GROUP}/membersByGroupId?start=1&limit=1").json()
    assert page["results"] == [
        {
            "type": "known",
            "accountId": MEMBER,
            "accountType": "atlassian",
            "email": "chiara@example.com",
            "publicName": "Chiara Rossi",
            "profilePicture": {
                "path": "/wiki/aa-avatar/557058%3A1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f",
                "width": 48,
                "height": 48,
                "isDefault": False,
            },
            "displayName": "Chiara Rossi",
            "isExternalCollaborator": False,
            "isGuest": False,
            "locale": "en_US",
            "accountStatus": "active",
            "_expandable": {"operations": "", "personalSpace": ""},
            "_links": {
                "self": f"{sandbox.url}/wiki/rest/api/user?accountId=557058%3A1e9d5a4e-2f1a-4a0b-9d7c-0c1b2a3d4e5f"
            },
        }
    ]
    assert (page["start"], page["limit"], page["size"]) == (1, 1, 1)
    assert "totalSize" not in page


def test_an_app_has_no_email_and_no_locale(sandbox: Sandbox) -> None:
    (app,) = [
        user
        for user in ask(sandbox, "GET", f"/group/{GROUP}/membersByGroupId").json()["results"]
        if user["accountType"] == "app"
    ]
    assert app["email"] == ""
    assert "locale" not in app


@pytest.mark.parametrize("expand", ["expand=operations", "expand=isExternalCollaborator,operations"])
def test_operations_can_be_expanded(sandbox: Sandbox, expand: str) -> None:
    for path in (f"/user?accountId={MEMBER}&", "/user/current?"):
        user = ask(sandbox, "GET", f"{path}{expand}").json()
        assert user["operations"] == [{"operation": "use", "targetType": "application"}]
        assert user["_expandable"] == {"personalSpace": ""}


def test_members_are_counted_on_request(sandbox: Sandbox) -> None:
    page = ask(sandbox, "GET", f"/group/{GROUP}/membersByGroupId?limit=1&shouldReturnTotalSize=true").json()
    assert (page["size"], page["totalSize"]) == (1, 4)


def test_an_unknown_group_has_an_empty_page(sandbox: Sandbox) -> None:
    page = ask(sandbox, "GET", "/group/no-such/membersByGroupId").json()
    assert (page["results"], page["size"]) == ([], 0)


def test_no_page_has_more_than_200(sandbox: Sandbox) -> None:
    for number in range(250):
        sandbox.directory.create_group(f"group-{number:03}")
    page = ask(sandbox, "GET", "/group?limit=1000").json()
    assert (len(page["results"]), page["limit"], page["size"]) == (200, 200, 200)
    assert page["_links"]["next"].endswith("limit=200&start=200")
    assert_documented_error(ask(sandbox, "GET", f"/group/{GROUP}/membersByGroupId?limit=201"), 400)
    sandbox.page_limit = 3
    assert ask(sandbox, "GET", "/group?limit=1000").json()["limit"] == 3


@pytest.mark.parametrize("limit", [0, 201, -1])
def test_a_page_limit_out_of_range_is_refused(sandbox: Sandbox, limit: int) -> None:
    with pytest.raises(ValueError, match="page_limit"):
        sandbox.page_limit = limit


@pytest.mark.parametrize("query", ["start=-1", "start=x", "limit=", "limit=1.5", "limit=" + "9" * 30, "start=\u0663"])
def test_an_invalid_start_or_limit_is_400(sandbox: Sandbox, query: str) -> None:
    for path in ("/group?", f"/group/{GROUP}/membersByGroupId?", f"/user/memberof?accountId={MEMBER}&"):
        assert_documented_error(ask(sandbox, "GET", path + query), 400)


def test_a_group_is_created_read_and_deleted(sandbox: Sandbox) -> None:
    made = ask(sandbox, "POST", "/group", json={"name": "new ones"})
    assert (made.status_code, made.json()["name"]) == (201, "new ones")
    group_id = made.json()["id"]
    assert ask(sandbox, "GET", f"/group/by-id?id={group_id}").json() == made.json()
    assert_documented_error(ask(sandbox, "POST", "/group", json={"name": "New Ones"}), 400)
    gone = ask(sandbox, "DELETE", f"/group/by-id?id={group_id}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert_documented_error(ask(sandbox, "DELETE", f"/group/by-id?id={group_id}"), 404)
    assert_documented_error(ask(sandbox, "GET", f"/group/by-id?id={group_id}"), 404)
    assert ask(sandbox, "POST", "/group", json={"name": "new ones"}).json()["id"] != group_id


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}", b'{"name": ""}', b'{"name": 7}', b'{"name": "a\\u0007"}'])
def test_a_missing_or_invalid_name_is_400(sandbox: Sandbox, body: bytes) -> None:
    assert_documented_error(ask(sandbox, "POST", "/group", content=body), 400)
    assert len(sandbox.directory.groups) == 3


def test_a_member_is_added_once(sandbox: Sandbox) -> None:
    path = f"/group/userByGroupId?groupId={GROUP}"
    added = ask(sandbox, "POST", path, json={"accountId": NO_MEMBER})
    assert (added.status_code, added.content) == (201, b"")
    assert sandbox.directory.is_member(GROUP, NO_MEMBER)
    assert_documented_error(ask(sandbox, "POST", path, json={"accountId": NO_MEMBER}), 400)
    assert_documented_error(ask(sandbox, "POST", path, json={"accountId": "nobody"}), 404)
    assert_documented_error(ask(sandbox, "POST", path, json={"account": NO_MEMBER}), 400)
    assert_documented_error(ask(sandbox, "POST", "/group/userByGroupId?groupId=x", json={"accountId": MEMBER}), 404)
    assert_documented_error(ask(sandbox, "POST", "/group/userByGroupId", json={"accountId": MEMBER}), 400)


def test_the_groups_of_a_user(sandbox: Sandbox) -> None:
    def names(account_id: str) -> list[str]:
        page = ask(sandbox, "GET", f"/user/memberof?accountId={account_id}").json()
        return [group["name"] for group in page["results"]]

    assert names(MEMBER) == ["confluence-users-sandbox", "docs-editors"]
    sandbox.directory.remove_member(GROUP, MEMBER)
    assert names(MEMBER) == ["confluence-users-sandbox"]
    assert names("nobody") == []


def test_the_current_user_and_other_users(sandbox: Sandbox) -> None:
    assert ask(sandbox, "GET", "/user/current").json()["displayName"] == "Ada Okafor"
    assert ask(sandbox, "GET", "/user/current", auth=tuple(sandbox.reader)).json()["displayName"] == "Bruno Keller"
    assert ask(sandbox, "GET", f"/user?accountId={MEMBER}").json()["displayName"] == "Chiara Rossi"
    assert_documented_error(ask(sandbox, "GET", "/user?accountId=nobody"), 404)


def test_many_users_at_once(sandbox: Sandbox) -> None:
    def found(query: str) -> list[str]:
        return [user["accountId"] for user in ask(sandbox, "GET", f"/user/bulk?{query}").json()["results"]]

    assert found(f"accountId={MEMBER}&accountId=nobody&accountId={NO_MEMBER}") == [MEMBER, NO_MEMBER]
    assert found(f"accountId={NO_MEMBER},nobody,{MEMBER},{MEMBER}") == [NO_MEMBER, MEMBER]
    (user,) = ask(sandbox, "GET", f"/user/bulk?accountId={MEMBER}&expand=operations").json()["results"]
    assert user == ask(sandbox, "GET", f"/user?accountId={MEMBER}&expand=operations").json()
    hundred = "&".join(f"accountId=nobody-{number}" for number in range(100))
    page = ask(sandbox, "GET", f"/user/bulk?{hundred}").json()
    assert (page["results"], page["start"], page["size"]) == ([], 0, 0)
    for query in (f"{hundred}&accountId={MEMBER}", "", "?accountId=", "?accountId=,%20"):
        assert_documented_error(ask(sandbox, "GET", f"/user/bulk?{query}"), 400)


def test_faults_affect_the_look_up_of_many_users(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(error_rate=1)
    assert ask(sandbox, "GET", f"/user/bulk?accountId={MEMBER}").status_code == 503
    sandbox.answer_next(Answer(410))
    assert ask(sandbox, "GET", f"/user/bulk?accountId={MEMBER}").status_code == 410


READS = [
    "/group",
    "/group/picker?query=a",
    f"/group/by-id?id={GROUP}",
    f"/group/{GROUP}/membersByGroupId",
    f"/user/memberof?accountId={MEMBER}",
    "/user/current",
    f"/user?accountId={MEMBER}",
    f"/user/bulk?accountId={MEMBER}&accountId={NO_MEMBER}",
]
WRITES = [
    ("POST", "/group", {"name": "new"}),
    ("DELETE", f"/group/by-id?id={GROUP}", None),
    ("POST", f"/group/userByGroupId?groupId={GROUP}", {"accountId": NO_MEMBER}),
]


@pytest.mark.parametrize("path", READS)
def test_callers_who_may_read(sandbox: Sandbox, path: str) -> None:
    assert ask(sandbox, "GET", path, auth=tuple(sandbox.reader)).status_code == 200
    assert ask(sandbox, "GET", path, headers={"User-Agent": "Mozilla/5.0"}).status_code == 200
    assert_documented_error(ask(sandbox, "GET", path, auth=(sandbox.admin.email, "x")), 401)
    short = {"message": "Current user not permitted to use Confluence", "statusCode": 403}
    assert ask(sandbox, "GET", path, auth=tuple(sandbox.outsider)).json() == short
    anonymous = ask(sandbox, "GET", path, auth=None)
    if path.startswith("/user?"):
        assert_documented_error(anonymous, 401)
    else:
        assert (anonymous.status_code, anonymous.json()) == (403, short)


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_callers_who_may_write(sandbox: Sandbox, method: str, path: str, body: object) -> None:
    assert_documented_error(ask(sandbox, method, path, json=body, auth=tuple(sandbox.reader)), 403)
    assert_documented_error(ask(sandbox, method, path, json=body, auth=None), 401)
    assert ask(sandbox, method, path, json=body, auth=tuple(sandbox.outsider)).status_code == 403
    browser = ask(sandbox, method, path, json=body, headers={"Origin": "https://evil.example"})
    assert (browser.status_code, "XSRF check failed" in browser.text) == (403, True)
    assert len(sandbox.directory.groups) == 3
    assert not sandbox.directory.is_member(GROUP, NO_MEMBER)


def test_a_scope_allows_its_operations_only(sandbox: Sandbox) -> None:
    bearer = {"Authorization": f"Bearer {sandbox.access_token}"}
    address = f"{sandbox.gateway}/ex/confluence/{sandbox.cloud_id}/wiki/rest/api"

    def is_allowed(method: str, path: str) -> bool:
        response = httpx.request(method, address + path, headers=bearer)
        assert response.status_code != 401 or response.headers["x-failure-category"] == "FAILURE_CLIENT_SCOPE_CHECK"
        return response.status_code != 401

    for scope, paths in {"read:confluence-groups": READS[:4], "read:confluence-user": READS[4:]}.items():
        sandbox.scopes.clear()
        sandbox.scopes.add(scope)
        assert [path for path in READS if is_allowed("GET", path)] == paths
        assert not is_allowed("POST", "/group")
    sandbox.scopes.add("write:confluence-groups")
    assert is_allowed("POST", "/group")


# --- the authority


def refresh(sandbox: Sandbox, token: str, **changes: object) -> httpx.Response:
    client_id, client_secret = sandbox.oauth_client
    grant = {"grant_type": "refresh_token", "client_id": client_id, "client_secret": client_secret}
    return httpx.post(f"{sandbox.authority}/oauth/token", json={**grant, "refresh_token": token, **changes})


def through_gateway(sandbox: Sandbox, token: str, path: str = "/user/current") -> httpx.Response:
    address = f"{sandbox.gateway}/ex/confluence/{sandbox.cloud_id}/wiki/rest/api{path}"
    return httpx.get(address, headers={"Authorization": f"Bearer {token}"})


def test_a_refresh_returns_new_tokens_and_the_old_refresh_token_is_rejected(sandbox: Sandbox) -> None:
    grant = sandbox.grant(scopes=["read:confluence-user"])
    answer = refresh(sandbox, grant.refresh_token)
    tokens = answer.json()
    assert answer.status_code == 200
    assert set(tokens) == {"access_token", "refresh_token", "expires_in", "scope", "token_type"}
    assert (tokens["expires_in"], tokens["scope"], tokens["token_type"]) == (3600, "read:confluence-user", "Bearer")
    assert not {tokens["access_token"], tokens["refresh_token"]} & set(grant)
    assert through_gateway(sandbox, tokens["access_token"]).status_code == 200
    again = refresh(sandbox, grant.refresh_token)
    expected = {"error": "unauthorized_client", "error_description": "refresh_token is invalid"}
    assert (again.status_code, again.json()) == (403, expected)
    assert refresh(sandbox, tokens["refresh_token"]).status_code == 200


def test_requests_that_the_authority_rejects(sandbox: Sandbox) -> None:
    token = sandbox.grant().refresh_token
    unknown = refresh(sandbox, "unknown")
    assert (unknown.status_code, unknown.json()["error"]) == (403, "invalid_grant")
    for name in ("client_id", "client_secret"):
        wrong = refresh(sandbox, token, **{name: "x"})
        assert (wrong.status_code, wrong.json()) == (
            401,
            {"error": "access_denied", "error_description": "Unauthorized"},
        )
    assert refresh(sandbox, token, grant_type="password").status_code == 400
    assert refresh(sandbox, token, refresh_token=None).status_code == 400
    assert httpx.post(f"{sandbox.authority}/oauth/token", content=b"{").status_code == 400
    assert refresh(sandbox, token).status_code == 200, "no rejected request has spent the token"


def test_issued_tokens_work_at_the_gateway_with_their_own_scopes(sandbox: Sandbox) -> None:
    grant = sandbox.grant(sandbox.directory.members(GROUP)[0].account_id, scopes=["read:confluence-user"])
    me = through_gateway(sandbox, grant.access_token)
    assert me.json()["accountId"] == sandbox.directory.members(GROUP)[0].account_id
    refused = through_gateway(sandbox, grant.access_token, "/group")
    assert (refused.status_code, refused.headers["x-failure-category"]) == (401, "FAILURE_CLIENT_SCOPE_CHECK")
    on_site = ask(sandbox, "GET", "/user/current", auth=None, headers={"Authorization": f"Bearer {grant.access_token}"})
    assert on_site.status_code == 401
    with pytest.raises(KeyError):
        sandbox.grant("nobody")


def test_tokens_expire_after_their_lifetime_or_on_request(sandbox: Sandbox) -> None:
    spent, grant = sandbox.grant(expires_in=0), sandbox.grant()
    unauthorized = {"code": 401, "message": "Unauthorized"}
    assert through_gateway(sandbox, spent.access_token).json() == unauthorized
    assert through_gateway(sandbox, grant.access_token).status_code == 200
    sandbox.expire_tokens()
    assert through_gateway(sandbox, grant.access_token).json() == unauthorized
    assert through_gateway(sandbox, sandbox.access_token).status_code == 200, "this one never expires"
    renewed = refresh(sandbox, grant.refresh_token).json()
    assert through_gateway(sandbox, renewed["access_token"]).status_code == 200


def test_accessible_resources(sandbox: Sandbox) -> None:
    address = f"{sandbox.gateway}/oauth/token/accessible-resources"
    grant = sandbox.grant(scopes=["read:confluence-user"])
    (site,) = httpx.get(address, headers={"Authorization": f"Bearer {grant.access_token}"}).json()
    assert (site["id"], site["url"], site["scopes"]) == (sandbox.cloud_id, sandbox.url, ["read:confluence-user"])
    assert set(site) == {"id", "name", "url", "scopes", "avatarUrl"}
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {grant.access_token}"}):
        assert httpx.get(address, headers=headers).json() == {"code": 401, "message": "Unauthorized"}


def test_any_account_in_the_directory_can_sign_up(sandbox: Sandbox) -> None:
    second = Person("second-admin", "Second Admin", "second@example.com", is_site_admin=True)
    sandbox.directory.add_person(second)
    credentials = sandbox.sign_up("second-admin")
    assert credentials == sandbox.sign_up("second-admin")
    assert ask(sandbox, "POST", "/group", json={"name": "theirs"}, auth=tuple(credentials)).status_code == 201
    bot = sandbox.sign_up("557058:f58131cb-b67d-43c7-b30d-6b58d40bd077")
    assert ask(sandbox, "GET", "/user/current", auth=tuple(bot)).json()["accountType"] == "app"
    with pytest.raises(KeyError):
        sandbox.sign_up("nobody")
    namesake = Person("namesake", "Other Ada", "ada@corp.example.com")
    sandbox.directory.add_person(namesake)
    assert sandbox.sign_up("namesake").token != sandbox.admin.token
    assert ask(sandbox, "GET", "/user/current").json()["displayName"] == "Ada Okafor"


def test_a_removed_person_is_in_no_group(sandbox: Sandbox) -> None:
    sandbox.directory.remove_person(MEMBER)
    assert MEMBER not in ask(sandbox, "GET", f"/group/{GROUP}/membersByGroupId").text
    assert ask(sandbox, "GET", f"/user?accountId={MEMBER}").status_code == 404


def test_without_the_admin_the_permanent_access_token_is_rejected(sandbox: Sandbox) -> None:
    sandbox.directory.remove_person(sandbox.directory.members("3a7c1f52-9d0e-4b8f-8f5c-2d6e1a9b7c40")[0].account_id)
    bearer = {"Authorization": f"Bearer {sandbox.access_token}"}
    path = f"/ex/confluence/{sandbox.cloud_id}/wiki/rest/api/group"
    assert httpx.get(sandbox.gateway + path, headers=bearer).status_code == 401


def test_an_admin_without_confluence_gets_403(sandbox: Sandbox) -> None:
    sandbox.directory.add_person(Person("a", "A", "a@example.com", is_site_admin=True, has_confluence=False))
    assert ask(sandbox, "POST", "/group", json={"name": "x"}, auth=tuple(sandbox.sign_up("a"))).status_code == 403


def test_unknown_accounts_cannot_become_members(sandbox: Sandbox) -> None:
    with pytest.raises(KeyError):
        sandbox.directory.add_group(Group("g", "g"), ["nobody"])
    with pytest.raises(KeyError):
        sandbox.directory.add_member(GROUP, "nobody")
    assert "g" not in sandbox.directory.groups


# --- the sandbox itself


def test_request_ids_count_up(sandbox: Sandbox) -> None:
    ids = [delete(sandbox, {}).headers["atl-request-id"] for _ in range(3)]
    assert ids == [f"00000000-0000-4000-8000-{number:012d}" for number in (1, 2, 3)]


def test_prepared_answers_are_sent_once_each(sandbox: Sandbox) -> None:
    sandbox.answer_next(Answer(429, {"Retry-After": "1"}, "wait"), Answer(520))
    query = {"groupId": GROUP, "accountId": MEMBER}
    first, second, third = (delete(sandbox, query) for _ in range(3))
    assert (first.status_code, first.headers["retry-after"], first.text) == (429, "1", "wait")
    assert (second.status_code, third.status_code) == (520, 204)


def test_requests_are_recorded_unchanged(sandbox: Sandbox) -> None:
    delete(sandbox, {"groupId": "a b"}, headers={"X-Marker": "1"})
    (seen,) = sandbox.requests
    assert (seen.method, seen.target, seen.headers["x-marker"]) == ("DELETE", f"{PATH}?groupId=a+b", "1")
    assert sandbox.admin.token not in repr(seen)


def test_other_paths_and_methods_are_404_and_405(sandbox: Sandbox) -> None:
    assert httpx.get(sandbox.url + PATH).status_code == 405
    assert httpx.get(sandbox.url + "/elsewhere").status_code == 404


def test_sandboxes_share_nothing() -> None:
    with Sandbox() as one, Sandbox() as other:
        delete(one, {"groupId": GROUP, "accountId": MEMBER})
        assert not one.directory.is_member(GROUP, MEMBER)
        assert other.directory.is_member(GROUP, MEMBER)


def test_a_stopped_sandbox_accepts_no_connection() -> None:
    with Sandbox() as sandbox:
        address = sandbox.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_an_idle_sandbox_stops_at_once() -> None:
    took = []
    for _ in range(5):
        with Sandbox() as sandbox:
            delete(sandbox, {"groupId": GROUP, "accountId": MEMBER})
            started = time.perf_counter()
        took.append(time.perf_counter() - started)
    assert min(took) < 0.05, "uvicorn alone takes more than 0.1 s"


def test_a_sandbox_that_never_started_can_be_stopped() -> None:
    Sandbox().stop()


def test_a_sandbox_runs_once() -> None:
    with Sandbox() as sandbox:
        pass
    with pytest.raises(RuntimeError, match="runs once"):
        sandbox.start()


@pytest.mark.parametrize(
    "answer",
    [
        lambda: Answer(99),
        lambda: Answer(600),
        lambda: Answer(204, body="x"),
        lambda: Answer(304, body="x"),
        lambda: Answer(200, {"X": "a\nb"}),
        lambda: Answer(200, {"X": "\u0100"}),
    ],
)
def test_an_answer_that_cannot_be_sent_is_a_value_error(answer: Callable[[], Answer]) -> None:
    with pytest.raises(ValueError, match=r"status|header"):
        answer()


UNSENDABLE = [
    {"": "a"},
    {"X Y": "a"},
    {"X:": "a"},
    {"X(": "a"},
    {"\xe9": "a"},
    {"X": " a"},
    {"X": "a "},
    {"X": " "},
    {"Content-Length": "5"},
    {"content-length": "x"},
    {"Transfer-Encoding": "gzip"},
]


@pytest.mark.parametrize("headers", UNSENDABLE)
@pytest.mark.parametrize("build", [lambda headers: Answer(200, headers), lambda headers: Faults(headers=headers)])
def test_headers_that_cannot_be_sent_are_a_value_error(
    build: Callable[[dict[str, str]], object], headers: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="header") as caught:
        build(headers)
    assert ascii(next(iter(headers))) in str(caught.value)


@pytest.mark.parametrize("headers", [{"!#$%&'*+-.^_`|~09az": "a"}, {"X": ""}, {"X": "\xe9 \xff"}])
def test_headers_that_can_be_sent_arrive(sandbox: Sandbox, headers: dict[str, str]) -> None:
    ((name, value),) = headers.items()
    sandbox.answer_next(Answer(200, headers, "x"), Answer(204, headers), Answer(304, headers))
    for _ in range(3):
        assert httpx.get(f"{sandbox.url}/wiki/rest/api/group").headers[name] == value


def test_a_missing_extra_is_named() -> None:
    program = "import sys; sys.modules['uvicorn'] = None; from confluence_groups_sdk.sandbox import Sandbox"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("confluence_groups_sdk.ConfigurationError: the sandbox needs uvicorn")
    assert "confluence-groups-sdk[sandbox]" in last
