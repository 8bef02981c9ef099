"""Read a file of expected lines, each with the reason why it is expected."""

from __future__ import annotations

import re
from pathlib import Path

from attrs import frozen
from postman_openapi.files import read_text
from postman_openapi.losses import SpecError
from postman_openapi.yaml_io import read_yaml


@frozen
class Expectation:
    """An expected line with its reason; an asterisk matches any text."""

    pattern: str
    reason: str

    def covers(self, line: str) -> bool:
        """Check whether this is the line."""
        pattern = ".*".join(map(re.escape, self.pattern.split("*")))
        return re.fullmatch(pattern, line, re.DOTALL) is not None


def read_expectations(root: Path, name: str, entries: str, entry: str) -> list[Expectation]:
    """Return the entries of a file: an object with a list, whose entries have the line and the reason.

    Args:
        root: the project's folder.
        name: the file's path in it.
        entries: the name of the list.
        entry: the name of the line in each entry.

    Raises:
        SpecError: the file is malformed or repeats an entry.
    """
    document = read_yaml(read_text(root / name, name), name)
    if not isinstance(document, dict) or document.keys() != {entries}:
        raise SpecError(name, "", f"must be an object with {entries}, and nothing else")
    found: list[Expectation] = []
    rows = document[entries] or []
    for index, row in enumerate(rows if isinstance(rows, list) else [None]):
        place = f"/{entries}/{index}"
        complete = isinstance(row, dict) and row.keys() == {entry, "reason"}
        if not complete or not all(isinstance(text, str) and text.strip() for text in row.values()):
            raise SpecError(name, place, f"must be an object with {entry} and reason, both strings")
        if any(each.pattern == row[entry] for each in found):
            raise SpecError(name, place, "repeats an earlier entry")
        found.append(Expectation(row[entry], row["reason"]))
    return found
