from __future__ import annotations

import copy
from typing import Any

import pytest
from codegen.overlay import apply_overlay
from postman_openapi.losses import SpecError


def overlay(*actions: Any, **changes: Any) -> dict[str, Any]:
    return {"overlay": "1.0.0", "info": {"title": "t", "version": "1"}, "actions": list(actions), **changes}


def apply(document: Any, *actions: Any) -> Any:
    before = copy.deepcopy(document)
    result, _ = apply_overlay(document, overlay(*actions), "overlay.yaml")
    assert document == before, "the input must not change"
    return result


def test_objects_are_merged_and_other_values_replaced() -> None:
    document = {"info": {"title": "old", "version": "1", "contact": {"name": "n"}}}
    update = {"info": {"title": "new", "contact": {"url": "u"}}, "tags": [1]}
    assert apply(document, {"target": "$", "update": update}) == {
        "info": {"title": "new", "version": "1", "contact": {"name": "n", "url": "u"}},
        "tags": [1],
    }


def test_merged_lists_are_joined_and_a_target_list_is_appended_to() -> None:
    document = {"a": {"list": [1]}}
    assert apply(document, {"target": "$.a", "update": {"list": [2, 3]}}) == {"a": {"list": [1, 2, 3]}}
    assert apply(document, {"target": "$.a.list", "update": {"x": 1}}) == {"a": {"list": [1, {"x": 1}]}}


def test_actions_are_applied_in_order() -> None:
    result = apply({}, {"target": "$", "update": {"a": {}}}, {"target": "$.a", "update": {"b": 1}})
    assert result == {"a": {"b": 1}}


def test_members_and_entries_are_removed() -> None:
    document = {"a": [{"x": 1}, {"x": 2}, {"y": 3}, {"x": 4}], "b": {"x": 5}}
    assert apply(document, {"target": "$.a[?@.x]", "remove": True}) == {"a": [{"y": 3}], "b": {"x": 5}}
    assert apply(document, {"target": "$..x", "remove": True}) == {"a": [{}, {}, {"y": 3}, {}], "b": {}}
    assert apply(document, {"target": "$..*", "remove": True}) == {}


def test_entries_are_removed_in_numeric_order() -> None:
    document = {"a": list(range(12))}
    assert apply(document, {"target": "$.a[2,10,2]", "remove": True}) == {"a": [0, 1, 3, 4, 5, 6, 7, 8, 9, 11]}


def test_remove_false_does_not_remove() -> None:
    document = {"a": {"b": 1}}
    assert apply(document, {"target": "$.a", "remove": False, "update": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
    with pytest.raises(SpecError, match="neither update nor remove"):
        apply(document, {"target": "$.a", "remove": False})


def test_remove_takes_precedence_over_update() -> None:
    assert apply({"a": {}, "b": {}}, {"target": "$.a", "remove": True, "update": {"c": 2}}) == {"b": {}}


def test_updates_insert_separate_copies() -> None:
    update = {"new": {"list": [1]}}
    actions = ({"target": "$.a[*]", "update": update}, {"target": "$.a[0].new.list", "update": 2})
    result = apply({"a": [{}, {}]}, *actions)
    assert result == {"a": [{"new": {"list": [1, 2]}}, {"new": {"list": [1]}}]}
    assert update == {"new": {"list": [1]}}


def test_lists_get_separate_copies() -> None:
    shared = {"x": [1]}
    add = {"target": "$.a[0].x", "update": 2}
    result = apply({"a": [], "b": []}, {"target": "$['a','b']", "update": shared}, add)
    assert result == {"a": [{"x": [1, 2]}], "b": [{"x": [1]}]}
    document: dict[str, Any] = {"p": {"a": []}, "q": {"a": []}}
    result = apply(document, {"target": "$.*", "update": {"a": [shared]}}, {"target": "$.p.a[0].x", "update": 2})
    assert result == {"p": {"a": [{"x": [1, 2]}]}, "q": {"a": [{"x": [1]}]}}


def test_applied_actions_are_reported() -> None:
    _, reports = apply_overlay({"a": [{}, {}]}, overlay({"target": "$.a[*]", "update": {}, "description": "why"}), "x")
    assert [(each.target, each.description, each.matches) for each in reports] == [("$.a[*]", "why", 2)]


@pytest.mark.parametrize(
    ("action", "part"),
    [
        ({"target": "$.nothing", "update": {}}, "matches nothing"),
        ({"target": "$.a[?@.no]", "remove": True}, "matches nothing"),
        ({"target": "$.a[", "update": {}}, "not valid JSONPath"),
        ({"target": "a.b", "update": {}}, "not valid JSONPath"),
        ({"target": "$", "remove": True}, "whole document"),
        ({"target": "$.text", "update": "other"}, "neither an object nor a list"),
        ({"target": "$.a", "update": [1]}, "update must be one"),
        ({"target": "$.a"}, "neither update nor remove"),
        ({"target": "$.a", "remove": "true"}, "true or false"),
        ({"target": "$.a", "update": {}, "description": 1}, "description must be a string"),
        ({"update": {}}, "an object with a target"),
        ("$.a", "an object with a target"),
        ({"target": "$.a", "update": {}, "upadte": {}}, "not part of an overlay"),
    ],
)
def test_invalid_action_is_named(action: Any, part: str) -> None:
    with pytest.raises(SpecError, match=part) as caught:
        apply({"a": {}, "text": "x"}, {"target": "$", "update": {}}, action)
    assert caught.value.pointer.startswith("/actions/1")
    if isinstance(action, dict) and "target" in action and "upadte" not in action:
        assert repr(action["target"]) in caught.value.problem


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        (None, ""),
        ([], ""),
        (overlay({"target": "$", "update": {}}, overlay="2.0.0"), "/overlay"),
        (overlay({"target": "$", "update": {}}, overlay="1.0"), "/overlay"),
        (overlay({"target": "$", "update": {}}, overlay=1.0), "/overlay"),
        (overlay({"target": "$", "update": {}}, info=None), "/info"),
        (overlay({"target": "$", "update": {}}, info={"title": "t"}), "/info"),
        (overlay(), "/actions"),
        (overlay(actions={}), "/actions"),
        (overlay({"target": "$", "update": {}}, action=[]), "/action"),
    ],
)
def test_a_malformed_overlay_is_refused(document: Any, pointer: str) -> None:
    with pytest.raises(SpecError) as caught:
        apply_overlay({}, document, "overlay.yaml")
    assert (caught.value.where, caught.value.pointer) == ("overlay.yaml", pointer)


def test_extensions_are_ignored() -> None:
    assert apply({"a": 1}, {"target": "$", "update": {"b": 2}, "x-why": "because"}) == {"a": 1, "b": 2}
