"""Checks of the fields of requests."""

from __future__ import annotations

import os
from typing import Any, get_args

from ..._support.text import escape_controls
from ..._support.validation import is_text, is_whole_number
from ...membership import Guards
from ...models import AccessType

MAX_NAME = 200  # characters of a job's id and of a site's name


def check_name(request: object, attribute: Any, value: Any) -> None:
    if (
        not is_text(value)
        or len(value) > MAX_NAME
        or value != value.strip()
        or escape_controls(value) != value
        or value.startswith("-")  # it would be an option in a command
    ):
        raise ValueError(
            f"{type(request).__name__}({attribute.name}=...): give 1 to {MAX_NAME} characters that can be printed, "
            "without spaces at the ends, and without a dash at the beginning"
        )


def check_boolean(request: object, attribute: Any, value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{type(request).__name__}({attribute.name}=...): give True or False")


def check_reason(request: object, attribute: Any, value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{type(request).__name__}({attribute.name}=...): give a string or None")


def check_text(request: object, attribute: Any, value: Any) -> None:
    if not is_text(value) or value.isspace():
        raise ValueError(f"{type(request).__name__}({attribute.name}=...): give a string that is not empty")


def check_guards(request: object, attribute: Any, value: object) -> None:
    if not isinstance(value, Guards):
        raise TypeError(f"{type(request).__name__}({attribute.name}=...): give Guards")


def check_stop(request: object, attribute: Any, value: object) -> None:
    if value is not None and not is_whole_number(value, minimum=1):
        raise ValueError(f"{type(request).__name__}({attribute.name}=...): give a whole number, 1 or more, or None")


def check_choice(choices: tuple[str, ...]) -> Any:
    def check(request: object, attribute: Any, value: object) -> None:
        if value not in choices:
            raise ValueError(f"{type(request).__name__}({attribute.name}=...): give {' or '.join(choices)}")

    return check


def as_tuple(value: Any) -> Any:
    if isinstance(value, str | bytes | os.PathLike):
        raise TypeError("give a list, not one item")
    return tuple(value)


def as_tuple_or_none(value: Any) -> Any:
    return None if value is None else as_tuple(value)


def check_texts(request: object, attribute: Any, value: tuple[object, ...] | None) -> None:
    if value is not None and not all(is_text(each) and not each.isspace() for each in value):
        raise TypeError(f"{type(request).__name__}({attribute.name}=...): an item is a string that is not empty")


def check_selection(request: object, attribute: Any, value: tuple[object, ...] | None) -> None:
    check_texts(request, attribute, value)
    if value == ():
        raise ValueError(
            f"{type(request).__name__}({attribute.name}=...): give at least one, or None for no restriction"
        )


def check_access(request: object, attribute: Any, value: tuple[object, ...] | None) -> None:
    check_selection(request, attribute, value)
    if unknown := [each for each in value or () if each not in get_args(AccessType)]:
        raise ValueError(
            f"{type(request).__name__}(access=...): {unknown[0]!r} is none of {', '.join(get_args(AccessType))}"
        )
