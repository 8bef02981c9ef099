from __future__ import annotations

import base64
import copy
import json
import pickle
from collections.abc import Callable

import httpx
import pytest
from fakes import START
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk import BearerToken, ConfluenceGroups, RateLimiter, RetryPolicy, aiohttp_client, errors
from confluence_groups_sdk._core.responses.error_factory import error_from_response
from confluence_groups_sdk.errors import APIStatusError, KnownProblem

MESSAGE_LIMIT = 500  # characters
BODY_LIMIT = 64 * 1024  # bytes
URL = "https://your-domain.atlassian.net/wiki/rest/api/group/userByGroupId?groupId=g&accountId=a"


def make_error(
    status: int,
    body: str | bytes = b"",
    headers: dict[str, str] | None = None,
    authorization: str | None = "Bearer the-token",
) -> APIStatusError:
    sent = {"Authorization": authorization} if authorization else {}
    request = httpx.Request("DELETE", URL, headers=sent)
    return error_from_response(httpx.Response(status, content=body, headers=headers, request=request), now=START)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, errors.APIStatusError),
        (400, errors.BadRequestError),
        (401, errors.AuthenticationError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (405, errors.APIStatusError),
        (409, errors.ConflictError),
        (410, errors.GoneError),
        (418, errors.APIStatusError),
        (499, errors.APIStatusError),
        (429, errors.RateLimitError),
        (500, errors.ServerError),
        (503, errors.ServerError),
        (520, errors.ServerError),
        (599, errors.ServerError),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[APIStatusError]) -> None:
    error = make_error(status)
    assert type(error) is kind
    assert error.status_code == status
    assert error.remedy


def test_an_unregistered_status_is_a_plain_status_error() -> None:
    assert type(make_error(600)) is type(make_error(999)) is errors.APIStatusError


def test_every_status_makes_a_readable_error() -> None:
    for status in range(100, 600):
        error = make_error(status)
        assert str(status) in str(error)
        assert error.remedy in str(error)


def test_an_error_has_all_fields_of_the_response() -> None:
    body = json.dumps({"message": "No group found", "statusCode": 404})
    error = make_error(404, body, {"atl-request-id": "r-1", "Retry-After": "5"})
    assert (error.method, error.path) == ("DELETE", "/wiki/rest/api/group/userByGroupId")
    assert (error.message, error.body, error.request_id, error.retry_after) == ("No group found", body, "r-1", 5)
    assert str(error) == (
        "DELETE /wiki/rest/api/group/userByGroupId: 404 Not Found: No group found [request id r-1]. "
        "Check the group id and the account id: this site does not know them."
    )


def test_missing_values_are_none() -> None:
    error = make_error(500)
    assert (error.message, error.request_id, error.retry_after, error.body) == (None, None, None, "")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"statusCode":404,"message":"com.example.NotFoundException: gone"}', "com.example.NotFoundException: gone"),
        (
            '{"statusCode":404,"data":{"errors":[{"message":{"translation":"No such group","args":[]}}]}}',
            "No such group",
        ),
        ('{"code":401,"message":"Unauthorized"}', "Unauthorized"),
        (
            '{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}',
            "Unknown or invalid refresh token.",
        ),
        ('{"error":"access_denied"}', "access_denied"),
        (
            "<html><head><title>no</title></head><body><script>no()</script><b>XSRF</b> check failed</body></html>",
            "XSRF check failed",
        ),
        ("<style>no</style>R&amp;D <HEAD >no</head><p>yes", "R&D yes"),
        ("<![foo bar<!--<", None),
        ("<p>" + "<a " * 27_000, None),
        ("<!--" * 20_000, None),
        ("\ufeff" + '{"message": "with a mark in front"}', "with a mark in front"),
        ("plain words", "plain words"),
        ("two\nlines \x1b[31mred", "two lines [31mred"),
        ('{"message": 7, "data": {"errors": [{"message": null}, 3]}}', None),
        ('{"message": "", "data": []}', None),
        ("[" * 50_000, None),
        ('{"message": "cut', None),
        ("[1, 2]", None),
        ("null", "null"),
        ("  ", None),
        (b"\xff\xfe\x00", "��"),
    ],
)
def test_the_message_is_the_servers_text(body: str | bytes, message: str | None) -> None:
    assert make_error(400, body).message == message


