"""Items that try to inject code are refused, or give a package that does not run the code."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from codegen import file_tree, generator, pipeline
from codegen.configuration import CONFIG
from postman_items import ROOT, convert_item, load_item, read, with_bodies, with_parameter, with_segment, with_variables
from postman_openapi.losses import SpecError
from postman_openapi.yaml_io import write_yaml

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
VALUES = [  # without brackets and commas, which a listed value cannot contain
    "1/0",
    '"\n1/0\n"',
    '" + 1/0 + "',
    '" + {1/0} #',
    '\\" + 1/0 #',
    "\r1/0\r",
    '"""\n1/0\n"""',
    "'''\n1/0\n'''",
    "\u2028 1/0",
    "{1/0}",
    "{{ 1/0 }}{% raise %}",
    "\\",
    '\\"',
    '"""',
    "\x00",
    "\\N{BULLET}",
    *("mro", "name", "value", "class", "None", "self", "__init__", "_missing_", "_ignore_", ""),
]


def item_with_name(text: str) -> Any:
    item = load_item()
    item["name"] = f"Name {text}"
    return item


def item_with_descriptions(text: str) -> Any:
    item = load_item()
    item["request"]["description"] = text
    item["request"]["url"]["query"][0]["description"] = f"(Required) {text}"
    for response in item["response"]:
        response["name"] = text
    return item


def generate_package(item: Any, folder: Path) -> file_tree.Tree:
    """Return the package for one item, without an overlay; its title is the item's name, as in the converter."""
    document, _ = convert_item(item, server=f"https://example.com/{item['name']}")
    return generate_document(document, folder, operations=1)


def generate_document(document: dict[str, Any], folder: Path, *, operations: int) -> file_tree.Tree:
    pipeline.validate(document)
    (folder / "fragment.yaml").write_text(write_yaml(document), encoding="utf-8")
    config = ROOT / CONFIG
    return generator.generate(folder / "fragment.yaml", config, folder, operations=operations)


@pytest.mark.parametrize(
    "build_item",
    [item_with_name, item_with_descriptions, with_segment, with_parameter],
    ids=lambda build: build.__name__,
)
def test_text_of_an_item_is_never_executed(tmp_path: Path, build_item: Any) -> None:
    """One package for all payloads, each in an operation of its own."""
    document: dict[str, Any] = {}
    for number, payload in enumerate(PAYLOADS):
        try:
            added, _ = convert_item(build_item(payload), server=f"https://example.com/{payload}")
        except SpecError:
            assert build_item not in (item_with_name, item_with_descriptions), (
                "names and descriptions may hold any text"
            )
            continue
        add_operation(document, added, number)
    if not document:
        return
    tree = generate_document(document, tmp_path, operations=len(document["paths"]))
    run(
        tree,
        tmp_path,
        """
        for operation in operations:
            names = list(inspect.signature(operation._get_kwargs).parameters)
            kwargs = operation._get_kwargs(**{name: "x" for name in names})
            assert kwargs["method"] == "delete" and len(kwargs["params"]) == len(names)
        """,
    )


def add_operation(document: dict[str, Any], added: dict[str, Any], number: int) -> None:
    """Add the only operation of a document, with a path and an id of its own; the title and the server, too."""
    ((path, item),) = added["paths"].items()
    item["delete"]["operationId"] += f"_{number}"
    if not document:
        document |= {**added, "paths": {}}
    else:
        document["info"]["title"] += f" {added['info']['title']}"
        document["servers"] += added["servers"]
    document["paths"][f"/{number}{path}"] = item


IMPORTS = """
import importlib, inspect, json
modules = [importlib.import_module(name.removesuffix(".__init__")) for name in {names}]
operation, *_ = operations = [module for module in modules if hasattr(module, "_get_kwargs")]
"""


