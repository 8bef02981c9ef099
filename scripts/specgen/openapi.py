"""Normalised requests to an OpenAPI 3.0.3 document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from .collection import WITHOUT, Auth, Body, Collection, Header, Parameter, Request, Response, Server
from .problems import Loss
from .schemas import ANYTHING

VERSION = "3.0.3"


def build_document(collection: Collection) -> tuple[dict[str, Any], list[Loss]]:
    """Return the document for a collection, and what it cannot say.

    No two of its requests share path and method: see `merging`.
    """
    losses = list(collection.losses)
    info = {"title": collection.title, "version": "0.0.0"}
    if collection.description:
        info["description"] = collection.description
    document: dict[str, Any] = {"openapi": VERSION, "info": info}
    server = _most_common(request.server for request in collection.requests)
    if server:
        document["servers"] = [_server(server)]
    used = {tag for request in collection.requests for tag in request.tags}
    if tags := [tag for tag in collection.tags if tag.name in used]:
        document["tags"] = [
            {"name": tag.name, **({"description": tag.description} if tag.description else {})} for tag in tags
        ]
    schemes = _Schemes()
    paths: dict[str, dict[str, Any]] = {}
    document["paths"] = paths
    for request, name in zip(collection.requests, operation_ids(collection.requests), strict=True):
        operation = _operation(request, name, schemes)
        if request.server not in (None, server) and request.server:
            operation["servers"] = [_server(request.server)]
        paths.setdefault(request.path, {})[request.method.lower()] = operation
        if not request.responses:
            losses.append(Loss(request.where, f"{request.pointer}/response", "every answer", "no example shows one"))
    if schemes.written:
        document["components"] = {"securitySchemes": schemes.written}
    return document, losses


def operation_ids(requests: Iterable[Request]) -> list[str]:
    """Return the names of the operations, no two alike whatever their case, independent of their order.

    An operation is named after its item; where several items share a name, or it has no letters, its method and path
    are part of it.
    """
    requests = list(requests)
    names = [operation_id(request.name) for request in requests]
    times = Counter(name.lower() for name in names)
    unique = [
        name
        if name and times[name.lower()] == 1
        else operation_id(f"{request.name} {request.method.lower()} {request.path}")
        for name, request in zip(names, requests, strict=True)
    ]
    taken: set[str] = set()
    for index, name in enumerate(unique):
        base, number = name or "operation", 1
        while unique[index].lower() in taken or not unique[index]:
            unique[index], number = f"{base}{number}", number + 1
        taken.add(unique[index].lower())
    return unique


def operation_id(name: str) -> str:
    """Return a name in camel case, from words; nothing where it has no letters."""
    words = re.findall("[A-Za-z0-9]+", name)
    if not any(re.search("[A-Za-z]", word) for word in words):
        return ""
    first, *rest = words
    written = first[0].lower() + first[1:] + "".join(word[0].upper() + word[1:] for word in rest)
    return written if written[0].isalpha() else f"operation{written}"


class _Schemes:
    """The security schemes of a document, each under a name of its own."""

    def __init__(self) -> None:
        self.written: dict[str, dict[str, Any]] = {}

    def name(self, auth: Auth) -> str:
        """Return the name of a scheme, which is added where it is new; scopes are added to its flow."""
        number = 1
        while True:
            name = auth.name if number == 1 else f"{auth.name}{number}"
            known = self.written.setdefault(name, auth.scheme)
            if _without_scopes(known) == _without_scopes(auth.scheme):
                for kind, flow in auth.scheme.get("flows", {}).items():
                    scopes = {**known["flows"][kind]["scopes"], **flow["scopes"]}
                    flows = {**known["flows"], kind: {**known["flows"][kind], "scopes": scopes}}
                    self.written[name] = {**known, "flows": flows}
                return name
            number += 1


def _without_scopes(scheme: dict[str, Any]) -> dict[str, Any]:
    if "flows" not in scheme:
        return scheme
    return {**scheme, "flows": {kind: {**flow, "scopes": None} for kind, flow in scheme["flows"].items()}}


def _most_common(servers: Iterable[Server | None]) -> Server | None:
    """Return the server that most requests go to, the first one of those."""
    known = [server for server in servers if server]
    counts = Counter(server.url for server in known)
    return max(known, key=lambda server: counts[server.url], default=None)


def _server(server: Server) -> dict[str, Any]:
    return {"url": server.url, **({"variables": server.variables} if server.variables else {})}


def _operation(request: Request, name: str, schemes: _Schemes) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": name}
    if request.tags:
        operation["tags"] = list(request.tags)
    if request.name:
        operation["summary"] = request.name
    if request.description:
        operation["description"] = request.description
    if request.parameters:
        operation["parameters"] = [_parameter(parameter) for parameter in request.parameters]
    if request.bodies:
        operation["requestBody"] = {"content": _content(request.bodies)}
    operation["responses"] = {response.status: _response(response) for response in request.responses} or {
        "default": {"description": ""}
    }
    if request.auth is not None:
        operation["security"] = [
            {} if auth == WITHOUT else {schemes.name(auth): list(auth.scopes)} for auth in request.auth
        ]
    return operation


def _parameter(parameter: Parameter) -> dict[str, Any]:
    """Return a parameter object; its description stands on the schema, too, where the generator reads it."""
    schema = {name: value for name, value in parameter.schema.items() if name != "enum"}
    built: dict[str, Any] = {"name": parameter.name, "in": parameter.place}
    if parameter.description:
        built["description"] = parameter.description
        schema["description"] = parameter.description
    if "enum" in parameter.schema:
        schema["enum"] = parameter.schema["enum"]
    if parameter.required:
        built["required"] = True
    if parameter.style:
        built |= {"style": parameter.style, "explode": bool(parameter.explode)}
    if parameter.example is not None:
        built["example"] = parameter.example
    built["schema"] = schema
    return built


def _response(response: Response) -> dict[str, Any]:
    headers = {header.name: _header(header) for header in response.headers}
    return {
        "description": response.description,
        **({"headers": headers} if headers else {}),
        **({"content": _content(response.bodies)} if response.bodies else {}),
    }


def _header(header: Header) -> dict[str, Any]:
    described = {"description": header.description} if header.description else {}
    return {**described, "schema": header.schema}


def _content(bodies: Iterable[Body]) -> dict[str, Any]:
    return {body.media_type: _media(body) for body in bodies}


def _media(body: Body) -> dict[str, Any]:
    """Return a media type object; one example is in the schema already, several are kept beside it."""
    media: dict[str, Any] = {"schema": body.schema} if body.schema != ANYTHING else {}
    if len(body.examples) > 1:
        media["examples"] = {example.name or "example": {"value": example.value} for example in body.examples}
    return media
