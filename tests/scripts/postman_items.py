"""Postman items for tests: the exported item, the items transcribed by hand, and edited copies of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from codegen.item_policy import require_single_request
from postman_openapi.json_nodes import parse_json
from postman_openapi.losses import Loss
from postman_openapi.model import Collection, Request
from postman_openapi.openapi_writer import build_document
from postman_openapi.reader.collection_reader import read_postman

ROOT = Path(__file__).resolve().parents[2]
ITEMS = ROOT / "openapi" / "postman"
SEED = "remove-member-from-group-using-group-id.json"
CREATE = "create-group.json"  # has bodies
MEMBERS = "get-group-members-by-group-id.json"  # has a path variable, defaults and a list of values


def load_item(of: str = SEED) -> Any:
    """Return the exported item, or another committed one."""
    return json.loads((ITEMS / of).read_text(encoding="utf-8"))


def collection(document: Any, server: str | None = None) -> Collection:
    return read_postman(parse_json(json.dumps(document), "item.json"), server=server)


def read(item: Any) -> Request:
    """Return the request of an item, all of which must be understood."""
    return require_single_request(collection(item), "item.json")


def find_losses(document: Any) -> list[Loss]:
    """Return the losses of a file except the two that every item has: the base URL and the OAuth flow."""
    expected = ("{{baseUrl}}", "oauth2")
    return [loss for loss in collection(document).losses if loss.what not in expected]


def convert_item(item: Any, server: str | None = None) -> tuple[dict[str, Any], list[Loss]]:
    """Return the document for an item, all of which must be understood, and its losses."""
    whole = collection(item, server)
    require_single_request(whole, "item.json")
    return build_document(whole)


def make_item(request: Any, **more: Any) -> Any:
    """Return an item with this request."""
    return {"name": "An item", "request": request, **more}


def item_with_url(url: Any, **more: Any) -> Any:
    """Return an item with a GET request for this URL."""
    return make_item({"method": "GET", "url": url, **more})


def edit_item(pointer: str, value: Any, *, of: str = SEED) -> Any:
    """Return a copy of an item with one value set; the last step may be a new key, or ``-`` to append."""
    item = load_item(of)
    target, last = _place(item, pointer)
    if last == "-":
        target.append(value)
    else:
        target[int(last) if isinstance(target, list) else last] = value
    return item


def delete_from_item(pointer: str, *, of: str = SEED) -> Any:
    """Return a copy of an item without the value at a pointer."""
    item = load_item(of)
    target, last = _place(item, pointer)
    del target[int(last) if isinstance(target, list) else last]
    return item


def with_parameter(name: str, *, value: str = "<string>", description: str = "") -> Any:
    """Return a copy of the exported item with one more query parameter in every request."""
    item = load_item()
    for url in _urls(item):
        url["query"].append({"key": name, "value": value, "description": description})
        url["raw"] += f"&{name}={value}"
    return item


def with_segment(segment: str) -> Any:
    """Return a copy of the exported item with its last path segment replaced in every request."""
    item = load_item()
    for url in _urls(item):
        url["path"][-1] = segment
        url["raw"] = url["raw"].replace("userByGroupId", segment)
    return item


def with_variables(*names: str, value: str = "<string>", description: str = "") -> Any:
    """Return a copy of the exported item with variables at the end of its path in every request."""
    item = load_item()
    for url in _urls(item):
        url["path"] += [f":{name}" for name in names]
        url["raw"] = url["raw"].replace("?", "".join(f"/:{name}" for name in names) + "?")
        url["variable"] = [{"key": name, "value": value, "description": description} for name in names]
    return item


def with_bodies(text: str) -> Any:
    """Return a copy of the exported item with this body in its requests and its first response."""
    item = load_item()
    for request in [item["request"], *(response["originalRequest"] for response in item["response"])]:
        request["body"] = {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}
    item["response"][0] |= {"code": 200, "status": "OK", "body": text}
    item["response"][0]["header"] = [{"key": "Content-Type", "value": "application/json"}]
    return item


def _urls(item: Any) -> list[Any]:
    return [item["request"]["url"], *(response["originalRequest"]["url"] for response in item["response"])]


def _place(item: Any, pointer: str) -> tuple[Any, str]:
    """Return the container that a pointer ends in, and its last step."""
    *steps, last = pointer.removeprefix("/").split("/")
    target = item
    for step in steps:
        target = target[int(step) if isinstance(target, list) else step]
    return target, last
