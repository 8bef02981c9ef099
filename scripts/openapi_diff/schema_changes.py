"""Compare the schemas of two documents, separately for requests and responses."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from attrs import evolve, frozen
from versioning.semver import Change, Level

from openapi_diff.documents import Document
from openapi_diff.kinds import Kind, Side
from openapi_diff.schema_view import (
    LOWER_BOUNDS,
    NONE,
    UPPER_BOUNDS,
    SchemaView,
    to_json,
    unwrap_reference,
    view_schema,
)

NUMBER_FORMATS = {NONE, "int32", "int64", "float", "double"}  # Python has one type for each group


@frozen
class Pair:
    """The schemas in the same position of two documents; None if there is none."""

    before: Any
    after: Any
    side: Side
    owner: str  # the call and its part; all requests or responses if the schema has a name
    path: str = ""  # inside the owner

    @property
    def place(self) -> str:
        """The position as readers know it."""
        return f"{self.owner}: {self.path}" if self.path else self.owner

    def change(self, kind: Kind, was: str | None = None, now: str | None = None, level: Level | None = None) -> Change:
        """Return a change at this position; a given level replaces the usual one."""
        return kind.change(self.place, was=was, now=now, side=self.side, level=level)


def compare_schemas(pairs: Iterable[Pair], before: Document, after: Document) -> Iterator[Change]:
    """Yield the changes of these schemas and of all schemas inside them; a named schema is compared once per side.

    Raises:
        SpecError: a schema is malformed.
    """
    waiting, seen = deque(pairs), set[tuple[str, str, Side]]()
    while waiting:
        pair = waiting.popleft()
        old, new = view_schema(pair.before, before, pair.place), view_schema(pair.after, after, pair.place)
        if old.nullable != new.nullable:
            yield pair.change(Kind.NOW_NULLABLE if new.nullable else Kind.NO_LONGER_NULLABLE)
        around_old, inner_old = unwrap_reference(pair.before, before, pair.place)
        around_new, inner_new = unwrap_reference(pair.after, after, pair.place)
        annotations = view_schema(around_old, before, pair.place), view_schema(around_new, after, pair.place)
        yield from _compare_annotations(pair, *annotations)
        old, new = view_schema(inner_old, before, pair.place), view_schema(inner_new, after, pair.place)
        if old.name or new.name:
            key = (old.name or to_json(inner_old), new.name or to_json(inner_new), pair.side)
            if key in seen:  # this ends circles, too
                continue
            seen.add(key)
            pair = evolve(pair, owner=str(pair.side), path=old.name or new.name or "")
        yield from _compare_schema(pair, old, new)
        if old.type == new.type:
            yield from _compare_fields(pair, old, new)
            waiting.extend(_nested_pairs(pair, old, new))


def _compare_schema(pair: Pair, old: SchemaView, new: SchemaView) -> Iterator[Change]:
    """Yield the changes of a schema itself."""
    if old.name and new.name and old.name != new.name:
        yield pair.change(Kind.SCHEMA_RENAMED, old.name, new.name)
    if old.type != new.type:
        yield pair.change(Kind.TYPE, old.type, new.type)
    elif old.format != new.format:
        numbers = {old.format, new.format} <= NUMBER_FORMATS
        yield pair.change(Kind.FORMAT, old.format, new.format, level=Level.FIX if numbers else None)
    yield from _compare_enums(pair, old.values, new.values)
    yield from _compare_limits(pair, old, new)
    yield from _compare_annotations(pair, old, new)
    for key in sorted(old.rest.keys() | new.rest.keys()):
        if old.rest.get(key) != new.rest.get(key):
            yield pair.change(Kind.NOT_UNDERSTOOD, now=key)


def _compare_annotations(pair: Pair, old: SchemaView, new: SchemaView) -> Iterator[Change]:
    """Yield the changes that a schema can also have around a reference."""
    if old.default != new.default:
        yield pair.change(Kind.DEFAULT, old.default, new.default)
    if old.deprecated != new.deprecated:
        yield pair.change(Kind.NOW_DEPRECATED if new.deprecated else Kind.NO_LONGER_DEPRECATED)
    if old.prose != new.prose:
        yield pair.change(Kind.DOCUMENTATION)


def _compare_enums(pair: Pair, old: tuple[str, ...] | None, new: tuple[str, ...] | None) -> Iterator[Change]:
    if old is None and new is not None:
        yield pair.change(Kind.NOW_LIMITED_TO, now=", ".join(new))
    elif old is not None and new is None:
        yield pair.change(Kind.NO_LONGER_LIMITED_TO, was=", ".join(old))
    else:
        yield from (pair.change(Kind.VALUE_REMOVED, was=value) for value in old or () if value not in (new or ()))
        yield from (pair.change(Kind.VALUE_ADDED, now=value) for value in new or () if value not in (old or ()))


def _compare_limits(pair: Pair, old: SchemaView, new: SchemaView) -> Iterator[Change]:
    for key in sorted(old.limits.keys() | new.limits.keys()):
        was, now = old.limits.get(key), new.limits.get(key)
        if was != now:
            looser = Level.FEATURE if pair.side is Side.SENT and _is_looser(key, was, now) else None
            yield pair.change(Kind.LIMIT, _limit_text(key, was), _limit_text(key, now), level=looser)


def _is_looser(key: str, was: Any, now: Any) -> bool:
    if now is None or now is False:
        return True
    numbers = isinstance(was, int | float) and isinstance(now, int | float)
    return numbers and ((key in LOWER_BOUNDS and now < was) or (key in UPPER_BOUNDS and now > was))


def _limit_text(key: str, value: Any) -> str:
    return f"no {key}" if value is None else f"{key} {to_json(value)}"


def _compare_fields(pair: Pair, old: SchemaView, new: SchemaView) -> Iterator[Change]:
    """Yield added, removed, newly required and no longer required fields."""
    for name in [*old.properties, *(name for name in new.properties if name not in old.properties)]:
        field = evolve(pair, path=f"{pair.path}.{name}".lstrip("."))
        before, after = name in old.required, name in new.required
        if name not in new.properties:
            yield field.change(Kind.FIELD_REMOVED)
        elif name not in old.properties:
            level = Level.BREAKING if after and pair.side is Side.SENT else None
            yield field.change(Kind.FIELD_ADDED, now="required" if after else "optional", level=level)
        elif before != after:
            yield field.change(Kind.NOW_REQUIRED if after else Kind.NO_LONGER_REQUIRED)
    if (old.additional is False) != (new.additional is False):
        refused = new.additional is False
        yield pair.change(Kind.OTHER_FIELDS_REFUSED if refused else Kind.OTHER_FIELDS_ALLOWED)


def _nested_pairs(pair: Pair, old: SchemaView, new: SchemaView) -> Iterator[Pair]:
    """Yield the pairs of schemas inside two schemas."""
    for name in old.properties:
        if name in new.properties:
            path = f"{pair.path}.{name}".lstrip(".")
            yield evolve(pair, before=old.properties[name], after=new.properties[name], path=path)
    if old.items or new.items:
        yield evolve(pair, before=old.items, after=new.items, path=f"{pair.path}[]")
    if old.additional is not False and new.additional is not False and (old.additional or new.additional):
        yield evolve(pair, before=old.additional, after=new.additional, path=f"{pair.path}.*".lstrip("."))
    for index, (before, after) in enumerate(zip(old.alternatives, new.alternatives, strict=False)):
        yield evolve(pair, before=before, after=after, path=f"{pair.path} alternative {index + 1}".strip())
