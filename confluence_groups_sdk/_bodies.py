"""Reading the bodies of answers: strict where a wrong value would mislead, tolerant of everything else.

It takes the few fields it needs from the parsed JSON. The generated models read the same at several times the cost;
tests hold that both agree.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import httpx
from attrs import evolve, frozen

from .models import Group, Site, User

T = TypeVar("T")


class UnreadableError(Exception):
    """A body is not what the operation documents; the text tells what is wrong, and where."""

    is_json = True


class NoJsonError(UnreadableError):
    """A body is no JSON: hardly an answer of Confluence."""

    is_json = False


@frozen
class Page(Generic[T]):
    """Some of the results of a list."""

    items: list[T]
    total: int | None  # of results in the whole list, where the server says
    more: bool  # whether there is a link to a next page, which some servers lie about


def objects_in(result: object) -> int:
    """Return how many groups or users were read: a server that counts points counts them."""
    if isinstance(result, Page):
        return len(result.items)
    return int(isinstance(result, Group | User))


def nothing(_response: httpx.Response) -> None:
    """Read an answer whose body says nothing."""


def group(response: httpx.Response) -> Group:
    """Read a group."""
    return _group(_parsed(response))


def user(response: httpx.Response) -> User:
    """Read a user."""
    return _user(_parsed(response))


def groups(response: httpx.Response) -> Page[Group]:
    """Read a page of groups."""
    return _page(_parsed(response), _group)


def users(response: httpx.Response) -> Page[User]:
    """Read a page of users."""
    return _page(_parsed(response), _user)


def sites(response: httpx.Response) -> list[Site]:
    """Read a list of sites; one that is listed for each of its products is one site, with all their scopes."""
    body = _parsed(response)
    if not isinstance(body, list):
        raise UnreadableError("the body is no list of sites")
    found: dict[str, Site] = {}
    for index, value in enumerate(body):
        site = _site(value, f"[{index}]")
        first = found.setdefault(site.cloud_id, site)
        found[site.cloud_id] = evolve(first, scopes=first.scopes | site.scopes)
    return list(found.values())


def _parsed(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        raise NoJsonError("the body is no JSON") from None


def _page(body: Any, read: Callable[[Any, int], T]) -> Page[T]:
    if not isinstance(body, dict) or not isinstance(body.get("results"), list):
        raise UnreadableError("the body is no page of results")
    items = [read(result, index) for index, result in enumerate(body["results"])]
    total = body.get("totalSize")
    links = body.get("_links")
    return Page(
        items,
        total=total if type(total) is int and total >= 0 else None,
        more=isinstance(links, dict) and bool(links.get("next")),
    )


def _group(value: Any, index: int | None = None) -> Group:
    if not isinstance(value, dict):
        raise UnreadableError(f"{_place(index)} is no group")
    return Group(
        id=_text(value, "id") or _missing(_place(index), "id"),
        name=_text(value, "name") or _missing(_place(index), "name"),
        type=_text(value, "type"),
        usage_type=_text(value, "usageType"),
        managed_by=_text(value, "managedBy"),
        resource_ari=_text(value, "resourceAri"),
    )


def _user(value: Any, index: int | None = None) -> User:
    """Read a user as `_text` would; a group may have a million, so that nothing is called here for each field."""
    if not isinstance(value, dict):
        raise UnreadableError(f"{_place(index)} is no user")
    get = value.get
    user: User = object.__new__(User)
    User.__init__(  # User(...) would first collect its arguments in a dict, at a quarter of the whole cost
        user,
        account_id=text if isinstance(text := get("accountId"), str) and text else _missing(_place(index), "accountId"),
        type=text if isinstance(text := get("type"), str) and text else None,
        account_type=text if isinstance(text := get("accountType"), str) and text else None,
        email=text if isinstance(text := get("email"), str) and text else None,
        public_name=text if isinstance(text := get("publicName"), str) and text else None,
        display_name=text if isinstance(text := get("displayName"), str) and text else None,
        time_zone=text if isinstance(text := get("timeZone"), str) and text else None,
        is_guest=flag if isinstance(flag := get("isGuest"), bool) else None,
        account_status=text if isinstance(text := get("accountStatus"), str) and text else None,
        locale=text if isinstance(text := get("locale"), str) and text else None,
    )
    return user


def _site(value: Any, place: str) -> Site:
    if not isinstance(value, dict):
        raise UnreadableError(f"{place} is no site")
    scopes = value.get("scopes")
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise UnreadableError(f"{place} has no list of scopes")
    return Site(
        cloud_id=_text(value, "id") or _missing(place, "id"),
        name=_text(value, "name"),
        url=_text(value, "url"),
        scopes=frozenset(scopes),
    )


def _text(value: dict[str, Any], name: str) -> str | None:
    """Return a text; None where there is none, or an empty one, which is how Confluence hides an e-mail address."""
    text = value.get(name)
    return text if isinstance(text, str) and text else None


def _place(index: int | None) -> str:
    return "the body" if index is None else f"results[{index}]"


def _missing(place: str, name: str) -> str:
    raise UnreadableError(f"{place} has no {name}")
