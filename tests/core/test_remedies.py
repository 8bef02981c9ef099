"""The cause of a failed call is recognised in every shape of body, and the remedy fits the call."""

from __future__ import annotations

import json
import re
import time
import traceback
import warnings
from collections.abc import Callable

import httpx
import pytest
from fakes import KINDS, SITE, Answers, call, remove_member

from confluence_groups_sdk import (
    APIStatusError,
    ApiToken,
    AsyncConfluenceGroups,
    BearerToken,
    ConfigurationError,
    ConfluenceGroups,
    MemoryTokenStore,
    OAuth2,
    PermissionDeniedError,
    RetryPolicy,
    Tokens,
    errors,
)
from confluence_groups_sdk._core.responses.error_details import known_messages
from confluence_groups_sdk._core.responses.error_factory import error_from_response
from confluence_groups_sdk.cli.rendering.error_message import REMEDIES
from confluence_groups_sdk.cli.session.client_factory import ClientSource
from confluence_groups_sdk.errors import KnownProblem
from confluence_groups_sdk.sandbox import Sandbox

API = f"{SITE}/wiki/rest/api"
REMOVE = ("DELETE", f"{API}/group/userByGroupId?groupId=g&accountId=a")
BASIC = {"Authorization": "Basic bWU6czNjcjN0"}
BEARER = {"Authorization": "Bearer the-token"}


def make_error(
    status: int,
    body: str = "",
    headers: dict[str, str] | None = None,
    *,
    to: tuple[str, str] = REMOVE,
    sent: dict[str, str] = BASIC,
) -> APIStatusError:
    request = httpx.Request(*to, headers=sent)
    return error_from_response(httpx.Response(status, text=body, headers=headers, request=request))


SHAPES: dict[str, Callable[[str], str]] = {
    "text": lambda words: words,
    "page": lambda words: f"<html><head><title>no</title></head><body><h1>403</h1><p>{words}</p></body></html>",
    "message": lambda words: json.dumps({"message": words, "statusCode": 403}),
    "translation": lambda words: json.dumps({"data": {"errors": [{"message": {"translation": words}}]}}),
    "title": lambda words: json.dumps({"errors": [{"status": 403, "title": words, "detail": None}]}),
    "detail": lambda words: json.dumps({"errors": [{"status": 403, "title": "Forbidden", "detail": words}]}),
    "error message": lambda words: json.dumps({"errors": [{"message": words}]}),
    "list of texts": lambda words: json.dumps({"errors": [words]}),
    "errorMessages": lambda words: json.dumps({"errorMessages": [words], "errors": {}}),
    "second of errorMessages": lambda words: json.dumps({"errorMessages": ["no", words], "errors": {}}),
    "by field": lambda words: json.dumps({"errorMessages": [], "errors": {"groupId": words}}),
    "by field, a list": lambda words: json.dumps({"errors": {"groupId": [1, words]}}),
    "errorMessages in data": lambda words: json.dumps({"statusCode": 403, "data": {"errorMessages": [words]}}),
    "detail in data": lambda words: json.dumps({"data": {"errors": [{"detail": words}]}}),
    "by field in data": lambda words: json.dumps({"data": {"errors": {"groupId": words}}}),
    "after a summary": lambda words: json.dumps({"message": "Forbidden", "errors": [{"detail": words}]}),
    "problem": lambda words: json.dumps({"type": "about:blank", "title": "Forbidden", "detail": words}),
    "error object": lambda words: json.dumps({"error": {"code": 403, "message": words}}),
    "list": lambda words: json.dumps([{"message": words}]),
    "odd types before": lambda words: json.dumps(
        {"message": 7, "error": None, "title": [], "errorMessages": [None, 3, True, [[]], {}, words], "errors": 4}
    ),
    "errorMessage": lambda words: json.dumps({"errorMessage": words}),
    "description": lambda words: json.dumps({"code": "E-1", "description": words}),
    "capital": lambda words: json.dumps({"Message": words}),
    "fault": lambda words: json.dumps({"fault": {"faultstring": words}}),
    "text in message": lambda words: json.dumps({"message": {"key": "a.b", "text": words}}),
    "reason": lambda words: json.dumps({"status": 403, "reason": words}),
    "the last of many": lambda words: json.dumps({"errors": [*[{"detail": None}] * 900, {"detail": words}]}),
}

