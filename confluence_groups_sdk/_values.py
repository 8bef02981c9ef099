"""Values that outlive their version: pickled by the names of their fields, so that a later version can add one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from attrs import fields


class Value:
    """A base for attrs classes: as attrs itself restores them, a field that a pickle does not know has no value."""

    __slots__ = ()
    __attrs_attrs__: ClassVar[Any]

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), {each.name: getattr(self, each.name) for each in fields(type(self))})


V = TypeVar("V", bound=Value)


def _revive(kind: type[V], state: Mapping[str, Any]) -> V:
    """Return the value again; fields that are new have their defaults, and those that are gone are passed over."""
    return kind(**{each.alias: state[each.name] for each in fields(kind) if each.name in state})
