"""Reading JSON that must have exactly one shape, and writing it in exactly one way."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


class ShapeError(ValueError):
    """A value is not what stands in that place."""


def canonical(value: Any) -> bytes:
    """Return JSON that is the same for the same content: keys in order, no spaces, UTF-8."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def sha256(data: bytes) -> str:
    """Return the SHA-256 of these bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def parsed(data: bytes) -> Any:
    """Return what stands in this JSON.

    Raises:
        ShapeError: it is none, has a name twice in one object, or a number that JSON does not know.
    """
    try:
        return json.loads(data, object_pairs_hook=_once, parse_constant=_no_constant)
    except ShapeError:
        raise
    except (ValueError, RecursionError) as error:
        raise ShapeError(f"this is no JSON ({error})") from None


class Fields:
    """An object whose fields are read one by one; whatever is left over is an error.

    Args:
        value: the object.
        at: where it stands, for messages.

    Raises:
        ShapeError: it is no object.
    """

    def __init__(self, value: Any, at: str = "") -> None:
        if not isinstance(value, dict):
            raise ShapeError(f"{at or 'the whole'}: an object must stand here")
        self._left: dict[str, Any] = dict(value)
        self._at = at

    def take(self, name: str) -> Any:
        """Return a field that must be there."""
        if name not in self._left:
            raise ShapeError(f"{self.place(name)}: it is missing")
        return self._left.pop(name)

    def place(self, name: str) -> str:
        """Return what a field is called in messages."""
        return f"{self._at}.{name}" if self._at else name

    def text(self, name: str) -> str:
        """Return a text that is not empty."""
        value: str = _checked(self.take(name), self.place(name), _is_text, "a text that is not empty")
        return value

    def text_or_none(self, name: str) -> str | None:
        """Return a text, or None."""
        value = self.take(name)
        return None if value is None else _checked(value, self.place(name), _is_any_text, "a text or null")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(_checked(item, at, _is_text, "a text that is not empty") for item, at in self.items(name))

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value: bool = _checked(
            self.take(name), self.place(name), lambda value: isinstance(value, bool), "true or false"
        )
        return value

    def count(self, name: str) -> int:
        """Return a whole number, 0 or more."""
        value: int = _checked(self.take(name), self.place(name), _is_count, "a whole number, 0 or more,")
        return value

    def number(self, name: str) -> float:
        """Return a number, 0 or more."""
        value: float = _checked(self.take(name), self.place(name), _is_number, "a number, 0 or more,")
        return value

    def choice(self, name: str, choices: Iterable[str]) -> str:
        """Return one of these texts."""
        allowed = list(choices)
        value: str = _checked(self.take(name), self.place(name), lambda value: value in allowed, " or ".join(allowed))
        return value

    def digest(self, name: str) -> str:
        """Return a SHA-256 in hexadecimal."""
        value: str = _checked(self.take(name), self.place(name), _is_digest, "64 hexadecimal digits")
        return value

    def items(self, name: str) -> list[tuple[Any, str]]:
        """Return the items of a list, each with its place."""
        value = self.take(name)
        if not isinstance(value, list):
            raise ShapeError(f"{self.place(name)}: a list must stand here")
        return [(item, f"{self.place(name)}[{index}]") for index, item in enumerate(value)]

    def kind(self, *names: str) -> str:
        """Return which one of these names is there."""
        found = [name for name in names if name in self._left]
        if len(found) != 1:
            raise ShapeError(f"{self._at or 'the whole'}: one of {', '.join(names)} must stand here")
        return found[0]

    def object(self, name: str) -> Fields:
        """Return an object inside this one."""
        return Fields(self.take(name), self.place(name))

    def done(self) -> None:
        """Say that nothing else may be there.

        Raises:
            ShapeError: there is.
        """
        if self._left:
            raise ShapeError(f"{self.place(min(self._left))}: nothing of this name belongs here")


def _checked(value: T, at: str, fits: Callable[[Any], bool], what: str) -> T:
    if not fits(value):
        raise ShapeError(f"{at}: {what} must stand here")
    return value


def _is_any_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and not set(value) - set("0123456789abcdef")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ShapeError(f"{twice}: it stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ShapeError(f"{name} is no number of JSON")
