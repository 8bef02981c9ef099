"""The operations on groups and users, with the responses that Confluence Cloud documents.

Sources: docs/confluence-behaviour.md#operations, #permissions and #pagination. Four responses are not documented, and
are 400 here: creating a group with a name that is taken, adding a user who is a member, changing a group that an
identity provider manages, and looking up more than 100 users.
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

from . import payloads
from .authentication import Authenticator
from .directory import Directory, Group, Person
from .oauth_server import READ_GROUPS, READ_USERS, WRITE_GROUPS
from .payloads import RejectedError

MAX_PAGE_SIZE = 200
MAX_LOOKUP = 100  # users of one call
ACCESS_TYPES = ("user", "admin", "site-admin")
API = "/rest/api"

T = TypeVar("T")


@define
class Operations:
    """The handlers of the API's operations."""

    directory: Directory
    authenticator: Authenticator
    site: str  # the address in links
    page_limit: int = MAX_PAGE_SIZE

    async def get_groups(self, request: Request) -> Response:
        """Answer getGroups."""
        self.authenticator.reader(request, READ_GROUPS, anonymous=403)
        access_type = request.query_params.get("accessType")
        if access_type not in (None, *ACCESS_TYPES):
            raise _invalid_argument("accessType")
        groups = self.directory.groups_by_name()
        found = [group for group in groups if access_type is None or access_type in group.access]
        return self._page(request, "/group", found, self._group, has_total=False)

    async def search_groups(self, request: Request) -> Response:
        """Answer searchGroups."""
        self.authenticator.reader(request, READ_GROUPS, anonymous=403)
        query = request.query_params.get("query")
        if query is None:
            raise _invalid_argument("query")
        groups = self.directory.groups_by_name()
        found = [group for group in groups if query.casefold() in group.name.casefold()]
        return self._page(request, "/group/picker", found, self._group)

    async def get_group(self, request: Request) -> Response:
        """Answer getGroupByGroupId."""
        self.authenticator.reader(request, READ_GROUPS, anonymous=403)
        return JSONResponse(self._group(self._find_group(_query_argument(request, "id"))))

    async def create_group(self, request: Request) -> Response:
        """Answer createGroup."""
        self.authenticator.site_admin(request, WRITE_GROUPS)
        name = await _body_argument(request, "name")
        if any(group.name.casefold() == name.casefold() for group in self.directory.groups.values()):
            raise RejectedError(payloads.error(400, f"A group named {name} already exists", valid=False))
        return JSONResponse(self._group(self.directory.create_group(name)), 201)

    async def delete_group(self, request: Request) -> Response:
        """Answer removeGroupById."""
        self.authenticator.site_admin(request, WRITE_GROUPS)
        group = self._find_group(_query_argument(request, "id"))
        _check_is_changeable(group)
        self.directory.delete_group(group.id)
        return Response(status_code=204)

    async def get_members(self, request: Request) -> Response:
        """Answer getGroupMembersByGroupId: an unknown group gives an empty page, as on live sites."""
        self.authenticator.reader(request, READ_GROUPS, anonymous=403)
        group_id = request.path_params["group_id"]
        if _query_number(request, "limit", MAX_PAGE_SIZE) > MAX_PAGE_SIZE:
            raise RejectedError(payloads.error(400, f"limit must not be above {MAX_PAGE_SIZE}", valid=False))
        found = self.directory.listed_members(group_id)
        path = f"/group/{quote(group_id, safe='')}/membersByGroupId"
        expand = _query_list(request, "expand")
        return self._page(request, path, found, lambda person: self._user(person, expand))

    async def add_member(self, request: Request) -> Response:
        """Answer addUserToGroupByGroupId."""
        self.authenticator.site_admin(request, WRITE_GROUPS)
        group = self._find_group(_query_argument(request, "groupId"))
        person = self._find_person(await _body_argument(request, "accountId"))
        _check_is_changeable(group)
        if self.directory.is_member(group.id, person.account_id):
            message = f"Cannot add user. User is already a member of {group.name}"
            raise RejectedError(payloads.error(400, message, valid=False))
        self.directory.add_member(group.id, person.account_id)
        return Response(status_code=201)

    async def remove_member(self, request: Request) -> Response:
        """Answer removeMemberFromGroupByGroupId: 204 also for a user who is not a member."""
        self.authenticator.site_admin(request, WRITE_GROUPS)
        group_id, account_id = _query_argument(request, "groupId"), _query_argument(request, "accountId")
        group, person = self._find_group(group_id), self._find_person(account_id)
        _check_is_changeable(group)
        self.directory.remove_member(group.id, person.account_id)
        return Response(status_code=204)

    async def get_memberships(self, request: Request) -> Response:
        """Answer getGroupMembershipsForUser."""
        self.authenticator.reader(request, READ_USERS, anonymous=403)
        found = self.directory.groups_of(_query_argument(request, "accountId"))
        return self._page(request, "/user/memberof", found, self._group, has_total=False)

    async def get_current_user(self, request: Request) -> Response:
        """Answer getCurrentUser."""
        caller = self.authenticator.reader(request, READ_USERS, anonymous=403)
        return JSONResponse(self._user(caller, _query_list(request, "expand")))

    async def get_user(self, request: Request) -> Response:
        """Answer getUser."""
        self.authenticator.reader(request, READ_USERS, anonymous=401)
        person = self._find_person(_query_argument(request, "accountId"))
        return JSONResponse(self._user(person, _query_list(request, "expand")))

    async def look_up_users(self, request: Request) -> Response:
        """Answer getBulkUserLookup: ids may be joined by commas or repeat the parameter; unknown ones are left out."""
        self.authenticator.reader(request, READ_USERS, anonymous=403)
        account_ids = list(dict.fromkeys(_query_list(request, "accountId")))
        if not account_ids:
            raise _invalid_argument("accountId")
        if len(account_ids) > MAX_LOOKUP:
            raise RejectedError(payloads.error(400, f"At most {MAX_LOOKUP} account ids are accepted", valid=False))
        expand = _query_list(request, "expand")
        people = [self.directory.people[each] for each in account_ids if each in self.directory.people]
        results = [self._user(person, expand) for person in people]
        body = payloads.page(
            self.site, API + "/user/bulk", results, start=0, limit=MAX_PAGE_SIZE, total=None, next_query={}
        )
        return JSONResponse(body)

    async def is_gone(self, request: Request) -> Response:
        """Answer an operation by group name: 410, after the credentials have been checked."""
        scope = READ_GROUPS if request.method in ("GET", "HEAD") else WRITE_GROUPS
        self.authenticator.reader(request, scope, anonymous=403)
        return payloads.gone()

    async def is_unknown(self, request: Request) -> Response:
        """Answer an address that nothing serves: 404, in the shape of the API or of the gateway."""
        own = (f"/wiki{API}/", f"/ex/confluence/{self.authenticator.oauth_server.cloud_id}/wiki{API}/")
        if request.url.path.startswith(own):
            return payloads.error(404, "No operation has this address")
        return payloads.gateway_error(404, "Not Found")

    def _page(
        self,
        request: Request,
        path: str,
        items: Iterable[T],
        render: Callable[[T], dict[str, Any]],
        *,
        has_total: bool = True,
    ) -> Response:
        """Return the page that was asked for; it is smaller if the limit is above ``page_limit``."""
        start = _query_number(request, "start", 0)
        limit = min(_query_number(request, "limit", MAX_PAGE_SIZE), self.page_limit)
        total = None
        if has_total and request.query_params.get("shouldReturnTotalSize", "").lower() == "true":
            items = list(items)
            total = len(items)
        found = list(islice(items, start, start + limit + 1))
        kept = {name: value for name, value in request.query_params.items() if name not in ("start", "limit", "next")}
        next_query = {**kept, "next": "true"} if len(found) > limit > 0 else {}
        results = [render(item) for item in found[:limit]]
        body = payloads.page(
            self.site, API + path, results, start=start, limit=limit, total=total, next_query=next_query
        )
        return JSONResponse(body)

    def _group(self, group: Group) -> dict[str, Any]:
        return payloads.group(self.site, group)

    def _user(self, person: Person, expand: list[str]) -> dict[str, Any]:
        return payloads.user(self.site, person, expand)

    def _find_group(self, group_id: str) -> Group:
        if group_id not in self.directory.groups:
            raise RejectedError(payloads.error(404, f"No group found for id {group_id}"))
        return self.directory.groups[group_id]

    def _find_person(self, account_id: str) -> Person:
        if account_id not in self.directory.people:
            raise RejectedError(payloads.error(404, f"No user found for account id {account_id}"))
        return self.directory.people[account_id]


def _check_is_changeable(group: Group) -> None:
    """Refuse to change a group that an identity provider manages; the response of a real site is not known."""
    if group.managed_by == "EXTERNAL":
        message = (
            f"Can not modify the group {group.name}, which is synced from an identity provider. "
            "Manage this group in your identity provider instead."
        )
        raise RejectedError(payloads.error(400, message, valid=False))


def _query_argument(request: Request, name: str) -> str:
    value = request.query_params.get(name, "")
    if not value.strip() or not value.isprintable():
        raise _invalid_argument(name)
    return value


async def _body_argument(request: Request, name: str) -> str:
    """Return a text in the JSON body."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise RejectedError(payloads.error(400, "The body is not JSON", valid=False)) from None
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise _invalid_argument(name)
    return value


def _query_number(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name, str(default))
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise _invalid_argument(name)
    return int(value)


def _query_list(request: Request, name: str) -> list[str]:
    """Return the values of a parameter; they may be joined by commas, or repeat the parameter."""
    return [each for value in request.query_params.getlist(name) for each in value.split(",") if each.strip()]


def _invalid_argument(name: str) -> RejectedError:
    return RejectedError(payloads.error(400, f"{name} is missing or invalid", valid=False))
