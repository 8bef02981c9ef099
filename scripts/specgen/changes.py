"""What changed between two OpenAPI documents, as a reader thinks of it, and whom it breaks.

The one who must not be broken is the client's user: what must be sent now, is not taken any more or does not come any
more is breaking; what may be sent or comes beside is a feature; words are a fix. Schemas that no operation reaches are
not looked at: nothing is sent or received by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from .documents import IN_PATH, Document, Operation, operations, security_text
from .schema_changes import Kind as SchemaKind
from .schema_changes import Pair, Side, schema_changes
from .schema_view import is_prose, prose
from .semver import Change, Level
from .surroundings import surrounding_changes

FIX, FEATURE, BREAKING = Level.FIX, Level.FEATURE, Level.BREAKING
OPERATION_KEYS = {"operationId", "parameters", "requestBody", "responses", "security", "servers", "tags", "deprecated"}
PARAMETER_KEYS = {"name", "in", "required", "schema", "content", "style", "explode", "deprecated"}


class Kind(StrEnum):
    """What happened to an operation or to a part of it that is no schema."""

    OPERATION_ADDED = "operation added"
    OPERATION_REMOVED = "operation removed"
    OPERATION_RENAMED = "operation renamed"
    OPERATION_MOVED = "operation moved"
    OPERATION_TAG = "first tag changed"
    OPERATION_SERVERS = "servers of its own changed"
    PARAMETER_ADDED = "parameter added"
    PARAMETER_REMOVED = "parameter removed"
    PARAMETER_RENAMED = "parameter renamed"
    PARAMETER_RENAMED_IN_CASE = "parameter renamed in case only"
    PARAMETER_FORM = "written in another form"
    BODY_ADDED = "request body added"
    BODY_REMOVED = "request body removed"
    MEDIA_TYPE_ADDED = "media type added"
    MEDIA_TYPE_REMOVED = "media type removed"
    STATUS_ADDED = "status added"
    STATUS_REMOVED = "status removed"
    SCOPE_ADDED = "may be called with"
    SCOPE_REMOVED = "may no longer be called with"


def changes(before: Document, after: Document) -> list[Change]:
    """Return what changed, in the order of the documents, without saying anything twice.

    Raises:
        SpecError: a document is no OpenAPI 3, or something in it is not of the kind that it must be.
    """
    pairs: list[Pair] = []  # the schemas of all operations, so that one with a name is looked at once
    found: list[Change] = []
    olds, news = list(operations(before)), list(operations(after))
    matches = _matches(olds, news)
    for old in olds:
        if old.template not in matches:
            found.append(Change(old.place, Kind.OPERATION_REMOVED, BREAKING, was=old.name))
        else:
            comparison = _Comparison(before, after, old, matches[old.template])
            found += comparison.changes()
            pairs += comparison.pairs
    matched = {new.place for new in matches.values()}
    found += [
        Change(new.place, Kind.OPERATION_ADDED, FEATURE, now=new.name) for new in news if new.place not in matched
    ]
    found += schema_changes(pairs, before, after)
    found += surrounding_changes(before, after)
    return list(dict.fromkeys(found))


def _matches(olds: list[Operation], news: list[Operation]) -> dict[str, Operation]:
    """Return what became of each operation that is still there, by its method and path; else by its id."""
    by_template = {new.template: new for new in news}
    matches = {old.template: by_template[old.template] for old in olds if old.template in by_template}
    moved = {new.name: new for new in news if new.name and new.template not in matches}
    matches |= {old.template: moved[old.name] for old in olds if old.template not in matches and old.name in moved}
    return matches


@frozen
class _Comparison:
    """An operation before and after; the schemas it has are gathered on the way."""

    before: Document
    after: Document
    old: Operation
    new: Operation
    pairs: list[Pair] = field(factory=list)

    def changes(self) -> Iterator[Change]:
        """Yield what changed, but for the schemas."""
        old, new = self.old, self.new
        if old.template != new.template:
            yield self._change(Kind.OPERATION_MOVED, BREAKING, old.place, new.place)
        if old.name != new.name:
            yield self._change(Kind.OPERATION_RENAMED, BREAKING, str(old.name), str(new.name))
        was, now = _first(old.content.get("tags")), _first(new.content.get("tags"))
        if was != now:  # the generated module moves
            yield self._change(Kind.OPERATION_TAG, BREAKING, was, now)
        elif old.content.get("tags") != new.content.get("tags"):
            yield self._change(SchemaKind.DOCUMENTATION, FIX)
        if old.content.get("servers") != new.content.get("servers"):
            yield self._change(Kind.OPERATION_SERVERS, BREAKING)
        yield from self._remarks("", old.content, new.content, OPERATION_KEYS)
        yield from self._parameters()
        yield from self._body()
        yield from self._statuses()
        yield from self._scopes()

    def _change(
        self, kind: StrEnum, level: Level, was: str | None = None, now: str | None = None, part: str = ""
    ) -> Change:
        return Change(f"{self.new.place}: {part}" if part else self.new.place, kind, level, was, now)

    def _remarks(self, part: str, old: Mapping[str, Any], new: Mapping[str, Any], known: set[str]) -> Iterator[Change]:
        """Yield what changed beside the known keys: deprecation, words, and what is not understood."""
        if old.get("deprecated", False) != new.get("deprecated", False):
            kind = SchemaKind.NOW_DEPRECATED if new.get("deprecated") else SchemaKind.NO_LONGER_DEPRECATED
            yield self._change(kind, FEATURE if new.get("deprecated") else FIX, part=part)
        if prose(old) != prose(new):
            yield self._change(SchemaKind.DOCUMENTATION, FIX, part=part)
        for key in sorted(old.keys() | new.keys()):
            if key not in known and not is_prose(key) and old.get(key) != new.get(key):
                yield self._change(SchemaKind.NOT_UNDERSTOOD, BREAKING, now=key, part=part)

    def _requirement(self, part: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
        was, now = old.get("required", False), new.get("required", False)
        if was != now:
            kind = SchemaKind.NOW_REQUIRED if now else SchemaKind.NO_LONGER_REQUIRED
            yield self._change(kind, BREAKING if now else FEATURE, part=part)

    def _parameters(self) -> Iterator[Change]:
        olds, news = _by_name(self.old, self.new), _by_name(self.new, self.old)
        folded = {(place, name.casefold()): (place, name) for place, name in news if (place, name) not in olds}
        for key, old in olds.items():
            match = key if key in news else folded.get((key[0], key[1].casefold()), key)
            if match not in news:
                yield self._change(Kind.PARAMETER_REMOVED, BREAKING, _need(old), part=_parameter(old))
                continue
            new = news.pop(match)
            was, now = str(old.get("name")), str(new.get("name"))
            if was != now and not (was.casefold() == now.casefold() and old.get("in") == "header"):
                same = was.casefold() == now.casefold()
                kind = Kind.PARAMETER_RENAMED_IN_CASE if same else Kind.PARAMETER_RENAMED
                yield self._change(kind, BREAKING, was, now, part=_parameter(new))
            yield from self._parameter(_parameter(new), old, new)
        for new in news.values():
            level = BREAKING if new.get("required") else FEATURE
            yield self._change(Kind.PARAMETER_ADDED, level, now=_need(new), part=_parameter(new))

    def _parameter(self, part: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
        yield from self._requirement(part, old, new)
        if _form(old) != _form(new):
            yield self._change(Kind.PARAMETER_FORM, BREAKING, _form(old), _form(new), part=part)
        yield from self._remarks(part, old, new, PARAMETER_KEYS)
        was, now = _schema(self.before, old, part), _schema(self.after, new, part)
        self.pairs.append(Pair(was, now, Side.SENT, f"{self.new.place}: {part}"))

    def _body(self) -> Iterator[Change]:
        old = self.before.members(self.old.content.get("requestBody"), self.old.place)
        new = self.after.members(self.new.content.get("requestBody"), self.new.place)
        if new and not old:
            yield self._change(Kind.BODY_ADDED, BREAKING if new.get("required") else FEATURE, now=_need(new))
        elif old and not new:
            yield self._change(Kind.BODY_REMOVED, BREAKING)
        elif old and new:
            yield from self._requirement("request body", old, new)
            yield from self._remarks("request body", old, new, {"content", "required"})
            yield from self._contents("request body", old, new, Side.SENT)

    def _statuses(self) -> Iterator[Change]:
        olds = self.before.members(self.old.content.get("responses"), self.old.place)
        news = self.after.members(self.new.content.get("responses"), self.new.place)
        for status in sorted(olds.keys() | news.keys()):
            if status not in news:
                # A refusal that is not listed any more is still refused; a success that is not is no success here.
                yield self._change(Kind.STATUS_REMOVED, BREAKING if status.startswith("2") else FIX, was=status)
            elif status not in olds:
                yield self._change(Kind.STATUS_ADDED, FEATURE, now=status)
            else:
                old, new = self.before.members(olds[status], status), self.after.members(news[status], status)
                yield from self._remarks(f"status {status}", old, new, {"content"})
                yield from self._contents(f"status {status}", old, new, Side.RECEIVED)

    def _contents(self, part: str, old: Mapping[str, Any], new: Mapping[str, Any], side: Side) -> Iterator[Change]:
        olds, news = self.before.members(old.get("content"), part), self.after.members(new.get("content"), part)
        for media_type in sorted(olds.keys() | news.keys()):
            if media_type not in news:
                yield self._change(Kind.MEDIA_TYPE_REMOVED, BREAKING, was=media_type, part=part)
            elif media_type not in olds:
                yield self._change(Kind.MEDIA_TYPE_ADDED, FEATURE, now=media_type, part=part)
            else:
                was, now = self.before.members(olds[media_type], part), self.after.members(news[media_type], part)
                yield from self._remarks(part, was, now, {"schema"})
                owner = f"{self.new.place}: {part}"
                self.pairs.append(Pair(was.get("schema", {}), now.get("schema", {}), side, owner))

    def _scopes(self) -> Iterator[Change]:
        for gone in sorted(self.old.security - self.new.security, key=security_text):
            replaced = any(now <= gone for now in self.new.security)  # less is needed now
            yield self._change(Kind.SCOPE_REMOVED, FEATURE if replaced else BREAKING, was=security_text(gone))
        for new in sorted(self.new.security - self.old.security, key=security_text):
            yield self._change(Kind.SCOPE_ADDED, FEATURE, now=security_text(new))


def _first(tags: Any) -> str:
    return str(tags[0]) if isinstance(tags, list) and tags else "none"


def _need(content: Mapping[str, Any]) -> str:
    return "required" if content.get("required") else "optional"


def _parameter(parameter: Mapping[str, Any]) -> str:
    return f"{parameter.get('in')} parameter {parameter.get('name')}"


def _form(parameter: Mapping[str, Any]) -> str:
    """Return how a parameter is written, with what is implied."""
    style = parameter.get("style", "form" if parameter.get("in") in ("query", "cookie") else "simple")
    return f"{style}, {'exploded' if parameter.get('explode', style == 'form') else 'not exploded'}"


def _schema(document: Document, parameter: Mapping[str, Any], part: str) -> Any:
    for content in document.members(parameter.get("content"), part).values():
        return document.members(content, part).get("schema", {})  # there is exactly one
    return parameter.get("schema", {})


def _by_name(operation: Operation, other: Operation) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return the parameters by place and name; where the paths are the same, what stands in them by its position."""
    positions = {name: f"#{index}" for index, name in enumerate(IN_PATH.findall(operation.path))}
    named: dict[tuple[str, str], Mapping[str, Any]] = {}
    for parameter in operation.parameters:
        place, name = str(parameter.get("in")), str(parameter.get("name"))
        if place == "path" and operation.template == other.template:
            name = positions.get(name, name)
        named[place, name] = parameter
    return named