def test_message_and_body_are_truncated() -> None:
    assert make_error(400, "x" * 1000).message == "x" * MESSAGE_LIMIT
    assert make_error(400, "ü" * BODY_LIMIT, authorization=None).body == "ü" * (BODY_LIMIT // 2)
    assert make_error(400, "x" * BODY_LIMIT).body == "x" * BODY_LIMIT
    assert make_error(400, headers={"atl-request-id": "r" * 300}).request_id == "r" * 200
    assert len((make_error(400, b"\xff" * BODY_LIMIT).body or "").encode()) <= BODY_LIMIT


@pytest.mark.parametrize(
    ("status", "headers", "body", "problem", "part"),
    [
        (401, {"x-failure-category": "FAILURE_CLIENT_AUTH_MISMATCH"}, "", KnownProblem.AUTH_MISMATCH, "for_cloud"),
        (401, {"x-seraph-loginreason": "AUTHENTICATED_FAILED"}, "", KnownProblem.TOKEN_NOT_ACCEPTED, "expired"),
        (403, {}, "<html>XSRF check failed</html>", KnownProblem.XSRF_CHECK_FAILED, "X-Atlassian-Token"),
        (404, {}, "<html>Your site is currently unavailable</html>", KnownProblem.WRONG_ADDRESS, "cloud id"),
        (404, {}, '{"code":404,"message":"Not Found"}', KnownProblem.WRONG_ADDRESS, "cloud id"),
        (302, {}, "", KnownProblem.REDIRECTED, "does not follow redirects"),
        (
            403,
            {},
            '{"message":"Current user not permitted to use Confluence"}',
            KnownProblem.NO_ACCESS,
            "no access to Confluence",
        ),
        (
            400,
            {},
            '{"message":"This group is synced from an identity provider"}',
            KnownProblem.EXTERNALLY_MANAGED,
            "identity provider manages this group",
        ),
        (
            403,
            {},
            '{"message":"Manage it in your identity provider instead"}',
            KnownProblem.EXTERNALLY_MANAGED,
            "identity provider manages this group",
        ),
    ],
)
def test_a_known_problem_is_recognised_and_has_its_own_remedy(
    status: int, headers: dict[str, str], body: str, problem: KnownProblem, part: str
) -> None:
    error = make_error(status, body, headers)
    assert error.problem is problem
    assert error.remedy == problem.remedy
    assert part in error.remedy
    assert error.remedy != type(error).remedy


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (500, {"x-failure-category": "FAILURE_CLIENT_AUTH_MISMATCH"}, ""),
        (500, {"x-seraph-loginreason": "AUTHENTICATED_FAILED"}, ""),
        (500, {"x-failure-category": "FAILURE_CLIENT_SCOPE_CHECK"}, "scope does not match"),
        (404, {}, '{"statusCode":404,"message":"No identity provider"}'),
        (500, {}, "XSRF check failed; not permitted to use Confluence"),
        (404, {}, '{"statusCode":404,"message":"No group found"}'),
        (404, {}, '\ufeff{"statusCode":404,"message":"No group found"}'),
        (404, {}, ""),
    ],
)
def test_a_sign_without_its_status_is_no_known_problem(status: int, headers: dict[str, str], body: str) -> None:
    error = make_error(status, body, headers)
    assert error.problem is None
    assert error.remedy == type(error).remedy


@pytest.mark.parametrize("status", [400, 401, 402, 403, 408, 409, 410])
def test_only_some_statuses_mean_that_a_group_is_managed_elsewhere(status: int) -> None:
    error = make_error(status, '{"message": "Manage it in your identity provider"}')
    assert (error.problem is KnownProblem.EXTERNALLY_MANAGED) is (status in (400, 403, 409))


