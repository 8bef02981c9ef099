"""Compare what the items' examples show with the schemas that the overlay puts in their place, in both directions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen
from openapi_diff.documents import Document, operations
from openapi_diff.kinds import Kind, Side
from openapi_diff.schema_view import unwrap_reference, view_schema
from postman_openapi.losses import SpecError
from postman_openapi.merging import path_shape

from codegen.fragment.gaps import JSON, OVERLAY
from codegen.fragment.positions import place_with_line

NOT_SHOWN = "x-not-in-examples"  # a member of the action that has the schemas: documented fields, by schema
ANYTHING: tuple[Any, ...] = (True, {})


@frozen
class Offered:
    """A schema of the fragment, and the last named one around it."""

    content: Any
    owner: str


@frozen
class Comparison:
    """The place that is compared, and what is known about it."""

    document: Document
    label: str  # of the body: "getGroups 200"
    side: Side
    schemas: Mapping[str, str]  # the places of named schemas in the overlay
    not_shown: Mapping[str, Sequence[str]]
    used: set[tuple[str, str]]  # entries of `not_shown` that are needed
    path: str = field(default="")

    def line(self, kind: Kind, owner: str, text: str) -> str:
        """Return a message with the weight of the change that would make both agree."""
        level = kind.sent if self.side is Side.SENT else kind.received
        action = self.schemas.get(owner, f"{OVERLAY}: the action that names the schema")
        place = self.path.lstrip(".") or "the body"
        return f"{self.label}: {place} {text} ({level.name.lower()}): edit the item, or {action}"


def find_differences(
    derived: Mapping[str, Any],
    document: Mapping[str, Any],
    overlay: Any,
    items: Mapping[tuple[str, str], str],
    text: str = "",
) -> list[str]:
    """Return a message for every difference between examples and schemas.

    Args:
        derived: the document of the items alone.
        document: the fragment.
        overlay: the overlay, whose actions are named.
        items: the items by method and path shape.
        text: the text of the overlay, for the lines of its schemas.

    Raises:
        SpecError: the overlay says that examples do not show a field, and all of them do.
    """
    whole, shown = Document(document, "the fragment"), Document(derived, "the items")
    pointers, not_shown = _read_schemas(overlay)
    places = {name: f"{place_with_line(OVERLAY, text, each)}: {each}" for name, each in pointers.items()}
    kept = {(each.method, path_shape(each.path)): each for each in operations(whole)}
    used, found = set[tuple[str, str]](), list[str]()
    for operation in operations(shown):
        key = operation.method, path_shape(operation.path)
        if key not in kept:
            continue
        bodies = _bodies(operation.content)
        offered = _bodies(kept[key].content)
        for place, schema in bodies.items():
            side = Side.SENT if place == "body" else Side.RECEIVED
            label = f"{items.get(key, operation.place)}: {kept[key].name} {place}"
            comparison = Comparison(whole, label, side, places, not_shown, used)
            if place in offered:
                found += _compare(schema, [Offered(offered[place], "")], comparison)
    for name, fields in not_shown.items():
        for each in fields:
            if (name, each) not in used:
                index = next(
                    index for index, action in enumerate(overlay["actions"]) if name in action.get(NOT_SHOWN, ())
                )
                raise SpecError(
                    OVERLAY, f"/actions/{index}/{NOT_SHOWN}/{name}", f"every example shows {each}, so remove it here"
                )
    return found


def _bodies(operation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON schemas of an operation by their places."""
    parts = {str(status): answer for status, answer in operation.get("responses", {}).items()}
    parts["body"] = operation.get("requestBody", {})
    contents = {place: part.get("content", {}).get(JSON, {}) for place, part in parts.items()}
    return {place: content["schema"] for place, content in contents.items() if "schema" in content}


