"""Requests: whole, and addresses that are the same whether they were parsed or not."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import httpx
import pytest
from doubles import token, wire
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk import ConfluenceGroups, __version__, _calls
from confluence_groups_sdk._calls import Call
from confluence_groups_sdk._clock import SystemClock
from confluence_groups_sdk._later import Later
from confluence_groups_sdk._pacing import Pacer
from confluence_groups_sdk._request import LONG, Address, prepare
from confluence_groups_sdk._retry import RetryPolicy
from confluence_groups_sdk._settings import Settings

BASES = (
    "https://your-domain.atlassian.net/wiki/rest",
    "https://api.atlassian.com/ex/confluence/11111111-2222-3333-4444-555555555555/wiki/rest",
    "https://xn--bcher-kva.example/wiki/rest",
    "http://127.0.0.1:8080/wiki/rest",
    "http://[::1]:8080/wiki/rest",
    "http://localhost",
)
PROPERTIES = [name for name in dir(httpx.URL) if isinstance(getattr(httpx.URL, name), property) and name != "raw"]
IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: not text.isspace())


def settings(base: str) -> Settings:
    return Settings(
        base=base,
        user_agent="test/1",
        timeout={"read": 3.0},
        total=None,
        retry=RetryPolicy(),
        pacer=Pacer(),
        clock=SystemClock(),
    )


def seen(url: httpx.URL) -> dict[str, Any]:
    """Return all that an address shows of itself."""
    return {name: getattr(url, name) for name in PROPERTIES} | {"str": str(url), "hash": hash(url)}


@given(st.sampled_from(BASES), IDS, IDS)
def test_an_address_put_together_is_the_one_that_httpx_parses(base: str, group_id: str, account_id: str) -> None:
    calls: list[Call[Any]] = [
        _calls.remove_member(group_id, account_id),
        _calls.search_page(group_id, 0, 5),
        _calls.current_user(),
    ]
    if group_id not in (".", ".."):
        calls.append(_calls.members_page(group_id, 0, 5, counted=True))
    for call in calls:
        kwargs = call.request
        query = str(httpx.QueryParams(kwargs.get("params"))).replace("+", "%20")
        parsed = httpx.URL(f"{base}{kwargs['url']}?{query}" if query else f"{base}{kwargs['url']}")
        url = prepare(call, settings(base)).url
        assert seen(url) == seen(parsed)
        assert url == parsed
        assert parsed == url
        assert url.copy_with(fragment="x") == parsed.copy_with(fragment="x")
        assert url.join("/elsewhere") == parsed.join("/elsewhere")


def address() -> Address:
    return Address(httpx.URL(BASES[0]), "/api/user?accountId=a")


def test_what_is_asked_for_first_makes_no_difference() -> None:
    expected = seen(httpx.URL(f"{BASES[0]}/api/user?accountId=a"))
    for name in PROPERTIES:
        assert getattr(address(), name) == expected[name]
    assert dict(address().params) == {"accountId": "a"}


def test_an_address_can_be_copied_and_pickled() -> None:
    for same in (copy.copy(address()), copy.deepcopy(address()), pickle.loads(pickle.dumps(address()))):
        assert seen(same) == seen(address())


def test_an_address_has_no_more_attributes_than_any_other() -> None:
    with pytest.raises(AttributeError, match="colour"):
        _ = address().colour


def test_sending_a_request_parses_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    whole = httpx.URL.__init__

    def init(self: httpx.URL, url: httpx.URL | str = "", **kwargs: Any) -> None:
        if isinstance(url, str) or kwargs:
            parsed.append(str(url))
        whole(self, url, **kwargs)

    answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    with wire(answer, answer) as (site, received), ConfluenceGroups(site, auth=token()) as groups:
        groups.remove_member(group_id="g", account_id="a")
        monkeypatch.setattr(httpx.URL, "__init__", init)
        groups.remove_member(group_id="g", account_id="a b+c")
        assert not parsed
        assert httpx.URL("https://example.com").host == "example.com"
        assert parsed == ["https://example.com"], "the counter counts"
    assert received[1].startswith(b"DELETE /wiki/rest/api/group/userByGroupId?groupId=g&accountId=a%20b%2Bc HTTP/1.1")


def test_headers_of_one_request_are_not_those_of_the_next() -> None:
    shared = settings(BASES[0])
    for call in (_calls.remove_member("g", "a"), _calls.add_member("g", "a"), _calls.get_user("a")):
        first = prepare(call, shared)
        before = first.headers.raw
        first.headers["Authorization"] = "secret"
        first.headers["X-Marker"] = "1"
        assert prepare(call, shared).headers.raw == before


def test_each_request_has_the_headers_that_its_call_needs_and_no_others() -> None:
    shared = settings(BASES[0])
    of_all = {"host", "accept", "accept-encoding", "connection", "user-agent"}
    with_body = prepare(_calls.add_member("g", "a"), shared)
    assert set(with_body.headers) == of_all | {"x-atlassian-token", "content-type", "content-length"}
    assert set(prepare(_calls.remove_member("g", "a"), shared).headers) == of_all | {"x-atlassian-token"}
    assert set(prepare(_calls.get_user("a"), shared).headers) == of_all
    assert with_body.content == b'{"accountId": "a"}'
    assert prepare(_calls.remove_member("g", "a"), shared).content == b"", "it was read"


def test_a_module_that_is_loaded_later_is_asked_once_for_each_of_its_names() -> None:
    version = Later("_version")
    assert version.__version__ == __version__
    assert vars(version)["__version__"] is __version__
    with pytest.raises(AttributeError, match="nothing"):
        _ = version.nothing


def test_arguments_too_long_for_an_address_are_refused_by_name() -> None:
    for length in (LONG, 60_000):
        assert len(str(prepare(_calls.remove_member("g", "a" * length), settings(BASES[0])).url)) > length
    with pytest.raises(ValueError, match=r"removeMemberFromGroupByGroupId: .* too long"):
        prepare(_calls.remove_member("g", "a" * 70_000), settings(BASES[0]))
