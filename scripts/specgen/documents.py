"""Reading any OpenAPI document for its meaning: references resolved, what is implied said, operations side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from .nodes import kind
from .problems import SpecError

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
IN_PATH = re.compile(r"\{([^{}]*)\}")
LONGEST_CHAIN = 100  # references to references; more is a circle

Alternative = frozenset[tuple[str, str]]  # pairs of scheme and scope, all of which are needed; an empty scope for none


@frozen
class Document:
    """An OpenAPI 3 document, and where it was read from."""

    content: Mapping[str, Any]
    where: str

    def members(self, value: Any, place: str) -> dict[str, Any]:
        """Return the members of an object, references followed; nothing where the value is absent.

        Raises:
            SpecError: it is no object, or a reference leads nowhere.
        """
        found = {} if value is None else self.resolved(value, place)[0]
        if not isinstance(found, dict):
            raise SpecError(self.where, place, f"an object is expected, not {kind(found)}")
        return found

    def entries(self, value: Any, place: str) -> list[Any]:
        """Return the entries of a list; nothing where it is absent.

        Raises:
            SpecError: it is no list.
        """
        if not isinstance(value, list | None):
            raise SpecError(self.where, place, f"a list is expected, not {kind(value)}")
        return value or []

    def resolved(self, value: Any, place: str) -> tuple[Any, str | None]:
        """Return what a reference leads to, and the last name on the way; any other value as it is, without one.

        Raises:
            SpecError: it leads nowhere, out of the document or in a circle.
        """
        name = None
        for _ in range(LONGEST_CHAIN):
            if not (isinstance(value, dict) and isinstance(value.get("$ref"), str)):
                return value, name
            value, name = self._target(value["$ref"], place)
        raise SpecError(self.where, place, "references in a circle")

    def _target(self, reference: str, place: str) -> tuple[Any, str]:
        if not reference.startswith("#/"):
            raise SpecError(self.where, place, f"{reference!r} leads out of the document: bundle it into one file")
        found: Any = self.content
        steps = [step.replace("~1", "/").replace("~0", "~") for step in reference[2:].split("/")]
        for step in steps:
            if not isinstance(found, dict) or step not in found:
                raise SpecError(self.where, place, f"{reference!r} leads nowhere")
            found = found[step]
        return found, steps[-1]


@frozen
class Operation:
    """What one call is, with all that its path and its document say of it."""

    method: str
    path: str
    content: Mapping[str, Any]
    parameters: tuple[Mapping[str, Any], ...]
    security: frozenset[Alternative]

    @property
    def place(self) -> str:
        """The call as a reader knows it."""
        return f"{self.method} {self.path}"

    @property
    def template(self) -> str:
        """The call without the names of what varies in its path."""
        return f"{self.method} {IN_PATH.sub('{}', self.path)}"

    @property
    def name(self) -> str | None:
        """The operation's id."""
        name = self.content.get("operationId")
        return name if isinstance(name, str) else None


def operations(document: Document) -> Iterator[Operation]:
    """Yield the operations of a document in its order.

    Raises:
        SpecError: the document is no OpenAPI 3, or something in it is not of the kind that it must be.
    """
    version = document.content.get("openapi")
    if not isinstance(version, str) or not version.startswith("3."):
        raise SpecError(document.where, "/openapi", "an OpenAPI document of version 3 is expected")
    for path, item in document.members(document.content.get("paths"), "/paths").items():
        shared = document.members(item, path)
        for method in METHODS:
            if method in shared:
                yield _operation(document, method.upper(), path, shared)


def _operation(document: Document, method: str, path: str, item: Mapping[str, Any]) -> Operation:
    place = f"{method} {path}"
    content = document.members(item[method.lower()], place)
    listed = [document.members(each, place) for each in _both(document, item, content, "parameters", place)]
    parameters = {
        (str(each.get("in")), str(each.get("name"))): each for each in listed
    }  # the operation's own come last
    return Operation(
        method=method,
        path=path,
        content={**{key: item[key] for key in ("summary", "description", "servers") if key in item}, **content},
        parameters=tuple(parameters.values()),
        security=_security(document, content, place),
    )


def _both(
    document: Document, item: Mapping[str, Any], content: Mapping[str, Any], key: str, place: str
) -> Sequence[Any]:
    return [*document.entries(item.get(key), place), *document.entries(content.get(key), place)]


def _security(document: Document, content: Mapping[str, Any], place: str) -> frozenset[Alternative]:
    """Return the ways in which a call may be authorised; one that needs nothing where none is asked for."""
    said = content.get("security", document.content.get("security"))
    components = document.members(document.content.get("components"), "/components")
    schemes = document.members(components.get("securitySchemes"), "/components/securitySchemes")
    alternatives = set()
    for alternative in document.entries(said, place):
        needs: set[tuple[str, str]] = set()
        for name, scopes in document.members(alternative, place).items():
            scheme = scheme_text(document.members(schemes.get(name), place), name)
            needs |= {(scheme, ""), *((scheme, str(scope)) for scope in document.entries(scopes, place))}
        alternatives.add(frozenset(needs))
    return frozenset(alternatives) or frozenset({frozenset()})


def scheme_text(scheme: Mapping[str, Any], name: str) -> str:
    """Return a security scheme in a word: what is sent, and not the name that a document has for it."""
    match scheme.get("type"):
        case "http":
            return str(scheme.get("scheme")).lower()
        case "apiKey":
            return f"key {scheme.get('name')} in {scheme.get('in')}"
        case "oauth2":
            return "oauth2"
    return name


def security_text(alternative: Alternative) -> str:
    """Return what one way of authorising a call needs."""
    schemes = sorted({scheme for scheme, _ in alternative})
    scopes = {name: sorted(scope for scheme, scope in alternative if scheme == name and scope) for name in schemes}
    return " and ".join(" ".join([name, *scopes[name]]) for name in schemes) or "no credentials"
