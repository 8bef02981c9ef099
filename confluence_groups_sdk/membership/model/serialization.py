"""Changes, skipped changes and results as JSON objects, and back."""

from __future__ import annotations

from typing import Any

from attrs import asdict

from ..._support.strict_json import ShapeError, StrictObject
from .changes import Action, Change, Option, Outcome, Result, SkippedChange

ACTIONS = tuple(action.value for action in Action)
OUTCOMES = tuple(outcome.value for outcome in Outcome)
OPTIONAL = ("note", "email")  # older versions do not know them, and read every plan that lacks them
RESULT_FIELDS = ("error", "error_type", "guard", "request_id", "settled", "final")


def change_as_json(change: Change) -> dict[str, Any]:
    """Return a change as a JSON object, which has a note and an e-mail only if the change has them."""
    fields = tuples_as_lists(asdict(change, recurse=False)) | {"action": change.action.value}
    return {name: value for name, value in fields.items() if name not in OPTIONAL or value is not None}


def change_from_json(value: Any, path: str) -> Change:
    """Return the change in a JSON object.

    Raises:
        ShapeError: the value has another shape.
    """
    fields = StrictObject(value, path)
    change = Change(
        action=Action(fields.choice("action", ACTIONS)),
        group_id=fields.text("group_id"),
        group_name=fields.text("group_name"),
        account_id=fields.text("account_id"),
        display_name=fields.text_or_none("display_name"),
        account_type=fields.text_or_none("account_type"),
        reason=fields.text_or_none("reason"),
        overridden=fields.string_list("overridden"),
        **{name: fields.text(name) for name in OPTIONAL if name in fields},
    )
    fields.reject_unknown_keys()
    return change


def skipped_change_as_json(skipped: SkippedChange) -> dict[str, Any]:
    """Return a skipped change as a JSON object."""
    return {
        "change": change_as_json(skipped.change),
        "why": skipped.why,
        "guard": skipped.guard,
        "option": _option_as_json(skipped.option),
    }


def skipped_changes_from_json(fields: StrictObject, name: str) -> tuple[SkippedChange, ...]:
    """Return the skipped changes in a field of a JSON object.

    Raises:
        ShapeError: the field has another shape.
    """
    return tuple(_skipped_change_from_json(item, path) for item, path in fields.items(name))


def _skipped_change_from_json(value: Any, path: str) -> SkippedChange:
    fields = StrictObject(value, path)
    skipped = SkippedChange(
        change=change_from_json(fields.required("change"), fields.path_of("change")),
        why=fields.text("why"),
        guard=fields.text_or_none("guard"),
        option=_option_from_json(fields),
    )
    fields.reject_unknown_keys()
    return skipped


def result_as_json(result: Result) -> dict[str, Any]:
    """Return a result as a JSON object, without the fields that matter only during a run."""
    return {
        "change": change_as_json(result.change),
        "outcome": result.outcome.value,
        "option": _option_as_json(result.option),
        **{name: getattr(result, name) for name in RESULT_FIELDS},
    }


def result_from_json(value: Any, path: str) -> Result:
    """Return the result in a JSON object.

    Raises:
        ShapeError: the value has another shape.
    """
    fields = StrictObject(value, path)
    result = Result(
        change=change_from_json(fields.required("change"), fields.path_of("change")),
        outcome=Outcome(fields.choice("outcome", OUTCOMES)),
        error=fields.text_or_none("error"),
        error_type=fields.text_or_none("error_type"),
        guard=fields.text_or_none("guard"),
        option=_option_from_json(fields),
        request_id=fields.text_or_none("request_id"),
        settled=fields.boolean("settled"),
        final=fields.boolean("final"),
    )
    fields.reject_unknown_keys()
    return result


def _option_as_json(option: Option | None) -> dict[str, bool | float] | None:
    return dict([option]) if option else None


def _option_from_json(fields: StrictObject) -> Option | None:
    value = fields.required("option")
    if value is None:
        return None
    if not isinstance(value, dict) or len(value) != 1:
        raise ShapeError(f"{fields.path_of('option')}: must be an object with one option, or null")
    [(name, setting)] = value.items()
    if not isinstance(setting, int | float):
        raise ShapeError(f"{fields.path_of('option')}.{name}: must be true, false or a number")
    return name, setting


def tuples_as_lists(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object with a list for each tuple, as JSON has it."""
    return {name: list(each) if isinstance(each, tuple) else each for name, each in value.items()}
