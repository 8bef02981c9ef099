"""What changed in the schemas of two documents, and for whom: what is sent and what is received break differently.

Whoever sends is broken by a narrower schema: a field that is needed now, a value that is not taken any more. Whoever
receives is broken by a wider one: a field that may be absent or null now. A value that is new in an answer breaks
nobody here, because enums are open on reading; another type breaks both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from attrs import evolve, frozen

from .documents import Document
from .schema_view import LOWER_BOUNDS, NOTHING, UPPER_BOUNDS, View, shown, unwrapped, view
from .semver import Change, Level

NUMBER_FORMATS = {NOTHING, "int32", "int64", "float", "double"}  # the same types in Python


class Side(StrEnum):
    """Who speaks."""

    SENT = "requests"
    RECEIVED = "answers"


class Kind(StrEnum):
    """What happened to something that has a schema."""

    FIELD_ADDED = "field added"
    FIELD_REMOVED = "field removed"
    NOW_REQUIRED = "now required"
    NO_LONGER_REQUIRED = "no longer required"
    TYPE = "type changed"
    FORMAT = "format changed"
    NOW_NULLABLE = "may be null now"
    NO_LONGER_NULLABLE = "may not be null any more"
    VALUE_ADDED = "value added"
    VALUE_REMOVED = "value removed"
    NOW_LIMITED_TO = "limited to values"
    NO_LONGER_LIMITED_TO = "no longer limited to values"
    DEFAULT = "default changed"
    LIMIT = "limit changed"
    OTHER_FIELDS_REFUSED = "other fields are refused now"
    OTHER_FIELDS_ALLOWED = "other fields are allowed now"
    NOW_DEPRECATED = "now deprecated"
    NO_LONGER_DEPRECATED = "no longer deprecated"
    SCHEMA_RENAMED = "schema renamed"
    DOCUMENTATION = "documentation changed"
    NOT_UNDERSTOOD = "changed in a way that is not understood: look at it"


FIX, FEATURE, BREAKING = Level.FIX, Level.FEATURE, Level.BREAKING
LEVELS: dict[Kind, tuple[Level, Level]] = {  # for what is sent, for what is received
    Kind.FIELD_ADDED: (FEATURE, FEATURE),
    Kind.FIELD_REMOVED: (BREAKING, BREAKING),
    Kind.NOW_REQUIRED: (BREAKING, FEATURE),
    Kind.NO_LONGER_REQUIRED: (FEATURE, BREAKING),
    Kind.TYPE: (BREAKING, BREAKING),
    Kind.FORMAT: (BREAKING, BREAKING),
    Kind.NOW_NULLABLE: (FEATURE, BREAKING),
    Kind.NO_LONGER_NULLABLE: (BREAKING, FEATURE),
    Kind.VALUE_ADDED: (FEATURE, FEATURE),
    Kind.VALUE_REMOVED: (BREAKING, FIX),
    Kind.NOW_LIMITED_TO: (BREAKING, FIX),
    Kind.NO_LONGER_LIMITED_TO: (FEATURE, FEATURE),
    Kind.DEFAULT: (BREAKING, FIX),  # whoever leaves it out gets something else
    Kind.LIMIT: (BREAKING, FIX),
    Kind.OTHER_FIELDS_REFUSED: (BREAKING, FIX),
    Kind.OTHER_FIELDS_ALLOWED: (FEATURE, FEATURE),
    Kind.NOW_DEPRECATED: (FEATURE, FEATURE),  # as Semantic Versioning has it
    Kind.NO_LONGER_DEPRECATED: (FIX, FIX),
    Kind.SCHEMA_RENAMED: (FIX, FIX),  # generated models are internal, and nothing is sent or received differently
    Kind.DOCUMENTATION: (FIX, FIX),
    Kind.NOT_UNDERSTOOD: (BREAKING, BREAKING),
}


@frozen
class Pair:
    """Two schemas that stand in the same place of two documents; None where there is none."""

    before: Any
    after: Any
    side: Side
    owner: str  # the call and the part of it, or all requests or answers where the schema has a name
    path: str = ""  # in the owner

    @property
    def place(self) -> str:
        """Where a reader finds it."""
        return f"{self.owner}: {self.path}" if self.path else self.owner

    def change(self, kind: Kind, was: str | None = None, now: str | None = None, level: Level | None = None) -> Change:
        """Return a change in this place."""
        usual = LEVELS[kind][self.side is Side.RECEIVED]
        return Change(self.place, str(kind), usual if level is None else level, was, now)


def schema_changes(pairs: Iterable[Pair], before: Document, after: Document) -> Iterator[Change]:
    """Yield what changed in these schemas and in all that they hold; what has a name is looked at once a side.

    Raises:
        SpecError: a schema is malformed.
    """
    waiting, seen = deque(pairs), set[tuple[str, str, Side]]()
    while waiting:
        pair = waiting.popleft()
        old, new = view(pair.before, before, pair.place), view(pair.after, after, pair.place)
        if old.nullable != new.nullable:
            yield pair.change(Kind.NOW_NULLABLE if new.nullable else Kind.NO_LONGER_NULLABLE)
        around_old, inner_old = unwrapped(pair.before, before, pair.place)
        around_new, inner_new = unwrapped(pair.after, after, pair.place)
        yield from _remarks(pair, view(around_old, before, pair.place), view(around_new, after, pair.place))
        old, new = view(inner_old, before, pair.place), view(inner_new, after, pair.place)
        if old.name or new.name:
            key = (old.name or shown(inner_old), new.name or shown(inner_new), pair.side)
            if key in seen:  # a circle ends here, too
                continue
            seen.add(key)
            pair = evolve(pair, owner=str(pair.side), path=old.name or new.name or "")
        yield from _own(pair, old, new)
        if old.type == new.type:
            yield from _fields(pair, old, new)
            waiting.extend(_inner(pair, old, new))


def _own(pair: Pair, old: View, new: View) -> Iterator[Change]:
    """Yield what changed in a schema, but for what it holds."""
    if old.name and new.name and old.name != new.name:
        yield pair.change(Kind.SCHEMA_RENAMED, old.name, new.name)
    if old.type != new.type:
        yield pair.change(Kind.TYPE, old.type, new.type)
    elif old.format != new.format:
        numbers = {old.format, new.format} <= NUMBER_FORMATS
        yield pair.change(Kind.FORMAT, old.format, new.format, level=Level.FIX if numbers else None)
    yield from _values(pair, old.values, new.values)
    yield from _limits(pair, old, new)
    yield from _remarks(pair, old, new)
    for key in sorted(old.rest.keys() | new.rest.keys()):
        if old.rest.get(key) != new.rest.get(key):
            yield pair.change(Kind.NOT_UNDERSTOOD, now=key)


def _remarks(pair: Pair, old: View, new: View) -> Iterator[Change]:
    """Yield what changed of that which may stand around a reference, too."""
    if old.default != new.default:
        yield pair.change(Kind.DEFAULT, old.default, new.default)
    if old.deprecated != new.deprecated:
        yield pair.change(Kind.NOW_DEPRECATED if new.deprecated else Kind.NO_LONGER_DEPRECATED)
    if old.prose != new.prose:
        yield pair.change(Kind.DOCUMENTATION)


def _values(pair: Pair, old: tuple[str, ...] | None, new: tuple[str, ...] | None) -> Iterator[Change]:
    if old is None and new is not None:
        yield pair.change(Kind.NOW_LIMITED_TO, now=", ".join(new))
    elif old is not None and new is None:
        yield pair.change(Kind.NO_LONGER_LIMITED_TO, was=", ".join(old))
    else:
        for value in old or ():
            if value not in (new or ()):
                yield pair.change(Kind.VALUE_REMOVED, was=value)
        for value in new or ():
            if value not in (old or ()):
                yield pair.change(Kind.VALUE_ADDED, now=value)


def _limits(pair: Pair, old: View, new: View) -> Iterator[Change]:
    for key in sorted(old.limits.keys() | new.limits.keys()):
        was, now = old.limits.get(key), new.limits.get(key)
        if was != now:
            looser = Level.FEATURE if pair.side is Side.SENT and _is_looser(key, was, now) else None
            yield pair.change(Kind.LIMIT, _limit(key, was), _limit(key, now), level=looser)


def _is_looser(key: str, was: Any, now: Any) -> bool:
    if now is None or now is False:
        return True
    numbers = isinstance(was, int | float) and isinstance(now, int | float)
    return numbers and ((key in LOWER_BOUNDS and now < was) or (key in UPPER_BOUNDS and now > was))


def _limit(key: str, value: Any) -> str:
    return f"no {key}" if value is None else f"{key} {shown(value)}"


def _fields(pair: Pair, old: View, new: View) -> Iterator[Change]:
    """Yield the fields that are new, gone, needed now or not needed any more."""
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


def _inner(pair: Pair, old: View, new: View) -> Iterator[Pair]:
    """Yield the schemas that both hold, side by side."""
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
