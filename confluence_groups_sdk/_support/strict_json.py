"""JSON that must have exactly one shape when it is read, and has exactly one form when it is written.

Why not cattrs: with the same checks (cattrs 26.2, Python 3.11) it took about 200 lines instead of 280, but a new
process loaded a plan of 100,000 changes in 2.62 s instead of 2.55 s, and a plan of 100 changes in 18 ms instead of 3 ms
(medians), because importing cattrs and generating its readers costs more time than they save. It also converts by
default: a type without its own hook turns null into the string "None" instead of raising an error.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .validation import is_number, is_text, is_whole_number

T = TypeVar("T")

WHOLE = "the file"  # the path of the outermost value, in messages


class ShapeError(ValueError):
    """A value does not have the shape that its path requires."""


def canonical_json(value: Any) -> bytes:
    """Return JSON that is the same for the same content: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def sha256(data: bytes) -> str:
    """Return the SHA-256 of these bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def parse_strict(data: bytes) -> Any:
    """Parse JSON, without the extensions that Python accepts.

    Raises:
        ShapeError: the bytes are not JSON (RFC 8259), or an object has the same name twice.
    """
    try:
        return json.loads(data, object_pairs_hook=_object_without_duplicates, parse_constant=_reject_constant)
    except ShapeError:
        raise
    except (ValueError, RecursionError) as error:
        raise ShapeError(f"not valid JSON ({error})") from None


class StrictObject:
    """A JSON object whose fields are read one by one; a field that nobody read is an error.

    Args:
        value: the object.
        path: the object's path in the file, for messages.

    Raises:
        ShapeError: the value is not an object.
    """

    def __init__(self, value: Any, path: str = "") -> None:
        if not isinstance(value, dict):
            raise ShapeError(f"{path or WHOLE}: must be an object")
        self._unread: dict[str, Any] = dict(value)
        self._path = path

    def __contains__(self, name: str) -> bool:
        return name in self._unread

    def required(self, name: str) -> Any:
        """Return a field of any type, which must exist."""
        if name not in self._unread:
            raise ShapeError(f"{self.path_of(name)}: missing")
        return self._unread.pop(name)

    def has(self, name: str) -> bool:
        """Check whether there is an unread field with this name."""
        return name in self._unread

    def path_of(self, name: str) -> str:
        """Return the path of a field, for messages."""
        return f"{self._path}.{name}" if self._path else name

    def text(self, name: str) -> str:
        """Return a string that is not empty."""
        value: str = self._checked(name, is_text, "a string that is not empty")
        return value

    def text_or_none(self, name: str) -> str | None:
        """Return a string, or None for null."""
        value: str | None = self._checked(name, _is_string_or_none, "a string or null")
        return value

    def string_list(self, name: str) -> tuple[str, ...]:
        """Return a list of strings that are not empty."""
        return tuple(_check(item, path, is_text, "a string that is not empty") for item, path in self.items(name))

    def boolean(self, name: str) -> bool:
        """Return true or false."""
        value: bool = self._checked(name, _is_boolean, "true or false")
        return value

    def count(self, name: str) -> int:
        """Return a whole number of at least 0."""
        value: int = self._checked(name, is_whole_number, "a whole number, 0 or more")
        return value

    def count_or_none(self, name: str) -> int | None:
        """Return a whole number of at least 0, or None for null."""
        value: int | None = self._checked(name, _is_count_or_none, "a whole number, 0 or more, or null")
        return value

    def number(self, name: str) -> float:
        """Return a finite number of at least 0."""
        value: float = self._checked(name, is_number, "a number, 0 or more")
        return value

    def choice(self, name: str, choices: Iterable[str]) -> str:
        """Return one of these strings."""
        allowed = list(choices)
        value: str = self._checked(name, allowed.__contains__, " or ".join(allowed))
        return value

    def digest(self, name: str) -> str:
        """Return a SHA-256 in hexadecimal."""
        value: str = self._checked(name, _is_digest, "64 hexadecimal digits")
        return value

    def items(self, name: str) -> list[tuple[Any, str]]:
        """Return the items of a list, each with its path."""
        value, path = self.required(name), self.path_of(name)
        if not isinstance(value, list):
            raise ShapeError(f"{path}: must be a list")
        return [(item, f"{path}[{index}]") for index, item in enumerate(value)]

    def only_one_of(self, *names: str) -> str:
        """Return which one of these fields exists."""
        found = [name for name in names if name in self._unread]
        if len(found) != 1:
            raise ShapeError(f"{self._path or WHOLE}: must have exactly one of {', '.join(names)}")
        return found[0]

    def object(self, name: str) -> StrictObject:
        """Return an object inside this one."""
        return StrictObject(self.required(name), self.path_of(name))

    def reject_unknown_keys(self) -> None:
        """Check that every field was read.

        Raises:
            ShapeError: there is another field.
        """
        if self._unread:
            raise ShapeError(f"{self.path_of(min(self._unread))}: unknown field")

    def _checked(self, name: str, fits: Callable[[Any], bool], shape: str) -> Any:
        return _check(self.required(name), self.path_of(name), fits, shape)


def _check(value: T, path: str, fits: Callable[[Any], bool], shape: str) -> T:
    if not fits(value):
        raise ShapeError(f"{path}: must be {shape}")
    return value


def _is_string_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_count_or_none(value: Any) -> bool:
    return value is None or is_whole_number(value)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and not set(value) - set("0123456789abcdef")


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        duplicate = next(name for name in names if names.count(name) > 1)
        raise ShapeError(f"{duplicate}: occurs twice in one object")
    return found


def _reject_constant(name: str) -> Any:
    raise ShapeError(f"{name} is not a JSON number")


STRICT_DECODER = json.JSONDecoder(object_pairs_hook=_object_without_duplicates, parse_constant=_reject_constant)
"""What `parse_strict` parses with, for a file that is read piece by piece."""