SIGNS = {
    KnownProblem.BEARER_TOKEN_AT_SITE: (403, "Failed to parse Connect Session Auth Token"),
    KnownProblem.PASSWORD_NOT_ACCEPTED: (401, "Basic authentication with passwords is deprecated."),
    KnownProblem.IP_NOT_ALLOWED: (403, "The IP address has been rejected because it is not on the allowed list."),
    KnownProblem.EXTERNALLY_MANAGED: (403, "Manage this group in your identity provider instead."),
    KnownProblem.XSRF_CHECK_FAILED: (403, "XSRF check failed"),
    KnownProblem.NO_ACCESS: (403, "Current user not permitted to use Confluence"),
    KnownProblem.MISSING_SCOPE: (401, "Unauthorized; scope does not match"),
    KnownProblem.CAPTCHA_REQUIRED: (403, "Basic Authentication Failure - Reason : CAPTCHA_CHALLENGE"),
    KnownProblem.TOKEN_NOT_ACCEPTED: (401, "Basic Authentication Failure - Reason : AUTHENTICATED_FAILED"),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("problem", SIGNS)
@pytest.mark.parametrize("spell", [str, str.upper, str.lower], ids=["as sent", "capitals", "small"])
def test_the_cause_is_found_in_every_shape(
    problem: KnownProblem, shape: Callable[[str], str], spell: Callable[[str], str]
) -> None:
    status, words = SIGNS[problem]
    error = make_error(status, shape(spell(words)))
    assert (error.problem, error.remedy) == (problem, problem.remedy)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_servers_words_are_shown_in_every_shape(shape: Callable[[str], str]) -> None:
    error = make_error(403, shape("Computer says no"))
    assert error.problem is None
    if "Forbidden" not in shape("") and '"no"' not in shape(""):
        assert "Computer says no" in str(error)
    assert "site admin" not in error.remedy
    assert error.message


@pytest.mark.parametrize(
    ("wrap", "levels"),
    [
        (lambda inner: [inner], 9),
        (lambda inner: {"message": inner}, 9),
        (lambda inner: {"errorMessages": inner}, 9),
        (lambda inner: {"data": inner if isinstance(inner, dict) else {"message": inner}}, 8),
        (lambda inner: {"errors": [inner]}, 4),
        (lambda inner: {"errors": {"field": inner}}, 4),
    ],
)
def test_words_are_read_down_to_a_depth(wrap: Callable[[object], object], levels: int) -> None:
    nested: object = "Computer says no"
    for _ in range(levels):
        nested = wrap(nested)
    assert make_error(403, json.dumps(nested)).message == "Computer says no"
    assert make_error(403, json.dumps(wrap(nested))).message is None


def test_words_are_read_from_ten_thousand_entries() -> None:
    for before, found in ((9_999, ["Computer says no"]), (10_000, [])):
        entries = [*[None] * before, "Computer says no"]
        assert list(known_messages({"errors": entries})) == found
        assert list(known_messages({"errors": {str(number): each for number, each in enumerate(entries)}})) == found


def test_a_cause_is_looked_for_in_a_thousand_texts() -> None:
    status, words = SIGNS[KnownProblem.XSRF_CHECK_FAILED]
    for before, problem in ((999, KnownProblem.XSRF_CHECK_FAILED), (1_000, None)):
        assert make_error(status, json.dumps({"errors": [*["no"] * before, words]})).problem is problem


def test_title_and_detail_are_shown_together() -> None:
    error = make_error(403, json.dumps({"errors": [{"title": "Forbidden", "detail": "Computer says no"}]}))
    assert error.message == "Forbidden: Computer says no"
    assert make_error(403, json.dumps({"errors": [{"title": "No", "detail": "No"}]})).message == "No"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("Basic auth with password is not allowed on this instance", KnownProblem.PASSWORD_NOT_ACCEPTED),
        ("Your IP address 192.0.2.1 isn't on the IP allowlist", KnownProblem.IP_NOT_ALLOWED),
        ("Access from this IP is blocked", KnownProblem.IP_NOT_ALLOWED),
        ("The allow list does not contain your IP.", KnownProblem.IP_NOT_ALLOWED),
        ("Can not modify a SCIM group", KnownProblem.EXTERNALLY_MANAGED),
        ("You can't add a user to a group synced from an identity\n provider.", KnownProblem.EXTERNALLY_MANAGED),
        ("Requests from IP 192.0.2.1 are not allowed.", KnownProblem.IP_NOT_ALLOWED),
        ("Blocked: IP 192.0.2.1 is not listed", KnownProblem.IP_NOT_ALLOWED),
        ("The recipient skipped the allowlist", None),
        ("Basic auth is fine", None),
        ("The description is blocked", None),
    ],
)
def test_other_words_for_the_same_cause(words: str, problem: KnownProblem | None) -> None:
    for status in (400, 403):
        assert make_error(status, words).problem is problem


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 503])
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE; login-url=https://your-domain.atlassian.net/login"},
        {"x-authentication-denied-reason": "captcha_challenge"},
        {"X-Seraph-LoginReason": "AUTHENTICATION_DENIED"},
        {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED", "X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE"},
    ],
)
def test_a_captcha_is_recognised_with_any_status(status: int, headers: dict[str, str]) -> None:
    error = make_error(status, "<html>Login</html>", headers)
    assert error.problem is KnownProblem.CAPTCHA_REQUIRED
    assert "browser" in error.remedy


