"""Pickles that later versions can read: they name public classes, fields and `unpickle`, but no private module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from .public import public


@public
def unpickle(kind: Any, state: Mapping[str, Any]) -> Any:
    """Restore an object of this package from a pickle; pickles contain this name.

    Args:
        kind: the object's class, which has a class method ``_from_pickle`` that takes the state.
        state: its fields by name, as they were in the version that pickled it.
    """
    return kind._from_pickle(state)


class VersionTolerantPickle:
    """Base of attrs classes whose pickles survive changes: new fields get their defaults, removed ones are ignored."""

    __slots__ = ()
    __attrs_attrs__: ClassVar[Any]

    def __reduce__(self) -> tuple[Any, ...]:
        return unpickle, (type(self), {each.name: getattr(self, each.name) for each in self.__attrs_attrs__})

    @classmethod
    def _from_pickle(cls, state: Mapping[str, Any]) -> Self:
        return cls(**{each.alias: state[each.name] for each in cls.__attrs_attrs__ if each.name in state})
