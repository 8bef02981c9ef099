"""Read Postman items, folders and collections of version 2.0 and 2.1."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, frozen

from ..json_nodes import Node
from ..losses import Kind, Loss, SpecError, recording_loss
from ..model import Auth, Collection, Request, Tag
from .bookkeeping import known_fields, report_unknown_fields_once
from .parameter_rows import Field, description_text, read_fields
from .request_reader import effective_auth, read_request, request_description
from .response_reader import read_responses
from .variables import Variables, add_variables, resolve_name

FOLDER = ("name", "description", "item", "auth", "variable", "variables", "event")
ITEM = ("name", "description", "request", "response", "event", "variable", "variables")
INFO = ("name", "description", "schema", "version")
VERSION = re.compile(r"/collection/v([0-9]+)(?:\.[0-9]+)*/")


@frozen
class _Inherited:
    """The context that an item inherits from its folders."""

    folders: tuple[str, ...] = ()
    variables: Variables = field(factory=dict[str, Field])
    auth: tuple[Auth, ...] | None = None


def read_postman(document: Node, *, server: str | None = None) -> Collection:
    """Return the requests of an item, a folder or a collection.

    Args:
        document: the file.
        server: the base URL, instead of the variable at the start of the URLs.

    Raises:
        SpecError: the document is none of these, or contains no request.
    """
    whole = unwrap(document)
    reader = _Reader(document.where, server)
    title, about = "", ""
    if "info" in whole.value:
        info = known_fields(whole.child("info"), INFO, reader.losses)
        title, about = (info["name"].text() if "name" in info else ""), description_text(info.get("description"))
        reader.items(whole.child("item"), reader.inside(whole, _Inherited(), also="info"))
    else:
        reader.read(whole, _Inherited())
    if not reader.requests:
        for loss in reversed(reader.losses):
            if not loss.understood:
                raise SpecError(loss.item, loss.pointer, loss.why)
        whole.fail("it contains no request")
    name = whole.value.get("name")
    title = title or (name if isinstance(name, str) else "") or reader.requests[0].name or document.where
    losses = tuple(report_unknown_fields_once(reader.losses))
    return Collection(title, about, tuple(reader.tags.values()), tuple(reader.requests), losses)


def unwrap(document: Node) -> Node:
    """Return the item, folder or collection of a file, without the wrapper that Postman's API adds.

    Raises:
        SpecError: the document is none of these.
    """
    if not isinstance(document.value, dict):
        document.fail("a Postman item, folder or collection is expected")
    for wrapper in ("collection", "item"):
        if isinstance(document.value.get(wrapper), dict):
            return unwrap(document.child(wrapper))
    info = document.value.get("info")
    schema = info.get("schema") if isinstance(info, dict) else None
    version = VERSION.search(f"{schema}/") if isinstance(schema, str) else None
    if (version and version[1] != "2") or ("requests" in document.value and "item" not in document.value):
        document.fail(f"a collection of version {version[1] if version else 1}: export it as version 2.1")
    if "openapi" in document.value or "swagger" in document.value:
        document.fail("this is an OpenAPI document, not a Postman collection")
    if not {"item", "request"} & document.value.keys():
        document.fail("not a Postman item, folder or collection: it has neither 'request' nor 'item'")
    if "info" in document.value and "item" not in document.value:
        document.fail("'item' is missing")
    return document


class _Reader:
    """Collects the requests and losses of one file, in its order."""

    def __init__(self, file: str, server: str | None) -> None:
        self.file = file
        self.server = server
        self.tags: dict[str, Tag] = {}
        self.requests: list[Request] = []
        self.losses: list[Loss] = []
        self.nowhere: set[str] = set()  # server variables that are already reported as unknown

    def read(self, node: Node, around: _Inherited) -> None:
        """Read an item, or a folder with everything in it; record anything unreadable as a loss."""
        name = node.value.get("name") if isinstance(node.value, dict) else None
        titles = (*around.folders, name) if isinstance(name, str) else around.folders
        named = evolve(node, where=f"{self.file} ({' / '.join(titles)!r})" if titles else self.file)
        if isinstance(named.value, dict) and "item" in named.value:
            with recording_loss("a folder", self.losses, kind=Kind.OPERATION):
                inside = self.inside(named, around)
                self.items(named.child("item"), evolve(inside, folders=self._folders(named, inside)))
        else:
            lost: list[Loss] = []
            with recording_loss("an operation", lost, kind=Kind.OPERATION):
                self.requests.append(self._request(named, around, lost))
            self.losses += [loss for loss in lost if loss.kind is not Kind.NO_SERVER or loss.what not in self.nowhere]
            self.nowhere |= {loss.what for loss in lost if loss.kind is Kind.NO_SERVER}

    def items(self, node: Node, around: _Inherited) -> None:
        """Read the entries of a folder."""
        for entry in node.items():
            self.read(entry, around)

    def inside(self, node: Node, around: _Inherited, *, also: str = "item") -> _Inherited:
        """Return the context inside a folder or collection."""
        known = known_fields(node, (*FOLDER, also), self.losses)
        _record_scripts(known, self.losses)
        rows = read_fields(known.get("variable", known.get("variables")), "a variable", self.losses)
        variables = add_variables(around.variables, rows, self.losses)
        auth = effective_auth(known.get("auth"), variables, around.auth, self.losses)
        return evolve(around, variables=variables, auth=auth)

    def _folders(self, node: Node, around: _Inherited) -> tuple[str, ...]:
        """Return the names of the folders down to this one, and record it as a tag."""
        name = node.child("name").text() if "name" in node.value else ""
        name = resolve_name(name, around.variables, node, "the name of a folder", self.losses)
        if not name.strip():
            return around.folders
        about = ""
        with recording_loss("the description of a folder", self.losses):
            about = description_text(node.child("description")) if "description" in node.value else ""
        known = self.tags.get(name)
        if known is None or not known.description:
            self.tags[name] = Tag(name, about)
        elif about not in ("", known.description):
            why = "another folder of this name has another"
            self.losses.append(node.child("description").loss("the description of a folder", why))
        return (*around.folders, name)

    def _request(self, node: Node, around: _Inherited, lost: list[Loss]) -> Request:
        """Return the request of an item; raise SpecError if the request or its URL cannot be read."""
        item = known_fields(node, ITEM, lost)
        if "request" not in item:
            node.fail("'request' is missing")
        _record_scripts(item, lost)
        name = item["name"].text() if "name" in item else ""
        rows = read_fields(item.get("variable", item.get("variables")), "a variable", lost)
        variables = add_variables(around.variables, rows, lost)
        name = resolve_name(name, variables, node, "the name of a request", lost)
        sent = read_request(item["request"], variables, around.auth, lost, name=name, server=self.server)
        if sent.auth is None and sent.marks_security:
            why = "parameters are marked as part of one, but the request has no auth"
            lost.append(item["request"].loss("a security scheme", why, kind=Kind.AUTHENTICATION))
        answers = read_responses(item["response"], sent, variables, lost) if "response" in item else ()
        offered = {body.media_type for answer in answers for body in answer.bodies}
        if sent.accepts and sent.accepts not in offered:
            what = f"the media type {sent.accepts}"
            lost.append(node.loss(what, "the request accepts it, but no example has it"))
        return Request(
            name=name,
            where=node.where,
            pointer=node.pointer,
            method=sent.method,
            server=sent.address.server,
            path=sent.address.path,
            parameters=sent.parameters,
            bodies=(sent.body,) if sent.body else (),
            description=request_description(sent, item.get("description"), lost),
            auth=sent.auth,
            tags=tuple(dict.fromkeys(around.folders)),
            responses=answers,
            host=sent.address.host,
        )


def _record_scripts(known: Mapping[str, Node], losses: list[Loss]) -> None:
    scripts = known.get("event")
    if scripts and _has_code(scripts.value):
        losses.append(scripts.loss("scripts", "OpenAPI has none"))


def _has_code(events: Any) -> bool:
    """Check whether a script of an event has a line that is not empty; Postman writes empty ones by itself."""
    if not isinstance(events, list):
        return bool(events)
    scripts = [event.get("script") if isinstance(event, dict) else event for event in events]
    lines = [script.get("exec", script.get("src")) if isinstance(script, dict) else script for script in scripts]
    texts = [text for line in lines for text in (line if isinstance(line, list) else [line])]
    return any(text.strip() if isinstance(text, str) else text for text in texts)