def test_a_read_is_not_refused_because_of_an_identity_provider() -> None:
    error = make_error(403, "Log in at your identity provider", to=("GET", f"{API}/user/current"))
    assert error.problem is None
    assert "group" not in error.remedy


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (json.dumps({"errors": [{"detail": each} for each in range(10_000)]}), None),
        (json.dumps({"errors": ["", " "] * 10_000}), None),
        (json.dumps({"errorMessages": 5, "errors": "words"}), "words"),
        (json.dumps({"errorMessages": "words"}), "words"),
        (json.dumps({"message": {"message": {"message": "words"}}}), "words"),
        ('{"errors":' * 5_000, None),
        ('{"errors":[' * 400 + "1" + "]}" * 400, None),
        ("[" * 900 + '"deep"' + "]" * 900, None),
        (json.dumps({"errors": {str(each): {"a": 1} for each in range(5_000)}}), None),
        (json.dumps({"data": "words"}), None),
    ],
)
def test_odd_bodies_are_read_within_bounds(body: str, message: str | None) -> None:
    assert make_error(403, body).message == message


@pytest.mark.parametrize("words", ["ip ", "ip address ", "blocked ", "not a ", "whitelist ", "basic auth with ", "<"])
def test_no_text_is_slow_to_search(words: str) -> None:
    started = time.process_time()
    make_error(403, words * (64 * 1024 // len(words)))
    assert time.process_time() - started < 5  # quadratic work takes minutes


def test_a_bearer_token_at_a_site_is_the_cause_of_a_401_too() -> None:
    assert make_error(401, sent=BEARER).problem is KnownProblem.BEARER_TOKEN_AT_SITE
    assert make_error(401, sent=BASIC).problem is None
    assert make_error(403, "no", sent=BEARER).problem is None
    for elsewhere in ("https://confluence.example.com/wiki", "https://api.atlassian.com/ex/confluence/c/wiki"):
        error = make_error(401, to=("GET", f"{elsewhere}/rest/api/group"), sent=BEARER)
        assert error.problem is None
        assert "e-mail" not in error.remedy
        assert "access token" in error.remedy


# --- an unknown 403, and the request id


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_an_unknown_403_claims_no_cause(method: str) -> None:
    said = make_error(403, "Computer says no", to=(method, REMOVE[1]))
    silent = make_error(403, to=(method, REMOVE[1]))
    assert (said.problem, silent.problem) == (None, None)
    assert "Only the server's message" in said.remedy
    assert "The status alone does not show the cause" in silent.remedy
    assert "site admin" not in said.remedy + silent.remedy


@pytest.mark.parametrize(
    "words",
    ["The calling user is not a site admin", "You do not have permission to do this", "PermissionException: no"],
)
def test_a_missing_permission_is_named_if_the_server_says_so(words: str) -> None:
    assert make_error(403, words).remedy == "To change groups, use a site admin's account."
    assert "change" not in make_error(403, words, to=("GET", f"{API}/user?accountId=a")).remedy


BLOCK_PAGES = [
    "<html><title>Attention!</title><body><h1>Sorry, you have been blocked</h1>.<p>Your IP: 192.0.2.1</p></body>",
    "<html><body><h1>Access blocked</h1><p>Your IP address is 192.0.2.1</p></body></html>",
    "Request blocked. Your IP: 192.0.2.1",
    "The request is blocked. Reference: 18.2f. Client IP: 192.0.2.1",
    "<html><h1>Forbidden</h1><p>You don't have permission to access this resource.</p></html>",
    "\ufeff\n<!DOCTYPE html><h1>403</h1>You do not have permission to view this directory or page.",
]


@pytest.mark.parametrize("page", BLOCK_PAGES)
def test_a_firewalls_or_web_servers_page_claims_no_cause(page: str) -> None:
    error = make_error(403, page)
    assert error.problem is None
    assert "It may also come from a proxy or firewall" in error.remedy


@pytest.mark.parametrize("words", ["Your admin has blocked this app", "Access denied"])
def test_other_words_are_no_missing_permission(words: str) -> None:
    assert "site admin" not in make_error(403, words).remedy


@pytest.mark.parametrize("status", [*range(300, 600), 777])
@pytest.mark.parametrize("body", ["", "words", '{"statusCode": 404, "message": "words"}'])
def test_the_request_id_is_mentioned_only_if_there_is_one(status: int, body: str) -> None:
    for to in (REMOVE, ("GET", f"{API}/group"), ("POST", f"{API}/group")):
        assert "request id" not in make_error(status, body, to=to).remedy
        remedy = make_error(status, body, {"atl-request-id": "r-1"}, to=to).remedy
        unknown = status >= 500 or status in (403, 402, 405, 418, 777)
        assert ("request id" in remedy) == unknown or 300 <= status <= 499
        assert "request id" in remedy or not unknown


ID = {"atl-request-id": "r-1"}
SUPPORT = "give the request id to Atlassian's support"
ADD = ("POST", f"{API}/group/userByGroupId?groupId=g")
GATEWAY = ("GET", "https://api.atlassian.com/ex/confluence/c/wiki/rest/api/group")
OTHER_HOST = ("GET", "https://proxy.example/wiki/rest/api/group")
TOKEN = "Check that the access token has not expired or been revoked, and that "
BOTH_IDS = "Check the group id and the account id: they must belong to this site, exactly as Confluence returned them."


def without_stop(kind: type[APIStatusError]) -> str:
    return kind.remedy.removesuffix(".")


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (make_error(418), APIStatusError.remedy),
        (make_error(418, "words"), f"{without_stop(APIStatusError)}: read the body."),
        (make_error(418, "", ID), f"{without_stop(APIStatusError)}: {SUPPORT}."),
        (make_error(418, "words", ID), f"{without_stop(APIStatusError)}: read the body, and {SUPPORT}."),
        (make_error(500), errors.ServerError.remedy),
        (make_error(500, "", ID), f"{without_stop(errors.ServerError)}; if it persists, {SUPPORT}."),
        (make_error(403), PermissionDeniedError.remedy),
        (make_error(403, "", ID), f"{without_stop(PermissionDeniedError)}; {SUPPORT}."),
        (make_error(400, "no"), BOTH_IDS),
        (make_error(400, "no", to=(ADD[0], f"{ADD[1]}&accountId=a")), f"{BOTH_IDS} The user may already be a member."),
        (make_error(401, "no"), errors.AuthenticationError.remedy),
        (make_error(401, "no", to=GATEWAY, sent=BEARER), f"{TOKEN}the user has given the app access to this site."),
        (
            make_error(401, "no", to=OTHER_HOST, sent=BEARER),
            f"{TOKEN}it is sent through the gateway, with the site's cloud id.",
        ),
        (make_error(409, "no"), errors.ConflictError.remedy),
    ],
)
def test_the_whole_remedy(error: APIStatusError, remedy: str) -> None:
    assert error.remedy == remedy


