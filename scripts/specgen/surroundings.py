"""What changed around the operations of two OpenAPI documents: servers, security schemes, words about the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from .documents import Document
from .schema_changes import Kind as SchemaKind
from .schema_view import is_prose, prose
from .semver import Change, Level

FIX, FEATURE, BREAKING = Level.FIX, Level.FEATURE, Level.BREAKING
WHOLE = "document"
WORDS = {"openapi", "info", "tags"}
KNOWN = WORDS | {"paths", "components", "servers", "security"}  # security is what operations inherit


class Kind(StrEnum):
    """What happened around the operations."""

    SERVER_ADDED = "server added"
    SERVER_REMOVED = "server removed"
    SERVER_CHANGED = "server's variables changed"
    FIRST_SERVER = "first server changed"
    SCHEME_ADDED = "security scheme added"
    SCHEME_REMOVED = "security scheme removed"
    SCHEME_CHANGED = "security scheme changed"
    SCOPE_OFFERED = "scope added"
    SCOPE_WITHDRAWN = "scope removed"


def surrounding_changes(before: Document, after: Document) -> Iterator[Change]:
    """Yield what changed.

    Raises:
        SpecError: something is not of the kind that it must be.
    """
    yield from _servers(before, after)
    olds, news = _schemes(before), _schemes(after)
    for name in sorted(olds.keys() | news.keys()):
        place = f"security scheme {name}"
        if name not in news:
            yield Change(place, Kind.SCHEME_REMOVED, BREAKING)
        elif name not in olds:
            yield Change(place, Kind.SCHEME_ADDED, FEATURE)
        else:
            yield from _scheme(place, olds[name], news[name])
    yield from _words(before.content, after.content)


def _servers(before: Document, after: Document) -> Iterator[Change]:
    olds, news = _by_url(before), _by_url(after)
    for url in [*olds, *(url for url in news if url not in olds)]:
        place = f"server {url}"
        if url not in news:
            yield Change(place, Kind.SERVER_REMOVED, BREAKING)
        elif url not in olds:
            yield Change(place, Kind.SERVER_ADDED, FEATURE)
        else:
            if _bare(olds[url]) != _bare(news[url]):
                yield Change(place, Kind.SERVER_CHANGED, BREAKING)
            if olds[url] != news[url] and _bare(olds[url]) == _bare(news[url]):
                yield Change(place, SchemaKind.DOCUMENTATION, FIX)
    first, now_first = next(iter(olds), None), next(iter(news), None)
    if first in news and now_first in olds and first != now_first:  # the one that is used where none is chosen
        yield Change(WHOLE, Kind.FIRST_SERVER, BREAKING, first, now_first)


def _by_url(document: Document) -> dict[str, Any]:
    servers = [
        document.members(each, "/servers") for each in document.entries(document.content.get("servers"), "/servers")
    ]
    return {str(server.get("url")): server for server in servers}


def _schemes(document: Document) -> dict[str, dict[str, Any]]:
    components = document.members(document.content.get("components"), "/components")
    place = "/components/securitySchemes"
    return {
        name: document.members(each, place)
        for name, each in document.members(components.get("securitySchemes"), place).items()
    }


def _scheme(place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    was, now = _scopes(old), _scopes(new)
    for scope in sorted(was - now):
        yield Change(place, Kind.SCOPE_WITHDRAWN, BREAKING, was=scope)
    for scope in sorted(now - was):
        yield Change(place, Kind.SCOPE_OFFERED, FEATURE, now=scope)
    if _bare(old, "scopes") != _bare(new, "scopes"):
        yield Change(place, Kind.SCHEME_CHANGED, BREAKING)
    elif was == now and old != new:
        yield Change(place, SchemaKind.DOCUMENTATION, FIX)


def _scopes(scheme: Mapping[str, Any]) -> set[str]:
    flows = scheme.get("flows")
    listed = (
        [flow.get("scopes") for flow in flows.values() if isinstance(flow, dict)] if isinstance(flows, dict) else []
    )
    return {str(scope) for scopes in listed if isinstance(scopes, dict) for scope in scopes}


def _bare(value: Any, *without: str) -> Any:
    """Return a value without the words for readers in it."""
    if isinstance(value, dict):
        return {key: _bare(each, *without) for key, each in value.items() if key not in without and not is_prose(key)}
    return [_bare(each, *without) for each in value] if isinstance(value, list) else value


def _words(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield that something is said differently about the whole, and what is not understood."""
    if prose(old) != prose(new) or any(old.get(key) != new.get(key) for key in WORDS):
        yield Change(WHOLE, SchemaKind.DOCUMENTATION, FIX)
    for key in sorted(old.keys() | new.keys()):
        if key not in KNOWN and not is_prose(key) and old.get(key) != new.get(key):
            yield Change(WHOLE, SchemaKind.NOT_UNDERSTOOD, BREAKING, now=key)
