"""Say what the reader can do next, to fit the operation, the credentials and the response.

The remedies of the error classes hold for every operation. Those below name only ids that the call has, and the request
id only if there is one.
"""

from __future__ import annotations

import re

from ..._support.libraries.http import httpx
from ...errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    KnownProblem,
    MissingScopeError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
)

GATEWAY_PATH = b"/ex/confluence/"
PERMISSION = re.compile(
    r"\bnot an? (\w+ )?admin|\bpermissions?\b|permissionexception|\bnot permitted\b|\bprivileges?\b"
)

ACCESS_TOKEN = "Check that the access token has not expired or been revoked, and that "
SUPPORT = "give the request id to Atlassian's support"


def remedy_for(error: APIStatusError, request: httpx.Request | None, words: str) -> str:
    """Return the remedy that fits an error.

    Args:
        error: the error, with the remedy of its class or of its known problem.
        request: the request that failed; None if it is not known.
        words: the server's words, in lower case.
    """
    if request is None:
        return error.remedy
    if error.problem is KnownProblem.EXTERNALLY_MANAGED:
        return _external_remedy(request, error.remedy)
    if error.problem is not None or isinstance(error, MissingScopeError):
        return error.remedy
    if isinstance(error, NotFoundError):
        return _not_found_remedy(request, error.remedy)
    if isinstance(error, BadRequestError):
        return _bad_request_remedy(request)
    if isinstance(error, AuthenticationError):
        return _authentication_remedy(request, error.remedy)
    if isinstance(error, PermissionDeniedError):
        return _permission_remedy(error, request, words)
    if isinstance(error, ServerError):
        return f"{error.remedy[:-1]}; if it persists, {SUPPORT}." if error.request_id else error.remedy
    if type(error) is APIStatusError:
        steps = ["read the body"] * bool(error.body) + [SUPPORT] * bool(error.request_id)
        return f"{error.remedy[:-1]}: {', and '.join(steps)}." if steps else error.remedy
    return error.remedy


def _path(request: httpx.Request) -> bytes:
    return request.url.raw_path.partition(b"?")[0]


def _ids(request: httpx.Request) -> list[str]:
    """Name the ids in a request."""
    path, _, query = request.url.raw_path.partition(b"?")
    ids = []
    if path.endswith((b"/group/userByGroupId", b"/group/by-id", b"/membersByGroupId")):
        ids.append("the group id")
    if path.endswith(b"/group/userByGroupId") or b"accountId=" in query:
        ids.append("the account id")
    return ids


def _not_found_remedy(request: httpx.Request, default: str) -> str:
    match _ids(request):
        case []:
            return "Check the site's address: it does not know this operation."
        case [name]:
            return f"Check {name}: this site does not know it."
        case _:
            return default


def _bad_request_remedy(request: httpx.Request) -> str:
    match _ids(request):
        case []:
            is_creation = request.method == "POST"
            return "Check the name of the new group: it must not be taken." if is_creation else "Check the arguments."
        case [name]:
            return f"Check {name}: it must belong to this site, exactly as Confluence returned it."
        case names:
            member = " The user may already be a member." if request.method == "POST" else ""
            which = " and ".join(names)
            return f"Check {which}: they must belong to this site, exactly as Confluence returned them.{member}"


def _authentication_remedy(request: httpx.Request, default: str) -> str:
    if not request.headers.get("Authorization", "").lower().startswith("bearer "):
        return default
    if _path(request).startswith(GATEWAY_PATH):
        return f"{ACCESS_TOKEN}the user has given the app access to this site."
    return f"{ACCESS_TOKEN}it is sent through the gateway, with the site's cloud id."


def _permission_remedy(error: APIStatusError, request: httpx.Request, words: str) -> str:
    """Say what a permission requires if the server speaks of one; otherwise, only the server knows the cause."""
    is_page = (
        (error.body or "").lstrip("\ufeff \t\r\n").startswith("<")
    )  # of a web server, which may mean its own files
    if PERMISSION.search(words) and not is_page:
        if request.method == "GET":
            return "Use an account with access to Confluence that may see this."
        return "To change groups, use a site admin's account."
    if not error.message:
        return f"{error.remedy[:-1]}; {SUPPORT}." if error.request_id else error.remedy
    remedy = "Only the server's message shows the cause. It may also come from a proxy or firewall on the way."
    return f"{remedy} If it does not help, {SUPPORT}." if error.request_id else remedy


def _external_remedy(request: httpx.Request, default: str) -> str:
    """Return the remedy for a change that an identity provider must make."""
    path = _path(request)
    if path.endswith(b"/group/by-id"):
        return "An identity provider manages this group: delete it there."
    if path.endswith(b"/group"):
        return "An identity provider manages groups here: create the group there."
    return default
