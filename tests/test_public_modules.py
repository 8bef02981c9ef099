"""The ``__module__`` of public objects is their public path, so repr, help and pickles show no private module."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pickle
import pickletools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import attrs
import pytest

import confluence_groups_sdk
from confluence_groups_sdk import membership, review, sandbox

PACKAGE = Path(confluence_groups_sdk.__file__).parent
NAME = confluence_groups_sdk.__name__
PUBLIC = {NAME, *(f"{NAME}.{each}" for each in ("fleet", "membership", "review", "sandbox"))}
COMPAT = sorted((Path(__file__).parent / "compat").glob("*/*.pickle"))
WITHOUT_MODULE = {"AccessType", "JobRequest", "OpenClient", "__version__"}  # type aliases and a text

PROGRAM = """
import json, sys
from importlib import import_module
print(json.dumps({
    origin: {name: getattr(import_module(origin), name).__module__ for name in names}
    for origin, names in json.loads(sys.argv[1]).items()
}))
"""


def origins() -> Iterator[tuple[str, str, list[str]]]:
    """Yield each public package, each private module that it takes names from, and these names."""
    for package in sorted(PUBLIC):
        path = PACKAGE.joinpath(*package.split(".")[1:], "__init__.py")
        found: dict[str, list[str]] = {}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
                found.setdefault(f"{package}.{node.module}", []).extend(alias.name for alias in node.names)
        yield from ((package, origin, names) for origin, names in found.items())


ORIGINS = list(origins())


def test_the_module_of_a_public_object_is_its_public_import_path() -> None:
    """Run in a new process that imports only private modules, because a public import could set ``__module__``."""
    private = {origin: sorted({*names} - WITHOUT_MODULE) for _, origin, names in ORIGINS}
    command = [sys.executable, "-c", PROGRAM, json.dumps(private)]
    result = subprocess.run(command, capture_output=True, check=True, encoding="utf-8")
    found = json.loads(result.stdout)
    expected = {origin: dict.fromkeys(private[origin], package) for package, origin, _ in ORIGINS}
    assert found == expected


def test_all_public_names_are_checked() -> None:
    names = {package: {name for each, _, found in ORIGINS for name in found if each == package} for package in PUBLIC}
    assert names[NAME] == set(confluence_groups_sdk.__all__)
    assert names[sandbox.__name__] == set(sandbox.__all__)
    assert {"Plan", "Report", "apply", "plan_removals"} < names[membership.__name__]
    assert {"Snapshot", "Decisions", "take_snapshot", "write_evidence"} < names[review.__name__]


@pytest.mark.parametrize("package", sorted(PUBLIC))
def test_public_objects_are_found_at_their_public_import_path(package: str) -> None:
    module = importlib.import_module(package)
    for _, origin, names in [each for each in ORIGINS if each[0] == package]:
        for name in names:
            assert getattr(module, name) is getattr(importlib.import_module(origin), name)


PUBLIC_CLASSES = [
    value
    for package, _, names in ORIGINS
    for value in (getattr(importlib.import_module(package), name) for name in names)
    if isinstance(value, type)
]


def list_described(kind: type) -> set[str]:
    """Return the names that the docstrings of a class and its bases describe, one a line."""
    texts = [inspect.getdoc(each) or "" for each in kind.__mro__]
    return {name for text in texts for name in re.findall(r"^ {4}(\w+): ", text, re.MULTILINE)}


@pytest.mark.parametrize("kind", PUBLIC_CLASSES, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_docstrings_describe_each_class_its_fields_and_its_methods(kind: type) -> None:
    assert vars(kind)["__doc__"]
    methods = {name: each for name, each in inspect.getmembers_static(kind) if hasattr(each, "__get__")}
    ours = {name: each for name, each in methods.items() if not name.startswith("_") and is_ours(each)}
    assert [name for name in ours if not inspect.getdoc(getattr(kind, name))] == []
    if attrs.has(kind) and kind.__module__ != sandbox.__name__:  # its records are described by their names
        fields = {each.name for each in attrs.fields(kind) if not each.name.startswith("_")}
        assert fields <= list_described(kind)


def is_ours(member: object) -> bool:
    function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
    return str(getattr(function, "__module__", None)).startswith(NAME)


@pytest.mark.parametrize("kind", PUBLIC_CLASSES, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_annotations_can_be_evaluated_from_the_public_module(kind: type) -> None:
    """`get_type_hints` looks the names up in ``__module__``, which is not where the class is defined."""
    hints = get_type_hints(kind)
    assert hints.keys() >= {name for each in kind.__mro__ for name in vars(each).get("__annotations__", ())}
    assert not any(isinstance(hint, str) for hint in hints.values())


def list_pickled_modules(pickled: bytes) -> set[str]:
    """Return the modules of this package that a pickle names, and any other text that begins like one."""
    texts = [argument for _, argument, _ in pickletools.genops(pickled) if isinstance(argument, str)]
    return {text.split(" ")[0] for text in texts if text.startswith(NAME)}


@pytest.mark.parametrize("file", COMPAT, ids=[f"{file.parent.name}-{file.stem}" for file in COMPAT])
def test_no_recorded_pickle_names_a_private_module(file: Path) -> None:
    named = list_pickled_modules(file.read_bytes())
    assert named
    assert named <= PUBLIC


@pytest.mark.parametrize(
    "value",
    [
        sandbox.Credentials("me@example.com", "token"),
        sandbox.Person("id", "Me", "me@example.com"),
        sandbox.Group("id", "writers"),
        sandbox.Faults(seed=7),
        sandbox.Answer(429, {"Retry-After": "1"}),
        sandbox.Grant("access", "refresh", 0.0, ("read",)),
        sandbox.OAuthClient("id", "secret"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_pickles_of_the_sandbox_name_no_private_module(value: object) -> None:
    pickled = pickle.dumps(value)
    assert list_pickled_modules(pickled) == {sandbox.__name__}
    assert pickle.loads(pickled) == value