def test_no_class_mentions_a_request_id() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.APIError)]
    assert len(kinds) > 10
    assert not [kind.__name__ for kind in kinds if "request id" in kind.remedy]


# --- the remedy fits the operation

CALLS = {
    "remove": (*REMOVE, {"group", "account"}),
    "add": ("POST", f"{API}/group/userByGroupId?groupId=g", {"group", "account"}),
    "delete": ("DELETE", f"{API}/group/by-id?id=g", {"group"}),
    "get": ("GET", f"{API}/group/by-id?id=g", {"group"}),
    "members": ("GET", f"{API}/group/g/membersByGroupId?start=0", {"group"}),
    "user": ("GET", f"{API}/user?accountId=a", {"account"}),
    "memberships": ("GET", f"{API}/user/memberof?accountId=a", {"account"}),
    "current user": ("GET", f"{API}/user/current", set[str]()),
    "groups": ("GET", f"{API}/group?start=0", set[str]()),
    "search": ("GET", f"{API}/group/picker?query=accountId", set[str]()),
    "create": ("POST", f"{API}/group", set[str]()),
}


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize(("method", "address", "ids"), CALLS.values(), ids=CALLS)
def test_remedies_name_only_the_ids_of_the_call(status: int, method: str, address: str, ids: set[str]) -> None:
    remedy = make_error(status, '{"statusCode": 404, "message": "no"}', to=(method, address)).remedy
    assert {each for each in ("group", "account") if f"{each} id" in remedy} == ids
    if ids != {"group", "account"} and "group" not in ids and method == "GET":
        assert "group" not in remedy
    assert ("name of the new group" in remedy) == (status == 400 and address.endswith("/group") and method == "POST")


