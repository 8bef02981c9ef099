"""Read any OpenAPI document: resolve references, add implied values, collect the operations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen
from postman_openapi.json_nodes import json_type, parse_json
from postman_openapi.losses import SpecError
from postman_openapi.yaml_io import read_yaml

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
PATH_VARIABLE = re.compile(r"\{([^{}]*)\}")
MAX_REFERENCES = 100  # references to references; a longer chain is a circle

Alternative = frozenset[tuple[str, str]]  # pairs of scheme and scope, all needed; the scope may be empty


@frozen
class Document:
    """An OpenAPI 3 document, and the name of its file."""

    content: Mapping[str, Any]
    where: str

    def members(self, value: Any, place: str) -> dict[str, Any]:
        """Return the members of an object, following references; an absent value has none.

        Raises:
            SpecError: it is not an object, or a reference leads nowhere.
        """
        found = {} if value is None else self.resolved(value, place)[0]
        if not isinstance(found, dict):
            raise SpecError(self.where, place, f"an object is expected, not {json_type(found)}")
        return found

    def entries(self, value: Any, place: str) -> list[Any]:
        """Return the entries of a list; an absent list has none.

        Raises:
            SpecError: it is not a list.
        """
        if not isinstance(value, list | None):
            raise SpecError(self.where, place, f"a list is expected, not {json_type(value)}")
        return value or []

    def resolved(self, value: Any, place: str) -> tuple[Any, str | None]:
        """Return the target of a reference, and the last name on the way; any other value is returned without a name.

        Raises:
            SpecError: the reference leads nowhere, out of the document or in a circle.
        """
        name = None
        for _ in range(MAX_REFERENCES):
            if not (isinstance(value, dict) and isinstance(value.get("$ref"), str)):
                return value, name
            value, name = self._target(value["$ref"], place)
        raise SpecError(self.where, place, "references form a circle")

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
    """An operation, including everything that it inherits from its path and document."""

    method: str
    path: str
    content: Mapping[str, Any]
    parameters: tuple[Mapping[str, Any], ...]
    security: frozenset[Alternative]

    @property
    def place(self) -> str:
        """The operation as readers know it."""
        return f"{self.method} {self.path}"

    @property
    def template(self) -> str:
        """The operation without the names of its path variables."""
        return f"{self.method} {PATH_VARIABLE.sub('{}', self.path)}"

    @property
    def name(self) -> str | None:
        """The operationId."""
        name = self.content.get("operationId")
        return name if isinstance(name, str) else None


def parse_document(text: str, where: str) -> Document:
    """Return an OpenAPI document from JSON or YAML; raise SpecError if it is malformed or not an object."""
    content = parse_json(text, where).value if text.lstrip().startswith("{") else read_yaml(text, where)
    if not isinstance(content, dict):
        raise SpecError(where, "", f"an OpenAPI document must be an object, not {json_type(content)}")
    return Document(content, where)


def operations(document: Document) -> Iterator[Operation]:
    """Yield the operations of a document in its order.

    Raises:
        SpecError: the document is not OpenAPI 3, or is malformed.
    """
    version = document.content.get("openapi")
    if not isinstance(version, str) or not version.startswith("3."):
        raise SpecError(document.where, "/openapi", "must be an OpenAPI document of version 3")
    for path, item in document.members(document.content.get("paths"), "/paths").items():
        shared = document.members(item, path)
        for method in METHODS:
            if method in shared:
                yield _read_operation(document, method.upper(), path, shared)


def _read_operation(document: Document, method: str, path: str, item: Mapping[str, Any]) -> Operation:
    place = f"{method} {path}"
    content = document.members(item[method.lower()], place)
    listed = [*document.entries(item.get("parameters"), place), *document.entries(content.get("parameters"), place)]
    parameters = {  # the operation's own parameters come last and win
        (str(each.get("in")), str(each.get("name"))): each for each in (document.members(one, place) for one in listed)
    }
    return Operation(
        method=method,
        path=path,
        content={**{key: item[key] for key in ("summary", "description", "servers") if key in item}, **content},
        parameters=tuple(parameters.values()),
        security=_read_security(document, content, place),
    )


def _read_security(document: Document, content: Mapping[str, Any], place: str) -> frozenset[Alternative]:
    """Return the alternative ways to authorise a call; if none is listed, no authorisation is needed."""
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
    """Describe a security scheme by its effect on a request, without its name in the document."""
    match scheme.get("type"):
        case "http":
            return str(scheme.get("scheme")).lower()
        case "apiKey":
            return f"key {scheme.get('name')} in {scheme.get('in')}"
        case "oauth2":
            return "oauth2"
    return name


def security_text(alternative: Alternative) -> str:
    """Describe one way to authorise a call."""
    schemes = sorted({scheme for scheme, _ in alternative})
    scopes = {name: sorted(scope for scheme, scope in alternative if scheme == name and scope) for name in schemes}
    return " and ".join(" ".join([name, *scopes[name]]) for name in schemes) or "no credentials"
