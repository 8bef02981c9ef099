"""Postman items, as OpenAPI-to-Postman exporters write them, read back into normalised requests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http import HTTPMethod, HTTPStatus

from attrs import evolve, frozen

from .nodes import Node, parse_json
from .problems import Loss, SpecError

REQUIRED = "(Required) "
ONE_OF = re.compile(r"(.*?) ?\(This can only be one of ([^()]+)\)", re.DOTALL)
SECURITY_MARK = "Added as a part of security scheme: "
NEGOTIATION = ("accept", "content-type")  # headers that OpenAPI says by media types, never by parameters
JSON = "application/json"
BASE_URL = "{{baseUrl}}"
NO_MEANING = ("id", "_postman_id", "uid")  # Postman's own bookkeeping
SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=@-]+")  # what may stand in a path unescaped, but for the colon
LONGEST_NAME = 200
VARIABLE = re.compile(r":([A-Za-z_][A-Za-z0-9_]*)")
PARAMETER = re.compile(r"[A-Za-z0-9_.$@-]+")


@frozen
class Parameter:
    """A parameter of a request: its value still as Postman shows it, a placeholder or a default."""

    place: str  # as OpenAPI names it: path or query
    name: str
    value: str
    description: str
    required: bool
    only: tuple[str, ...]  # the values that it takes, where they are listed
    pointer: str


@frozen
class Response:
    """A documented answer."""

    code: int
    description: str
    example: Node | None  # the JSON body, where there is one
    pointer: str


@frozen
class Request:
    """A request, with all that its item says about it."""

    name: str
    where: str  # the item, for messages
    method: str
    path: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    body: Node | None  # an example of the JSON body, where there is one
    description: str
    auth: str | None
    responses: tuple[Response, ...] = ()
    losses: tuple[Loss, ...] = ()


def read_item(document: Node) -> Request:
    """Return the request of a Postman item.

    Raises:
        SpecError: something in the item is not understood.
    """
    named = document.value.get("name") if isinstance(document.value, dict) else None
    where = f"{document.where} ({named!r})" if isinstance(named, str) else document.where
    item = Node(document.value, where).fields(("name", "request"), ("response", *NO_MEANING))
    request = item["request"].fields(("method", "url"), ("auth", "header", "body", "description"))
    if "header" in request:
        _check_headers(request["header"])
    path, parameters = _url(request["url"])
    bare = Request(
        name=_name(item["name"]),
        where=where,
        method=_method(request["method"]),
        path=path,
        parameters=parameters,
        body=_body(request["body"]) if "body" in request else None,
        description=_description(request.get("description")),
        auth=_auth(request["auth"]) if "auth" in request else None,
    )
    losses: list[Loss] = []
    responses = _responses(item["response"], bare, losses) if "response" in item else ()
    return evolve(bare, responses=responses, losses=tuple(losses))


def _name(node: Node) -> str:
    name = node.text()
    if not re.search("[A-Za-z]", name):
        node.fail("the name has no letter, and the operation is named after it")
    if len(name) > LONGEST_NAME:
        node.fail(f"over {LONGEST_NAME} characters, and a file is named after it")
    return name


def _method(node: Node) -> str:
    method = node.text()
    if method not in HTTPMethod.__members__ or method == "CONNECT":
        node.fail("no HTTP method that OpenAPI knows, in capitals")
    return method


def _auth(node: Node) -> str:
    auth = node.fields(("type",))
    if auth["type"].text() != "oauth2":
        auth["type"].fail("only oauth2 is understood")
    return "oauth2"


def _url(node: Node) -> tuple[tuple[str, ...], tuple[Parameter, ...]]:
    """Return the segments of the path, and the parameters in path and query."""
    url = node.fields(("host", "path"), ("raw", "query", "variable"))
    host = [part.text() for part in url["host"].items()]
    if host != [BASE_URL]:
        url["host"].fail(f"only [{BASE_URL!r}] is understood")
    segments = [part.text() for part in url["path"].items()]
    variables = _parameters("path", url.get("variable"))
    query = _parameters("query", url.get("query"))
    named = [variable[1] for segment in segments if (variable := VARIABLE.fullmatch(segment))]
    if sorted(named) != sorted(parameter.name for parameter in variables):
        url["path"].fail(f"its variables {named} are not those that are described under variable, once each")
    path = tuple(_segment(part) for part in url["path"].items())
    if "raw" in url:
        text = "&".join(f"{parameter.name}={parameter.value}" for parameter in query)
        whole = "/".join([BASE_URL, *segments]) + (f"?{text}" if text else "")
        if url["raw"].text() != whole:
            url["raw"].fail(f"differs from its parts, which read {whole!r}")
    return path, variables + query


def _segment(node: Node) -> str:
    """Return a segment of a path, as OpenAPI writes it."""
    segment = node.text()
    if variable := VARIABLE.fullmatch(segment):
        return f"{{{variable[1]}}}"
    if not SEGMENT.fullmatch(segment) or segment in (".", ".."):
        node.fail(
            "only plain path segments are understood: letters, digits and . _ ~ ! $ & ' ( ) * + , ; = @ -, or one "
            "variable with a colon before it"
        )
    return segment


def _parameters(place: str, node: Node | None) -> tuple[Parameter, ...]:
    if node is None:
        return ()
    parameters = tuple(_parameter(place, entry) for entry in node.items())
    for index, parameter in enumerate(parameters):
        if parameter.name in {earlier.name for earlier in parameters[:index]}:
            raise SpecError(node.where, parameter.pointer, f"the parameter {parameter.name!r} stands twice")
    return parameters


def _parameter(place: str, node: Node) -> Parameter:
    entry = node.fields(("key", "value"), ("description",))
    name = entry["key"].text()
    if not PARAMETER.fullmatch(name):
        entry["key"].fail("only letters, digits and _ . $ @ - are understood in a parameter's name")
    marked = _description(entry.get("description"))
    described = marked.removeprefix(REQUIRED)
    listed = ONE_OF.fullmatch(described)
    return Parameter(
        place=place,
        name=name,
        value=entry["value"].text(),
        description=listed[1] if listed else described,
        required=marked.startswith(REQUIRED) or place == "path",
        only=tuple(listed[2].split(",")) if listed else (),
        pointer=node.pointer,
    )


def _body(node: Node) -> Node:
    """Return the JSON of a request's body."""
    body = node.fields(("mode", "raw"), ("options",))
    if body["mode"].text() != "raw":
        body["mode"].fail("only raw bodies are understood")
    if "options" in body and body["options"].value != {"raw": {"headerFamily": "json", "language": "json"}}:
        body["options"].fail("only JSON bodies are understood")
    return _json(body["raw"])


