"""Read response bodies: strict if a wrong value would mislead, tolerant of everything else.

Only the needed fields of the JSON are read. The generated models read the same fields at several times the cost; tests
check that both agree. Sources: docs/confluence-behaviour.md#groups and #users.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from attrs import evolve, frozen

from ..._support.libraries.http import httpx
from ...models import Group, Site, User
from ..responses.bounded_json import JsonBoundsError, parse_json

T = TypeVar("T")


class DeserializationError(Exception):
    """A body is not what the operation documents; the message says what is wrong, and where."""

    is_json = True


class InvalidJsonError(DeserializationError):
    """A body is not JSON, or none that Confluence would send, so it is probably not from Confluence."""

    is_json = False


@frozen
class Page(Generic[T]):
    """One page of a list."""

    items: list[T]
    size: int  # number of entries, including those that are skipped
    requested_limit: int  # the limit in the request
    limit: int | None  # the limit in the response; None if the server states none that fits the page
    total: int | None  # number of entries in the whole list; None if the server does not say
    more: bool  # whether the page has a link to a next page
    unidentified: tuple[int, ...] = ()  # indexes of the entries that are skipped because they have no id

    @property
    def is_short(self) -> bool:
        """Whether the page has fewer entries than the limit in the request and the limit in the response, if any."""
        return self.size < self.requested_limit and (self.limit is None or self.size < self.limit)


def objects_in(result: object) -> int:
    """Count the groups and users in a result, for which Atlassian counts points."""
    if isinstance(result, Page):
        return len(result.items)
    return int(isinstance(result, Group | User))


def nothing(_response: httpx.Response) -> None:
    """Ignore the body."""


def group(response: httpx.Response) -> Group:
    """Read a group."""
    return _group(_parse_json(response))


def user(response: httpx.Response) -> User:
    """Read a user."""
    return _user(_parse_json(response))


def groups(response: httpx.Response, *, requested_limit: int) -> Page[Group]:
    """Read a page of groups."""
    body, results = _results(response)
    items = [_group(result, index) for index, result in enumerate(results)]
    return _page(body, items, requested_limit)


def users(response: httpx.Response, *, requested_limit: int) -> Page[User]:
    """Read a page of users, without the entries that have no account id."""
    body, results = _results(response)
    try:
        return _page(body, [_user(result, index) for index, result in enumerate(results)], requested_limit)
    except DeserializationError:  # rare, so that the usual page is read without another check of each entry
        unidentified = tuple(index for index, result in enumerate(results) if not _has_account_id(result))
    return _page(body, [_user(result) for result in results if _has_account_id(result)], requested_limit, unidentified)


def sites(response: httpx.Response) -> list[Site]:
    """Read a list of sites; merge the entries of one site, which may have one per product, and their scopes."""
    body = _parse_json(response)
    if not isinstance(body, list):
        raise DeserializationError("the body is not a list of sites")
    found: dict[str, Site] = {}
    for index, value in enumerate(body):
        site = _site(value, f"[{index}]")
        first = found.setdefault(site.cloud_id, site)
        found[site.cloud_id] = evolve(first, scopes=first.scopes | site.scopes)
    return list(found.values())


def _parse_json(response: httpx.Response) -> Any:
    try:
        return parse_json(response.content)
    except JsonBoundsError as problem:
        raise InvalidJsonError(f"the body {problem}, so it was not parsed") from None
    except ValueError:
        raise InvalidJsonError("the body is not JSON") from None


def _results(response: httpx.Response) -> tuple[dict[str, Any], list[Any]]:
    """Return the body of a page, and its entries."""
    body = _parse_json(response)
    if not isinstance(body, dict) or not isinstance(body.get("results"), list):
        raise DeserializationError("the body is not a page of results")
    return body, body["results"]


def _page(body: dict[str, Any], items: list[T], requested_limit: int, unidentified: tuple[int, ...] = ()) -> Page[T]:
    limit, total, links = body.get("limit"), body.get("totalSize"), body.get("_links")
    size = len(body["results"])
    return Page(
        items,
        size,
        requested_limit,
        limit=limit if type(limit) is int and limit >= max(size, 1) else None,
        total=total if type(total) is int and total >= 0 else None,
        more=isinstance(links, dict) and bool(links.get("next")),
        unidentified=unidentified,
    )


def _has_account_id(value: Any) -> bool:
    account_id = value.get("accountId") if isinstance(value, dict) else None
    return isinstance(account_id, str) and bool(account_id.strip())


def _group(value: Any, index: int | None = None) -> Group:
    if not isinstance(value, dict):
        raise DeserializationError(f"{_place(index)} is not a group")
    return Group(
        id=_text(value, "id") or _missing(_place(index), "id"),
        name=_text(value, "name") or _missing(_place(index), "name"),
        type=_text(value, "type"),
        usage_type=_text(value, "usageType"),
        managed_by=_text(value, "managedBy"),
        resource_ari=_text(value, "resourceAri"),
    )


def _user(value: Any, index: int | None = None) -> User:
    """Read a user, without a function call for each field: a group may have a million members."""
    if not isinstance(value, dict):
        raise DeserializationError(f"{_place(index)} is not a user")
    get = value.get
    user: User = object.__new__(User)
    User.__init__(  # User(...) would collect its arguments in a dict first, a quarter of the whole cost
        user,
        account_id=text
        if isinstance(text := get("accountId"), str) and text and not text.isspace()
        else _missing(_place(index), "accountId"),
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
        raise DeserializationError(f"{place} is not a site")
    scopes = value.get("scopes")
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise DeserializationError(f"{place} has no list of scopes")
    return Site(
        cloud_id=_text(value, "id") or _missing(place, "id"),
        name=_text(value, "name"),
        url=_text(value, "url"),
        scopes=frozenset(scopes),
    )


def _text(value: dict[str, Any], name: str) -> str | None:
    """Read a text; None if it is missing or empty, as hidden e-mail addresses are."""
    text = value.get(name)
    return text if isinstance(text, str) and text else None


def _place(index: int | None) -> str:
    return "the body" if index is None else f"results[{index}]"


def _missing(place: str, name: str) -> str:
    raise DeserializationError(f"{place} has no {name}")