@pytest.mark.parametrize(
    ("to", "part"),
    [
        (REMOVE, "change its members there"),
        (("DELETE", f"{API}/group/by-id?id=g"), "delete it there"),
        (("POST", f"{API}/group"), "create the group there"),
    ],
)
def test_the_remedy_for_a_managed_group_fits_the_change(to: tuple[str, str], part: str) -> None:
    error = make_error(403, "Use your identity provider", to=to)
    assert error.problem is KnownProblem.EXTERNALLY_MANAGED
    assert part in error.remedy


@pytest.mark.parametrize("kind", KINDS)
def test_errors_of_both_clients_have_the_fitting_remedy(kind: str) -> None:
    answer = httpx.Response(403, json={"errorMessages": ["Failed to parse Connect Session Auth Token"], "errors": {}})
    with pytest.raises(PermissionDeniedError) as caught:
        remove_member(kind, Answers(answer), retry=RetryPolicy(max_retries=0))
    assert "ApiToken" in str(caught.value)
    with pytest.raises(errors.NotFoundError) as missing:
        call(kind, "get_user", Answers(httpx.Response(404, json={"statusCode": 404})), {"account_id": "a"})
    assert "group" not in str(missing.value)


# --- the warning about bearer tokens at a site's own address

WARNING = "a site does not accept bearer tokens"


