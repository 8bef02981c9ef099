"""mypy and pyright check the types with tests/typing/consumer.py; this checks that it uses everything."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from attrs import fields_dict

from confluence_groups_sdk import AsyncConfluenceGroups, ConfluenceGroups, Group, User

CONSUMER = ast.parse((Path(__file__).parent / "typing" / "consumer.py").read_text(encoding="utf-8"))


def list_used_names(function: str) -> set[str]:
    (body,) = [node for node in CONSUMER.body if getattr(node, "name", None) == function]
    return {node.attr for node in ast.walk(body) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize(
    ("kind", "function"),
    [(ConfluenceGroups, "use_every_method"), (AsyncConfluenceGroups, "use_every_method_async")],
)
def test_the_consumer_uses_every_method(kind: type, function: str) -> None:
    public = {name for name in dir(kind) if not name.startswith("_")}
    assert public <= list_used_names(function)


@pytest.mark.parametrize("kind", [Group, User])
def test_the_consumer_reads_every_field(kind: type) -> None:
    properties = {name for name, value in vars(kind).items() if isinstance(value, property)}
    assert {*fields_dict(kind), *properties} <= list_used_names("read_models")
