"""The sandbox, asked by plain httpx: what it answers is what the documentation says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from confluence_groups_sdk.sandbox import Answer, Sandbox

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


def test_a_member_is_removed_and_then_is_none(sandbox: Sandbox) -> None:
    for _ in range(2):
        response = delete(sandbox, {"groupId": GROUP, "accountId": MEMBER})
        assert (response.status_code, response.content) == (204, b"")
        assert not sandbox.directory.is_member(GROUP, MEMBER)


def test_somebody_who_is_no_member(sandbox: Sandbox) -> None:
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
def test_an_argument_that_is_missing_or_not_acceptable(sandbox: Sandbox, query: dict[str, str]) -> None:
    assert_documented_error(delete(sandbox, query), 400)


@pytest.mark.parametrize("query", [{"groupId": "x", "accountId": MEMBER}, {"groupId": GROUP, "accountId": "x"}])
def test_an_unknown_group_or_user(sandbox: Sandbox, query: dict[str, str]) -> None:
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


def test_who_may_not(sandbox: Sandbox) -> None:
    query = {"groupId": GROUP, "accountId": MEMBER}
    assert_documented_error(delete(sandbox, query, auth=tuple(sandbox.reader)), 403)
    outsider = delete(sandbox, query, auth=tuple(sandbox.outsider))
    assert (outsider.status_code, outsider.json()) == (
        403,
        {"message": "Current user not permitted to use Confluence", "statusCode": 403},
    )
    browser = delete(sandbox, query, headers={"User-Agent": "Mozilla/5.0"})
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


def test_request_ids_count_up(sandbox: Sandbox) -> None:
    ids = [delete(sandbox, {}).headers["atl-request-id"] for _ in range(3)]
    assert ids == [f"00000000-0000-4000-8000-{number:012d}" for number in (1, 2, 3)]


def test_rehearsed_answers_come_first_and_once(sandbox: Sandbox) -> None:
    sandbox.answer_next(Answer(429, {"Retry-After": "1"}, "wait"), Answer(520))
    query = {"groupId": GROUP, "accountId": MEMBER}
    first, second, third = (delete(sandbox, query) for _ in range(3))
    assert (first.status_code, first.headers["retry-after"], first.text) == (429, "1", "wait")
    assert (second.status_code, third.status_code) == (520, 204)


def test_requests_are_kept_to_the_letter(sandbox: Sandbox) -> None:
    delete(sandbox, {"groupId": "a b"}, headers={"X-Marker": "1"})
    (seen,) = sandbox.requests
    assert (seen.method, seen.target, seen.headers["x-marker"]) == ("DELETE", f"{PATH}?groupId=a+b", "1")
    assert sandbox.admin.token not in repr(seen)


def test_other_paths_and_methods_are_not_there(sandbox: Sandbox) -> None:
    assert httpx.get(sandbox.url + PATH).status_code == 405
    assert httpx.get(sandbox.url + "/elsewhere").status_code == 404


def test_sandboxes_share_nothing() -> None:
    with Sandbox() as one, Sandbox() as other:
        delete(one, {"groupId": GROUP, "accountId": MEMBER})
        assert not one.directory.is_member(GROUP, MEMBER)
        assert other.directory.is_member(GROUP, MEMBER)


def test_a_stopped_sandbox_listens_no_more() -> None:
    with Sandbox() as sandbox:
        address = sandbox.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_a_sandbox_that_never_started_can_be_stopped() -> None:
    Sandbox().stop()


def test_a_sandbox_runs_once() -> None:
    with Sandbox() as sandbox:
        pass
    with pytest.raises(RuntimeError, match="runs once"):
        sandbox.start()


@pytest.mark.parametrize(
    "answer",
    [lambda: Answer(99), lambda: Answer(600), lambda: Answer(200, {"X": "a\nb"}), lambda: Answer(200, {"X": "\u0100"})],
)
def test_an_answer_that_cannot_be_sent_is_refused_at_once(answer: Callable[[], Answer]) -> None:
    with pytest.raises(ValueError, match=r"status|header"):
        answer()


def test_a_missing_extra_is_named() -> None:
    program = "import sys; sys.modules['uvicorn'] = None; from confluence_groups_sdk.sandbox import Sandbox"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("confluence_groups_sdk.errors.ConfigurationError: the sandbox needs uvicorn")
    assert "confluence-groups-sdk[sandbox]" in last
