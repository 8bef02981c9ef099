"""Write the odd parts of an item as the converter reads them, so that the item policy accepts the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from postman_openapi.json_nodes import Node
from postman_openapi.losses import Loss, SpecError
from postman_openapi.merging import PATH_VARIABLE
from postman_openapi.reader.collection_reader import read_postman
from postman_openapi.reader.lenient_json import read_lenient_json
from postman_openapi.reader.paths import split_off_query
from postman_openapi.reader.urls import read_url
from postman_openapi.schema_inference import placeholder_schema

TEXT = "<string>"
UNQUOTED = "\ufdd0"  # no text contains this noncharacter; it marks a variable that is written without quotes


def drop_final_slashes(item: Any) -> list[str]:
    """Drop the slashes at the ends of an item's addresses; return a note for each address."""
    notes = []
    for request in _requests(item):
        url: Any = request.get("url")
        texts, name = (url, "raw") if isinstance(url, dict) else (request, "url")
        before = texts.get(name)
        if isinstance(before, str) and (after := _without_final_slash(before)) != before:
            texts[name] = after
            notes.append(f"the slash at the end of {split_off_query(before)[0]} is left out")
        path = url.get("path") if isinstance(url, dict) else None
        if isinstance(path, str) and path.strip("/"):
            url["path"] = path.rstrip("/")
        while isinstance(path, list) and len(path) > 1 and path[-1] == "":
            path.pop()
    return list(dict.fromkeys(notes))


def repair_item(item: Any, where: str) -> tuple[Any, list[str]]:
    """Return an item without the oddities that the converter can read, and a note for each.

    Fields of unknown names, and differences of authentication and paths stay, and the item policy refuses them.

    Raises:
        SpecError: the item cannot be read at all.
    """
    item = deepcopy(item)
    repaired: list[Loss] = []
    while loss := next(_repairable(item, where, repaired), None):  # one at a time, because it may move the others
        repaired.append(loss)
    return item, [f"{loss.what}: {loss.why}" for loss in repaired]


def _repairable(item: Any, where: str, repaired: list[Loss]) -> Iterator[Loss]:
    """Repair one oddity after the other, and yield each."""
    for loss in read_postman(Node(item, where)).losses:
        if not loss.understood and loss.kind is None and loss not in repaired and _repair(item, loss):
            yield loss


def _repair(item: Any, loss: Loss) -> bool:
    """Repair an oddity; return whether that was possible."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in loss.pointer.split("/")[1:]]
    match steps:
        case ["request", *inner]:
            return _repair_request(item, item["request"], inner)
        case ["response", index, "originalRequest", *inner]:
            answer = item["response"][int(index)]
            if not _repair_request(item, answer["originalRequest"], inner):
                del answer["originalRequest"]  # the document says nothing that comes from it
            return True
        case ["response", index, "body"]:
            return _write_json(item["response"][int(index)], "body")
    return False


def _repair_request(item: Any, request: Any, steps: list[str]) -> bool:
    if not isinstance(request, dict):
        return False
    match steps:
        case [] if "method" not in request:
            request["method"] = "GET"
            return True
        case ["body", "raw"]:
            return _write_json(request["body"], "raw")
        case ["url"]:
            return _describe_path_variables(item, request)
        case ["url", "raw"]:
            del request["url"]["raw"]
            return True
    return _repair_row(request, steps)


def _repair_row(request: Any, steps: list[str]) -> bool:
    """Give a row a known type, or delete it if it describes a path variable that the path does not have."""
    table = request
    for step in steps[:-1]:
        table = table.get(step) if isinstance(table, dict) else None
    if not isinstance(table, list) or not steps[-1].isdecimal():
        return False
    row = table[int(steps[-1])]
    if not isinstance(row, dict):
        return False
    value = row.get("value")
    if isinstance(value, str) and value.startswith("<") and not placeholder_schema(value):
        row["value"] = TEXT
        return True
    if steps[0] == "url" and steps[1].startswith("variable") and row.get("key", row.get("id")) not in _names(request):
        del table[int(steps[-1])]
        return True
    return False


def _describe_path_variables(item: Any, request: Any) -> bool:
    """Add a row for each path variable that nothing describes."""
    url = request["url"]
    rows = [*_rows(item), *_rows(url)]
    described = {row.get("key", row.get("id")) for row in rows if isinstance(row, dict)}
    written = json.dumps(url)
    added = [
        {"key": name, "value": TEXT}
        for name in _names(request)
        if name not in described and not (f"<{name}>" in written and placeholder_schema(f"<{name}>"))
    ]
    if not added:
        return False
    whole = {"raw": url} if isinstance(url, str) else url
    request["url"] = {**whole, "variable": [*_rows(url), *added]}
    request["url"].pop("variables", None)
    return True


def _rows(value: Any) -> list[Any]:
    rows = (value.get("variable") or value.get("variables")) if isinstance(value, dict) else None
    return rows if isinstance(rows, list) else []


def _names(request: Any) -> list[str]:
    """Return the names of the variables in the path of a request."""
    return PATH_VARIABLE.findall(read_url(Node(request["url"], ""), {}, []).path)


def _write_json(holder: Any, name: str) -> bool:
    """Write the body in a member as JSON if it has mistakes and can be read all the same."""
    mistakes: list[Loss] = []
    try:
        value = read_lenient_json(Node(holder[name], ""), _mark, mistakes).value
    except SpecError:
        return False
    text = json.dumps(value, indent=2, ensure_ascii=False)
    holder[name] = text.replace(f'"{UNQUOTED}', "").replace(f'{UNQUOTED}"', "")
    return bool(mistakes)


def _mark(name: str) -> str:
    return f"{UNQUOTED}{{{{{name}}}}}{UNQUOTED}"


def _requests(item: Any) -> Iterator[dict[str, Any]]:
    """Yield the request of an item, and those of its examples."""
    answers = item.get("response")
    rows = answers if isinstance(answers, list) else []
    found = [item.get("request"), *(each.get("originalRequest") for each in rows if isinstance(each, dict))]
    yield from (each for each in found if isinstance(each, dict))


def _without_final_slash(text: str) -> str:
    """Return a URL without slashes at the end of its path, if there is more to the path."""
    address = split_off_query(text)[0]
    shorter = address.rstrip("/")
    return shorter + text[len(address) :] if "/" in shorter.rpartition("://")[2] else text
