"""Postman items for tests: the exported one, those transcribed after it, and changed copies of them."""

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


def seed(of: str = SEED) -> Any:
    """Return the exported item, or another one that is committed."""
    return json.loads((ITEMS / of).read_text(encoding="utf-8"))


def collection(document: Any, server: str | None = None) -> Collection:
    return read_postman(parse_json(json.dumps(document), "item.json"), server=server)


def read(item: Any) -> Request:
    """Return the request of an item in which all is understood."""
    return require_single_request(collection(item), "item.json")


def lost(document: Any) -> list[Loss]:
    """Return what is lost of a file, but for what every item of ours loses: where the API starts, and OAuth's flow."""
    usual = ("{{baseUrl}}", "oauth2")
    return [loss for loss in collection(document).losses if loss.what not in usual]


def documented(item: Any, server: str | None = None) -> tuple[dict[str, Any], list[Loss]]:
    """Return the document for an item in which all is understood, and all that is lost."""
    whole = collection(item, server)
    require_single_request(whole, "item.json")
    return build_document(whole)


def item_of(request: Any, **more: Any) -> Any:
    """Return an item around a request."""
    return {"name": "An item", "request": request, **more}


def asking(url: Any, **more: Any) -> Any:
    """Return an item that asks an address."""
    return item_of({"method": "GET", "url": url, **more})


def changed(pointer: str, value: Any, *, of: str = SEED) -> Any:
    """Return a copy of an item with one value set; the last step may be a new key, or ``-`` to append."""
    item = seed(of)
    target, last = _place(item, pointer)
    if last == "-":
        target.append(value)
    else:
        target[int(last) if isinstance(target, list) else last] = value
    return item


def without(pointer: str, *, of: str = SEED) -> Any:
    """Return a copy of an item without one member or entry."""
    item = seed(of)
    target, last = _place(item, pointer)
    del target[int(last) if isinstance(target, list) else last]
    return item


def with_parameter(name: str, *, value: str = "<string>", description: str = "") -> Any:
    """Return a copy of the exported item with one more query parameter, everywhere where it has to stand."""
    item = seed()
    for url in _urls(item):
        url["query"].append({"key": name, "value": value, "description": description})
        url["raw"] += f"&{name}={value}"
    return item


def with_segment(segment: str) -> Any:
    """Return a copy of the exported item with its last path segment replaced, everywhere."""
    item = seed()
    for url in _urls(item):
        url["path"][-1] = segment
        url["raw"] = url["raw"].replace("userByGroupId", segment)
    return item


def with_variables(*names: str, value: str = "<string>", description: str = "") -> Any:
    """Return a copy of the exported item with variables at the end of its path, everywhere where they have to stand."""
    item = seed()
    for url in _urls(item):
        url["path"] += [f":{name}" for name in names]
        url["raw"] = url["raw"].replace("?", "".join(f"/:{name}" for name in names) + "?")
        url["variable"] = [{"key": name, "value": value, "description": description} for name in names]
    return item


def with_bodies(text: str) -> Any:
    """Return a copy of the exported item that sends this body and is answered with it."""
    item = seed()
    for request in [item["request"], *(response["originalRequest"] for response in item["response"])]:
        request["body"] = {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}
    item["response"][0] |= {"code": 200, "status": "OK", "body": text}
    item["response"][0]["header"] = [{"key": "Content-Type", "value": "application/json"}]
    return item


def _urls(item: Any) -> list[Any]:
    return [item["request"]["url"], *(response["originalRequest"]["url"] for response in item["response"])]


def _place(item: Any, pointer: str) -> tuple[Any, str]:
    """Return what holds the last step, and that step."""
    *steps, last = pointer.removeprefix("/").split("/")
    target = item
    for step in steps:
        target = target[int(step) if isinstance(target, list) else step]
    return target, last
