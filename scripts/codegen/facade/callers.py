"""Find the client's methods that use a builder of calls, so that a message can name every line to edit."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen
from postman_openapi.files import read_text

from codegen.facade.builders import parse

API_FOLDER = "confluence_groups_sdk/_core/api"
CLIENT, CLIENT_CLASS = "confluence_groups_sdk/async_client.py", "AsyncConfluenceGroups"
FIRST_CALLS = "FIRST_CALLS"

Node = tuple[str, str]  # module and function


@frozen
class Facade:
    """The functions and methods of the facade: where they are, and what each uses."""

    lines: dict[Node, int]
    uses: dict[Node, frozenset[Node]]
    first_calls: dict[str, int]  # the lines of the rows for `prepare`

    def methods(self, builder: str) -> list[str]:
        """Return the client's methods that use a builder."""
        return [name for module, name in self.lines if module == "" and ("operations", builder) in self._reach(name)]

    def uses_builder(self, module: str, builder: str) -> bool:
        """Check whether a function of a module uses a builder itself."""
        return any(user == module and ("operations", builder) in used for (user, _), used in self.uses.items())

    def calling_methods(self) -> list[str]:
        """Return the client's methods that use any builder."""
        names = [name for module, name in self.lines if module == ""]
        return [name for name in names if any(module == "operations" for module, _ in self._reach(name))]

    def places(self, builder: str) -> str:
        """Return the builder and the methods that use it, each with its line."""
        methods = [f"{CLIENT_CLASS}.{name} (line {self.lines['', name]})" for name in self.methods(builder)]
        line = self.lines["operations", builder]
        return " and ".join([f"operations.{builder} (line {line})", *methods])

    def _reach(self, method: str) -> set[Node]:
        """Return everything that a method uses, directly or indirectly."""
        waiting, seen = [("", method)], set[Node]()
        while waiting:
            node = waiting.pop()
            waiting += self.uses.get(node, frozenset()) - seen
            seen |= self.uses.get(node, frozenset())
        return seen


def read_facade(root: Path) -> Facade:
    """Read the facade's modules.

    Raises:
        SpecError: one is not valid Python.
    """
    modules = {path.stem: f"{API_FOLDER}/{path.name}" for path in sorted((root / API_FOLDER).glob("*.py"))}
    trees = {name: parse(read_text(root / where, where), where) for name, where in modules.items()}
    trees[""] = parse(read_text(root / CLIENT, CLIENT), CLIENT)
    functions = {(module, each.name): each for module, tree in trees.items() for each in _functions(module, tree)}
    uses = {node: frozenset(_used(node[0], function, functions.keys())) for node, function in functions.items()}
    rows = dict(_first_calls(trees["first_call"])) if "first_call" in trees else {}
    return Facade({node: function.lineno for node, function in functions.items()}, uses, rows)


def _functions(module: str, tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    body = tree.body
    if module == "":
        body = next((each.body for each in body if isinstance(each, ast.ClassDef) and each.name == CLIENT_CLASS), [])
    yield from (each for each in body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


def _used(module: str, function: ast.AST, known: object) -> Iterator[Node]:
    assert isinstance(known, type({}.keys()))
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and (node.value.id, node.attr) in known:
            yield node.value.id, node.attr
        elif isinstance(node, ast.Name) and module and (module, node.id) in known:
            yield module, node.id


def _first_calls(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in tree.body:
        target = node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(target, ast.Name) and target.id == FIRST_CALLS and isinstance(node, ast.AnnAssign):
            keys = node.value.keys if isinstance(node.value, ast.Dict) else []
            yield from ((str(key.value), key.lineno) for key in keys if isinstance(key, ast.Constant))
