"""Read the rows of Postman's tables (query, headers, variables, forms) as exporters fill them in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from attrs import evolve, frozen

from ..json_nodes import MAX_DEPTH, Node, parse_json
from ..losses import Loss, recording_loss
from ..model import Parameter
from ..schema_inference import Schema, example_schema, merge_schemas, stands_for_a_value, value_schema, without_defaults
from ..secrets import MAY_BE_SECRET, holds_secret, redact
from .bookkeeping import known_fields

REQUIRED = re.compile(r"\(Required\)(?: |\Z)")  # some exporters trim a description that is nothing else
ONE_OF = re.compile(r"(.*?) ?\(This can only be one of ([^()]+)\)", re.DOTALL)
SECURITY_MARK = "Added as a part of security scheme: "
KNOWN = (
    *("key", "value", "description", "disabled", "enabled", "type", "src", "id", "name", "contentType", "fileName"),
    "system",
)
SWITCHES = (("disabled", True), ("enabled", False))
SUBKEY = re.compile(r"\[([^\[\]]*)\]")
DEEP = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])+)")


@frozen
class Field:
    """A row of a table: its value as Postman shows it, its description split into its parts."""

    key: str
    value: str
    description: str
    required: bool
    only: tuple[str, ...]  # the allowed values, if they are listed
    disabled: bool
    is_file: bool
    is_security: bool  # the exporter marks parameters that a security scheme adds
    node: Node


def read_fields(node: Node | None, what: str, losses: list[Loss]) -> list[Field]:
    """Return the rows of a table; record unreadable rows as losses.

    Args:
        node: a list of objects; version 2.0 also allows headers as a single string.
        what: the name of such a row in the report.
        losses: receives the losses.
    """
    if node is None:
        return []
    rows = []
    with recording_loss(what, losses):
        for entry in _table_rows(node):
            with recording_loss(what, losses):
                rows.append(_read_field(entry, losses))
    return rows


def description_text(node: Node | None) -> str:
    """Return a description, which exporters write as a string, as an object around one, or as an empty object."""
    if node is None or node.value is None:
        return ""
    if isinstance(node.value, dict):
        return description_text(node.child("content")) if "content" in node.value else ""
    return node.text()


def build_parameters(place: str, rows: Iterable[Field], losses: list[Loss]) -> list[Parameter]:
    """Return the parameters that the rows of one table describe, in the order of their first rows.

    Rows that share a key are a list, and so is ``key[]``; rows ``key[one]`` and ``key[two]`` are an object. A disabled
    row makes an optional parameter, but only if no enabled one has its key.
    """
    rows = _decisive_rows(place, rows, losses)
    groups: dict[str, list[Field]] = {}
    plain = {row.key for row in rows}
    for row in rows:
        deep = DEEP.fullmatch(row.key) if place in ("query", "form") else None
        whole = deep[1] if deep and deep[2] != "[]" and deep[1] not in plain else row.key
        groups.setdefault(whole.lower() if place == "header" else whole, []).append(row)
    return [_build_parameter(place, name, group, losses) for name, group in groups.items()]


def _decisive_rows(place: str, rows: Iterable[Field], losses: list[Loss]) -> list[Field]:
    """Return the rows without the disabled ones whose key an enabled one has."""

    def name(row: Field) -> str:
        return row.key.lower() if place == "header" else row.key

    rows = list(rows)
    enabled = {name(row) for row in rows if not row.disabled}
    for row in rows:
        if row.disabled and name(row) in enabled:
            losses.append(row.node.loss(f"a second {row.key!r}", "it is switched off"))
    return [row for row in rows if not row.disabled or name(row) not in enabled]


def _table_rows(node: Node) -> Iterator[Node]:
    if not isinstance(node.value, str):
        return node.items()
    lines = [line.partition(":") for line in node.value.splitlines() if line.strip()]
    return (evolve(node, value={"key": name.strip(), "value": value.strip()}) for name, _, value in lines)


def _read_field(node: Node, losses: list[Loss]) -> Field:
    entry = known_fields(node, KNOWN, losses)
    key = entry.get("key", entry.get("id"))  # a variable of version 2.0 may have only an id
    if key is None:
        node.fail("'key' is missing")
    marked = description_text(entry.get("description"))
    described = REQUIRED.sub("", marked, count=1) if REQUIRED.match(marked) else marked
    listed = ONE_OF.fullmatch(described)
    is_file = "type" in entry and entry["type"].value == "file"
    if not re.fullmatch(r"[^\x00-\x1f\x7f]+", key.text().strip()):
        key.fail("not a name: it is empty or has control characters")
    if key.text().count("[") > MAX_DEPTH:
        key.fail(f"nested more than {MAX_DEPTH} levels deep")
    if "contentType" in entry:
        losses.append(node.loss("the content type of a form field", "it is not supported"))
    is_hidden = is_file or ("type" in entry and entry["type"].value == "secret")
    return Field(
        key=key.text().strip(),
        value="" if is_hidden or "value" not in entry else _value_text(entry["value"]),
        description=listed[1] if listed else described,
        required=bool(REQUIRED.match(marked)),
        only=tuple(listed[2].split(",")) if listed else (),
        disabled=any(name in entry and entry[name].value is off for name, off in SWITCHES),
        is_file=is_file,
        is_security=marked.startswith(SECURITY_MARK),
        node=node,
    )


def _value_text(node: Node) -> str:
    """Return a value as a string; some exporters write bare numbers, true and false."""
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    return str(node.value) if isinstance(node.value, int | float) else node.text()


def _build_parameter(place: str, name: str, rows: list[Field], losses: list[Loss]) -> Parameter:
    """Return the parameter that the rows of one name describe."""
    first = rows[0]
    subkeys = [tuple(SUBKEY.findall(row.key[len(name) :])) for row in rows]
    style: str | None = "deepObject"
    if any(subkeys):
        schema, shown, exploded = _deep_object_schema(place, rows, subkeys, losses), None, True
    else:
        name = first.key  # headers are grouped case-insensitively
        schema, style, shown, exploded = _flat_schema(place, rows, losses)
    if style and place not in ("query", "form"):
        style = "simple"
    required = place == "path" or any(row.required and not row.disabled for row in rows)
    parameter = Parameter(
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
    if first.disabled or ((required or first.only) and "default" in schema):
        return show_defaults(parameter)  # a required parameter has no default: the value was an example
    return parameter


def show_defaults(parameter: Parameter) -> Parameter:
    """Return a parameter whose default is only an example."""
    schema = without_defaults(parameter.schema)
    shown = schema.pop("example", None) if "default" in parameter.schema else None
    return evolve(parameter, schema=schema, example=parameter.example if shown is None else shown)


def _flat_schema(place: str, rows: list[Field], losses: list[Loss]) -> tuple[Schema, str | None, Any, bool]:
    """Return the schema, style, example and explode flag of the rows of one key."""
    schema, style, shown = _row_schema(place, rows[0], losses)
    again = [(row, *_row_schema(place, row, losses)) for row in _list_rows(place, rows, losses)]
    if not again and not rows[0].key.endswith("[]"):
        return schema, style, shown, False
    values = [(schema, shown), *((other, value) for _, other, _, value in again)]
    for row, other, _, _ in again:
        schema = merge_schemas(schema, other, row.node, losses)
    schema, shown = _list_schema(schema, values)
    return schema, "form", shown, True


def _list_schema(items: Schema, rows: list[tuple[Schema, Any]]) -> tuple[Schema, Any]:
    """Return the schema of a list and its example, from the schema and example of each row."""
    whole: Schema = {"type": "array", "items": {key: value for key, value in items.items() if key != "default"}}
    values = [schema.get("default", shown) for schema, shown in rows]
    if all("default" in schema for schema, _ in rows):
        return {**whole, "default": values}, None
    return whole, None if None in values else values


def _list_rows(place: str, rows: list[Field], losses: list[Loss]) -> list[Field]:
    """Return the rows that turn the first one into a list: only enabled ones, and only in queries and forms."""
    again = []
    for row in rows[1:]:
        if place in ("query", "form") and row.disabled == rows[0].disabled:
            again.append(row)
        else:
            losses.append(row.node.loss(f"a second {row.key!r}", "only the first is used"))
        if row.description not in ("", rows[0].description):
            losses.append(row.node.loss(f"the description of a second {row.key!r}", "the first has another"))
    return again


def _row_schema(place: str, row: Field, losses: list[Loss]) -> tuple[Schema, str | None, Any]:
    """Return the schema of a row, its style if it is a list or object, and its example."""
    if row.is_file:
        return {"type": "string", "format": "binary"}, None, None
    if place == "form" and row.value.startswith(("[", "{")):
        odd: list[Loss] = []
        with recording_loss("", odd):
            value = redact(parse_json(row.value, row.node.where).value)
            written = Node(value, row.node.where, f"{row.node.pointer}/value")
            return example_schema(written, losses), None, None
    schema, style = value_schema(row.value)
    if "example" in schema and stands_for_a_value(row.value):
        if row.value.startswith("<"):
            what = f"the placeholder {row.value!r}"
            losses.append(row.node.loss(what, "unknown; read as a string", understood=False))
        del schema["example"]
    if {"example", "default"} & schema.keys() and holds_secret(row.key, row.value):
        losses.append(row.node.loss(f"the value of {row.key!r}", MAY_BE_SECRET))
        schema.pop("example", None)
        schema.pop("default", None)
    shown = schema.pop("example", None)
    if shown != (safe := redact(shown)):
        losses.append(row.node.loss(f"a secret in the value of {row.key!r}", "it is part of a URL"))
        shown = safe
    if row.only:
        _apply_enum(schema, row, losses)
    return schema, style, shown


def _apply_enum(schema: Schema, row: Field, losses: list[Loss]) -> None:
    """Add the allowed values to the schema of a parameter, or to that of its list entries."""
    inner = schema["items"] if schema["type"] == "array" else schema
    only = list(dict.fromkeys(row.only))
    if len({_name_in_code(text, index) for index, text in enumerate(only)}) < len(only):
        losses.append(row.node.loss("the allowed values", "code cannot tell their names apart"))
        return
    read = [value_schema(text)[0] for text in only]
    if inner.get("type", "string") == "string":  # an untyped list gets strings
        inner |= {"type": "string", "enum": only}
    elif all(each["type"] == inner["type"] and "default" in each for each in read):
        inner["enum"] = [each["default"] for each in read]
    else:
        losses.append(row.node.loss("the allowed values", f"not all have the type {inner['type']}"))


def _name_in_code(value: str, index: int) -> str:
    """Return what tells an allowed value apart in code; generators number those that do not begin with a letter."""
    return re.sub(r"[^a-z0-9]", "", value.lower()) or value if value[:1].isalpha() else f"value{index}"


def _deep_object_schema(place: str, rows: list[Field], subkeys: list[tuple[str, ...]], losses: list[Loss]) -> Schema:
    """Return the object or list that rows with subkeys describe; an empty or numeric subkey means a list."""
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
        whole = schema if whole is None else merge_schemas(whole, schema, row.node, losses)
        whole.setdefault("type", "object")
        if row.required and len(steps) == 1 and steps[0] in whole.get("properties", {}):
            whole["required"] = [*dict.fromkeys([*whole.get("required", []), steps[0]])]
    return whole or {"type": "object"}
