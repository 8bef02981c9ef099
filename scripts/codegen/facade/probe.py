"""Build every call of the facade with sample arguments, and read a sample answer; nothing is sent.

This runs in its own process, with the package of a project and a generated package that is not written yet. It reads
what to build from standard input, as JSON, and writes what happened to standard output.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

PACKAGE = "confluence_groups_sdk"
TEXT = "sample"


def main() -> None:
    root, generated = Path(sys.argv[1]), Path(sys.argv[2])
    wanted: dict[str, Any] = json.load(sys.stdin)
    sys.path.insert(0, str(root))
    found: dict[str, Any] = {}
    try:
        importlib.import_module(PACKAGE)
        load_generated(generated)
        operations = importlib.import_module(f"{PACKAGE}._core.api.operations")
        first_call = importlib.import_module(f"{PACKAGE}._core.api.first_call")
        client = importlib.import_module(f"{PACKAGE}.async_client").AsyncConfluenceGroups
        aliases = read_aliases(importlib.import_module(f"{PACKAGE}.models"))
        found["aliases"] = {name: list(values) for name, values in aliases.items()}
    except Exception as error:  # the project's modules can fail in any way, and each is a finding
        found["error"] = describe(error, root)
    else:
        answers = wanted["answers"]
        names = wanted["builders"]
        found["calls"] = {
            name: list(build(getattr(operations, name), aliases, root, answers.get(name))) for name in names
        }
        found["methods"] = {}
        for name in wanted["methods"]:
            arguments = next(variants(getattr(client, name), aliases))
            found["methods"][name] = attempt(partial(first_call.first_call, name, arguments), root)
    json.dump(found, sys.stdout)


def load_generated(folder: Path) -> None:
    """Let the package import this generated package instead of its own."""
    name = f"{PACKAGE}._generated"
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def read_aliases(models: ModuleType) -> dict[str, tuple[str, ...]]:
    """Return the values of the public Literal types."""
    found = {name: get_args(value) for name, value in vars(models).items() if not name.startswith("_")}
    return {name: values for name, values in found.items() if values and all(isinstance(each, str) for each in values)}


def variants(function: Callable[..., Any], aliases: Mapping[str, tuple[str, ...]]) -> Iterator[dict[str, Any]]:
    """Yield sample arguments: first the required ones alone, then each other value of each argument."""
    parameters = [each for each in inspect.signature(function).parameters.values() if each.name != "self"]
    values = {each.name: samples(each.name, str(each.annotation), aliases) for each in parameters}
    first = {each.name: values[each.name][0] for each in parameters if each.default is each.empty}
    yield first
    for name, several in values.items():
        yield from ({**first, name: value} for value in several if name not in first or value != first[name])


def samples(name: str, annotation: str, aliases: Mapping[str, tuple[str, ...]]) -> list[Any]:
    """Return values for an argument; an optional one without a value comes first."""
    first = [None] if annotation.endswith("| None") else []
    plain = annotation.removesuffix("| None").strip()
    alias = aliases.get(plain) or aliases.get("".join(part.title() for part in name.split("_")))
    if alias:
        return [*first, *alias]
    known: dict[str, list[Any]] = {"str": [TEXT], "int": [1], "bool": [False, True], "float": [1.0]}
    return [*first, *known.get(plain, [[TEXT]])]


def build(function: Callable[..., Any], aliases: Any, root: Path, answer: Any) -> Iterator[dict[str, Any]]:
    """Yield what happens with each set of sample arguments; the first call also reads the answer."""
    for index, arguments in enumerate(variants(function, aliases)):
        result = attempt(partial(function, **arguments), root)
        if index == 0 and "error" not in result and answer is not None:
            result["answer"] = read_answer(function(**arguments), answer["body"], root)
        yield {"arguments": arguments, **result}


def attempt(make: Callable[[], Any], root: Path) -> dict[str, Any]:
    """Build a call, and describe it or the error."""
    try:
        call = make()
        request = {name: call.request.get(name) for name in ("method", "url", "params", "json", "headers")}
        reader = getattr(call.read, "func", call.read).__name__
        json.dumps(request)
    except Exception as error:  # as above
        return {"error": describe(error, root)}
    facts = {name: getattr(call, name) for name in ("operation", "success", "repeatable", "writes", "scopes", "check")}
    return {"request": request, "reader": reader, **facts}


def read_answer(call: Any, body: Any, root: Path) -> dict[str, Any]:
    """Read a sample answer with every documented field; return the error, or the fields that stay empty."""
    import httpx

    try:
        result = call.read(httpx.Response(call.success, json=body))
    except Exception as error:  # as above
        return {"error": describe(error, root)}
    item = result.items[0] if hasattr(result, "items") and result.items else result
    fields = [each.name for each in getattr(type(item), "__attrs_attrs__", ())]
    return {"type": type(item).__name__, "empty": [name for name in fields if getattr(item, name) is None]}


def describe(error: Exception, root: Path) -> dict[str, Any]:
    """Describe an error by its text and the last line of the project that it passed."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(f"{root}/")]
    own = [frame for frame in frames if f"/{PACKAGE}/" in frame.filename]
    place = f"{Path(own[-1].filename).relative_to(root).as_posix()}:{own[-1].lineno}" if own else PACKAGE
    return {"place": place, "text": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main()
