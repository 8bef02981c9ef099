"""The derivation of the synchronous client from the asynchronous one."""

from __future__ import annotations

import ast
import re

import pytest
from codegen import sync_client
from codegen.sync_client import DERIVED, RULES, SOURCE, derive_sync_client
from postman_items import ROOT
from postman_openapi.losses import SpecError

ASYNC = (ROOT / SOURCE).read_text(encoding="utf-8")
SYNC = (ROOT / DERIVED).read_text(encoding="utf-8")
MARKS_OF_ASYNC = re.compile(r"async|await|aclose|__aenter__|__aexit__", re.IGNORECASE)


def methods(text: str) -> list[tuple[str, list[str]]]:
    """Return the methods of the client class with the names of their parameters."""
    classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    (client,) = [node for node in classes if node.name.endswith("ConfluenceGroups")]
    functions = [node for node in client.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [(node.name, [each.arg for each in (*node.args.args, *node.args.kwonlyargs)]) for node in functions]


def test_committed_client_is_the_derived_one() -> None:
    assert derive_sync_client(ASYNC, ROOT) == SYNC


def test_derived_client_names_its_source_and_forbids_editing() -> None:
    docstring = ast.get_docstring(ast.parse(SYNC))
    assert docstring is not None
    assert SOURCE in docstring
    assert "do not edit" in docstring


def test_derived_client_has_no_asynchronous_code() -> None:
    names = {node.id for node in ast.walk(ast.parse(SYNC)) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(ast.parse(SYNC)) if isinstance(node, ast.Attribute)}
    names |= {name for name, _ in methods(SYNC)}
    assert not [name for name in names if MARKS_OF_ASYNC.search(name)]
    assert not [node for node in ast.walk(ast.parse(SYNC)) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]


def test_both_clients_have_the_same_methods_and_parameters() -> None:
    renamed = {"__aenter__": "__enter__", "__aexit__": "__exit__", "aclose": "close"}
    assert methods(SYNC) == [(renamed.get(name, name), parameters) for name, parameters in methods(ASYNC)]


def test_derived_client_is_a_fixed_point_of_every_rule() -> None:
    for pattern, replacement in RULES:
        assert re.sub(pattern, replacement, SYNC, flags=re.DOTALL) == SYNC, pattern


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule[0])
def test_rule_without_a_match_is_an_error(rule: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_client, "RULES", (rule,))
    without = re.sub(rule[0], "", ASYNC, flags=re.DOTALL)
    with pytest.raises(SpecError, match="nothing matches") as caught:
        derive_sync_client(without, ROOT)
    assert caught.value.where == SOURCE
    assert repr(rule[0]) in caught.value.problem


def test_outdated_rule_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_client, "RULES", (*RULES, ("no such words", "")))
    with pytest.raises(SpecError, match="'no such words'"):
        derive_sync_client(ASYNC, ROOT)