def run(tree: file_tree.Tree, folder: Path, program: str) -> None:
    """Import all modules of a package and run a program on them; it must succeed without creating the canary file."""
    for path, content in tree.items():
        file = folder / "imported" / "package" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    names = [f"package.{path}".removesuffix(".py").replace("/", ".") for path in tree]
    result = subprocess.run(
        [sys.executable, "-c", IMPORTS.format(names=names) + textwrap.dedent(program)],
        cwd=folder / "imported",
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert not list(folder.rglob(CANARY))


def test_text_of_a_body_is_never_executed_and_arrives_unchanged(tmp_path: Path) -> None:
    value = {f"a{index}": {text: text, f"{text} is": [{text: 1}]} for index, text in enumerate(PAYLOADS)}
    tree = generate_package(with_bodies(json.dumps(value)), tmp_path)
    (tmp_path / "value.json").write_text(json.dumps(value))
    run(
        tree,
        tmp_path,
        """
        import httpx
        from package.client import Client
        from package.models import RemoveMemberFromGroupUsingGroupIdBody as Body
        value = json.load(open("../value.json"))
        response = httpx.Response(200, json=value)
        assert operation._parse_response(client=Client(base_url="https://x"), response=response).to_dict() == value
        assert operation._get_kwargs(group_id="x", account_id="x", body=Body.from_dict(value))["json"] == value
        """,
    )


@pytest.mark.parametrize("value", ["<string>", "<string>,<string>"])
def test_enum_values_are_never_executed(tmp_path: Path, value: str) -> None:
    listed = f"(This can only be one of {','.join(VALUES)})"
    tree = generate_package(with_parameter("kind", value=value, description=listed), tmp_path)
    printable = [each for each in VALUES if each.isprintable()]
    (tmp_path / "values.json").write_text(json.dumps({"many": "," in value, "printable": printable}))
    run(
        tree,
        tmp_path,
        """
        values = json.load(open("../values.json"))
        found = {each for module in modules for each in vars(module).values() if hasattr(each, "__members__")}
        (kinds,) = (each for each in found if each.__module__.startswith("package.models."))
        for kind in kinds:
            kwargs = operation._get_kwargs(group_id="x", account_id="x", kind=[kind] if values["many"] else kind)
            assert kwargs["params"]["kind"] == ([kind.value] if values["many"] else kind.value)
        assert {kind.value for kind in kinds} >= set(values["printable"])
        """,
    )


@pytest.mark.parametrize(
    "name", ["params", "Params", "$params", "class", "self", "client", "url", "group_id", "response", "k", "v"]
)
def test_parameter_with_a_taken_name_arrives_or_is_refused(tmp_path: Path, name: str) -> None:
    try:
        tree = generate_package(with_parameter(name), tmp_path)
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
    tree = generate_package(item_with_descriptions('It\'s "quoted", with a \\ and {braces}.'), tmp_path)
    (operation,) = (content for path, content in tree.items() if path.endswith("_group_id.py"))
    assert b"braces" in operation


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_name_that_could_be_code_is_refused(payload: str) -> None:
    for item in (with_variables(payload), with_parameter(payload)):
        with pytest.raises(SpecError):
            read(item)


def test_parameter_values_are_never_executed(tmp_path: Path) -> None:
    item = load_item()
    forms = ("{}", "<string>,{}", "{},{}", "1{}", "true{}", "{{{{{}}}}}")
    values = [form.format(payload, payload) for payload in PAYLOADS for form in forms]
    rows = [{"key": f"more{index}", "value": value} for index, value in enumerate(values)]
    rows.append({"key": f'deep["{TOUCH}"]', "value": "<string>"})
    for url in [item["request"]["url"], *(response["originalRequest"]["url"] for response in item["response"])]:
        del url["raw"]
        url["query"] += rows
        url["path"].append(":id")
        url["variable"] = [{"key": "id", "value": values[0]}]
    tree = generate_package(item, tmp_path)
    run(
        tree,
        tmp_path,
        """
        arguments = inspect.signature(operation._get_kwargs).parameters
        deep = [each for module in modules for name, each in vars(module).items() if name.endswith("Deep")]
        given = {name: ["x"] if "list" in str(each.annotation) else "x" for name, each in arguments.items()}
        kwargs = operation._get_kwargs(**{**given, "deep": deep[0].from_dict({"a": "b"})})
        assert kwargs["params"]["a"] == "b" and len(kwargs["params"]) == len(arguments) - 1
        """,
    )


def test_path_variables_with_taken_names_arrive(tmp_path: Path) -> None:
    names = [
        "class",
        "self",
        "url",
        "client",
        "_kwargs",
        "group_id",
        "__import__",
        "open",
        "method",
        "k",
        "v",
        "format",
    ]
    tree = generate_package(with_variables(*names), tmp_path)
    run(
        tree,
        tmp_path,
        """
        arguments = list(inspect.signature(operation._get_kwargs).parameters)
        kwargs = operation._get_kwargs(**{argument: f"/{index}" for index, argument in enumerate(arguments)})
        *variables, group, account = [f"%2F{index}" for index in range(len(arguments))]
        assert kwargs["url"] == "/api/group/userByGroupId/" + "/".join(variables)
        """,
    )


def test_a_path_variable_that_would_be_overwritten_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="overwrites the parameter 'params'"):
        generate_package(with_variables("params"), tmp_path)
