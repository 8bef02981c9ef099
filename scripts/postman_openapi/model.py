"""A collection without any trace of Postman: requests with typed parameters, bodies and responses."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from .losses import Loss
from .schema_inference import Schema


@frozen
class Parameter:
    """A parameter of a request."""

    place: str  # the value of OpenAPI's "in": path, query or header
    name: str
    description: str
    required: bool
    schema: Schema
    pointer: str
    style: str | None = None  # None for OpenAPI's default; the same for explode
    explode: bool | None = None
    example: Any = None  # a value that is no default


@frozen
class Example:
    """A body without placeholders."""

    name: str
    value: Any


@frozen
class Body:
    """The content of a request or response in one media type."""

    media_type: str
    schema: Schema
    pointer: str
    examples: tuple[Example, ...] = ()
    is_malformed: bool = False  # it has mistakes: well-formed bodies say more


@frozen
class Header:
    """A response header."""

    name: str
    description: str
    schema: Schema


@frozen
class Response:
    """A documented response."""

    status: str  # a status code, or default
    description: str
    bodies: tuple[Body, ...]
    headers: tuple[Header, ...]
    pointer: str


@frozen
class Auth:
    """One way to authenticate: an OpenAPI security scheme, and the scopes that this request needs."""

    name: str  # proposed; the writer makes it unique in the document
    scheme: dict[str, Any]
    scopes: tuple[str, ...] = ()


NO_AUTH = Auth("", {})  # among alternatives: the request also works without authentication


@frozen
class Server:
    """The base URL of an API."""

    url: str
    variables: dict[str, dict[str, Any]]  # as OpenAPI writes them


@frozen
class Request:
    """A request with everything that its item says about it."""

    name: str
    where: str  # file and item, for error messages
    pointer: str
    method: str
    server: Server | None  # None if the item does not name one
    path: str
    parameters: tuple[Parameter, ...]
    bodies: tuple[Body, ...]  # one per media type
    description: str
    auth: tuple[Auth, ...] | None  # alternatives; () if none is needed, None if the item says nothing
    tags: tuple[str, ...]
    responses: tuple[Response, ...] = ()  # one per status
    host: str = ""  # as the item writes it, for comparisons
    other_servers: tuple[Server, ...] = ()  # where the operation is, too


@frozen
class Tag:
    """A folder."""

    name: str
    description: str


@frozen
class Collection:
    """All requests of a file, and the losses of reading it."""

    title: str
    description: str
    tags: tuple[Tag, ...]
    requests: tuple[Request, ...]
    losses: tuple[Loss, ...]
