"""Postman items for tests: the exported one, and changed copies of it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SEED = "remove-member-from-group-using-group-id.json"


def seed() -> Any:
    """Return the exported item."""
    return json.loads((ROOT / "openapi" / "postman" / SEED).read_text(encoding="utf-8"))


def changed(pointer: str, value: Any) -> Any:
    """Return a copy of the exported item with one value set; the last step may be a new key, or ``-`` to append."""
    item = copy.deepcopy(seed())
    *steps, last = pointer.removeprefix("/").split("/")
    target = item
    for step in steps:
        target = target[int(step) if isinstance(target, list) else step]
    if last == "-":
        target.append(value)
    else:
        target[int(last) if isinstance(target, list) else last] = value
    return item


def without(pointer: str) -> Any:
    """Return a copy of the exported item without one member."""
    item = copy.deepcopy(seed())
    *steps, last = pointer.removeprefix("/").split("/")
    target = item
    for step in steps:
        target = target[int(step) if isinstance(target, list) else step]
    del target[last]
    return item


def with_parameter(name: str, *, value: str = "<string>", description: str = "") -> Any:
    """Return a copy of the exported item with one more query parameter, everywhere where it has to stand."""
    item = copy.deepcopy(seed())
    item["request"]["url"]["query"].append({"key": name, "value": value, "description": description})
    item["request"]["url"]["raw"] += f"&{name}={value}"
    for response in item["response"]:
        response["originalRequest"]["url"]["query"].append({"key": name, "value": value})
        response["originalRequest"]["url"]["raw"] += f"&{name}={value}"
    return item


def with_segment(segment: str) -> Any:
    """Return a copy of the exported item with its last path segment replaced, everywhere."""
    item = copy.deepcopy(seed())
    for url in [item["request"]["url"], *(response["originalRequest"]["url"] for response in item["response"])]:
        url["path"][-1] = segment
        url["raw"] = url["raw"].replace("userByGroupId", segment)
    return item
