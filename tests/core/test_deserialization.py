"""Bodies are read into typed values or None, in agreement with the generated models."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import attrs
import httpx
import pytest
from fakes import KINDS, call
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk import Group, KnownProblem, ResponseValidationError, Site, User
from confluence_groups_sdk._core.api import deserialization
from confluence_groups_sdk._generated import models as generated
from confluence_groups_sdk._generated.types import Unset

# Recorded on live sites, with other ids and names.
LIVE_GROUP = {
    "id": "f1d0f7dc-acda-4ad2-b398-26a7150a6b1c",
    "name": "confluence-guests-SITE",
    "resourceAri": "ari:cloud:identity::group/f1d0f7dc-acda-4ad2-b398-26a7150a6b1c",
    "type": "group",
    "_links": {"self": "https://SITE.atlassian.net/wiki/rest/experimental/group/confluence-guests-SITE"},
}
LIVE_USER = {
    "type": "known",
    "accountId": "608a9b555426330072f9867d",
    "accountType": "atlassian",
    "email": "alice@example.com",
    "publicName": "alice",
    "profilePicture": {
        "path": "/wiki/aa-avatar/608a9b555426330072f9867d",
        "width": 48,
        "height": 48,
        "isDefault": False,
    },
    "displayName": "Alice",
    "isExternalCollaborator": False,
    "isGuest": False,
    "locale": "en_US",
    "accountStatus": "active",
    "_expandable": {"operations": "", "personalSpace": ""},
    "_links": {"self": "https://SITE.atlassian.net/wiki/rest/api/user?accountId=608a9b555426330072f9867d"},
}


read_groups = partial(deserialization.groups, requested_limit=200)
read_users = partial(deserialization.users, requested_limit=200)


def answer(body: Any) -> httpx.Response:
    return httpx.Response(200, content=json.dumps(body).encode())


def test_recorded_group_and_user_are_read() -> None:
    group = deserialization.group(answer(LIVE_GROUP))
    assert group == Group(
        id="f1d0f7dc-acda-4ad2-b398-26a7150a6b1c",
        name="confluence-guests-SITE",
        type="group",
        resource_ari="ari:cloud:identity::group/f1d0f7dc-acda-4ad2-b398-26a7150a6b1c",
    )
    assert group.is_externally_managed is None
    user = deserialization.user(answer(LIVE_USER))
    assert user == User(
        account_id="608a9b555426330072f9867d",
        type="known",
        account_type="atlassian",
        email="alice@example.com",
        public_name="alice",
        display_name="Alice",
        is_guest=False,
        account_status="active",
        locale="en_US",
    )
    assert (user.active, user.is_app) == (True, False)


def test_missing_fields_are_none() -> None:
    group = deserialization.group(answer({"id": "g", "name": "n"}))
    assert attrs.asdict(group) == {
        "id": "g",
        "name": "n",
        "type": None,
        **dict.fromkeys(("usage_type", "managed_by", "resource_ari")),
    }
    user = deserialization.user(
        answer({"accountId": "a", "email": "", "displayName": None, "isGuest": "no", "locale": 7})
    )
    assert user == User(account_id="a")
    assert (group.is_externally_managed, user.active, user.is_app) == (None, None, None)


ODD = (7, "", None, True, ["x"], {"x": "y"})


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_a_field_of_another_type_is_none(odd: object) -> None:
    groups = ("type", "usageType", "managedBy", "resourceAri")
    users = ("type", "accountType", "email", "publicName", "displayName", "timeZone", "accountStatus", "locale")
    for name in groups:
        assert deserialization.group(answer({"id": "g", "name": "n", name: odd})) == Group(id="g", name="n")
    for name in users:
        assert deserialization.user(answer({"accountId": "a", name: odd})) == User(account_id="a")


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_an_unreadable_item_is_named_with_its_place(odd: object) -> None:
    with pytest.raises(deserialization.DeserializationError, match=r"^results\[1\] has no name$"):
        read_groups(answer({"results": [{"id": "g", "name": "n"}, {"id": "h", "name": odd}]}))
    with pytest.raises(deserialization.DeserializationError, match=r"^results\[1\] has no id$"):
        read_groups(answer({"results": [{"id": "g", "name": "n"}, {"id": odd, "name": "h"}]}))
    with pytest.raises(deserialization.DeserializationError, match=r"^results\[0\] is not a group$"):
        read_groups(answer({"results": [odd]} if not isinstance(odd, dict) else {"results": [None]}))


@pytest.mark.parametrize("odd", [*({"accountId": each} for each in (*ODD, " ", "\t\n")), {}, *ODD], ids=repr)
def test_an_unidentified_user_is_skipped_and_its_place_kept(odd: object) -> None:
    page = read_users(answer({"results": [{"accountId": "a"}, odd, {"accountId": "b"}, odd], "limit": 5}))
    assert [user.account_id for user in page.items] == ["a", "b"]
    assert (page.size, page.unidentified, page.limit, page.is_short) == (4, (1, 3), 5, True)


@pytest.mark.parametrize("limit", [0, -1, 1, True, None, "200", 2.0, [200]])
def test_a_limit_that_does_not_fit_the_page_is_ignored(limit: object) -> None:
    assert read_users(answer({"results": [{"accountId": "a"}, {"accountId": "b"}], "limit": limit})).limit is None


@pytest.mark.parametrize(("results", "limit"), [([], 1), ([{"accountId": "a"}], 1), ([{"accountId": "a"}], 2)])
def test_a_limit_and_a_total_that_fit_the_page_are_read(results: list[Any], limit: int) -> None:
    page = read_users(answer({"results": results, "limit": limit, "totalSize": len(results)}))
    assert (page.limit, page.total, page.size) == (limit, len(results), len(results))
    assert page.is_short is (len(results) < limit)


def test_a_page_as_long_as_the_limit_in_the_request_is_not_short() -> None:
    body = answer({"results": [{"accountId": "a"}, {"accountId": "b"}]})
    assert [deserialization.users(body, requested_limit=limit).is_short for limit in (1, 2, 3)] == [False, False, True]


def test_a_limit_of_0_fits_no_page() -> None:
    assert read_users(answer({"results": [], "limit": 0})).limit is None


def test_the_entries_of_one_site_are_merged() -> None:
    first = {"id": "c-1", "name": "n", "url": "https://site.example", "scopes": ["a"]}
    body = [first, {"id": "c-2", "scopes": []}, {**first, "scopes": ["b"]}]
    assert deserialization.sites(answer(body)) == [
        Site(cloud_id="c-1", name="n", url="https://site.example", scopes=frozenset({"a", "b"})),
        Site(cloud_id="c-2", name=None, url=None, scopes=frozenset()),
    ]
    assert deserialization.sites(answer([])) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "the body is not a list of sites"),
        ([{"id": "c", "scopes": []}, 7], r"\[1\] is not a site"),
        ([{"id": "c"}], r"\[0\] has no list of scopes"),
        ([{"id": "c", "scopes": "a"}], r"\[0\] has no list of scopes"),
        ([{"id": "c", "scopes": ["a", 1]}], r"\[0\] has no list of scopes"),
        ([{"id": "", "scopes": []}], r"\[0\] has no id"),
    ],
)
def test_an_unreadable_list_of_sites_is_an_error(body: Any, problem: str) -> None:
    with pytest.raises(deserialization.DeserializationError, match=f"^{problem}$"):
        deserialization.sites(answer(body))


@pytest.mark.parametrize(("managed_by", "external"), [("EXTERNAL", True), ("ADMINS", False), ("NEW_WORD", False)])
def test_is_externally_managed(managed_by: str, external: bool) -> None:
    assert Group(id="g", name="n", managed_by=managed_by).is_externally_managed is external


@pytest.mark.parametrize(("status", "active"), [("active", True), ("inactive", False), ("closed", False)])
def test_active(status: str, active: bool) -> None:
    assert User(account_id="a", account_status=status).active is active


@pytest.mark.parametrize(("kind", "is_app"), [("app", True), ("atlassian", False), ("customer", False)])
def test_is_app(kind: str, is_app: bool) -> None:
    assert User(account_id="a", account_type=kind).is_app is is_app


@pytest.mark.parametrize("value", [Group(id="g", name="n"), User(account_id="a", email="a@example.com")])
def test_results_are_frozen_values(value: Group | User) -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        value.type = "other"  # type: ignore[misc] # on purpose
    assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == value
    assert len({value, copy.copy(value)}) == 1


# --- compared with the generated models

texts = st.text(max_size=5)
group_bodies = st.fixed_dictionaries(
    {"type": texts, "name": texts.filter(bool), "id": texts.filter(bool)},
    optional={"usageType": texts, "managedBy": texts, "resourceAri": texts, "newer": st.integers()},
)
user_bodies = st.fixed_dictionaries(
    {"type": texts, "accountId": texts.filter(str.strip)},
    optional={
        **dict.fromkeys(("accountType", "publicName", "accountStatus", "locale"), texts),
        **dict.fromkeys(("email", "displayName", "timeZone"), st.none() | texts),
        **dict.fromkeys(("isGuest", "isExternalCollaborator"), st.booleans()),
        "newer": st.lists(texts),
    },
)


def read_field(model: Any, name: str) -> Any:
    """Return a field of a generated model as our models represent it."""
    value = getattr(model, name if hasattr(model, name) else f"{name}_")
    return None if isinstance(value, Unset) or value == "" else value


@given(group_bodies)
def test_groups_are_read_as_the_generated_model_reads_them(body: dict[str, Any]) -> None:
    model, ours = generated.Group.from_dict(body), deserialization.group(answer(body))
    assert attrs.asdict(ours) == {name: read_field(model, name) for name in attrs.fields_dict(Group)}


@given(user_bodies)
def test_users_are_read_as_the_generated_model_reads_them(body: dict[str, Any]) -> None:
    model, ours = generated.User.from_dict(body), deserialization.user(answer(body))
    assert attrs.asdict(ours) == {name: read_field(model, name) for name in attrs.fields_dict(User)}


@given(st.lists(user_bodies, max_size=3), st.none() | st.integers(min_value=0))
def test_pages_are_read_as_the_generated_model_reads_them(bodies: list[dict[str, Any]], total: int | None) -> None:
    body = {"results": bodies, **({} if total is None else {"totalSize": total})}
    page, model = read_users(answer(body)), generated.UserPage.from_dict(body)
    assert [user.account_id for user in page.items] == [user.account_id for user in model.results if user]
    assert page.total == read_field(model, "total_size")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_any_other_json_is_an_error(body: Any) -> None:
    for read in (deserialization.group, deserialization.user, read_groups, read_users):
        with pytest.raises(deserialization.DeserializationError):
            read(answer(body))


def test_json_is_read_as_utf_8_despite_another_charset_header() -> None:
    body = json.dumps({"id": "g", "name": "Dagný"}, ensure_ascii=False).encode()
    response = httpx.Response(200, content=body, headers={"Content-Type": "application/json; charset=latin-1"})
    assert deserialization.group(response).name == "Dagný"


@pytest.mark.parametrize(
    ("links", "more"), [({"next": "/x"}, True), ({"next": ""}, False), ({}, False), (None, False), ("next", False)]
)
def test_more_is_true_only_with_a_next_link(links: object, more: bool) -> None:
    assert read_users(answer({"results": [], "_links": links})).more is more


@pytest.mark.parametrize("total", [-1, 1.5, "7", True, None, [7]])
def test_a_total_that_is_not_a_count_is_ignored(total: object) -> None:
    assert read_users(answer({"results": [], "totalSize": total})).total is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["results", "totalSize", "_links", "next", "id", "name", "accountId", "isGuest", "scopes"]),
            inner,
        )
    ),
)


@pytest.mark.parametrize(
    "read",
    [deserialization.group, deserialization.user, read_groups, read_users, deserialization.sites],
)
@given(body=st.binary() | st.text().map(lambda text: text.encode("utf-16")) | json_values.map(json.dumps))
def test_any_body_is_read_or_raises_deserialization_error(
    read: Callable[[httpx.Response], object], body: bytes | str
) -> None:
    with suppress(deserialization.DeserializationError):
        read(httpx.Response(200, content=body))


# --- through the clients


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("method", "arguments", "status"),
    [
        ("get_group", {"group_id": "g"}, 200),
        ("create_group", {"name": "n"}, 201),
        ("get_user", {"account_id": "a"}, 200),
        ("current_user", {}, 200),
    ],
)
@pytest.mark.parametrize(
    ("body", "problem"),
    [(b"{}", "the body has no"), (b"null", "the body is not"), (b"<html></html>", "the body is not JSON")],
)
def test_an_unreadable_body_is_a_response_validation_error(
    kind: str, method: str, arguments: dict[str, str], status: int, body: bytes, problem: str
) -> None:
    response = httpx.Response(status, content=body, headers={"atl-request-id": "r-1"})
    with pytest.raises(ResponseValidationError, match=problem) as caught:
        call(kind, method, lambda _: response, arguments)
    assert (caught.value.status_code, caught.value.request_id) == (status, "r-1")
    assert "nothing is known about what happened" in str(caught.value)
    if method != "create_group":
        assert ("login page" in caught.value.remedy) == (body == b"<html></html>")
        assert (caught.value.problem is KnownProblem.UNKNOWN_SHAPE) == (body != b"<html></html>")
