"""Find the line of a position in an input file, so that a message leads to the line to edit."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml


def place_with_line(file: str, text: str, pointer: str) -> str:
    """Return a file's name with the line of a position, if it is found.

    Args:
        file: the file's name.
        text: its content, YAML or JSON.
        pointer: a JSON pointer; if its end does not exist, the line is that of the last part that does.
    """
    line = _find_line(text, pointer)
    return f"{file}:{line}" if line else file


def _find_line(text: str, pointer: str) -> int | None:
    line, node = None, _compose(text)
    for step in (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]):
        found = _child(node, step)
        if found is None:
            break
        line, node = found
    return line


def _child(node: Any, step: str) -> tuple[int, Any] | None:
    """Return the line of a member or an entry, and its value."""
    if isinstance(node, yaml.MappingNode):
        pairs = ((key, value) for key, value in node.value if key.value == step)
        return next(((key.start_mark.line + 1, value) for key, value in pairs), None)
    if isinstance(node, yaml.SequenceNode) and step.isdecimal() and int(step) < len(node.value):
        entry = node.value[int(step)]
        return entry.start_mark.line + 1, entry
    return None


@cache
def _compose(text: str) -> Any:
    """Return the nodes of a file; None if it cannot be read, which another message says."""
    try:
        return yaml.compose(text.replace("\t", " "), Loader=yaml.SafeLoader)  # JSON may have tabs
    except (yaml.YAMLError, RecursionError):
        return None
