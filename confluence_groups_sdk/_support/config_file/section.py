"""A table of the file whose keys are read one by one; every mistake is noted, with its key and a remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..text import escape_controls
from ..validation import is_text

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?")
VARIABLE = re.compile("[A-Z_][A-Z0-9_]{0,99}")
EXAMPLE = "ACME_API_TOKEN"


class Section:
    """A table of the file.

    Args:
        value: the table.
        key: its key, such as ``sites.acme``; empty for the whole file.
        problems: gets one line for each mistake.

    Attributes:
        is_table: whether this is a table; if not, that is the only mistake.
    """

    def __init__(self, value: object, key: str, problems: list[str]) -> None:
        self.key = key
        self.problems = problems
        self.is_table = isinstance(value, dict)
        if not self.is_table:
            self.note("", f"must be a table, as in [{key}]")
        self._unread: dict[str, Any] = dict(value) if isinstance(value, dict) else {}

    def __contains__(self, name: str) -> bool:
        return name in self._unread

    def note(self, name: str, problem: str) -> None:
        """Note a mistake."""
        place = ".".join(part for part in (self.key, name) if part)
        self.problems.append(f"{escape_controls(place)}: {problem}")

    def take(self, name: str, default: Any = None) -> Any:
        """Return the value of a key, or a default if the key is missing."""
        return self._unread.pop(name, default)

    def text(self, name: str) -> str | None:
        """Return a string; None if the key is missing or is something else, which is a mistake."""
        value = self.take(name)
        if value is None or (is_text(value) and not value.isspace()):
            return value
        self.note(name, "give a string that is not empty")
        return None

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return a list of strings, of which there is at least one; None like `text`."""
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, list) and value and all(is_text(each) and not each.isspace() for each in value):
            return tuple(value)
        self.note(name, "give a list of strings that are not empty")
        return None

    def variable(self, name: str) -> str | None:
        """Return the name of an environment variable; None like `text`. The value is not shown: it may be a secret."""
        value = self.take(name)
        if value is None or (isinstance(value, str) and VARIABLE.fullmatch(value)):
            return value
        self.note(
            name, f"give the name of an environment variable in capital letters, such as {EXAMPLE}, not its value"
        )
        return None

    def sections(self, name: str) -> Iterator[tuple[str, Section]]:
        """Yield the tables in a table, each with its name."""
        value = self.take(name, {})
        if not isinstance(value, dict):
            self.note(name, f"must be a table of tables, as in [{name}.acme]")
            return
        for each, inner in value.items():
            section = Section(inner, f"{name}.{each}", self.problems)
            if NAME.fullmatch(each):
                yield each, section
            elif section.is_table:
                section.note("", "a name has 1 to 100 letters, digits, dots, dashes or underscores")

    def reject_unknown_keys(self, known: Iterable[str]) -> None:
        """Note the keys that nobody read."""
        for name in self._unread:
            self.note(name, f"unknown key: the keys here are {', '.join(known)}")


def join_keys(keys: Mapping[str, Any] | Iterable[str]) -> str:
    """Return keys in words."""
    return " and ".join(keys)
