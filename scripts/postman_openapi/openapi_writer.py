"""Write requests as an OpenAPI 3.0.3 document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from attrs import evolve

from .losses import Kind, Loss
from .model import NO_AUTH, Auth, Body, Collection, Header, Parameter, Request, Response, Server, Tag
from .operation_ids import operation_ids
from .schema_inference import Schema

VERSION = "3.0.3"
NOT_IN_CODE = re.compile(r"\W+")
WORD_IN_CODE = re.compile(r"[A-Z]?[a-z]+|[^\W_]+?(?=[A-Z]?[a-z]|[\W_]|\Z)")
MAX_FILE_NAME = 230  # bytes of the 255 that file systems allow; the generator adds some
RESERVED_NAMES = ("client", "url")  # of arguments in code
# openapi-python-client gives up an operation whose header has another type, or one of these formats.
HEADER_TYPES = ("string", "integer", "number", "boolean")
GENERATED_MEDIA = re.compile(r"application/(?:json|octet-stream|x-www-form-urlencoded|[^/]+\+json)|multipart/form-data")
GENERATED_ANSWERS = re.compile(r"application/(?:json|octet-stream|[^/]+\+json)|text/.*")
NO_HEADER_FORMATS = ("binary", "date", "date-time", "uuid")


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
    schemes, classes = _Schemes(), _ClassNames()
    paths: dict[str, dict[str, Any]] = {}
    document["paths"] = paths
    for whole, name in zip(collection.requests, operation_ids(collection.requests), strict=True):
        request = _distinguish_members(whole, name, losses)
        operation = _operation(request, name, schemes, classes, losses)
        if request.other_servers or request.server not in (None, server):
            known = [each for each in (request.server, *request.other_servers) if each]
            operation["servers"] = [_server(each) for each in known]
        paths.setdefault(request.path, {})[request.method.lower()] = operation
        if not request.responses:
            losses.append(Loss(request.where, f"{request.pointer}/response", "every response", "there is no example"))
    if schemes.written:
        document["components"] = {"securitySchemes": schemes.written}
    return document, losses


class _ClassNames:
    """The names that generators give to the objects in schemas: those of the members on the way to them."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def distinguish(self, schema: Schema, parent: str, name: str) -> Schema:
        """Return a schema in which an object has a title if its name is taken, as with ``requests`` and ``Requests``.

        Args:
            schema: the schema.
            parent: the name of the object around it, or of the operation.
            name: the name of the member.
        """
        if schema.get("type") == "array":
            return {**schema, "items": self.distinguish(schema["items"], parent, f"{name} item")}
        if schema.get("type") != "object" or "properties" not in schema:
            return schema
        title, number = name, 1
        while (whole := NOT_IN_CODE.sub("", parent + title).replace("_", "").lower()) in self.taken:
            number += 1
            title = f"{name} {number}"
        self.taken.add(whole)
        inner = {key: self.distinguish(each, whole, key) for key, each in schema["properties"].items()}
        return {**schema, **({"title": title} if number > 1 else {}), "properties": inner}


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


def _operation(
    request: Request, name: str, schemes: _Schemes, classes: _ClassNames, losses: list[Loss]
) -> dict[str, Any]:
    optional = {
        "tags": list(request.tags),
        "summary": request.name,
        **(_described(request) if request.description != request.name else {}),
        "parameters": [_parameter(each, request, losses) for each in _distinct_parameters(request, losses)],
        "requestBody": _drop_empty({"content": _content(request.bodies, classes, name, "body")}),
    }
    losses += _parts_without_code(request)
    operation = {"operationId": name, **_drop_empty(optional)}
    operation["responses"] = {
        response.status: _response(response, classes, name) for response in request.responses
    } or {"default": {"description": ""}}
    if request.auth is not None:
        operation["security"] = [
            {} if auth == NO_AUTH else {schemes.name(auth): list(auth.scopes)} for auth in request.auth
        ]
    return operation