def oauth() -> OAuth2:
    return OAuth2("id", "secret", MemoryTokenStore(Tokens("access", "refresh", 0)))


@pytest.mark.parametrize("client", [ConfluenceGroups, AsyncConfluenceGroups])
@pytest.mark.parametrize("auth", [BearerToken("t"), oauth()], ids=["token", "oauth"])
def test_a_client_with_a_bearer_token_for_a_site_warns_its_caller(
    client: type[ConfluenceGroups] | type[AsyncConfluenceGroups], auth: httpx.Auth
) -> None:
    for site in (SITE, f"{SITE}/wiki", SITE.upper().replace("HTTPS", "https"), f"{SITE}."):
        with pytest.warns(UserWarning, match=WARNING) as caught:
            client(site, auth=auth)
        assert [each.filename for each in caught] == [__file__]
        assert "for_cloud" in str(caught[0].message)


@pytest.mark.parametrize("client", [ConfluenceGroups, AsyncConfluenceGroups])
def test_from_env_and_subclasses_warn_their_caller(
    client: type[ConfluenceGroups] | type[AsyncConfluenceGroups], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFLUENCE_SITE", SITE)
    monkeypatch.setenv("CONFLUENCE_ACCESS_TOKEN", "t")
    with pytest.warns(UserWarning, match=WARNING) as caught:
        client.from_env()
    assert [each.filename for each in caught] == [__file__]
    monkeypatch.setenv("CONFLUENCE_CLOUD_ID", "c")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client.from_env()


@pytest.mark.parametrize("client", [ConfluenceGroups, AsyncConfluenceGroups])
def test_no_other_client_warns(client: type[ConfluenceGroups] | type[AsyncConfluenceGroups]) -> None:
    with warnings.catch_warnings(), Sandbox() as sandbox:
        warnings.simplefilter("error")
        client(SITE, auth=ApiToken("me@example.com", "t"))
        client(SITE, auth=httpx.BasicAuth("me", "t"))
        client(sandbox.url, auth=BearerToken("t"))
        client("http://localhost:1", auth=BearerToken("t"))
        client("https://[::1]", auth=BearerToken("t"))
        client("https://confluence.example.com", auth=BearerToken("t"))
        client("https://atlassian.net.example.com", auth=BearerToken("t"))
        client.for_cloud("c", auth=BearerToken("t"))
        client.for_cloud("c", auth=oauth())


def test_a_warning_that_is_an_error_shows_no_token() -> None:
    token = "-".join(["marker", "token"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match=WARNING) as caught:
            ConfluenceGroups(SITE, auth=BearerToken(token))
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack[1:]
    assert len(frames) > 1
    assert token not in "".join(f"{frame.line} {frame.locals}" for frame in frames)
    with pytest.raises(ConfigurationError):  # comes before the warning
        ConfluenceGroups(SITE, auth=BearerToken("t"), timeout=0)


def test_the_command_line_warns_in_its_own_words(capsys: pytest.CaptureFixture[str]) -> None:
    ClientSource(SITE, None, BearerToken("t")).build_client().close()
    shown = capsys.readouterr().err
    assert shown.startswith("warning: A site does not accept bearer tokens")
    assert "--cloud-id" in shown
    assert "ApiToken" not in shown
    assert "UserWarning" not in shown
    ClientSource(None, "c", BearerToken("t")).build_client().close()
    ClientSource(SITE, None, ApiToken("me@example.com", "t")).build_client().close()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("problem", KnownProblem)
def test_the_command_line_names_no_python_function(problem: KnownProblem) -> None:
    assert not re.search(r"\w\(|for_cloud", REMEDIES.get(problem, problem.remedy))
