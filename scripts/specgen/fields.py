"""The rows of Postman's tables (query, headers, variables, forms), and what each says as an exporter fills them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from attrs import evolve, frozen

from .collection import Parameter
from .nodes import Node, parse_json
from .problems import Loss, losing
from .schemas import Schema, example_schema, merged, value_schema
from .secrecy import KEPT_BACK, hidden, is_secret

REQUIRED = re.compile(r"\(Required\)(?: |\Z)")  # some exporters trim a description that says no more
ONE_OF = re.compile(r"(.*?) ?\(This can only be one of ([^()]+)\)", re.DOTALL)
SECURITY_MARK = "Added as a part of security scheme: "
KNOWN = ("key", "value", "description", "disabled", "type", "src", "id", "name", "contentType", "fileName", "system")
SUBKEY = re.compile(r"\[([^\[\]]*)\]")
DEEP = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])+)")


@frozen
class Field:
    """A row: its value still as Postman shows it, its description taken apart."""

    key: str
    value: str
    description: str
    required: bool
    only: tuple[str, ...]  # the values that it takes, where they are listed
    disabled: bool
    is_file: bool
    is_security: bool  # a mark of the exporter: what a security scheme adds to each request
    node: Node


def read_fields(node: Node | None, what: str, losses: list[Loss]) -> list[Field]:
    """Return the rows of a table; one that cannot be read is lost.

    Args:
        node: a list of objects, or headers as one text, as version 2.0 may have them.
        what: the name of such a row, for the report.
        losses: where to report.
    """
    if node is None:
        return []
    rows = []
    with losing(what, losses):
        for entry in _entries(node):
            with losing(what, losses):
                rows.append(_field(entry, losses))
    return rows


def as_text(node: Node | None) -> str:
    """Return a description, which exporters write as text, as an object around it, or as an empty object."""
    if node is None or node.value is None:
        return ""
    if isinstance(node.value, dict):
        return as_text(node.child("content")) if "content" in node.value else ""
    return node.text()


def parameters(place: str, rows: Iterable[Field], losses: list[Loss]) -> list[Parameter]:
    """Return the parameters that rows of one place describe, in the order of their first rows.

    Rows of one key are a list, ``key[]`` is one too, rows ``key[one]`` and ``key[two]`` are an object.
    """
    groups: dict[str, list[Field]] = {}
    plain = {row.key for row in rows}
    for row in rows:
        deep = DEEP.fullmatch(row.key) if place in ("query", "form") else None
        whole = deep[1] if deep and deep[2] != "[]" and deep[1] not in plain else row.key
        groups.setdefault(whole.lower() if place == "header" else whole, []).append(row)
    return [_parameter(place, name, group, losses) for name, group in groups.items()]


def _entries(node: Node) -> Iterator[Node]:
    if not isinstance(node.value, str):
        return node.items()
    lines = [line.partition(":") for line in node.value.splitlines() if line.strip()]
    return (evolve(node, value={"key": name.strip(), "value": value.strip()}) for name, _, value in lines)


def _field(node: Node, losses: list[Loss]) -> Field:
    entry = node.fields(KNOWN, losses)
    key = entry.get("key", entry.get("id"))  # a variable of version 2.0 may have an id alone
    if key is None:
        node.fail("'key' is missing")
    marked = as_text(entry.get("description"))
    described = REQUIRED.sub("", marked, count=1) if REQUIRED.match(marked) else marked
    listed = ONE_OF.fullmatch(described)
    is_file = "type" in entry and entry["type"].value == "file"
    if not re.fullmatch(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?", key.text()):
        key.fail("no name: it is empty, or has control characters or blanks around it")
    if "contentType" in entry:
        losses.append(node.loss("the content type of a form field", "it is not carried over"))
    return Field(
        key=key.text(),
        value="" if is_file or "value" not in entry else _written(entry["value"]),
        description=listed[1] if listed else described,
        required=bool(REQUIRED.match(marked)),
        only=tuple(listed[2].split(",")) if listed else (),
        disabled="disabled" in entry and entry["disabled"].value is True,
        is_file=is_file,
        is_security=marked.startswith(SECURITY_MARK),
        node=node,
    )


def _written(node: Node) -> str:
    """Return a value as text; some exporters write numbers, true and false bare."""
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    return str(node.value) if isinstance(node.value, int | float) else node.text()


def _parameter(place: str, name: str, rows: list[Field], losses: list[Loss]) -> Parameter:
    """Return the parameter that rows of one name describe."""
    first = rows[0]
    subkeys = [tuple(SUBKEY.findall(row.key[len(name) :])) for row in rows]
    style: str | None = "deepObject"
    if any(subkeys):
        schema, shown, exploded = _deep(place, rows, subkeys, losses), None, True
    else:
        name = first.key  # headers are grouped whatever their case
        schema, style, shown, exploded = _plain(place, rows, losses)
    if style and place not in ("query", "form"):
        style = "simple"
    required = place == "path" or any(row.required for row in rows)
    if (required or first.only) and "default" in schema:
        shown = schema.pop("default")  # what must be given has no default: the value was an example
    return Parameter(
        place=place,
        name=name,
        description=first.description,
        required=required,
        schema=schema,
        pointer=first.node.pointer,
        style=style,
        explode=exploded if style else None,
        example=shown,
    )


def _plain(place: str, rows: list[Field], losses: list[Loss]) -> tuple[Schema, str | None, Any, bool]:
    """Return schema, style, a value that was shown, and whether it is exploded, of rows of one key."""
    schema, style, shown = _row_schema(place, rows[0], losses)
    again = [(row, *_row_schema(place, row, losses)) for row in _repetitions(place, rows, losses)]
    if not again and not rows[0].key.endswith("[]"):
        return schema, style, shown, False
    values = [(schema, shown), *((other, value) for _, other, _, value in again)]
    for row, other, _, _ in again:
        schema = merged(schema, other, row.node, losses)
    schema, shown = _as_list(schema, values)
    return schema, "form", shown, True


def _as_list(items: Schema, rows: list[tuple[Schema, Any]]) -> tuple[Schema, Any]:
    """Return the schema of a list and a value that was shown, from the schema and the value of each of its rows."""
    whole: Schema = {"type": "array", "items": {key: value for key, value in items.items() if key != "default"}}
    values = [schema.get("default", shown) for schema, shown in rows]
    if all("default" in schema for schema, _ in rows):
        return {**whole, "default": values}, None
    return whole, None if None in values else values


def _repetitions(place: str, rows: list[Field], losses: list[Loss]) -> list[Field]:
    """Return the rows that make a list of the first one; in a path, in a header, or switched off they make none."""
    again = []
    for row in rows[1:]:
        if place in ("query", "form") and row.disabled == rows[0].disabled:
            again.append(row)
        else:
            losses.append(row.node.loss(f"a second {row.key!r}", "only the first is carried over"))
        if row.description not in ("", rows[0].description):
            losses.append(row.node.loss(f"the description of a second {row.key!r}", "the first has another"))
    return again


def _row_schema(place: str, row: Field, losses: list[Loss]) -> tuple[Schema, str | None, Any]:
    """Return the schema of a row, its style where it is a list or an object, and a value that was shown."""
    if row.is_file:
        return {"type": "string", "format": "binary"}, None, None
    if place == "form" and row.value.startswith(("[", "{")):
        odd: list[Loss] = []
        with losing("", odd):
            value = hidden(parse_json(row.value, row.node.where).value)
            written = Node(value, row.node.where, f"{row.node.pointer}/value")
            return example_schema(written, losses), None, None
    schema, style = value_schema(row.value)
    if row.value.startswith("<") and row.value.endswith(">") and "example" in schema:
        losses.append(row.node.loss(f"the placeholder {row.value!r}", "not known; taken for text", understood=False))
        del schema["example"]
    if is_secret(row.key) and {"example", "default"} & schema.keys():
        losses.append(row.node.loss(f"the value of {row.key!r}", KEPT_BACK))
        schema.pop("example", None)
        schema.pop("default", None)
    shown = schema.pop("example", None)
    if row.only:
        _restrict(schema, row, losses)
    return schema, style, shown


def _restrict(schema: Schema, row: Field, losses: list[Loss]) -> None:
    """Put the values that a parameter takes into its schema, or into that of a list's entries."""
    inner = schema["items"] if schema["type"] == "array" else schema
    only = list(dict.fromkeys(row.only))
    read = [value_schema(text)[0] for text in only]
    if inner.get("type", "string") == "string":  # of a list of anything, what is listed are texts
        inner |= {"type": "string", "enum": only}
    elif all(each["type"] == inner["type"] and "default" in each for each in read):
        inner["enum"] = [each["default"] for each in read]
    else:
        losses.append(row.node.loss("the values that it takes", f"not all are of the type {inner['type']}"))


def _deep(place: str, rows: list[Field], subkeys: list[tuple[str, ...]], losses: list[Loss]) -> Schema:
    """Return the object or list that rows with subkeys describe; an empty subkey or a number stands for a list."""
    whole: Schema | None = None
    for row, steps in zip(rows, subkeys, strict=True):
        schema, _, shown = _row_schema(place, row, losses)
        if shown is not None:
            schema["example"] = shown
        if row.description:
            schema["description"] = row.description
        for step in reversed(steps):
            if not step or step.isdecimal():
                schema = {"type": "array", "items": schema}
            else:
                schema = {"type": "object", "properties": {step: schema}}
        whole = schema if whole is None else merged(whole, schema, row.node, losses)
        whole.setdefault("type", "object")
        if row.required and len(steps) == 1 and steps[0] in whole.get("properties", {}):
            whole["required"] = [*dict.fromkeys([*whole.get("required", []), steps[0]])]
    return whole or {"type": "object"}