@pytest.mark.parametrize(
    ("status", "problem"), [(299, None), (300, KnownProblem.REDIRECTED), (399, KnownProblem.REDIRECTED), (402, None)]
)
def test_the_statuses_of_redirects(status: int, problem: KnownProblem | None) -> None:
    assert make_error(status).problem is problem
    captcha = {"X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE; login-url=https://x"}
    assert make_error(status, headers=captcha).problem is (KnownProblem.CAPTCHA_REQUIRED if status >= 300 else None)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"x-failure-category": "FAILURE_CLIENT_SCOPE_CHECK"}, ""),
        ({}, '{"code":401,"message":"Unauthorized; scope does not match"}'),
    ],
)
def test_a_missing_scope_is_named(headers: dict[str, str], body: str) -> None:
    request = httpx.Request("DELETE", URL)
    response = httpx.Response(401, content=body, headers=headers, request=request)
    error = error_from_response(response, scopes="write:confluence-groups")
    assert type(error) is errors.MissingScopeError
    assert error.problem is KnownProblem.MISSING_SCOPE
    assert "write:confluence-groups" in error.remedy
    assert type(error_from_response(response)) is errors.MissingScopeError


def test_the_flags_under_data_are_ignored() -> None:
    body = '{"statusCode":403,"data":{"authorized":true,"valid":true,"successful":true},"message":"no"}'
    assert type(make_error(403, body)) is errors.PermissionDeniedError


