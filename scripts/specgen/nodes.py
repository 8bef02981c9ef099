"""Reading JSON strictly: every value knows where it stands, and a key that nobody asked for is an error."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator
from typing import Any, NoReturn

from attrs import evolve, frozen

from .problems import Loss, SpecError, pointer_to

DEEPEST = 100  # levels; a hand-made bomb is deeper, no exporter's file is
MOST_VALUES = 1_000_000


@frozen
class Node:
    """A value in a JSON document, with its place."""

    value: Any
    where: str  # the file, or the item once its name is known
    pointer: str = ""

    def fail(self, problem: str) -> NoReturn:
        """Raise a SpecError for this place."""
        raise SpecError(self.where, self.pointer, problem)

    def loss(self, what: str, why: str, *, understood: bool = True) -> Loss:
        """Return that something in this place is lost."""
        return Loss(self.where, self.pointer, what, why, understood)

    def child(self, key: str | int) -> Node:
        """Return a member of an object or an entry of a list."""
        return evolve(self, value=self.value[key], pointer=self.pointer + pointer_to([key]))

    def fields(self, known: Collection[str], losses: list[Loss]) -> dict[str, Node]:
        """Return the members of an object that are known and not null; all others are lost.

        Raises:
            SpecError: it is no object.
        """
        members = self.members()
        for name in sorted(members.keys() - {*known}):
            losses.append(members[name].loss(f"the member {name!r}", "not understood", understood=False))
        return {name: members[name] for name in known if self.value.get(name) is not None}

    def members(self, needed: Collection[str] = ()) -> dict[str, Node]:
        """Return the members of an object.

        Raises:
            SpecError: it is no object, or something that is needed is not in it.
        """
        if not isinstance(self.value, dict):
            self.fail(f"an object is expected, not {kind(self.value)}")
        for name in needed:
            if name not in self.value:
                self.fail(f"{name!r} is missing")
        return {name: self.child(name) for name in self.value}

    def items(self) -> Iterator[Node]:
        """Return the entries of a list."""
        if not isinstance(self.value, list):
            self.fail(f"a list is expected, not {kind(self.value)}")
        return (self.child(index) for index in range(len(self.value)))

    def text(self) -> str:
        """Return a text."""
        if not isinstance(self.value, str):
            self.fail(f"text is expected, not {kind(self.value)}")
        return self.value


def kind(value: object) -> str:
    """Return what JSON calls this value."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def parse_json(text: str, where: str) -> Node:
    """Return the document.

    Raises:
        SpecError: it is no JSON, names a key twice, or is nested too deeply.
    """
    try:
        value = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except RecursionError:
        raise SpecError(where, "", "nested too deeply to be read") from None
    except ValueError as error:
        raise SpecError(where, "", f"no valid JSON: {error}") from None
    check_json(value, where, most=math.inf)  # JSON has no aliases: what fits into a file can be handled
    return Node(value, where)


def check_json(value: object, where: str, *, most: float = MOST_VALUES) -> None:
    """See that a value is what JSON can say, of a size that can be handled, and that it does not hold itself.

    Raises:
        SpecError: something in it is not.
    """
    level: list[tuple[str, object]] = [("", value)]
    seen = 0
    for _ in range(DEEPEST):
        seen += len(level)
        if seen > most:
            raise SpecError(where, "", f"more than {most} values, those behind aliases counted")
        inner: list[tuple[str, object]] = []
        for pointer, each in level:
            inner.extend(_parts(each, where, pointer))
        level = inner
        if not level:
            return
    raise SpecError(where, "", f"nested more than {DEEPEST} levels deep")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"the key {name!r} stands twice in one object")
        members[name] = value
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _parts(value: object, where: str, pointer: str) -> Iterator[tuple[str, object]]:
    """Yield what an object or a list holds, with its place; refuse what is not JSON."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise SpecError(where, pointer, f"the key {name!r} is not text: quote it")
            yield pointer + pointer_to([name]), inner
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield f"{pointer}/{index}", inner
    elif isinstance(value, float) and not math.isfinite(value):
        raise SpecError(where, pointer, f"{value} is not a JSON number")
    elif isinstance(value, str) and not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise SpecError(where, pointer, "half of a surrogate pair is no valid text")
    elif value is not None and not isinstance(value, str | int | float | bool):
        raise SpecError(where, pointer, f"JSON has no {type(value).__name__}: quote it if it is text")
