"""Apply an OpenAPI Overlay 1.0 strictly: an action that matches nothing is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, NoReturn

import jsonpath_rfc9535 as jsonpath
from attrs import frozen
from deepmerge import always_merger
from jsonpath_rfc9535.query import JSONPathQuery
from jsonpath_rfc9535.selectors import NameSelector
from postman_openapi.losses import SpecError, json_pointer, raise_together

DOCUMENT_KEYS = frozenset({"overlay", "info", "extends", "actions"})
ACTION_KEYS = frozenset({"target", "description", "update", "remove"})


@frozen
class AppliedAction:
    """An applied action, and the number of its matches."""

    target: str
    description: str
    matches: int


def apply_overlay(document: Mapping[str, Any], overlay: Any, where: str) -> tuple[dict[str, Any], list[AppliedAction]]:
    """Return a new document with the overlay's actions applied in order, and the matches of each action.

    Raises:
        SpecError: the overlay is malformed, or an action matches nothing, or one of the names in its target does.
        ExceptionGroup: several actions cannot be applied.
    """
    actions = _read_actions(overlay, where)
    result: dict[str, Any] = deepcopy(dict(document))
    applied, errors = list[AppliedAction](), list[SpecError]()
    for index, action in enumerate(actions):
        try:
            applied.append(_apply(result, action, where, f"/actions/{index}"))
        except SpecError as error:
            errors.append(error)
    raise_together(errors)
    return result, applied


def _read_actions(overlay: Any, where: str) -> list[Any]:
    """Return the actions of a well-formed overlay."""
    if not isinstance(overlay, dict):
        raise SpecError(where, "", "an overlay must be an object")
    _reject_unknown_keys(overlay, DOCUMENT_KEYS, where, "")
    version = overlay.get("overlay")
    if not isinstance(version, str) or not re.fullmatch(r"1\.[0-9]+\.[0-9]+", version):
        raise SpecError(where, "/overlay", "must be a version 1.x.y, as a string")
    info = overlay.get("info")
    if not isinstance(info, dict) or not all(isinstance(info.get(key), str) for key in ("title", "version")):
        raise SpecError(where, "/info", "must be an object with title and version")
    actions = overlay.get("actions")
    if not isinstance(actions, list) or not actions:
        raise SpecError(where, "/actions", "must have at least one action")
    return actions


def _apply(document: dict[str, Any], action: Any, where: str, pointer: str) -> AppliedAction:
    def fail(problem: str) -> NoReturn:
        raise SpecError(where, pointer, f"{_action_label(action)}: {problem}")

    if not isinstance(action, dict) or not isinstance(action.get("target"), str):
        fail("an action must be an object with a target")
    _reject_unknown_keys(action, ACTION_KEYS, where, pointer)
    removes = action.get("remove", False)
    if not isinstance(removes, bool):
        fail("remove must be true or false")
    if not isinstance(action.get("description", ""), str):
        fail("description must be a string")
    if not removes and "update" not in action:
        fail("it has neither update nor remove: true")
    try:
        nodes = list(jsonpath.find(action["target"], document))
        unmatched = list(_unmatched_names(jsonpath.compile(action["target"]), document))
    except (jsonpath.JSONPathError, RecursionError) as error:
        fail(f"the target is not valid JSONPath: {error.args[0] if error.args else error}")
    if not nodes:
        fail("the target matches nothing")
    locations = [tuple(node.location) for node in nodes]
    if removes:
        if () in locations:
            fail("the whole document cannot be removed")
        _remove(document, locations)
    else:
        for location in locations:
            if problem := _update(_resolve_location(document, location), action["update"]):
                fail(f"at {json_pointer(location)}: {problem}")
    if unmatched:  # after the rest is applied, because later actions may need it
        fail(f"these names in the target match nothing: {', '.join(map(repr, unmatched))}")
    return AppliedAction(action["target"], action.get("description", ""), len(nodes))


def _unmatched_names(query: JSONPathQuery, document: Any) -> Iterator[str]:
    """Yield the names in lists of a target, such as ``['/a', '/b']``, that match nothing by themselves."""
    for index, segment in enumerate(query.segments):
        if len(segment.selectors) > 1:
            for selector in segment.selectors:
                alone = type(segment)(env=segment.env, token=segment.token, selectors=(selector,))
                segments = (*query.segments[:index], alone, *query.segments[index + 1 :])
                if isinstance(selector, NameSelector) and not JSONPathQuery(env=query.env, segments=segments).find(
                    document
                ):
                    yield selector.name


def _update(target: Any, update: Any) -> str | None:
    """Merge a copy of the update into an object, or append it to a list; return the problem, if there is one."""
    if isinstance(target, list):
        target.append(deepcopy(update))
    elif isinstance(target, dict) and isinstance(update, dict):
        always_merger.merge(target, deepcopy(update))
    elif isinstance(target, dict):
        return "the target is an object, so the update must be one"
    else:
        return "the target is neither an object nor a list; select the object around it"
    return None


def _remove(document: dict[str, Any], locations: list[tuple[int | str, ...]]) -> None:
    """Remove from the end of lists first and inner values before outer ones, so that every location stays valid."""
    unique = sorted(set(locations), key=lambda location: [(isinstance(step, str), step) for step in location])
    for location in reversed(unique):
        del _resolve_location(document, location[:-1])[location[-1]]


def _resolve_location(document: Any, location: tuple[int | str, ...]) -> Any:
    for step in location:
        document = document[step]
    return document


def _reject_unknown_keys(found: dict[Any, Any], known: frozenset[str], where: str, pointer: str) -> None:
    for key in found:
        if not isinstance(key, str) or (key not in known and not key.startswith("x-")):
            raise SpecError(where, f"{pointer}/{key}", "not part of an overlay")


def _action_label(action: Any) -> str:
    return f"action on {action['target']!r}" if isinstance(action, dict) and "target" in action else "action"
