"""Requests are complete, and their URLs are the same whether parsed or not."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import httpx
import pytest
from fakes import token, wire
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk import ConfluenceGroups, __version__
from confluence_groups_sdk._core.api import operations
from confluence_groups_sdk._core.api.operations import Call
from confluence_groups_sdk._core.config import ClientConfig
from confluence_groups_sdk._core.limits.rate_limiter import RateLimiter
from confluence_groups_sdk._core.limits.retry_policy import RetryPolicy
from confluence_groups_sdk._core.transport.request_builder import MAX_FAST_PATH_URL, PreparsedURL, build_request
from confluence_groups_sdk._support.clock import SystemClock
from confluence_groups_sdk._support.lazy_import import LazyModule

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


def build_config(base: str) -> ClientConfig:
    return ClientConfig(
        base=base,
        user_agent="test/1",
        timeout={"read": 3.0},
        total_timeout_s=None,
        retry=RetryPolicy(),
        rate_limiter=RateLimiter(),
        clock=SystemClock(),
    )


def read_attributes(url: httpx.URL) -> dict[str, Any]:
    """Return every attribute of a URL."""
    return {name: getattr(url, name) for name in PROPERTIES} | {"str": str(url), "hash": hash(url)}


@given(st.sampled_from(BASES), IDS, IDS)
def test_a_preparsed_url_equals_the_parsed_one(base: str, group_id: str, account_id: str) -> None:
    calls: list[Call[Any]] = [
        operations.remove_member(group_id, account_id),
        operations.search_page(group_id, 0, 5),
        operations.current_user(),
    ]
    if group_id not in (".", ".."):
        calls.append(operations.members_page(group_id, 0, 5, counted=True))
    for call in calls:
        kwargs = call.request
        query = str(httpx.QueryParams(kwargs.get("params"))).replace("+", "%20")
        parsed = httpx.URL(f"{base}{kwargs['url']}?{query}" if query else f"{base}{kwargs['url']}")
        url = build_request(call, build_config(base)).url
        assert read_attributes(url) == read_attributes(parsed)
        assert url == parsed
        assert parsed == url
        assert url.copy_with(fragment="x") == parsed.copy_with(fragment="x")
        assert url.join("/elsewhere") == parsed.join("/elsewhere")


def address() -> PreparsedURL:
    return PreparsedURL(httpx.URL(BASES[0]), "/api/user?accountId=a")


def test_the_order_of_attribute_access_makes_no_difference() -> None:
    expected = read_attributes(httpx.URL(f"{BASES[0]}/api/user?accountId=a"))
    for name in PROPERTIES:
        assert getattr(address(), name) == expected[name]
    assert dict(address().params) == {"accountId": "a"}


def test_a_url_can_be_copied_and_pickled() -> None:
    for same in (copy.copy(address()), copy.deepcopy(address()), pickle.loads(pickle.dumps(address()))):
        assert read_attributes(same) == read_attributes(address())


def test_a_url_has_no_unknown_attributes() -> None:
    with pytest.raises(AttributeError, match="colour"):
        _ = address().colour


def test_sending_a_request_parses_no_url(monkeypatch: pytest.MonkeyPatch) -> None:
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
        assert parsed == ["https://example.com"], "the counter works"
    assert received[1].startswith(b"DELETE /wiki/rest/api/group/userByGroupId?groupId=g&accountId=a%20b%2Bc HTTP/1.1")


def test_requests_do_not_share_headers() -> None:
    shared = build_config(BASES[0])
    for call in (operations.remove_member("g", "a"), operations.add_member("g", "a"), operations.get_user("a")):
        first = build_request(call, shared)
        before = first.headers.raw
        first.headers["Authorization"] = "secret"
        first.headers["X-Marker"] = "1"
        assert build_request(call, shared).headers.raw == before


def test_each_request_has_exactly_the_required_headers() -> None:
    shared = build_config(BASES[0])
    of_all = {"host", "accept", "accept-encoding", "connection", "user-agent"}
    with_body = build_request(operations.add_member("g", "a"), shared)
    assert set(with_body.headers) == of_all | {"x-atlassian-token", "content-type", "content-length"}
    assert set(build_request(operations.remove_member("g", "a"), shared).headers) == of_all | {"x-atlassian-token"}
    assert set(build_request(operations.get_user("a"), shared).headers) == of_all
    assert with_body.content == b'{"accountId": "a"}'
    assert build_request(operations.remove_member("g", "a"), shared).content == b"", "it was read"


def test_a_lazy_module_looks_up_each_name_once() -> None:
    version = LazyModule("confluence_groups_sdk", "_version")
    assert version.__version__ == __version__
    assert vars(version)["__version__"] is __version__
    with pytest.raises(AttributeError, match="nothing"):
        _ = version.nothing


def test_arguments_too_long_for_an_address_raise_with_the_operations_name() -> None:
    for length in (MAX_FAST_PATH_URL, 60_000):
        assert len(str(build_request(operations.remove_member("g", "a" * length), build_config(BASES[0])).url)) > length
    with pytest.raises(ValueError, match=r"removeMemberFromGroupByGroupId: .* too long"):
        build_request(operations.remove_member("g", "a" * 70_000), build_config(BASES[0]))