def _parts_without_code(request: Request) -> Iterator[Loss]:
    """Yield a loss for each body and response that openapi-python-client leaves out because of its media type."""
    unless = "unless its content_type_overrides name the media type"
    unknown = [body for body in request.bodies if not GENERATED_MEDIA.fullmatch(body.media_type)]
    part = "this body" if len(unknown) < len(request.bodies) else "the operation"
    for body in unknown:
        what, why = f"the media type {body.media_type} of a body", f"openapi-python-client leaves out {part}, {unless}"
        yield Loss(request.where, body.pointer, what, why, kind=Kind.GENERATOR)
    for response in request.responses:
        read = next((body for body in response.bodies if GENERATED_ANSWERS.fullmatch(body.media_type)), None)
        for body in response.bodies if read else response.bodies[:1]:
            if body is read:
                continue
            what = f"the media type {body.media_type} of a response"
            if read:
                why = f"openapi-python-client reads {read.media_type} alone for this status"
                yield Loss(request.where, body.pointer, what, why)
            else:
                why = f"openapi-python-client leaves out the response, {unless}"
                yield Loss(request.where, body.pointer, what, why, kind=Kind.GENERATOR)


def _parameter(parameter: Parameter, request: Request, losses: list[Loss]) -> dict[str, Any]:
    """Return a parameter object; the schema repeats the description because the code generator reads it there."""
    schema = parameter.schema if parameter.place != "header" else _header_schema(parameter, request, losses)
    schema = {**schema, **_described(parameter)}
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


def _distinct_parameters(request: Request, losses: list[Loss]) -> list[Parameter]:
    """Return the parameters whose names stay different as names in code: ``$x`` and ``x`` do not."""
    kept = list(request.parameters)
    while conflict := _name_conflict(kept):
        first, other = conflict
        kept.remove(other)
        why = f"code cannot tell it from {first.name!r}"
        losses.append(Loss(request.where, other.pointer, f"the parameter {other.name!r}", why))
    return kept


def _name_conflict(parameters: list[Parameter]) -> tuple[Parameter, Parameter] | None:
    """Return two parameters that openapi-python-client cannot tell apart: it would leave out the operation.

    It takes the names in snake case first. If two are the same, it adds the place of each parameter; in one place, it
    takes the names as they are written. It changes no name twice.
    """
    ordered = sorted(parameters, key=lambda each: ("path", "query", "header").index(each.place))
    names = [_names_in_code(each.name)[0] for each in ordered]
    changed: set[tuple[str, str]] = set()
    for _ in range(2):
        used: dict[str, int] = {}
        for index, parameter in enumerate(ordered):
            if names[index] in RESERVED_NAMES:
                names[index] += f"_{parameter.place}"
                changed.add((parameter.place, parameter.name))
                continue
            if (earlier := used.pop(names[index], None)) is None:
                used[names[index]] = index
                continue
            first = ordered[earlier]
            if {(first.place, first.name), (parameter.place, parameter.name)} & changed:
                return first, parameter
            for each in (earlier, index):
                if first.place == parameter.place:
                    names[each] = _names_in_code(ordered[each].name)[1]
                else:
                    names[each] += f"_{ordered[each].place}"
                used[names[each]] = each
            changed |= {(parameter.place, first.name), (first.place, first.name)}
    owners: dict[str, Parameter] = {}
    pairs = ((owners.setdefault(name, each), each) for name, each in zip(names, ordered, strict=True))
    return next(((first, other) for first, other in pairs if first is not other), None)


def _names_in_code(name: str) -> tuple[str, str]:
    """Return the names that openapi-python-client tries: in snake case, and as it is written."""
    return "_".join(WORD_IN_CODE.findall(name)).lower(), NOT_IN_CODE.sub("", name)


