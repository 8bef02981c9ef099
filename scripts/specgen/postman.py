"""Postman items, folders and collections of version 2.0 and 2.1, read back into normalised requests."""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import evolve, field, frozen

from .answers import read_answers
from .collection import Auth, Collection, Request, Tag
from .fields import Field, as_text, read_fields
from .nodes import Node
from .problems import Loss, SpecError, losing
from .sent import description, own_auth, read_sent
from .urls import NOWHERE
from .variables import Variables, with_more

# Postman's own bookkeeping, and what its exporters write into every item, whatever the API is.
NO_MEANING = ("id", "_postman_id", "uid", "_postman_isSubFolder", "_exporter_id", "protocolProfileBehavior")
FOLDER = ("name", "description", "item", "auth", "variable", "variables", "event", *NO_MEANING)
ITEM = ("name", "description", "request", "response", "event", "variable", *NO_MEANING)
INFO = ("name", "description", "schema", "version", *NO_MEANING, "_collection_link", "updatedAt", "fork", "createdAt")
VERSION = re.compile(r"/collection/v([0-9]+)(?:\.[0-9]+)*/")


@frozen
class _Around:
    """What an item inherits from the folders around it."""

    folders: tuple[str, ...] = ()
    variables: Variables = field(factory=dict[str, Field])
    auth: tuple[Auth, ...] | None = None


def read_postman(document: Node, *, server: str | None = None) -> Collection:
    """Return the requests of an item, a folder or a whole collection.

    Args:
        document: the file.
        server: where the API starts, in place of the variable at the start of the addresses.

    Raises:
        SpecError: it is none of them, or holds no request.
    """
    whole = unwrapped(document)
    reader = _Reader(document.where, server)
    title, about = "", ""
    if "info" in whole.value:
        info = whole.child("info").fields(INFO, reader.losses)
        title, about = (info["name"].text() if "name" in info else ""), as_text(info.get("description"))
        reader.items(whole.child("item"), reader.inside(whole, _Around(), also="info"))
    else:
        reader.read(whole, _Around())
    if not reader.requests:
        for loss in reversed(reader.losses):
            if not loss.understood:
                raise SpecError(loss.item, loss.pointer, loss.why)
        whole.fail("no request in it")
    name = whole.value.get("name")
    title = title or (name if isinstance(name, str) else "") or reader.requests[0].name or document.where
    return Collection(title, about, tuple(reader.tags.values()), tuple(reader.requests), tuple(reader.losses))


def unwrapped(document: Node) -> Node:
    """Return the item, folder or collection in a file, which Postman's own API wraps once more.

    Raises:
        SpecError: it is something else.
    """
    if not isinstance(document.value, dict):
        document.fail("a Postman item, folder or collection is expected")
    for wrapper in ("collection", "item"):
        if isinstance(document.value.get(wrapper), dict):
            return unwrapped(document.child(wrapper))
    info = document.value.get("info")
    schema = info.get("schema") if isinstance(info, dict) else None
    version = VERSION.search(f"{schema}/") if isinstance(schema, str) else None
    if (version and version[1] != "2") or {"requests", "order"} <= document.value.keys():
        document.fail(f"a collection of version {version[1] if version else 1}: export it as version 2.1")
    if "openapi" in document.value or "swagger" in document.value:
        document.fail("an OpenAPI document, no Postman collection")
    if not {"item", "request"} & document.value.keys():
        document.fail("neither 'request' nor 'item' is there: no Postman item, folder or collection")
    if "info" in document.value and "item" not in document.value:
        document.fail("'item' is missing")
    return document


