"""The operations on groups and users, answered as Confluence Cloud documents them.

Where nothing is documented: a second group of one name, and adding somebody who is a member, are 400.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import quote

from attrs import define
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from . import bodies
from .access import Access
from .authority import READ_GROUPS, READ_USERS, WRITE_GROUPS
from .bodies import RefusedError
from .directory import Directory, Group, Person

MOST_RESULTS = 200  # on a page
ACCESS_TYPES = ("user", "admin", "site-admin")
API = "/rest/api"

T = TypeVar("T")


@define
class Operations:
    """The API behind its addresses."""

    directory: Directory
    access: Access
    site: str  # the address that links name
    page_limit: int = MOST_RESULTS

    async def get_groups(self, request: Request) -> Response:
        """Answer getGroups."""
        self.access.reader(request, READ_GROUPS, anonymous=403)
        access_type = request.query_params.get("accessType")
        if access_type not in (None, *ACCESS_TYPES):
            raise _not_acceptable("accessType")
        groups = self.directory.groups_by_name()
        found = [group for group in groups if access_type is None or access_type in group.access]
        return self._page(request, "/group", found, self._group, counts=False)

    async def search_groups(self, request: Request) -> Response:
        """Answer searchGroups."""
        self.access.reader(request, READ_GROUPS, anonymous=403)
        query = request.query_params.get("query")
        if query is None:
            raise _not_acceptable("query")
        groups = self.directory.groups_by_name()
        found = [group for group in groups if query.casefold() in group.name.casefold()]
        return self._page(request, "/group/picker", found, self._group)

    async def get_group(self, request: Request) -> Response:
        """Answer getGroupByGroupId."""
        self.access.reader(request, READ_GROUPS, anonymous=403)
        return JSONResponse(self._group(self._known_group(_argument(request, "id"))))

    async def create_group(self, request: Request) -> Response:
        """Answer createGroup."""
        self.access.site_admin(request, WRITE_GROUPS)
        name = await _field(request, "name")
        if any(group.name.casefold() == name.casefold() for group in self.directory.groups.values()):
            raise RefusedError(bodies.error(400, f"A group named {name} already exists", valid=False))
        return JSONResponse(self._group(self.directory.create_group(name)), 201)

    async def delete_group(self, request: Request) -> Response:
        """Answer removeGroupById."""
        self.access.site_admin(request, WRITE_GROUPS)
        self.directory.delete_group(self._known_group(_argument(request, "id")).id)
        return Response(status_code=204)

    async def get_members(self, request: Request) -> Response:
        """Answer getGroupMembersByGroupId; an unknown group has an empty page."""
        self.access.reader(request, READ_GROUPS, anonymous=403)
        group_id = request.path_params["group_id"]
        if _number(request, "limit", MOST_RESULTS) > MOST_RESULTS:
            raise RefusedError(bodies.error(400, f"limit must not be above {MOST_RESULTS}", valid=False))
        found = self.directory.listed_members(group_id)
        path = f"/group/{quote(group_id, safe='')}/membersByGroupId"
        expand = _expand(request)
        return self._page(request, path, found, lambda person: self._user(person, expand))

    async def add_member(self, request: Request) -> Response:
        """Answer addUserToGroupByGroupId."""
        self.access.site_admin(request, WRITE_GROUPS)
        group = self._known_group(_argument(request, "groupId"))
        person = self._known_person(await _field(request, "accountId"))
        if self.directory.is_member(group.id, person.account_id):
            message = f"Cannot add user. User is already a member of {group.name}"
            raise RefusedError(bodies.error(400, message, valid=False))
        self.directory.add_member(group.id, person.account_id)
        return Response(status_code=201)

    async def remove_member(self, request: Request) -> Response:
        """Answer removeMemberFromGroupByGroupId; 204 for somebody who is no member, too."""
        self.access.site_admin(request, WRITE_GROUPS)
        group_id, account_id = _argument(request, "groupId"), _argument(request, "accountId")
        group, person = self._known_group(group_id), self._known_person(account_id)
        self.directory.remove_member(group.id, person.account_id)
        return Response(status_code=204)

    async def get_memberships(self, request: Request) -> Response:
        """Answer getGroupMembershipsForUser."""
        self.access.reader(request, READ_USERS, anonymous=403)
        found = self.directory.groups_of(_argument(request, "accountId"))
        return self._page(request, "/user/memberof", found, self._group, counts=False)

    async def get_current_user(self, request: Request) -> Response:
        """Answer getCurrentUser."""
        caller = self.access.reader(request, READ_USERS, anonymous=403)
        return JSONResponse(self._user(caller, _expand(request)))

    async def get_user(self, request: Request) -> Response:
        """Answer getUser."""
        self.access.reader(request, READ_USERS, anonymous=401)
        person = self._known_person(_argument(request, "accountId"))
        return JSONResponse(self._user(person, _expand(request)))

    def _page(
        self,
        request: Request,
        path: str,
        found: Iterable[T],
        shown: Callable[[T], dict[str, Any]],
        *,
        counts: bool = True,
    ) -> Response:
        """Return the page that was asked for, or a smaller one: the server has a limit of its own."""
        start = _number(request, "start", 0)
        limit = min(_number(request, "limit", MOST_RESULTS), self.page_limit)
        total = None
        if counts and request.query_params.get("shouldReturnTotalSize") == "true":
            found = list(found)
            total = len(found)
        results = list(islice(found, start, start + limit + 1))
        kept = {name: value for name, value in request.query_params.items() if name not in ("start", "limit", "next")}
        more = {**kept, "next": "true"} if len(results) > limit else {}
        shown_results = [shown(result) for result in results[:limit]]
        body = bodies.page(self.site, API + path, shown_results, start=start, limit=limit, total=total, more=more)
        return JSONResponse(body)

    def _group(self, group: Group) -> dict[str, Any]:
        return bodies.group(self.site, group)

    def _user(self, person: Person, expand: list[str]) -> dict[str, Any]:
        return bodies.user(self.site, person, expand)

    def _known_group(self, group_id: str) -> Group:
        if group_id not in self.directory.groups:
            raise RefusedError(bodies.error(404, f"No group found for id {group_id}"))
        return self.directory.groups[group_id]

    def _known_person(self, account_id: str) -> Person:
        if account_id not in self.directory.people:
            raise RefusedError(bodies.error(404, f"No user found for account id {account_id}"))
        return self.directory.people[account_id]


def _argument(request: Request, name: str) -> str:
    value = request.query_params.get(name, "")
    if not value.strip() or not value.isprintable():
        raise _not_acceptable(name)
    return value


async def _field(request: Request, name: str) -> str:
    """Return a text from the body."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise RefusedError(bodies.error(400, "The body is no JSON", valid=False)) from None
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise _not_acceptable(name)
    return value


def _number(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name, str(default))
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise _not_acceptable(name)
    return int(value)


def _expand(request: Request) -> list[str]:
    """Return what is to be expanded, whether joined by commas or given several times."""
    return [name for value in request.query_params.getlist("expand") for name in value.split(",")]


def _not_acceptable(name: str) -> RefusedError:
    return RefusedError(bodies.error(400, f"{name} is missing or invalid", valid=False))