@pytest.mark.parametrize("token", ["the-token", "the/tok+en==", "ATATT3x/" * 24])
@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_echoed_credentials_are_redacted_in_the_error(scheme: str, token: str) -> None:
    credentials = token if scheme == "Bearer" else base64.b64encode(f"me@example.com:{token}".encode()).decode()
    authorization = f"{scheme} {credentials}"
    escaped = token.replace("/", "\\/")
    bodies = (
        f"you sent {authorization}, that is {token}",
        json.dumps({"message": f"you sent {authorization}, that is {token}"}),
        f'{{"message": "you sent {escaped}"}}',
        f"<p>you sent {authorization}</p>",
        (token + " ") * 20_000,
        "x" * (BODY_LIMIT - len(token) + 1) + token,
        "x" * (BODY_LIMIT - len(credentials) + 1) + credentials,
        "x" * (BODY_LIMIT - len(authorization) + 1) + authorization,
    )
    for body in bodies:
        error = make_error(400, body, {"atl-request-id": f"id of {token} {credentials}"}, authorization=authorization)
        shown = f"{error} {error.body} {error.message} {error.request_id}"
        assert token[:-1] not in shown
        assert escaped[:-1] not in shown
        assert credentials[:-1] not in shown
        assert credentials[: len(credentials) // 2] not in shown


@pytest.mark.parametrize(("start", "times"), [("", 1), ("\\u0041", 8)])
def test_a_body_that_is_cut_loses_what_the_beginning_of_a_credential_may_take(start: str, times: int) -> None:
    """Each character of it takes up to eight in the body, if it is escaped."""
    authorization = "Bearer the-token"
    body = make_error(400, start + "x" * BODY_LIMIT + "x", authorization=authorization).body
    longest = len("Bearer%20the-token")  # of the forms in which a server may echo it
    assert len(body or "") == BODY_LIMIT - longest * times


def test_a_date_is_relative_to_the_given_time_or_to_the_systems() -> None:
    response = httpx.Response(429, headers={"Retry-After": "Fri, 15 Jan 2027 08:00:20 GMT"})
    assert error_from_response(response, now=START).retry_after == 20
    past = httpx.Response(429, headers={"Retry-After": "Fri, 15 Jan 1999 08:00:20 GMT"})
    assert error_from_response(past).retry_after == 0


def test_an_escaped_credential_is_redacted_in_the_message() -> None:
    error = make_error(400, r'{"message": "you sent the\u002dtoken"}', authorization="Bearer the-token")
    assert error.message == "you sent REDACTED"
    assert make_error(400, "<p>the&#45;token</p>", authorization="Bearer the-token").message == "REDACTED"


def test_a_credential_at_the_cut_is_redacted_completely() -> None:
    body = json.dumps({"message": "x" * (MESSAGE_LIMIT - 5) + "the-token"}).replace("-", "\\u002d")
    assert "the" not in (make_error(400, body, authorization="Bearer the-token").message or "")


def test_a_response_without_a_request_makes_an_error() -> None:
    error = error_from_response(httpx.Response(404, json={"message": "gone"}))
    assert (type(error), error.method, error.path, error.message) == (errors.NotFoundError, None, None, "gone")
    assert str(error).startswith("404 Not Found: gone.")


def test_a_request_id_is_truncated() -> None:
    assert len(make_error(400, "", {"atl-request-id": "x" * 1000}).request_id or "") == 200
    long = "t" * 300
    assert make_error(400, "", {"atl-request-id": long}, authorization=f"Bearer {long}").request_id == "REDACTED"


ALL = [
    kind
    for name, kind in vars(errors).items()
    if name[0] != "_" and isinstance(kind, type) and issubclass(kind, errors.ConfluenceGroupsError)
]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_errors_survive_pickle(kind: type[errors.ConfluenceGroupsError], protocol: int) -> None:
    error = kind("what happened")
    again = pickle.loads(pickle.dumps(error, protocol))
    assert (type(again), again.args, vars(again), str(again)) == (kind, error.args, vars(error), str(error))


def test_errors_with_a_response_survive_pickle_and_copy() -> None:
    error = make_error(429, "slow down", {"Retry-After": "9", "atl-request-id": "r-1"})
    error.add_note("while off-boarding")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is errors.RateLimitError
        assert (str(again), vars(again)) == (str(error), vars(error))
        assert again.retry_after == 9
        assert again.__notes__ == ["while off-boarding"]


@pytest.mark.parametrize("problem", KnownProblem)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_known_problems_survive_pickle_and_copy_by_name(problem: KnownProblem, protocol: int) -> None:
    error = errors.APIError("no", problem=problem)
    data = pickle.dumps(error, protocol)
    assert problem.name.encode() in data
    for again in (pickle.loads(data), copy.copy(error), copy.deepcopy(error)):
        assert again.problem is problem
        assert again.remedy == problem.remedy
    assert pickle.loads(pickle.dumps(problem, protocol)) is problem


def test_a_problem_that_only_a_newer_version_knows_is_none() -> None:
    data = pickle.dumps(errors.APIError("no", problem=KnownProblem.NO_ACCESS, remedy="wait"))
    again = pickle.loads(data.replace(b"NO_ACCESS", b"NO_EXCESS"))
    assert (again.problem, again.remedy) == (None, "wait")


def test_a_remedy_of_its_own_takes_precedence_over_that_of_the_problem() -> None:
    error = errors.APIError("no", problem=KnownProblem.NO_ACCESS, remedy="ask the admin")
    assert (error.problem, error.remedy) == (KnownProblem.NO_ACCESS, "ask the admin")


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_new_attributes_have_defaults_for_old_pickles(kind: type[errors.ConfluenceGroupsError]) -> None:
    error = kind._from_pickle({"args": ("what happened",)})
    assert error.option == ("timeout" if kind is errors.APITimeoutError else None)
    if isinstance(error, errors.APIError):
        assert error.problem is (KnownProblem.MISSING_SCOPE if kind is errors.MissingScopeError else None)


def test_an_option_survives_pickle_and_is_not_in_the_text() -> None:
    for error in (errors.ConfigurationError("bad", option="retry"), errors.InputError("bad", option="retry")):
        again = pickle.loads(pickle.dumps(error))
        assert (again.option, str(again)) == ("retry", "bad")


@pytest.mark.parametrize(
    ("option", "build"),
    [
        ("site", lambda: ConfluenceGroups("http://example.com", auth=BearerToken("t"))),
        ("site", lambda: ConfluenceGroups("", auth=BearerToken("t"))),
        ("site", lambda: ConfluenceGroups("https://example.com/jira", auth=BearerToken("t"))),
        ("cloud_id", lambda: ConfluenceGroups("https://api.atlassian.com", auth=BearerToken("t"))),
        ("cloud_id", lambda: ConfluenceGroups.for_cloud("", auth=BearerToken("t"))),
        ("gateway", lambda: ConfluenceGroups.for_cloud("c", auth=BearerToken("t"), gateway="https://example.com/x")),
        ("timeout", lambda: ConfluenceGroups("https://example.com", auth=BearerToken("t"), timeout=0)),
        (
            "application_name",
            lambda: ConfluenceGroups("https://example.com", auth=BearerToken("t"), application_name="Mozilla/5.0"),
        ),
        (
            "application_name",
            lambda: ConfluenceGroups("https://example.com", auth=BearerToken("t"), application_name=""),
        ),
        ("max_retries", lambda: RetryPolicy(max_retries=-1)),
        ("first_delay", lambda: RetryPolicy(first_delay=-1)),
        ("max_delay", lambda: RetryPolicy(max_delay=-1)),
        ("max_retry_after", lambda: RetryPolicy(max_retry_after=-1)),
        ("max_in_flight", lambda: RateLimiter(max_in_flight=0)),
        ("max_rate", lambda: RateLimiter(max_rate=0)),
        ("max_connections", lambda: aiohttp_client(max_connections=0)),
    ],
)
def test_a_malformed_argument_is_named_as_the_option(option: str, build: Callable[[], object]) -> None:
    with pytest.raises(errors.ConfigurationError) as caught:
        build()
    assert caught.value.option == option


def test_incomplete_read_error_keeps_the_received_ids() -> None:
    error = errors.IncompleteReadError("cut short", received=("a", "b"))
    assert pickle.loads(pickle.dumps(error)).received == ("a", "b")


def test_the_hierarchy() -> None:
    tree = {kind.__name__: next(base.__name__ for base in kind.__mro__[1:] if base.__name__[0] != "_") for kind in ALL}
    assert tree == {
        "ConfluenceGroupsError": "Exception",
        "ConfigurationError": "ConfluenceGroupsError",
        "IncompleteReadError": "ConfluenceGroupsError",
        "InputError": "ConfluenceGroupsError",
        "PlanError": "ConfluenceGroupsError",
        "DriftError": "PlanError",
        "JournalError": "ConfluenceGroupsError",
        "ReviewError": "ConfluenceGroupsError",
        "JobError": "ConfluenceGroupsError",
        "JobInUseError": "JobError",
        "APIError": "ConfluenceGroupsError",
        "APIStatusError": "APIError",
        "BadRequestError": "APIStatusError",
        "AuthenticationError": "APIStatusError",
        "MissingScopeError": "AuthenticationError",
        "PermissionDeniedError": "APIStatusError",
        "NotFoundError": "APIStatusError",
        "ConflictError": "APIStatusError",
        "GoneError": "APIStatusError",
        "RateLimitError": "APIStatusError",
        "ServerError": "APIStatusError",
        "ResponseValidationError": "APIError",
        "APIConnectionError": "APIError",
        "APITimeoutError": "APIConnectionError",
        "ClientClosedError": "APIConnectionError",
    }
    assert issubclass(errors.ConfigurationError, ValueError)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["message", "data", "errors", "error", "x"]), inner)
    ),
)


@given(
    status=st.integers(300, 599),
    body=st.binary() | st.text().map(str.encode) | json_values.map(lambda value: json.dumps(value).encode()),
    header=st.text(st.characters(min_codepoint=32, max_codepoint=126)),
)
def test_any_response_makes_an_error(status: int, body: bytes, header: str) -> None:
    headers = {"retry-after": header, "atl-request-id": header, "x-failure-category": header}
    error = make_error(status, body, headers)
    assert len(error.message or "") <= MESSAGE_LIMIT
    assert len((error.body or "").encode()) <= BODY_LIMIT
    assert str(error).isprintable()