def _json(node: Node) -> Node:
    """Return the JSON in a text; its places are counted on from the text's own."""
    place = f"{node.where}: {node.pointer}" if node.pointer else node.where
    return evolve(parse_json(node.text(), place), where=node.where, pointer=node.pointer)


def _description(node: Node | None) -> str:
    """Return a description, which exporters write as text or as an object around it."""
    if node is None:
        return ""
    if isinstance(node.value, dict):
        described = node.fields(("content",), ("type",))
        if "type" in described:
            described["type"].text()
        node = described["content"]
    return node.text()


def _check_headers(node: Node) -> None:
    """See that all headers name media types or come from the security scheme, since such are not parameters."""
    for header in node.items():
        entry = header.fields(("key", "value"), ("description",))
        name, value = entry["key"].text(), entry["value"].text()
        if name.lower() in NEGOTIATION:
            if value != JSON:
                entry["value"].fail(f"only {JSON} is understood")
        elif name != "Authorization" or not _description(entry.get("description")).startswith(SECURITY_MARK):
            header.fail("header parameters are not understood; only the Authorization of a security scheme is")


def _responses(node: Node, request: Request, losses: list[Loss]) -> tuple[Response, ...]:
    responses = tuple(_response(entry, request, losses) for entry in node.items())
    codes = [response.code for response in responses]
    for index, response in enumerate(responses):
        if response.code in codes[:index]:
            raise SpecError(node.where, response.pointer, f"a second example for status {response.code}")
    return responses


