"""Write requests as an OpenAPI 3.0.3 document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from .losses import Loss
from .model import NO_AUTH, Auth, Body, Collection, Header, Parameter, Request, Response, Server, Tag
from .schema_inference import ANYTHING

VERSION = "3.0.3"


def build_document(collection: Collection) -> tuple[dict[str, Any], list[Loss]]:
    """Return the OpenAPI document of a collection, and all losses.

    No two requests may share path and method: see `merging`.
    """
    losses = list(collection.losses)
    server = _most_common_server(request.server for request in collection.requests)
    used = {tag for request in collection.requests for tag in request.tags}
    tags = [{"name": tag.name, **_described(tag)} for tag in collection.tags if tag.name in used]
    document: dict[str, Any] = {
        "openapi": VERSION,
        "info": {"title": collection.title, "version": "0.0.0", **_described(collection)},
        **_drop_empty({"servers": [_server(server)] if server else [], "tags": tags}),
    }
    schemes = _Schemes()
    paths: dict[str, dict[str, Any]] = {}
    document["paths"] = paths
    for request, name in zip(collection.requests, operation_ids(collection.requests), strict=True):
        operation = _operation(request, name, schemes)
        if request.server not in (None, server) and request.server:
            operation["servers"] = [_server(request.server)]
        paths.setdefault(request.path, {})[request.method.lower()] = operation
        if not request.responses:
            losses.append(Loss(request.where, f"{request.pointer}/response", "every response", "there is no example"))
    if schemes.written:
        document["components"] = {"securitySchemes": schemes.written}
    return document, losses


def operation_ids(requests: Iterable[Request]) -> list[str]:
    """Return one operationId per request, unique even if case is ignored, in any order of the requests.

    An operation is named after its item. If several items share a name, or the name has no letters, the method and
    path become part of it.
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
    """Return a name in camel case, or an empty string if it has no letters."""
    words = re.findall("[A-Za-z0-9]+", name)
    if not any(re.search("[A-Za-z]", word) for word in words):
        return ""
    first, *rest = words
    written = first[0].lower() + first[1:] + "".join(word[0].upper() + word[1:] for word in rest)
    return written if written[0].isalpha() else f"operation{written}"


class _Schemes:
    """The security schemes of a document, each under its own name."""

    def __init__(self) -> None:
        self.written: dict[str, dict[str, Any]] = {}

    def name(self, auth: Auth) -> str:
        """Return the name of a scheme; add the scheme if it is new, and its scopes to the flow."""
        number = 1
        while True:
            name = auth.name if number == 1 else f"{auth.name}{number}"
            known = self.written.setdefault(name, auth.scheme)
            if _strip_scopes(known) == _strip_scopes(auth.scheme):
                for kind, flow in auth.scheme.get("flows", {}).items():
                    scopes = {**known["flows"][kind]["scopes"], **flow["scopes"]}
                    flows = {**known["flows"], kind: {**known["flows"][kind], "scopes": scopes}}
                    self.written[name] = {**known, "flows": flows}
                return name
            number += 1


def _strip_scopes(scheme: dict[str, Any]) -> dict[str, Any]:
    if "flows" not in scheme:
        return scheme
    return {**scheme, "flows": {kind: {**flow, "scopes": None} for kind, flow in scheme["flows"].items()}}


def _most_common_server(servers: Iterable[Server | None]) -> Server | None:
    """Return the server that most requests use; if there are several, the first."""
    known = [server for server in servers if server]
    counts = Counter(server.url for server in known)
    return max(known, key=lambda server: counts[server.url], default=None)


def _server(server: Server) -> dict[str, Any]:
    return {"url": server.url, **({"variables": server.variables} if server.variables else {})}


def _operation(request: Request, name: str, schemes: _Schemes) -> dict[str, Any]:
    optional = {
        "tags": list(request.tags),
        "summary": request.name,
        **_described(request),
        "parameters": [_parameter(parameter) for parameter in request.parameters],
        "requestBody": _drop_empty({"content": _content(request.bodies)}),
    }
    operation = {"operationId": name, **_drop_empty(optional)}
    operation["responses"] = {response.status: _response(response) for response in request.responses} or {
        "default": {"description": ""}
    }
    if request.auth is not None:
        operation["security"] = [
            {} if auth == NO_AUTH else {schemes.name(auth): list(auth.scopes)} for auth in request.auth
        ]
    return operation


def _parameter(parameter: Parameter) -> dict[str, Any]:
    """Return a parameter object; the schema repeats the description because the code generator reads it there."""
    schema = {**parameter.schema, **_described(parameter)}
    if "enum" in schema:
        schema["enum"] = schema.pop("enum")  # as the last member
    style = {"style": parameter.style, "explode": bool(parameter.explode)} if parameter.style else {}
    return {
        "name": parameter.name,
        "in": parameter.place,
        **_described(parameter),
        **_drop_empty({"required": parameter.required}),
        **style,
        **({} if parameter.example is None else {"example": parameter.example}),
        "schema": schema,
    }


def _response(response: Response) -> dict[str, Any]:
    headers = {header.name: {**_described(header), "schema": header.schema} for header in response.headers}
    return {
        "description": response.description,
        **_drop_empty({"headers": headers, "content": _content(response.bodies)}),
    }


def _described(part: Collection | Header | Parameter | Request | Tag) -> dict[str, str]:
    """Return the description of a part as a member, if it has one."""
    return _drop_empty({"description": part.description})


def _drop_empty(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}


def _content(bodies: Iterable[Body]) -> dict[str, Any]:
    return {body.media_type: _media(body) for body in bodies}


def _media(body: Body) -> dict[str, Any]:
    """Return a media type object; a single example is already part of the schema, several become `examples`."""
    media: dict[str, Any] = {"schema": body.schema} if body.schema != ANYTHING else {}
    if len(body.examples) > 1:
        media["examples"] = {example.name or "example": {"value": example.value} for example in body.examples}
    return media
