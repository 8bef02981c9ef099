"""OpenAPI Overlay 1.0, applied strictly: an action that matches nothing is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, NoReturn

import jsonpath_rfc9535 as jsonpath
from attrs import frozen

from .problems import SpecError, pointer_to

DOCUMENT_KEYS = frozenset({"overlay", "info", "extends", "actions"})
ACTION_KEYS = frozenset({"target", "description", "update", "remove"})


@frozen
class Applied:
    """An action that was carried out, and on how many places."""

    target: str
    description: str
    matches: int


def apply_overlay(document: Mapping[str, Any], overlay: Any, where: str) -> tuple[dict[str, Any], list[Applied]]:
    """Return a new document with the overlay's actions applied in order, and what each did.

    Raises:
        SpecError: the overlay is malformed, or an action matches nothing.
    """
    actions = _checked(overlay, where)
    result: dict[str, Any] = deepcopy(dict(document))
    applied = []
    for index, action in enumerate(actions):
        applied.append(_apply(result, action, where, f"/actions/{index}"))
    return result, applied


def _checked(overlay: Any, where: str) -> list[Any]:
    """Return the actions of an overlay that is well-formed on top."""
    if not isinstance(overlay, dict):
        raise SpecError(where, "", "an overlay is an object")
    _no_other_keys(overlay, DOCUMENT_KEYS, where, "")
    version = overlay.get("overlay")
    if not isinstance(version, str) or not re.fullmatch(r"1\.[0-9]+\.[0-9]+", version):
        raise SpecError(where, "/overlay", "a version 1.x.y is expected, as text")
    info = overlay.get("info")
    if not isinstance(info, dict) or not all(isinstance(info.get(key), str) for key in ("title", "version")):
        raise SpecError(where, "/info", "an object with title and version is expected")
    actions = overlay.get("actions")
    if not isinstance(actions, list) or not actions:
        raise SpecError(where, "/actions", "at least one action is expected")
    return actions


def _apply(document: dict[str, Any], action: Any, where: str, pointer: str) -> Applied:
    def fail(problem: str) -> NoReturn:
        raise SpecError(where, pointer, f"{_name(action)}: {problem}")

    if not isinstance(action, dict) or not isinstance(action.get("target"), str):
        fail("an action is an object with a target")
    _no_other_keys(action, ACTION_KEYS, where, pointer)
    removes = action.get("remove", False)
    if not isinstance(removes, bool):
        fail("remove is true or false")
    if not isinstance(action.get("description", ""), str):
        fail("description is text")
    if not removes and "update" not in action:
        fail("neither update nor remove: true")
    try:
        nodes = list(jsonpath.find(action["target"], document))
    except (jsonpath.JSONPathError, RecursionError) as error:
        fail(f"the target is no JSONPath: {error.args[0] if error.args else error}")
    if not nodes:
        fail("the target matches nothing")
    locations = [tuple(node.location) for node in nodes]
    if removes:
        if () in locations:
            fail("the whole document cannot be removed")
        _remove(document, locations)
    else:
        for location in locations:
            if problem := _update(_at(document, location), action["update"]):
                fail(f"at {pointer_to(location)}: {problem}")
    return Applied(action["target"], action.get("description", ""), len(nodes))


def _update(target: Any, update: Any) -> str | None:
    """Merge into an object, or append to a list; what is put in is a copy. Return why it cannot be done, if so."""
    if isinstance(target, list):
        target.append(deepcopy(update))
    elif isinstance(target, dict) and isinstance(update, dict):
        _merge(target, update)
    elif isinstance(target, dict):
        return "the target is an object, so update must be one"
    else:
        return "the target is neither object nor list; point at the object around it"
    return None


def _merge(target: dict[str, Any], update: dict[str, Any]) -> None:
    for key, value in update.items():
        present = target.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(present, value)
        elif isinstance(present, list) and isinstance(value, list):
            present.extend(deepcopy(value))
        else:
            target[key] = deepcopy(value)


def _remove(document: dict[str, Any], locations: list[tuple[int | str, ...]]) -> None:
    """Remove from the end of lists first, inner places before outer ones, so that each location stays true."""
    unique = sorted(set(locations), key=lambda location: [(isinstance(step, str), step) for step in location])
    for location in reversed(unique):
        del _at(document, location[:-1])[location[-1]]


def _at(document: Any, location: tuple[int | str, ...]) -> Any:
    for step in location:
        document = document[step]
    return document


def _no_other_keys(found: dict[Any, Any], known: frozenset[str], where: str, pointer: str) -> None:
    for key in found:
        if not isinstance(key, str) or (key not in known and not key.startswith("x-")):
            raise SpecError(where, f"{pointer}/{key}", "not part of an overlay")


def _name(action: Any) -> str:
    return f"action on {action['target']!r}" if isinstance(action, dict) and "target" in action else "action"
