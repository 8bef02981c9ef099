"""Read JSON strictly: every value knows its position, and every unknown key is reported."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator
from typing import Any, NoReturn

from attrs import evolve, frozen

from .losses import Kind, Loss, SpecError, json_pointer

MAX_DEPTH = 100  # levels; exporters stay far below
MAX_VALUES = 1_000_000


@frozen
class Node:
    """A value in a JSON document, with its position."""

    value: Any
    where: str  # the file, or the item as soon as its name is known
    pointer: str = ""

    def fail(self, problem: str) -> NoReturn:
        """Raise a SpecError for this position."""
        raise SpecError(self.where, self.pointer, problem)

    def loss(self, what: str, why: str, *, understood: bool = True, kind: Kind | None = None) -> Loss:
        """Return a loss at this position."""
        return Loss(self.where, self.pointer, what, why, understood, kind)

    def child(self, key: str | int) -> Node:
        """Return a member of an object, or an entry of a list."""
        return evolve(self, value=self.value[key], pointer=self.pointer + json_pointer([key]))

    def fields(
        self, known: Collection[str], losses: list[Loss], *, ignored: Callable[[str], bool] = lambda _: False
    ) -> dict[str, Node]:
        """Return the known members of an object that are not null; record every other member as a loss.

        Args:
            known: the names to return.
            losses: receives the losses.
            ignored: whether another member is left out without a loss.

        Raises:
            SpecError: the value is not an object.
        """
        members = self.members()
        for name in sorted(name for name in members.keys() - {*known} if not ignored(name)):
            what = f"the member {name!r}"
            losses.append(members[name].loss(what, "not understood", understood=False, kind=Kind.UNKNOWN_FIELD))
        return {name: members[name] for name in known if self.value.get(name) is not None}

    def members(self, needed: Collection[str] = ()) -> dict[str, Node]:
        """Return the members of an object.

        Raises:
            SpecError: the value is not an object, or a needed member is missing.
        """
        if not isinstance(self.value, dict):
            self.fail(f"an object is expected, not {json_type(self.value)}")
        for name in needed:
            if name not in self.value:
                self.fail(f"{name!r} is missing")
        return {name: self.child(name) for name in self.value}

    def items(self) -> Iterator[Node]:
        """Return the entries of a list; raise SpecError for any other value."""
        if not isinstance(self.value, list):
            self.fail(f"a list is expected, not {json_type(self.value)}")
        return (self.child(index) for index in range(len(self.value)))

    def text(self) -> str:
        """Return a string; raise SpecError for any other value."""
        if not isinstance(self.value, str):
            self.fail(f"text is expected, not {json_type(self.value)}")
        return self.value


def json_type(value: object) -> str:
    """Return the name of a value's JSON type."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def parse_json(text: str, where: str) -> Node:
    """Return the root of a JSON document.

    Raises:
        SpecError: the text is not JSON, repeats a key, or is nested too deeply.
    """
    try:
        value = json.loads(text, object_pairs_hook=_reject_duplicate_keys, parse_constant=_reject_constant)
    except RecursionError:
        raise SpecError(where, "", "nested too deeply to be read") from None
    except ValueError as error:
        raise SpecError(where, "", f"not valid JSON: {error}") from None
    check_json(value, where, most=math.inf)  # JSON has no aliases, so the size of the file limits the values
    return Node(value, where)


def check_json(value: object, where: str, *, most: float = MAX_VALUES) -> None:
    """Check that a value is valid JSON of a manageable size and does not contain itself.

    Raises:
        SpecError: it is not.
    """
    level: list[tuple[str, object]] = [("", value)]
    seen = 0
    for _ in range(MAX_DEPTH):
        seen += len(level)
        if seen > most:
            raise SpecError(where, "", f"more than {most} values, counting aliases")
        inner: list[tuple[str, object]] = []
        for pointer, each in level:
            inner.extend(_children(each, where, pointer))
        level = inner
        if not level:
            return
    raise SpecError(where, "", f"nested more than {MAX_DEPTH} levels deep")


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"the key {name!r} occurs twice in one object")
        members[name] = value
    return members


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _children(value: object, where: str, pointer: str) -> Iterator[tuple[str, object]]:
    """Yield the values inside an object or list, with their positions; refuse any value that JSON does not have."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise SpecError(where, pointer, f"the key {name!r} is not a string: quote it")
            yield pointer + json_pointer([name]), inner
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield f"{pointer}/{index}", inner
    elif isinstance(value, float) and not math.isfinite(value):
        raise SpecError(where, pointer, f"{value} is not a JSON number")
    elif isinstance(value, str) and not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise SpecError(where, pointer, "half of a surrogate pair is not valid text")
    elif value is not None and not isinstance(value, str | int | float | bool):
        raise SpecError(where, pointer, f"JSON has no {type(value).__name__}: quote it if it is a string")