def _distinguish_members(request: Request, operation: str, losses: list[Loss]) -> Request:
    """Return a request without the members of its bodies whose names in code others have: ``@id`` beside ``id``.

    openapi-python-client would leave out the operation or the response. Without the member in the schema, the value is
    among the additional properties. An object deep inside has no type, because the generator names a file
    after all names on the way to it and fails if that name is too long.
    """

    def distinguish(schema: Schema, pointer: str, file: str) -> Schema:
        if schema.get("type") == "array":
            return {**schema, "items": distinguish(schema["items"], pointer, f"{file}_item")}
        if schema.get("type") == "object" and len(file.encode()) > MAX_FILE_NAME:
            why = "the names on the way to it are too long for a file name"
            losses.append(Loss(request.where, pointer, "the type of an object deep inside a body", why))
            return {name: each for name, each in schema.items() if name == "description"}
        if "properties" not in schema:
            return schema
        owners: dict[tuple[str, str], str] = {}
        for name in sorted(schema["properties"], key=lambda name: bool(NOT_IN_CODE.search(name))):
            owner = owners.setdefault(_names_in_code(name), name)
            if owner != name:
                losses.append(
                    Loss(request.where, pointer, f"the member {name!r}", f"code cannot tell it from {owner!r}")
                )
        kept = [name for name in schema["properties"] if name in owners.values()]
        required = [name for name in schema.get("required", []) if name in kept]
        members = {
            name: distinguish(schema["properties"][name], pointer, f"{file}_{_names_in_code(name)[0]}") for name in kept
        }
        whole = {**schema, "properties": members, "required": required}
        return whole if required else {name: value for name, value in whole.items() if name != "required"}

    def distinguish_bodies(bodies: tuple[Body, ...]) -> tuple[Body, ...]:
        file = f"{_names_in_code(operation)[0]}_response_200"
        return tuple(evolve(body, schema=distinguish(body.schema, body.pointer, file)) for body in bodies)

    answers = (evolve(response, bodies=distinguish_bodies(response.bodies)) for response in request.responses)
    return evolve(request, bodies=distinguish_bodies(request.bodies), responses=tuple(answers))


def _header_schema(parameter: Parameter, request: Request, losses: list[Loss]) -> Schema:
    """Return the schema of a header as a type that every generator can send; record the difference as a loss."""
    schema = parameter.schema
    if schema.get("type") not in HEADER_TYPES:
        what, schema = f"the type {schema.get('type', 'any')} of the header {parameter.name}", {"type": "string"}
    elif schema.get("format") in NO_HEADER_FORMATS:
        what = f"the format {schema['format']} of the header {parameter.name}"
        schema = {name: value for name, value in schema.items() if name != "format"}
    else:
        return schema
    losses.append(Loss(request.where, parameter.pointer, what, "code generators send only simple values in headers"))
    return schema


def _response(response: Response, classes: _ClassNames, operation: str) -> dict[str, Any]:
    headers = {header.name: {**_described(header), "schema": header.schema} for header in response.headers}
    content = _content(response.bodies, classes, operation, f"response {response.status}")
    return {
        "description": response.description,
        **_drop_empty({"headers": headers, "content": content}),
    }


def _described(part: Collection | Header | Parameter | Request | Tag) -> dict[str, str]:
    """Return the description of a part as a member, if it has one."""
    return _drop_empty({"description": part.description})


def _drop_empty(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}


def _content(bodies: Iterable[Body], classes: _ClassNames, operation: str, name: str) -> dict[str, Any]:
    return {body.media_type: _media(body, classes.distinguish(body.schema, operation, name)) for body in bodies}


def _media(body: Body, schema: Schema) -> dict[str, Any]:
    """Return a media type object; a single example is already part of the schema, several become `examples`."""
    media: dict[str, Any] = {"schema": schema}
    if len(body.examples) > 1:
        media["examples"] = {example.name or "example": {"value": example.value} for example in body.examples}
    return media
