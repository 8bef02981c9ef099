"""What an item of ours may hold: only what is understood, so that no slip of the pen passes for a loss."""

from __future__ import annotations

import re
from typing import NoReturn

from .collection import Collection, Request
from .merging import VARIABLE
from .problems import SpecError

LONGEST_NAME = 200
NAME = re.compile(r"[A-Za-z0-9_.$@-]+")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=@-]+")


def only_request(collection: Collection, where: str) -> Request:
    """Return the one request of a file of ours.

    Raises:
        SpecError: something in it was not understood, it holds several requests or folders, or a name in it is none
            that code is named after.
    """
    for loss in collection.losses:
        if not loss.understood:
            raise SpecError(loss.item, loss.pointer, f"{loss.what}: {loss.why}")
    if len(collection.requests) != 1 or collection.tags:
        raise SpecError(where, "", "one item a file: scripts/regenerate.py --import splits folders and collections")
    (request,) = collection.requests
    if not re.search("[A-Za-z]", request.name):
        _refuse(request, "/name", "the name has no letter, and the operation is named after it")
    if len(request.name) > LONGEST_NAME:
        _refuse(request, "/name", f"over {LONGEST_NAME} characters, and a file is named after it")
    for parameter in request.parameters:
        plain = VARIABLE_NAME if parameter.place == "path" else NAME
        if not plain.fullmatch(parameter.name):
            _refuse(request, parameter.pointer, f"{parameter.name!r}: only letters, digits and _ . $ @ - in a name")
    for segment in request.path.removeprefix("/").split("/"):
        if not SEGMENT.fullmatch(VARIABLE.sub("x", segment)):
            _refuse(request, "/request/url/path", f"{segment!r}: only plain segments, nothing escaped and none empty")
    return request


def _refuse(request: Request, pointer: str, problem: str) -> NoReturn:
    raise SpecError(request.where, pointer, problem)