def _response(node: Node, request: Request, losses: list[Loss]) -> Response:
    entry = node.fields(
        ("name", "code"),
        ("status", "originalRequest", "_postman_previewlanguage", "header", "cookie", "body", *NO_MEANING),
    )
    code = entry["code"].value
    if type(code) is not int or not 100 <= code <= 599:
        entry["code"].fail("a status code from 100 to 599 is expected")
    body = entry["body"] if "body" in entry and entry["body"].text() else None
    if "status" in entry and entry["status"].text() != _phrase(code):
        losses.append(_lost(entry["status"], "the text of a status", "OpenAPI has the code alone"))
    if "_postman_previewlanguage" in entry:
        entry["_postman_previewlanguage"].text()
    if "header" in entry:
        losses.extend(_lost_headers(entry["header"], body))
    if "cookie" in entry:
        cookies = entry["cookie"].items()
        losses.extend(_lost(cookie, "a cookie of a response", "cookies are not used") for cookie in cookies)
    if "originalRequest" in entry:
        losses.extend(_check_original(entry["originalRequest"], request))
    example = _json(body) if body else None
    return Response(code=code, description=entry["name"].text(), example=example, pointer=node.pointer)


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return ""


def _lost_headers(node: Node, body: Node | None) -> Iterator[Loss]:
    """Pass over the content type, which is known from the body, and report all other headers of a response."""
    for header in node.items():
        entry = header.fields(("key", "value"), ("description",))
        name, value = entry["key"].text().lower(), entry["value"].text()
        if name != "content-type":
            yield _lost(header, "a header of a response", "response headers are not carried over")
        elif body and value != JSON:
            entry["value"].fail(f"only {JSON} is understood of a body that is not empty")
        elif not body and value != "text/plain":
            yield _lost(header, "the media type of an empty body", "what the body would hold is not known")


def _check_original(node: Node, request: Request) -> Iterator[Loss]:
    """See that the request of an example is the item's own, and report what it alone has."""
    original = node.fields(("method", "url"), ("header", "body", "auth"))
    path, parameters = _url(original["url"])
    own = (request.method, request.path, [(each.place, each.name, each.value) for each in request.parameters])
    if (original["method"].text(), path, [(each.place, each.name, each.value) for each in parameters]) != own:
        node.fail("differs from the item's request in method, path or parameters")
    described = {(each.place, each.name): (each.description, each.only) for each in request.parameters}
    for parameter in parameters:
        said = (parameter.description, parameter.only)
        if said not in (("", ()), described[parameter.place, parameter.name]):
            yield Loss(node.where, parameter.pointer, "a description in an example", "the request has another")
    body = _body(original["body"]) if "body" in original else None
    if _written(body) != _written(request.body):
        yield _lost(original.get("body", node), "the body of an example's request", "the request has another")
    if "auth" in original and _auth(original["auth"]) != request.auth:
        original["auth"].fail("differs from the auth of the item's request")
    if "header" in original:
        _check_headers(original["header"])
        names = [header.value["key"].lower() for header in original["header"].items()]
        if request.auth is None and not set(names) <= set(NEGOTIATION):
            yield _lost(
                original["header"], "a security scheme", "only an example names it, and the request has no auth"
            )


def _written(body: Node | None) -> str | None:
    """Return a body as text, for comparing: to Python, true is 1 and 1.0."""
    return None if body is None else json.dumps(body.value, sort_keys=True)


def _lost(node: Node, what: str, why: str) -> Loss:
    return Loss(node.where, node.pointer, what, why)
