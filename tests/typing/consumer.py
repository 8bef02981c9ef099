"""A program for type checkers only: it uses every method of both clients, and never runs.

mypy (strict) and pyright check it. They report ignore comments that are not needed, so each wrong use below must be an
error.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from typing import assert_type

import httpx

from confluence_groups_sdk import (
    APIStatusError,
    ApiToken,
    AsyncConfluenceGroups,
    BearerToken,
    CallEnded,
    ConfluenceGroups,
    Event,
    FileTokenStore,
    Group,
    IncompleteReadError,
    MemoryTokenStore,
    Notice,
    OAuth2,
    RateLimiter,
    RateLimitError,
    RetryPolicy,
    Site,
    Tokens,
    TokenStore,
    User,
    UserList,
    aiohttp_client,
    discover_sites,
    discover_sites_async,
)
from confluence_groups_sdk._generated import AuthenticatedClient


def count_calls(event: Event) -> None:
    if isinstance(event, CallEnded):
        assert_type(event.attempts[0].retry_in, float | None)


def use_every_method(http: httpx.Client) -> None:
    with ConfluenceGroups(
        "https://your-domain.atlassian.net",
        auth=ApiToken("me@example.com", "token"),
        timeout=httpx.Timeout(30, connect=5),
        retry=RetryPolicy(max_retries=2),
        http_client=http,
        application_name="consumer/1.0",
        observe=count_calls,
    ) as groups:
        assert_type(groups, ConfluenceGroups)
        assert_type(groups.iter_groups(), Generator[Group, None, None])
        assert_type(groups.iter_groups(access_type="site-admin", page_size=50), Generator[Group, None, None])
        assert_type(groups.search_groups(query="docs"), Generator[Group, None, None])
        assert_type(groups.iter_members(group_id="g", page_size=1), Generator[User, None, None])
        assert_type(groups.iter_memberships(account_id="a"), Generator[Group, None, None])
        with closing(groups.iter_groups()) as some:
            assert_type(next(some), Group)
        assert_type(groups.count_members(group_id="g"), int)
        assert_type(groups.is_member(group_id="g", account_id="a"), bool)
        assert_type(groups.get_group(group_id="g"), Group)
        assert_type(groups.create_group(name="n"), Group)
        assert_type(groups.get_user(account_id="a"), User)
        users = groups.get_users(account_ids=("a", "b"))
        assert_type(users, UserList)
        assert_type(users[0], User)
        assert_type(users.missing, tuple[str, ...])
        assert_type(groups.current_user(), User)
        groups.add_member(group_id="g", account_id="a")
        groups.remove_member(group_id="g", account_id="a")
        groups.delete_group(group_id="g")
        assert_type(groups.with_options(timeout=None, retry=RetryPolicy()), ConfluenceGroups)
        assert_type(groups.prepare("remove_member", group_id="g", account_id="a"), httpx.Request)
        assert_type(groups.raw, AuthenticatedClient)
        assert_type(groups.site, str)
        assert_type(groups.rate_limiter, RateLimiter)
        assert_type(groups.notices, tuple[Notice, ...])
        assert_type(groups.observer, Callable[[Event], object] | None)
    groups.close()
    assert_type(ConfluenceGroups.from_env(timeout=3), ConfluenceGroups)
    assert_type(ConfluenceGroups.for_cloud("id", auth=BearerToken("t"), http_client=http), ConfluenceGroups)


async def use_every_method_async(http: httpx.AsyncClient) -> None:
    async with AsyncConfluenceGroups(
        "https://your-domain.atlassian.net", auth=BearerToken("token"), http_client=http
    ) as groups:
        assert_type(groups, AsyncConfluenceGroups)
        assert_type(groups.iter_groups(access_type="user"), AsyncGenerator[Group, None])
        assert_type(groups.search_groups(query="docs", page_size=10), AsyncGenerator[Group, None])
        assert_type(groups.iter_members(group_id="g"), AsyncGenerator[User, None])
        assert_type(groups.iter_memberships(account_id="a"), AsyncGenerator[Group, None])
        async with aclosing(groups.iter_groups()) as some:
            assert_type(await anext(some), Group)
        assert_type(await groups.count_members(group_id="g"), int)
        assert_type(await groups.is_member(group_id="g", account_id="a"), bool)
        assert_type(await groups.get_group(group_id="g"), Group)
        assert_type(await groups.create_group(name="n"), Group)
        assert_type(await groups.get_user(account_id="a"), User)
        assert_type(await groups.get_users(account_ids=["a", "b"]), UserList)
        assert_type(await groups.current_user(), User)
        await groups.add_member(group_id="g", account_id="a")
        await groups.remove_member(group_id="g", account_id="a")
        await groups.delete_group(group_id="g")
        assert_type(groups.with_options(timeout=1.5), AsyncConfluenceGroups)
        assert_type(groups.prepare("remove_member", group_id="g", account_id="a"), httpx.Request)
        assert_type(groups.raw, AuthenticatedClient)
        assert_type(groups.site, str)
        assert_type(groups.rate_limiter, RateLimiter)
        assert_type(groups.notices, tuple[Notice, ...])
        assert_type(groups.observer, Callable[[Event], object] | None)
    await groups.aclose()
    assert_type(AsyncConfluenceGroups.from_env(), AsyncConfluenceGroups)
    assert_type(AsyncConfluenceGroups.for_cloud("id", auth=BearerToken("t")), AsyncConfluenceGroups)


async def many_tasks(context: ssl.SSLContext) -> None:
    async with aiohttp_client(verify=context, max_connections=50) as http:
        assert_type(http, httpx.AsyncClient)
        AsyncConfluenceGroups("https://your-domain.atlassian.net", auth=BearerToken("t"), http_client=http)
    aiohttp_client(context)  # type: ignore[call-arg] # by name only


async def with_oauth(http: httpx.Client) -> None:
    tokens = Tokens("access", "refresh", expires_at=0, scopes=["read:confluence-groups"])
    assert_type(tokens.scopes, tuple[str, ...])
    stores: list[TokenStore] = [MemoryTokenStore(tokens), MemoryTokenStore(), FileTokenStore("tokens.json")]
    auth = OAuth2("id", "secret", stores[0], authority="https://auth.atlassian.com")
    (site,) = discover_sites(auth, http_client=http, timeout=3)
    assert_type(site, Site)
    assert_type(site.cloud_id, str)
    assert_type(site.scopes, frozenset[str])
    assert_type(await discover_sites_async(auth, gateway="https://api.atlassian.com"), list[Site])
    ConfluenceGroups.for_cloud(site.cloud_id, auth=auth)
    OAuth2("id", "secret", {"access_token": "a"})  # type: ignore[arg-type] # not a token store


def read_models(group: Group, user: User) -> None:
    assert_type(group.id, str)
    assert_type(group.name, str)
    assert_type(group.type, str | None)
    assert_type(group.usage_type, str | None)
    assert_type(group.managed_by, str | None)
    assert_type(group.resource_ari, str | None)
    assert_type(group.is_externally_managed, bool | None)
    assert_type(user.account_id, str)
    assert_type(user.type, str | None)
    assert_type(user.account_type, str | None)
    assert_type(user.email, str | None)
    assert_type(user.public_name, str | None)
    assert_type(user.display_name, str | None)
    assert_type(user.time_zone, str | None)
    assert_type(user.is_guest, bool | None)
    assert_type(user.account_status, str | None)
    assert_type(user.locale, str | None)
    assert_type(user.is_app, bool | None)
    assert_type(user.active, bool | None)


def read_errors(error: RateLimitError, other: APIStatusError, short: IncompleteReadError) -> None:
    assert_type(error.retry_after, float | None)
    assert_type(other.status_code, int)
    assert_type(other.request_id, str | None)
    assert_type(other.remedy, str)
    assert_type(short.received, tuple[str, ...])


def wrong_uses(groups: ConfluenceGroups, tasks: AsyncConfluenceGroups, group: Group, http: httpx.AsyncClient) -> None:
    groups.remove_member("g", "a")  # type: ignore[call-arg] # by name only
    groups.remove_member(group_id="g")  # type: ignore[call-arg] # both are required
    groups.add_member(group_id="g", account_id=None)  # type: ignore[arg-type] # an id is text
    groups.iter_groups(access_type="owner")  # type: ignore[arg-type] # there is no such access type
    groups.iter_members(group_id="g", page_size="many")  # type: ignore[arg-type] # a number
    len(groups.iter_members(group_id="g"))  # type: ignore[arg-type] # an iterator has no length
    for _ in tasks.iter_groups():  # type: ignore[attr-defined] # only `async for`
        pass
    group.name = "other"  # type: ignore[misc] # frozen
    ConfluenceGroups("https://your-domain.atlassian.net")  # type: ignore[call-arg] # auth is required
    ConfluenceGroups("https://your-domain.atlassian.net", auth="token")  # type: ignore[arg-type] # no bare token
    ConfluenceGroups.from_env(http_client=http)  # type: ignore[arg-type] # the other kind of client
