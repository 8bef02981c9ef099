"""Postman's variables: what ``{{name}}`` stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .fields import Field
from .nodes import Node
from .problems import SpecError

REFERENCE = re.compile(r"\{\{([^{}]+)\}\}")
LEADING = re.compile(r"\{\{([^{}]+)\}\}(.*)", re.DOTALL)

LONGEST = 10_000  # characters

Variables = Mapping[str, Field]


def with_more(variables: Variables, rows: Iterable[Field]) -> Variables:
    """Return the variables of a folder: those around it, and its own in front of them."""
    return {**variables, **{row.key: row for row in rows}}


def expanded(text: str, variables: Variables, node: Node) -> str:
    """Return a text with all variables that are known replaced by what they stand for.

    Raises:
        SpecError: variables stand for each other in a circle, or for more than an address can be.
    """
    return _expanded(text, variables, node, (), {})


def unfolded(text: str, variables: Variables, node: Node) -> str:
    """Return a text with the variables at its start replaced, so that an address begins as an address does.

    Raises:
        SpecError: variables stand for each other in a circle.
    """
    seen: list[str] = []
    while (leading := LEADING.match(text)) and leading[1] in variables:
        if leading[1] in seen:
            raise _circle([*seen, leading[1]], node)
        seen.append(leading[1])
        text = variables[leading[1]].value + leading[2]
        if not variables[leading[1]].value:
            break
    return text


def _expanded(text: str, variables: Variables, node: Node, seen: tuple[str, ...], known: dict[str, str]) -> str:
    def value(reference: re.Match[str]) -> str:
        name = reference[1]
        if name in seen:
            raise _circle([*seen, name], node)
        if name not in variables:
            return reference[0]
        if name not in known:
            known[name] = _expanded(variables[name].value, variables, node, (*seen, name), known)
        return known[name]

    result = REFERENCE.sub(value, text)
    if len(result) > LONGEST:
        raise SpecError(node.where, node.pointer, f"its variables stand for more than {LONGEST} characters")
    return result


def _circle(names: list[str], node: Node) -> SpecError:
    return SpecError(node.where, node.pointer, f"the variables {' -> '.join(names)} stand for each other in a circle")