class _Reader:
    """Reads one file: what is found and what is lost, in the order of the file."""

    def __init__(self, file: str, server: str | None) -> None:
        self.file = file
        self.server = server
        self.tags: dict[str, Tag] = {}
        self.requests: list[Request] = []
        self.losses: list[Loss] = []
        self.nowhere: set[str] = set()  # variables of which it was said that nothing says what they are

    def read(self, node: Node, around: _Around) -> None:
        """Read an item, or a folder and all in it; what cannot be read is lost."""
        name = node.value.get("name") if isinstance(node.value, dict) else None
        titles = (*around.folders, name) if isinstance(name, str) else around.folders
        named = evolve(node, where=f"{self.file} ({' / '.join(titles)!r})" if titles else self.file)
        if isinstance(named.value, dict) and "item" in named.value:
            with losing("a folder", self.losses):
                inside = self.inside(named, around)
                self.items(named.child("item"), evolve(inside, folders=self._folders(named, around)))
        else:
            lost: list[Loss] = []
            with losing("an operation", lost):
                self.requests.append(self._request(named, around, lost))
            self.losses += [loss for loss in lost if loss.why != NOWHERE or loss.what not in self.nowhere]
            self.nowhere |= {loss.what for loss in lost if loss.why == NOWHERE}

    def items(self, node: Node, around: _Around) -> None:
        """Read all that a folder holds."""
        for entry in node.items():
            self.read(entry, around)

    def inside(self, node: Node, around: _Around, *, also: str = "item") -> _Around:
        """Return what is inherited inside of a folder or collection."""
        known = node.fields((*FOLDER, also), self.losses)
        _lose_scripts(known, self.losses)
        rows = read_fields(known.get("variable", known.get("variables")), "a variable", self.losses)
        variables = with_more(around.variables, rows)
        auth = own_auth(known.get("auth"), variables, around.auth, self.losses)
        return evolve(around, variables=variables, auth=auth)

    def _folders(self, node: Node, around: _Around) -> tuple[str, ...]:
        """Return the names of the folders down to this one, which becomes a tag."""
        name = node.child("name").text() if "name" in node.value else ""
        if not name.strip():
            return around.folders
        about = ""
        with losing("the description of a folder", self.losses):
            about = as_text(node.child("description")) if "description" in node.value else ""
        known = self.tags.get(name)
        if known is None or not known.description:
            self.tags[name] = Tag(name, about)
        elif about not in ("", known.description):
            why = "another one of this name has another"
            self.losses.append(node.child("description").loss("the description of a folder", why))
        return (*around.folders, name)

    def _request(self, node: Node, around: _Around, lost: list[Loss]) -> Request:
        """Return the request of an item.

        Raises:
            SpecError: it cannot be told what is sent where.
        """
        item = node.fields(ITEM, lost)
        if "request" not in item:
            node.fail("'request' is missing")
        _lose_scripts(item, lost)
        name = item["name"].text() if "name" in item else ""
        variables = with_more(around.variables, read_fields(item.get("variable"), "a variable", lost))
        sent = read_sent(item["request"], variables, around.auth, lost, name=name, server=self.server)
        if sent.auth is None and sent.marks_security:
            why = "parameters are marked as a part of it, and the request has no auth"
            lost.append(Loss(node.where, item["request"].pointer, "a security scheme", why))
        answers = read_answers(item["response"], sent, variables, lost) if "response" in item else ()
        offered = {body.media_type for answer in answers for body in answer.bodies}
        if sent.accepts and sent.accepts not in offered:
            what = f"the media type {sent.accepts}"
            lost.append(node.loss(what, "it is accepted, but no example has it"))
        return Request(
            name=name,
            where=node.where,
            pointer=node.pointer,
            method=sent.method,
            server=sent.address.server,
            path=sent.address.path,
            parameters=sent.parameters,
            bodies=(sent.body,) if sent.body else (),
            description=description(sent, item.get("description"), lost),
            auth=sent.auth,
            tags=tuple(dict.fromkeys(around.folders)),
            responses=answers,
        )


def _lose_scripts(known: Mapping[str, Node], losses: list[Loss]) -> None:
    scripts = known.get("event")
    if scripts and scripts.value:
        losses.append(scripts.loss("scripts", "OpenAPI runs none"))
