"""Normalised requests to an OpenAPI 3.0.3 document."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from .nodes import Node
from .postman import JSON, Parameter, Request, Response
from .problems import Loss, SpecError
from .schemas import Schema, example_schema, value_schema

VERSION = "3.0.3"
OAUTH2 = "oauth2"


def build_document(
    requests: Iterable[Request], *, title: str, server: str | None = None
) -> tuple[dict[str, Any], list[Loss]]:
    """Return the document for these requests, and what it cannot say.

    Args:
        requests: in the order in which their paths shall stand.
        title: of the API.
        server: where the API starts, in place of ``{{baseUrl}}``; no server is named where it is not known.

    Raises:
        SpecError: two requests share path and method, two paths are one but for the names of their variables, or a
            placeholder is not known.
    """
    losses: list[Loss] = []
    paths: dict[str, dict[str, Any]] = {}
    document: dict[str, Any] = {"openapi": VERSION, "info": {"title": title, "version": "0.0.0"}, "paths": paths}
    if server is not None:
        document["servers"] = [{"url": server}]
    owners: dict[tuple[str, str], Request] = {}
    shapes: dict[str, str] = {}
    for request in requests:
        losses.extend(request.losses)
        path = "/" + "/".join(request.path)
        if other := owners.get((path, request.method)):
            raise SpecError(request.where, "/request", f"the same path and method as {other.where}")
        owners[path, request.method] = request
        if (same := shapes.setdefault(re.sub(r"\{.*?\}", "{}", path), path)) != path:
            raise SpecError(request.where, "/request/url/path", f"{same} again, but for the names of its variables")
        paths.setdefault(path, {})[request.method.lower()] = _operation(request, losses)
        if server is None:
            losses.append(_lost(request, "/request/url/host/0", "{{baseUrl}}", "nothing says where the API starts"))
        if not request.responses:
            losses.append(_lost(request, "/response", "every answer", "the item has no example of one"))
        if request.auth == OAUTH2:
            document["components"] = {"securitySchemes": {OAUTH2: {"type": "oauth2", "flows": {}}}}
            losses.append(_lost(request, "/request/auth", "oauth2", "the item names no flow, address or scope"))
    return document, losses


def operation_id(name: str) -> str:
    """Return the name of an operation in camel case, from the name of its item."""
    first, *rest = re.findall("[A-Za-z0-9]+", name)
    joined = first[0].lower() + first[1:] + "".join(word[0].upper() + word[1:] for word in rest)
    return joined if joined[0].isalpha() else f"operation{joined}"


def _operation(request: Request, losses: list[Loss]) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": operation_id(request.name), "summary": request.name}
    if request.description:
        operation["description"] = request.description
    if request.parameters:
        operation["parameters"] = [_parameter(parameter, request) for parameter in request.parameters]
    if request.body:
        operation["requestBody"] = {"content": _content(request.body, losses)}
    operation["responses"] = {str(response.code): _response(response, losses) for response in request.responses} or {
        "default": {"description": ""}
    }
    if request.auth == OAUTH2:
        operation["security"] = [{OAUTH2: []}]
    return operation


def _parameter(parameter: Parameter, request: Request) -> dict[str, Any]:
    """Return a parameter object; its description stands on the schema, too, where the generator reads it."""
    schema = value_schema(parameter.value)
    if schema is None:
        problem = f"{parameter.value!r} is neither a placeholder that is known nor a bare number, true or false"
        raise SpecError(request.where, f"{parameter.pointer}/value", problem)
    built: dict[str, Any] = {"name": parameter.name, "in": parameter.place}
    if parameter.description:
        built["description"] = parameter.description
        schema["description"] = parameter.description
    if parameter.required:
        built["required"] = True
        schema.pop("default", None)  # what must be given has no default: the value was an example
    if schema["type"] == "array":
        built |= {"style": "form" if parameter.place == "query" else "simple", "explode": False}
    if parameter.only:
        _restrict(schema, parameter, request)
    built["schema"] = schema
    return built


def _restrict(schema: Schema, parameter: Parameter, request: Request) -> None:
    """Put the values that a parameter takes into its schema, or into that of an array's entries."""
    inner = schema["items"] if schema["type"] == "array" else schema
    if inner["type"] != "string":
        raise SpecError(request.where, parameter.pointer, "only texts can be one of several values")
    inner["enum"] = list(parameter.only)


def _response(response: Response, losses: list[Loss]) -> dict[str, Any]:
    content = {"content": _content(response.example, losses)} if response.example else {}
    return {"description": response.description, **content}


def _content(example: Node, losses: list[Loss]) -> dict[str, Any]:
    return {JSON: {"schema": example_schema(example, losses)}}


def _lost(request: Request, pointer: str, what: str, why: str) -> Loss:
    return Loss(request.where, pointer, what, why)
