"""Postman items, as OpenAPI-to-Postman exporters write them, read back into normalised requests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPMethod, HTTPStatus

from attrs import evolve, frozen

from .nodes import Node
from .problems import Loss, SpecError

REQUIRED = "(Required) "
SECURITY_MARK = "Added as a part of security scheme: "
BASE_URL = "{{baseUrl}}"
NO_MEANING = ("id", "_postman_id", "uid")  # Postman's own bookkeeping
SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=@-]+")  # what may stand in a path unescaped, but for the colon
LONGEST_NAME = 200
PARAMETER = re.compile(r"[A-Za-z0-9_.$@-]+")


@frozen
class Parameter:
    """A parameter of a request: its placeholder still as Postman shows it."""

    name: str
    placeholder: str
    description: str
    required: bool
    pointer: str


@frozen
class Response:
    """A documented answer."""

    code: int
    description: str
    pointer: str


@frozen
class Request:
    """A request, with all that its item says about it."""

    name: str
    where: str  # the item, for messages
    method: str
    path: tuple[str, ...]
    query: tuple[Parameter, ...]
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
    request = item["request"].fields(("method", "url"), ("auth", "header", "description"))
    if "header" in request:
        _check_headers(request["header"])
    path, query = _url(request["url"])
    bare = Request(
        name=_name(item["name"]),
        where=where,
        method=_method(request["method"]),
        path=path,
        query=query,
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
    url = node.fields(("host", "path"), ("raw", "query"))
    host = [part.text() for part in url["host"].items()]
    if host != [BASE_URL]:
        url["host"].fail(f"only [{BASE_URL!r}] is understood")
    path = tuple(_segment(part) for part in url["path"].items())
    query = tuple(_parameter(part) for part in url["query"].items()) if "query" in url else ()
    for index, parameter in enumerate(query):
        if parameter.name in {earlier.name for earlier in query[:index]}:
            raise SpecError(node.where, parameter.pointer, f"the parameter {parameter.name!r} stands twice")
    if "raw" in url:
        text = "&".join(f"{parameter.name}={parameter.placeholder}" for parameter in query)
        whole = "/".join([BASE_URL, *path]) + (f"?{text}" if text else "")
        if url["raw"].text() != whole:
            url["raw"].fail(f"differs from its parts, which read {whole!r}")
    return path, query


def _segment(node: Node) -> str:
    segment = node.text()
    if not SEGMENT.fullmatch(segment) or segment in (".", ".."):
        node.fail("only plain path segments are understood: letters, digits and . _ ~ ! $ & ' ( ) * + , ; = @ -")
    return segment


def _parameter(node: Node) -> Parameter:
    entry = node.fields(("key", "value"), ("description",))
    name = entry["key"].text()
    if not PARAMETER.fullmatch(name):
        entry["key"].fail("only letters, digits and _ . $ @ - are understood in a parameter's name")
    described = _description(entry.get("description"))
    return Parameter(
        name=name,
        placeholder=entry["value"].text(),
        description=described.removeprefix(REQUIRED),
        required=described.startswith(REQUIRED),
        pointer=node.pointer,
    )


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
    """See that all headers come from the security scheme, since such are not parameters."""
    for header in node.items():
        entry = header.fields(("key", "value"), ("description",))
        entry["value"].text()
        marked = _description(entry.get("description")).startswith(SECURITY_MARK)
        if not marked or entry["key"].text() != "Authorization":
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
    if entry["body"].text() if "body" in entry else "":
        entry["body"].fail("example bodies are not understood")
    if "status" in entry and entry["status"].text() != _phrase(code):
        losses.append(_lost(entry["status"], "the text of a status", "OpenAPI has the code alone"))
    if "_postman_previewlanguage" in entry:
        entry["_postman_previewlanguage"].text()
    if "header" in entry:
        losses.extend(_lost_headers(entry["header"]))
    if "cookie" in entry:
        cookies = entry["cookie"].items()
        losses.extend(_lost(cookie, "a cookie of a response", "cookies are not used") for cookie in cookies)
    if "originalRequest" in entry:
        losses.extend(_check_original(entry["originalRequest"], request))
    return Response(code=code, description=entry["name"].text(), pointer=node.pointer)


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return ""


def _lost_headers(node: Node) -> Iterator[Loss]:
    """Pass over the content type of an empty body, and report all other headers of a response."""
    for header in node.items():
        entry = header.fields(("key", "value"), ("description",))
        if (entry["key"].text().lower(), entry["value"].text()) != ("content-type", "text/plain"):
            yield _lost(header, "a header of a response", "response headers are not carried over")


def _check_original(node: Node, request: Request) -> Iterator[Loss]:
    """See that the request of an example is the item's own, and report what it alone has."""
    original = node.fields(("method", "url"), ("header", "auth"))
    path, query = _url(original["url"])
    own = (request.method, request.path, [(each.name, each.placeholder) for each in request.query])
    if (original["method"].text(), path, [(each.name, each.placeholder) for each in query]) != own:
        node.fail("differs from the item's request in method, path or parameters")
    described = {each.name: (each.required, each.description) for each in request.query}
    for parameter in query:
        said = (parameter.required, parameter.description)
        if said not in ((False, ""), described[parameter.name]):
            yield Loss(node.where, parameter.pointer, "a description in an example", "the request has another")
    if "auth" in original and _auth(original["auth"]) != request.auth:
        original["auth"].fail("differs from the auth of the item's request")
    if "header" in original:
        _check_headers(original["header"])
        if original["header"].value and request.auth is None:
            yield _lost(
                original["header"], "a security scheme", "only an example names it, and the request has no auth"
            )


def _lost(node: Node, what: str, why: str) -> Loss:
    return Loss(node.where, node.pointer, what, why)
