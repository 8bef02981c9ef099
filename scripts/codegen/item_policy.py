"""Refuse items that are not fully understood, so that a typing error never passes as a loss."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NoReturn

from postman_openapi.losses import SpecError
from postman_openapi.merging import PATH_VARIABLE
from postman_openapi.model import Collection, Request
from postman_openapi.operation_ids import operation_id

MAX_NAME_LENGTH = 200
NAME = re.compile(r"[A-Za-z0-9_.$@-]+")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=@-]+")


def require_single_request(collection: Collection, where: str) -> Request:
    """Return the only request of one of our item files, which may be a folder around the item.

    Raises:
        SpecError: part of the item was not understood, the file has several requests or nested folders, or a name in it
            cannot become a name in code.
    """
    for loss in collection.losses:
        if not loss.understood:
            raise SpecError(loss.item, loss.pointer, f"{loss.what}: {loss.why}")
    if len(collection.requests) != 1 or len(collection.tags) > 1:
        raise SpecError(where, "", "use one file per item: scripts/regenerate.py --import splits an export")
    (request,) = collection.requests
    if not re.search("[A-Za-z]", request.name):
        _refuse(request, "/name", "the name has no letter, but the operation is named after it")
    if len(request.name) > MAX_NAME_LENGTH:
        _refuse(request, "/name", f"longer than {MAX_NAME_LENGTH} characters, but a file is named after it")
    for parameter in request.parameters:
        plain = VARIABLE_NAME if parameter.place == "path" else NAME
        if not plain.fullmatch(parameter.name):
            _refuse(request, parameter.pointer, f"{parameter.name!r}: a name has only letters, digits and _ . $ @ -")
    for segment in request.path.removeprefix("/").split("/"):
        if not SEGMENT.fullmatch(PATH_VARIABLE.sub("x", segment)):
            _refuse(request, "/request/url/path", f"{segment!r}: segments must be plain: not escaped and not empty")
    return request


def refuse_equal_names(requests: Iterable[Request]) -> None:
    """Check that no two operations have one name, because the second would rename the first.

    Raises:
        SpecError: two do; the error names both items.
    """
    owners: dict[str, Request] = {}
    for request in requests:
        other = owners.setdefault(operation_id(request.name).lower(), request)
        if other is not request:
            problem = f"{request.name!r} makes the same operation name as {other.where}: rename or delete one"
            raise SpecError(request.where, "/name", problem)


def _refuse(request: Request, pointer: str, problem: str) -> NoReturn:
    raise SpecError(request.where, pointer, problem)