def _read_schemas(overlay: Any) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the pointers of the schemas that an overlay adds, and the fields that examples need not show."""
    pointers, not_shown = dict[str, str](), dict[str, list[str]]()
    for index, action in enumerate(overlay["actions"]):
        update = action.get("update")
        schemas = update.get("schemas") if isinstance(update, dict) and action["target"] == "$.components" else None
        for name in schemas or {}:
            pointers[name] = f"/actions/{index}/update/schemas/{name}"
        listed = action.get(NOT_SHOWN, {})
        for name, fields in listed.items() if isinstance(listed, dict) else [("", None)]:
            if not isinstance(fields, list):
                raise SpecError(OVERLAY, f"/actions/{index}/{NOT_SHOWN}", "must be an object of lists of fields")
            not_shown[name] = [str(each) for each in fields]
    return pointers, not_shown


def _compare(shown: Any, offered: list[Offered], at: Comparison) -> Iterator[str]:
    """Yield the differences between what is shown and the schemas that may describe it."""
    if "type" not in shown or any(each.content in ANYTHING for each in offered):
        return
    plain = [alternative for each in offered for alternative in _alternatives(each, at)]
    same = [each for each in plain if kind(shown) in (kind(each.content), each.content["type"])]
    if not same:
        kinds = " or ".join(sorted({kind(each.content) for each in plain})) or "nothing"
        yield at.line(
            Kind.TYPE, plain[0].owner if plain else "", f"is shown as {kind(shown)}, and documented as {kinds}"
        )
    elif shown["type"] == "array":
        inner = [Offered(each.content.get("items", {}), each.owner) for each in same]
        yield from _compare(shown["items"], inner, evolve(at, path=f"{at.path}[]"))
    elif "example" in shown and not any(shown["example"] in _words(each.content) for each in same):
        text = f"is shown as {shown['example']!r}, which the description of {same[0].owner} does not name"
        yield at.line(Kind.VALUE_ADDED, same[0].owner, text)
    yield from _compare_fields(shown.get("properties", {}), same, at)


def _compare_fields(shown: Mapping[str, Any], same: Sequence[Offered], at: Comparison) -> Iterator[str]:
    for name, inner in shown.items():
        place = evolve(at, path=f"{at.path}.{name}")
        members = [
            Offered(each.content["properties"][name], each.owner)
            for each in same
            if name in each.content.get("properties", {})
        ]
        others = [
            Offered(each.content["additionalProperties"], each.owner)
            for each in same
            if "additionalProperties" in each.content
        ]
        if members or others:
            yield from _compare(inner, members or others, place)
        elif same:
            text = f"is shown as {kind(inner)}, and {same[0].owner or 'the schema'} does not have it"
            yield place.line(Kind.FIELD_ADDED, same[0].owner, text)
    for each in same:
        for name in each.content.get("properties", {}):
            if name not in shown and not _is_expected(each.owner, name, at):
                required = name in each.content.get("required", [])
                verb = "requires" if required else "documents"
                text = f"is not shown, and {each.owner or 'the schema'} {verb} it"
                yield evolve(at, path=f"{at.path}.{name}").line(Kind.FIELD_REMOVED, each.owner, text)


def _is_expected(owner: str, name: str, at: Comparison) -> bool:
    if name not in at.not_shown.get(owner, ()):
        return False
    at.used.add((owner, name))
    return True


def _alternatives(offered: Offered, at: Comparison) -> Iterator[Offered]:
    """Yield the typed schemas that a value may match, through references, oneOf and an allOf of one entry."""
    inner = unwrap_reference(offered.content, at.document, at.label)[1]
    content, name = at.document.resolved(inner, at.label)
    owner = name or offered.owner
    if "type" in content:
        yield Offered(content, owner)
    for each in view_schema(content, at.document, at.label).alternatives:
        yield from _alternatives(Offered(each, owner), at)


def kind(schema: Any) -> str:
    """Return the type of a schema, with its format if it has one."""
    return f"{schema.get('type', 'anything')} {schema['format']}" if "format" in schema else str(schema.get("type"))


def _words(schema: Any) -> list[str]:
    return re.findall(r"\w+", schema.get("description", ""))
