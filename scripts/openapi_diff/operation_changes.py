"""Compare two OpenAPI documents and rate each change by its effect on users of the generated client.

Schemas that no operation uses are not compared: nothing is sent or received with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen
from versioning.semver import Change, Level

from openapi_diff.document_changes import compare_documents
from openapi_diff.documents import PATH_VARIABLE, Document, Operation, operations, security_text
from openapi_diff.kinds import BREAKING, FEATURE, Kind, Side
from openapi_diff.schema_changes import Pair, compare_schemas
from openapi_diff.schema_view import is_prose, select_prose

OPERATION_KEYS = {"operationId", "parameters", "requestBody", "responses", "security", "servers", "tags", "deprecated"}
PARAMETER_KEYS = {"name", "in", "required", "schema", "content", "style", "explode", "deprecated"}


def find_changes(before: Document, after: Document) -> list[Change]:
    """Return the changes in the order of the documents, without duplicates.

    Raises:
        SpecError: a document is not OpenAPI 3, or is malformed.
    """
    pairs: list[Pair] = []  # the schemas of all operations, so that each named schema is compared once
    found: list[Change] = []
    olds, news = list(operations(before)), list(operations(after))
    matches = _match_operations(olds, news)
    for old in olds:
        if old.template not in matches:
            found.append(Kind.OPERATION_REMOVED.change(old.place, was=old.name))
        else:
            comparison = _OperationComparison(before, after, old, matches[old.template])
            found += comparison.changes()
            pairs += comparison.pairs
    matched = {new.place for new in matches.values()}
    found += [Kind.OPERATION_ADDED.change(new.place, now=new.name) for new in news if new.place not in matched]
    found += compare_schemas(pairs, before, after)
    found += compare_documents(before, after)
    return list(dict.fromkeys(found))


def _match_operations(olds: list[Operation], news: list[Operation]) -> dict[str, Operation]:
    """Return the new version of each operation that still exists, matched by method and path, else by operationId."""
    by_template = {new.template: new for new in news}
    matches = {old.template: by_template[old.template] for old in olds if old.template in by_template}
    moved = {new.name: new for new in news if new.name and new.template not in matches}
    matches |= {old.template: moved[old.name] for old in olds if old.template not in matches and old.name in moved}
    return matches


@frozen
class _OperationComparison:
    """An operation before and after; collects the pairs of its schemas."""

    before: Document
    after: Document
    old: Operation
    new: Operation
    pairs: list[Pair] = field(factory=list)

    def changes(self) -> Iterator[Change]:
        """Yield all changes except those of schemas."""
        old, new = self.old, self.new
        if old.template != new.template:
            yield self._change(Kind.OPERATION_MOVED, old.place, new.place)
        if old.name != new.name:
            yield self._change(Kind.OPERATION_RENAMED, str(old.name), str(new.name))
        was, now = _first_tag(old.content.get("tags")), _first_tag(new.content.get("tags"))
        if was != now:
            yield self._change(Kind.OPERATION_TAG, was, now)
        elif old.content.get("tags") != new.content.get("tags"):
            yield self._change(Kind.DOCUMENTATION)
        if old.content.get("servers") != new.content.get("servers"):
            yield self._change(Kind.OPERATION_SERVERS)
        yield from self._remarks("", old.content, new.content, OPERATION_KEYS)
        yield from self._parameters()
        yield from self._body()
        yield from self._statuses()
        yield from self._scopes()

    def _change(
        self, kind: Kind, was: str | None = None, now: str | None = None, part: str = "", level: Level | None = None
    ) -> Change:
        place = f"{self.new.place}: {part}" if part else self.new.place
        return kind.change(place, was=was, now=now, level=level)

    def _remarks(self, part: str, old: Mapping[str, Any], new: Mapping[str, Any], known: set[str]) -> Iterator[Change]:
        """Yield changes of deprecation, documentation and unknown keys."""
        was, now = bool(old.get("deprecated")), bool(new.get("deprecated"))
        if was != now:
            yield self._change(Kind.NOW_DEPRECATED if now else Kind.NO_LONGER_DEPRECATED, part=part)
        if select_prose(old) != select_prose(new):
            yield self._change(Kind.DOCUMENTATION, part=part)
        for key in sorted(old.keys() | new.keys()):
            if key not in known and not is_prose(key) and old.get(key) != new.get(key):
                yield self._change(Kind.NOT_UNDERSTOOD, now=key, part=part)

    def _requirement(self, part: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
        was, now = old.get("required", False), new.get("required", False)
        if was != now:
            yield self._change(Kind.NOW_REQUIRED if now else Kind.NO_LONGER_REQUIRED, part=part)

    def _parameters(self) -> Iterator[Change]:
        olds, news = _parameters_by_key(self.old, self.new), _parameters_by_key(self.new, self.old)
        folded = {(place, name.casefold()): (place, name) for place, name in news if (place, name) not in olds}
        for key, old in olds.items():
            match = key if key in news else folded.get((key[0], key[1].casefold()), key)
            if match not in news:
                yield self._change(Kind.PARAMETER_REMOVED, _requiredness(old), part=_parameter_label(old))
                continue
            new = news.pop(match)
            was, now = str(old.get("name")), str(new.get("name"))
            if was != now and not (was.casefold() == now.casefold() and old.get("in") == "header"):
                same = was.casefold() == now.casefold()
                kind = Kind.PARAMETER_CASE if same else Kind.PARAMETER_RENAMED
                yield self._change(kind, was, now, part=_parameter_label(new))
            yield from self._parameter(_parameter_label(new), old, new)
        for new in news.values():
            level = BREAKING if new.get("required") else FEATURE
            part = _parameter_label(new)
            yield self._change(Kind.PARAMETER_ADDED, now=_requiredness(new), part=part, level=level)

    def _parameter(self, part: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
        yield from self._requirement(part, old, new)
        if _serialization(old) != _serialization(new):
            yield self._change(Kind.PARAMETER_FORM, _serialization(old), _serialization(new), part=part)
        yield from self._remarks(part, old, new, PARAMETER_KEYS)
        was, now = _parameter_schema(self.before, old, part), _parameter_schema(self.after, new, part)
        self.pairs.append(Pair(was, now, Side.SENT, f"{self.new.place}: {part}"))

    def _body(self) -> Iterator[Change]:
        old = self.before.members(self.old.content.get("requestBody"), self.old.place)
        new = self.after.members(self.new.content.get("requestBody"), self.new.place)
        if new and not old:
            level = BREAKING if new.get("required") else FEATURE
            yield self._change(Kind.BODY_ADDED, now=_requiredness(new), level=level)
        elif old and not new:
            yield self._change(Kind.BODY_REMOVED)
        elif old and new:
            yield from self._requirement("request body", old, new)
            yield from self._remarks("request body", old, new, {"content", "required"})
            yield from self._contents("request body", old, new, Side.SENT)

    def _statuses(self) -> Iterator[Change]:
        olds = self.before.members(self.old.content.get("responses"), self.old.place)
        news = self.after.members(self.new.content.get("responses"), self.new.place)
        for status in sorted(olds.keys() | news.keys()):
            if status not in news:
                yield self._change(Kind.STATUS_REMOVED, was=status, level=BREAKING if status[0] == "2" else None)
            elif status not in olds:
                yield self._change(Kind.STATUS_ADDED, now=status)
            else:
                old, new = self.before.members(olds[status], status), self.after.members(news[status], status)
                yield from self._remarks(f"status {status}", old, new, {"content"})
                yield from self._contents(f"status {status}", old, new, Side.RECEIVED)

    def _contents(self, part: str, old: Mapping[str, Any], new: Mapping[str, Any], side: Side) -> Iterator[Change]:
        olds, news = self.before.members(old.get("content"), part), self.after.members(new.get("content"), part)
        for media_type in sorted(olds.keys() | news.keys()):
            if media_type not in news:
                yield self._change(Kind.MEDIA_TYPE_REMOVED, was=media_type, part=part)
            elif media_type not in olds:
                yield self._change(Kind.MEDIA_TYPE_ADDED, now=media_type, part=part)
            else:
                was, now = self.before.members(olds[media_type], part), self.after.members(news[media_type], part)
                yield from self._remarks(part, was, now, {"schema"})
                owner = f"{self.new.place}: {part}"
                self.pairs.append(Pair(was.get("schema", {}), now.get("schema", {}), side, owner))

    def _scopes(self) -> Iterator[Change]:
        for gone in sorted(self.old.security - self.new.security, key=security_text):
            fewer = any(now <= gone for now in self.new.security)  # a subset of the scopes is enough now
            yield self._change(Kind.SCOPE_REMOVED, was=security_text(gone), level=FEATURE if fewer else None)
        for new in sorted(self.new.security - self.old.security, key=security_text):
            yield self._change(Kind.SCOPE_ADDED, now=security_text(new))


def _first_tag(tags: Any) -> str:
    return str(tags[0]) if isinstance(tags, list) and tags else "none"


def _requiredness(content: Mapping[str, Any]) -> str:
    return "required" if content.get("required") else "optional"


def _parameter_label(parameter: Mapping[str, Any]) -> str:
    return f"{parameter.get('in')} parameter {parameter.get('name')}"


def _serialization(parameter: Mapping[str, Any]) -> str:
    """Return the serialization of a parameter, including OpenAPI's defaults."""
    style = parameter.get("style", "form" if parameter.get("in") in ("query", "cookie") else "simple")
    return f"{style}, {'exploded' if parameter.get('explode', style == 'form') else 'not exploded'}"


def _parameter_schema(document: Document, parameter: Mapping[str, Any], part: str) -> Any:
    for content in document.members(parameter.get("content"), part).values():
        return document.members(content, part).get("schema", {})  # OpenAPI allows exactly one
    return parameter.get("schema", {})


def _parameters_by_key(operation: Operation, other: Operation) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return the parameters by location and name; path variables by position instead, if both paths match."""
    positions = {name: f"#{index}" for index, name in enumerate(PATH_VARIABLE.findall(operation.path))}
    named: dict[tuple[str, str], Mapping[str, Any]] = {}
    for parameter in operation.parameters:
        place, name = str(parameter.get("in")), str(parameter.get("name"))
        if place == "path" and operation.template == other.template:
            name = positions.get(name, name)
        named[place, name] = parameter
    return named
