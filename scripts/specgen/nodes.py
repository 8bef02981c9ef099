"""Reading JSON strictly: every value knows where it stands, and a key that nobody asked for is an error."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any, NoReturn

from attrs import evolve, frozen

from .problems import SpecError

DEEPEST = 100  # levels; a hand-made bomb is deeper, no exporter's file is


@frozen
class Node:
    """A value in a JSON document, with its place."""

    value: Any
    where: str  # the file, or the item once its name is known
    pointer: str = ""

    def fail(self, problem: str) -> NoReturn:
        """Raise a SpecError for this place."""
        raise SpecError(self.where, self.pointer, problem)

    def child(self, key: str | int) -> Node:
        step = str(key).replace("~", "~0").replace("/", "~1")
        return evolve(self, value=self.value[key], pointer=f"{self.pointer}/{step}")

    def fields(self, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Node]:
        """Return the members of an object, of which all of ``required`` are there and none is unknown."""
        if not isinstance(self.value, dict):
            self.fail(f"an object is expected, not {kind(self.value)}")
        for name in required:
            if name not in self.value:
                self.fail(f"{name!r} is missing")
        known = {*required, *optional}
        for name in self.value:
            if name not in known:
                self.child(name).fail("not understood; nothing is dropped in silence, so remove it or teach the reader")
        return {name: self.child(name) for name in self.value}

    def items(self) -> Iterator[Node]:
        if not isinstance(self.value, list):
            self.fail(f"a list is expected, not {kind(self.value)}")
        return (self.child(index) for index in range(len(self.value)))

    def text(self) -> str:
        if not isinstance(self.value, str):
            self.fail(f"text is expected, not {kind(self.value)}")
        try:
            self.value.encode()
        except UnicodeEncodeError:
            self.fail("half of a surrogate pair is no valid text")
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
    if _deeper_than(value, DEEPEST):
        raise SpecError(where, "", f"nested more than {DEEPEST} levels deep")
    return Node(value, where)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"the key {name!r} stands twice in one object")
        members[name] = value
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _deeper_than(value: object, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [inner for outer in layer for inner in _inner(outer)]
        if not layer:
            return False
    return True


def _inner(value: object) -> Collection[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
