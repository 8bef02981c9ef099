"""Resolve Postman's variables, ``{{name}}``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..json_nodes import Node
from ..losses import SpecError
from .parameter_rows import Field

REFERENCE = re.compile(r"\{\{([^{}]+)\}\}")
LEADING_REFERENCE = re.compile(r"\{\{([^{}]+)\}\}(.*)", re.DOTALL)

MAX_EXPANDED = 10_000  # characters

Variables = Mapping[str, Field]


def add_variables(variables: Variables, rows: Iterable[Field]) -> Variables:
    """Return the variables of a folder, which override those around it."""
    return {**variables, **{row.key: row for row in rows}}


def resolve_variables(text: str, variables: Variables, node: Node) -> str:
    """Return a text with all known variables replaced by their values.

    Raises:
        SpecError: variables refer to each other in a circle, or the result exceeds 10,000 characters.
    """
    return _resolve(text, variables, node, (), {})


def resolve_leading_variables(text: str, variables: Variables, node: Node) -> str:
    """Return a text with the variables at its start replaced, so that a URL starts with its scheme or host.

    Raises:
        SpecError: variables refer to each other in a circle.
    """
    seen: list[str] = []
    while (leading := LEADING_REFERENCE.match(text)) and leading[1] in variables:
        if leading[1] in seen:
            raise _circle_error([*seen, leading[1]], node)
        seen.append(leading[1])
        text = variables[leading[1]].value + leading[2]
        if not variables[leading[1]].value:
            break
    return text


def _resolve(text: str, variables: Variables, node: Node, seen: tuple[str, ...], known: dict[str, str]) -> str:
    def value(reference: re.Match[str]) -> str:
        name = reference[1]
        if name in seen:
            raise _circle_error([*seen, name], node)
        if name not in variables:
            return reference[0]
        if name not in known:
            known[name] = _resolve(variables[name].value, variables, node, (*seen, name), known)
        return known[name]

    result = REFERENCE.sub(value, text)
    if len(result) > MAX_EXPANDED:
        raise SpecError(node.where, node.pointer, f"its variables expand to more than {MAX_EXPANDED} characters")
    return result


def _circle_error(names: list[str], node: Node) -> SpecError:
    return SpecError(node.where, node.pointer, f"the variables {' -> '.join(names)} refer to each other in a circle")
