"""Items that try to get code into the package: an error, or a package that runs nothing of it."""

from __future__ import annotations

import copy
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import regenerate
from items import seed, with_parameter, with_segment
from specgen import codegen
from specgen.nodes import parse_json
from specgen.openapi import build_document
from specgen.postman import read_item
from specgen.problems import SpecError
from specgen.yaml_io import write_yaml

CANARY = "canary_was_here"
TOUCH = f"open('{CANARY}','w')"
PAYLOADS = [
    f"__import__('pathlib').Path('{CANARY}').touch()",
    f'"""\n{TOUCH}\n"""',
    f"'''\n{TOUCH}\n'''",
    f'\\"""\n{TOUCH}\n\\"""',
    f'"{TOUCH}"',
    f'" + {TOUCH} + "',
    f"\\\n{TOUCH}\n#",
    f"\r{TOUCH}\r",
    f"\u2028{TOUCH}\u0085",
    f"{{{TOUCH}}}",
    f"{{{{{TOUCH}}}}}{{% {TOUCH} %}}",
    f"); {TOUCH}; (",
    "\\",
    '\\"',
    '"""',
    "\x00",
    "\\N{BULLET}\\x41\\u0041",
]


def item_named(text: str) -> Any:
    item = seed()
    item["name"] = f"Name {text}"
    return item


def item_described(text: str) -> Any:
    item = copy.deepcopy(seed())
    item["request"]["description"] = text
    item["request"]["url"]["query"][0]["description"] = f"(Required) {text}"
    for response in item["response"]:
        response["name"] = text
    return item


def generated(item: Any, folder: Path) -> codegen.Tree:
    """Return the package for one item, without an overlay; the title is the item's name, as the converter has it."""
    request = read_item(parse_json(json.dumps(item), "item.json"))
    document, _ = build_document([request], title=request.name, server=f"https://example.com/{request.name}")
    regenerate._validate(document)
    (folder / "fragment.yaml").write_text(write_yaml(document), encoding="utf-8")
    config = regenerate.ROOT / regenerate.CONFIG
    return codegen.generate(folder / "fragment.yaml", config, folder, operations=1)


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize(
    "poisoned", [item_named, item_described, with_segment, with_parameter], ids=lambda build: build.__name__
)
def test_nothing_of_an_item_runs(tmp_path: Path, poisoned: Any, payload: str) -> None:
    try:
        tree = generated(poisoned(payload), tmp_path)
    except SpecError:
        assert poisoned not in (item_named, item_described), "a text may say anything"
        return
    for path, content in tree.items():
        file = tmp_path / "imported" / "package" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    modules = [path.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for path in tree]
    program = "import importlib, inspect\n" + "\n".join(
        f"module = importlib.import_module('package.{name}'.removesuffix('.__init__'))\n"
        "if hasattr(module, '_get_kwargs'):\n"
        "    names = list(inspect.signature(module._get_kwargs).parameters)\n"
        "    kwargs = module._get_kwargs(**{name: 'x' for name in names})\n"
        "    assert kwargs['method'] == 'delete' and len(kwargs['params']) == len(names)"
        for name in modules
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path / "imported", capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert not list(tmp_path.rglob(CANARY))


@pytest.mark.parametrize(
    "name", ["params", "Params", "$params", "class", "self", "client", "url", "group_id", "response", "k", "v"]
)
def test_a_parameter_that_shares_a_name_arrives_or_is_refused(tmp_path: Path, name: str) -> None:
    try:
        tree = generated(with_parameter(name), tmp_path)
    except SpecError:
        refused = True
    else:
        refused = False
    assert refused is ("params" in name.lower())
    if refused:
        return
    (source,) = (content for path, content in tree.items() if path.endswith("using_group_id.py"))
    names: dict[str, Any] = {}
    body = source.decode().replace("from ...", "from confluence_groups_sdk._generated.")
    body = body.replace("confluence_groups_sdk._generated. import", "confluence_groups_sdk._generated import")
    exec(body, names)
    arguments = list(inspect.signature(names["_get_kwargs"]).parameters)
    kwargs = names["_get_kwargs"](**{argument: f"value {index}" for index, argument in enumerate(arguments)})
    assert kwargs["params"] == {"groupId": "value 0", "accountId": "value 1", name: "value 2"}


def test_harmless_text_is_not_refused(tmp_path: Path) -> None:
    tree = generated(item_described('It\'s "quoted", with a \\ and {braces}.'), tmp_path)
    (operation,) = (content for path, content in tree.items() if path.endswith("_group_id.py"))
    assert b"braces" in operation
