"""Compare two OpenAPI documents outside of their operations: servers, security schemes and documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from versioning.semver import Change

from openapi_diff.documents import Document
from openapi_diff.kinds import Kind
from openapi_diff.schema_view import is_prose, select_prose

WHOLE = "document"
PROSE_KEYS = {"openapi", "info", "tags"}
KNOWN_KEYS = PROSE_KEYS | {"paths", "components", "servers", "security"}  # operations inherit security


def compare_documents(before: Document, after: Document) -> Iterator[Change]:
    """Yield the changes; raise SpecError if a document is malformed."""
    yield from _compare_servers(before, after)
    olds, news = _security_schemes(before), _security_schemes(after)
    for name in sorted(olds.keys() | news.keys()):
        place = f"security scheme {name}"
        if name not in news:
            yield Kind.SCHEME_REMOVED.change(place)
        elif name not in olds:
            yield Kind.SCHEME_ADDED.change(place)
        else:
            yield from _compare_scheme(place, olds[name], news[name])
    yield from _compare_prose(before.content, after.content)


def _compare_servers(before: Document, after: Document) -> Iterator[Change]:
    olds, news = _servers_by_url(before), _servers_by_url(after)
    for url in [*olds, *(url for url in news if url not in olds)]:
        place = f"server {url}"
        if url not in news:
            yield Kind.SERVER_REMOVED.change(place)
        elif url not in olds:
            yield Kind.SERVER_ADDED.change(place)
        elif _strip_prose(olds[url]) != _strip_prose(news[url]):
            yield Kind.SERVER_CHANGED.change(place)
        elif olds[url] != news[url]:
            yield Kind.DOCUMENTATION.change(place)
    first, now_first = next(iter(olds), None), next(iter(news), None)
    if first in news and now_first in olds and first != now_first:
        yield Kind.FIRST_SERVER.change(WHOLE, was=first, now=now_first)


def _servers_by_url(document: Document) -> dict[str, Any]:
    listed = document.entries(document.content.get("servers"), "/servers")
    servers = [document.members(each, "/servers") for each in listed]
    return {str(server.get("url")): server for server in servers}


def _security_schemes(document: Document) -> dict[str, dict[str, Any]]:
    components = document.members(document.content.get("components"), "/components")
    place = "/components/securitySchemes"
    schemes = document.members(components.get("securitySchemes"), place)
    return {name: document.members(each, place) for name, each in schemes.items()}


def _compare_scheme(place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    was, now = _scopes(old), _scopes(new)
    yield from (Kind.SCOPE_WITHDRAWN.change(place, was=scope) for scope in sorted(was - now))
    yield from (Kind.SCOPE_OFFERED.change(place, now=scope) for scope in sorted(now - was))
    if _strip_prose(old, "scopes") != _strip_prose(new, "scopes"):
        yield Kind.SCHEME_CHANGED.change(place)
    elif was == now and old != new:
        yield Kind.DOCUMENTATION.change(place)


def _scopes(scheme: Mapping[str, Any]) -> set[str]:
    flows = scheme.get("flows")
    flows = flows.values() if isinstance(flows, dict) else ()
    listed = [flow.get("scopes") for flow in flows if isinstance(flow, dict)]
    return {str(scope) for scopes in listed if isinstance(scopes, dict) for scope in scopes}


def _strip_prose(value: Any, *without: str) -> Any:
    """Return a value without documentation and without these keys."""
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if key not in without and not is_prose(key)}
        return {key: _strip_prose(each, *without) for key, each in kept.items()}
    return [_strip_prose(each, *without) for each in value] if isinstance(value, list) else value


def _compare_prose(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield changes of the documentation, and of keys that this module does not know."""
    if select_prose(old) != select_prose(new) or any(old.get(key) != new.get(key) for key in PROSE_KEYS):
        yield Kind.DOCUMENTATION.change(WHOLE)
    for key in sorted(old.keys() | new.keys()):
        if key not in KNOWN_KEYS and not is_prose(key) and old.get(key) != new.get(key):
            yield Kind.NOT_UNDERSTOOD.change(WHOLE, now=key)
