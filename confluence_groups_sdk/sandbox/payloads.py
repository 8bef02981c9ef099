"""The bodies of the sandbox's responses, shaped like recorded responses of live sites.

Sources: docs/confluence-behaviour.md#groups, #users, #pagination and #errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import JSONResponse, Response

from .directory import Group, Person

LENGTH_HEADERS = ("content-length", "transfer-encoding")
EXPANDABLE = ("operations", "personalSpace")

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class RejectedError(Exception):
    """Ends the handling of a request with an error response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def check_headers(headers: Mapping[str, str]) -> None:
    """Check that headers can be sent.

    Raises:
        ValueError: a name is not a token (RFC 9110 section 5.6.2) or is one that the sandbox sets; a value has control
            characters, is not Latin-1, or begins or ends with a space.
    """
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"header {name!a}: a name has only letters, digits and !#$%&'*+-.^_`|~")
        if name.lower() in LENGTH_HEADERS:
            raise ValueError(f"header {name!r}: the sandbox sets it, to the length of the body")
        if not value.isprintable() or any(ord(char) > 255 for char in value):
            raise ValueError(f"header {name!r}: only printable Latin-1 can be sent")
        if value != value.strip():
            raise ValueError(f"header {name!r}: a value cannot begin or end with a space")


def group(site: str, group: Group) -> dict[str, Any]:
    """Build a group; its link to itself has its name instead of its id, as on live sites."""
    optional = {"usageType": group.usage_type, "managedBy": group.managed_by}
    return {
        "id": group.id,
        "name": group.name,
        "resourceAri": f"ari:cloud:identity::group/{group.id}",
        "type": "group",
        **{name: value for name, value in optional.items() if value is not None},
        "_links": {"self": f"{site}/wiki/rest/experimental/group/{quote(group.name, safe='')}"},
    }


def user(site: str, person: Person, expand: Sequence[str] = ()) -> dict[str, Any]:
    """Build a user; an app has no locale."""
    account_id = quote(person.account_id, safe="")
    picture = {"path": f"/wiki/aa-avatar/{account_id}", "width": 48, "height": 48, "isDefault": False}
    expanded = {"operations": [{"operation": "use", "targetType": "application"}]} if "operations" in expand else {}
    return {
        "type": "known",
        "accountId": person.account_id,
        "accountType": person.account_type,
        "email": person.email,
        "publicName": person.display_name,
        "profilePicture": picture,
        "displayName": person.display_name,
        **({"timeZone": person.time_zone} if person.time_zone else {}),
        "isExternalCollaborator": person.is_guest,
        "isGuest": person.is_guest,
        **({"locale": "en_US"} if person.account_type != "app" else {}),
        "accountStatus": person.account_status,
        **expanded,
        "_expandable": {name: "" for name in EXPANDABLE if name not in expanded},
        "_links": {"self": f"{site}/wiki/rest/api/user?accountId={account_id}"},
    }


def page(
    site: str,
    path: str,
    results: list[dict[str, Any]],
    *,
    start: int,
    limit: int,
    total: int | None,
    next_query: Mapping[str, str],
) -> dict[str, Any]:
    """Build a page of results.

    Args:
        site: the site's own address; links have it even if the gateway was called.
        path: the path of the list, from the root of the API.
        results: the results on this page.
        start: the index of the first result.
        limit: the maximum number of results.
        total: the number of results on all pages, if the request asks for it.
        next_query: the query of the next page, without start and limit; empty if there is no next page.
    """
    links = {"base": f"{site}/wiki", "context": "/wiki", "self": f"{site}/wiki{path}"}
    if next_query:
        query = urlencode({**next_query, "limit": limit, "start": start + len(results)}, quote_via=quote)
        links["next"] = f"{path}?{query}"
    total_size = {} if total is None else {"totalSize": total}
    return {"results": results, "start": start, "limit": limit, "size": len(results), **total_size, "_links": links}


def error(
    status: int,
    message: str,
    *,
    authorized: bool = True,
    valid: bool = True,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build the error response that is documented for the whole v1 API."""
    reasons = [{"message": {"translation": message, "args": []}}]
    data = {"authorized": authorized, "valid": valid, "errors": reasons, "successful": False}
    return JSONResponse({"statusCode": status, "data": data, "message": message}, status, headers=headers)


def gateway_error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Build the error response of the gateway."""
    return JSONResponse({"code": status, "message": message}, status, headers=headers)


def gone() -> Response:
    """Build the response to a removed operation, as recorded on live sites."""
    reason = "com.atlassian.confluence.api.service.exceptions.pagesmodes.GoneException"
    data = {"authorized": True, "valid": True, "errors": [], "successful": True}
    message = f"{reason}: This deprecated endpoint has been removed."
    return JSONResponse({"statusCode": 410, "data": data, "message": message}, 410)
