"""Refuse items that are not fully understood, so that a typing error never passes as a loss."""

from __future__ import annotations

import re
from typing import NoReturn

from postman_openapi.losses import SpecError
from postman_openapi.merging import PATH_VARIABLE
from postman_openapi.model import Collection, Request

MAX_NAME_LENGTH = 200
NAME = re.compile(r"[A-Za-z0-9_.$@-]+")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=@-]+")


def require_single_request(collection: Collection, where: str) -> Request:
    """Return the only request of one of our item files.

    Raises:
        SpecError: part of the item was not understood, the file has several requests or folders, or a name in it
            cannot become a name in code.
    """
    for loss in collection.losses:
        if not loss.understood:
            raise SpecError(loss.item, loss.pointer, f"{loss.what}: {loss.why}")
    if len(collection.requests) != 1 or collection.tags:
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


def _refuse(request: Request, pointer: str, problem: str) -> NoReturn:
    raise SpecError(request.where, pointer, problem)
