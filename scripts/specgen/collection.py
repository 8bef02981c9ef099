"""What a collection says, normalised: requests with typed parameters, bodies and answers, and no trace of Postman."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from .problems import Loss
from .schemas import Schema


@frozen
class Parameter:
    """A parameter of a request."""

    place: str  # as OpenAPI names it: path, query or header
    name: str
    description: str
    required: bool
    schema: Schema
    pointer: str
    style: str | None = None  # None for OpenAPI's own choice, likewise explode
    explode: bool | None = None
    example: Any = None  # a value that was shown and is no default


@frozen
class Example:
    """A body without placeholders."""

    name: str
    value: Any


@frozen
class Body:
    """What a request or an answer holds, in one media type."""

    media_type: str
    schema: Schema
    pointer: str
    examples: tuple[Example, ...] = ()
    is_malformed: bool = False  # nothing is known of it but its media type


@frozen
class Header:
    """A header of an answer."""

    name: str
    description: str
    schema: Schema


@frozen
class Response:
    """A documented answer."""

    status: str  # a code, or default
    description: str
    bodies: tuple[Body, ...]
    headers: tuple[Header, ...]
    pointer: str


@frozen
class Auth:
    """A way to authenticate: an OpenAPI security scheme, and what this request needs of it."""

    name: str  # proposed; made unique in a document
    scheme: dict[str, Any]
    scopes: tuple[str, ...] = ()


WITHOUT = Auth("", {})  # among alternatives: none is needed


@frozen
class Server:
    """Where the API starts."""

    url: str
    variables: dict[str, dict[str, Any]]  # as OpenAPI writes them


@frozen
class Request:
    """A request, with all that its item says about it."""

    name: str
    where: str  # file and item, for messages
    pointer: str
    method: str
    server: Server | None  # None where nothing says where the API starts
    path: str
    parameters: tuple[Parameter, ...]
    bodies: tuple[Body, ...]  # one a media type
    description: str
    auth: tuple[Auth, ...] | None  # alternatives; () where none is needed, None where nothing is said
    tags: tuple[str, ...]
    responses: tuple[Response, ...] = ()  # one a status


@frozen
class Tag:
    """A folder."""

    name: str
    description: str


@frozen
class Collection:
    """All requests of a file, and what was lost while it was read."""

    title: str
    description: str
    tags: tuple[Tag, ...]
    requests: tuple[Request, ...]
    losses: tuple[Loss, ...]
