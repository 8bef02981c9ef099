"""Resolve Postman's variables, ``{{name}}``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote

from attrs import evolve

from ..json_nodes import Node
from ..losses import Loss, SpecError, recording_loss
from ..secrets import is_secret
from .parameter_rows import Field

REFERENCE = re.compile(r"\{\{([^{}]+)\}\}")
LEADING_REFERENCE = re.compile(r"\{\{([^{}]+)\}\}(.*)", re.DOTALL)

MAX_EXPANDED = 10_000  # characters

Variables = Mapping[str, Field]


def add_variables(variables: Variables, rows: Iterable[Field], losses: list[Loss]) -> Variables:
    """Return the variables of a folder, which override those around it; a disabled one decides nothing."""
    added = {}
    for row in rows:
        if row.disabled:
            losses.append(row.node.loss(f"the disabled variable {row.key!r}", "it is switched off"))
        else:
            added[row.key] = row
    return {**variables, **added}


def find_variable(name: str, variables: Variables) -> Field | None:
    """Return the variable of a name, which may have blanks around it."""
    return variables.get(name, variables.get(name.strip()))


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
    while (leading := LEADING_REFERENCE.match(text)) and (row := find_variable(leading[1], variables)):
        if leading[1] in seen:
            raise _circle_error([*seen, leading[1]], node)
        seen.append(leading[1])
        text = row.value + leading[2]
        if not row.value:
            break
    return text


def inline_variables_with(characters: str, text: str, variables: Variables, node: Node) -> str:
    """Return a text in which a known variable is replaced if its value contains one of the characters.

    A value that may be secret is never put in, and neither is a whole URL.
    """

    def value(reference: re.Match[str]) -> str:
        row = find_variable(reference[1], variables)
        if row is None or is_secret(reference[1]):
            return reference[0]
        found = resolve_variables(reference[0], variables, node)
        return found if any(each in found for each in characters) and "://" not in found else reference[0]

    return REFERENCE.sub(value, text)


def resolve_name(text: str, variables: Variables, node: Node, what: str, losses: list[Loss]) -> str:
    """Return a name with its known variables replaced; record the unknown ones as losses."""
    if "{{" not in text:
        return text
    name = text
    with recording_loss(what, losses):
        name = resolve_variables(text, variables, node)
    for unknown in REFERENCE.findall(name):
        losses.append(node.loss(f"the variable {unknown!r} in {what}", "nothing defines it"))
    return name


def resolve_rows(place: str, rows: Iterable[Field], variables: Variables, losses: list[Loss]) -> list[Field]:
    """Return the rows of a table with the variables in their keys and values replaced.

    A row whose key stays unknown is a loss. In a query, the value of a variable can hold several parameters.
    """
    resolved: list[Field] = []
    for row in rows:
        if "{{" not in row.key + row.value:
            resolved.append(row)
            continue
        with recording_loss(f"the parameter {row.key!r}", losses):
            key = resolve_variables(row.key, variables, row.node)
            if unknown := REFERENCE.findall(key):
                row.node.fail(f"nothing defines the variable {unknown[0]!r} in its name")
            resolved += _expand_row(place, evolve(row, key=key.strip()), variables)
    return resolved


def _expand_row(place: str, row: Field, variables: Variables) -> Iterator[Field]:
    """Yield the parameters in a row of a query whose key or value was a variable; any other row is one parameter."""
    secret = is_secret(row.key) or any(is_secret(name) for name in REFERENCE.findall(row.value))
    value = "" if secret else resolve_variables(row.value, variables, row.node)
    shown = "" if secret or REFERENCE.search(value) else value
    text = f"{row.key}={value}" if value else row.key
    if place != "query" or not ("=" in row.key or "&" in row.key or ("&" in value and "=" in value)):
        yield evolve(row, value=shown)
        return
    for name, _, part in (pair.partition("=") for pair in text.lstrip("?&").split("&") if pair):
        if not name.strip() or "{{" in name:
            row.node.fail(f"the parameter {name!r} in the value of a variable has no name")
        yield evolve(row, key=unquote(name).strip(), value="" if "{{" in part else part)


def _resolve(text: str, variables: Variables, node: Node, seen: tuple[str, ...], known: dict[str, str]) -> str:
    def value(reference: re.Match[str]) -> str:
        name = reference[1]
        if name in seen:
            raise _circle_error([*seen, name], node)
        row = find_variable(name, variables)
        if row is None:
            return reference[0]
        if name not in known:
            known[name] = _resolve(row.value, variables, node, (*seen, name), known)
        return known[name]

    result = REFERENCE.sub(value, text)
    if len(result) > MAX_EXPANDED:
        raise SpecError(node.where, node.pointer, f"its variables expand to more than {MAX_EXPANDED} characters")
    return result


def _circle_error(names: list[str], node: Node) -> SpecError:
    return SpecError(node.where, node.pointer, f"the variables {' -> '.join(names)} refer to each other in a circle")
