"""Read the signatures of the generated operations and classes from their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from attrs import frozen
from postman_openapi.merging import path_shape

from codegen.facade.builders import REQUEST

API, MODELS = "api/", "models/"

OperationKey = tuple[str, str]  # method and path shape


@frozen
class Signature:
    """The arguments that a generated function or class takes."""

    module: str
    positional: tuple[str, ...]
    names: frozenset[str]  # all of them
    required: frozenset[str]

    def given(self, positional: int, names: frozenset[str]) -> frozenset[str]:
        """Return the names of the arguments that a call gives."""
        return names | {*self.positional[:positional]}


def read_operations(tree: Mapping[str, bytes]) -> dict[OperationKey, Signature]:
    """Return the signature of each operation's request, by method and path shape."""
    found = {}
    for path, content in tree.items():
        if path.startswith(API) and not path.endswith("__init__.py"):
            for node in ast.parse(content).body:
                if isinstance(node, ast.FunctionDef) and node.name == REQUEST:
                    module = path.removeprefix(API).removesuffix(".py")
                    found[_operation_key(node)] = _read_signature(node, module)
    return found


def read_classes(tree: Mapping[str, bytes]) -> dict[str, Signature]:
    """Return the generated classes by name, with the fields that they are created from; enums have none."""
    found = {}
    for path, content in tree.items():
        if path.startswith(MODELS) and not path.endswith("__init__.py"):
            for node in ast.parse(content).body:
                if isinstance(node, ast.ClassDef):
                    fields = list(_fields(node))
                    required = frozenset(name for name, is_required in fields if is_required)
                    names = tuple(name for name, _ in fields)
                    found[node.name] = Signature(path, names, frozenset(names), required)
    return found


def _operation_key(function: ast.FunctionDef) -> OperationKey:
    method = url = ""
    for node in ast.walk(function):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "method":
                    method = str(getattr(value, "value", ""))
                elif isinstance(key, ast.Constant) and key.value == "url":
                    url = _template(value)
    return method.upper(), path_shape(url)


def _template(value: ast.expr) -> str:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):  # "/x/{y}".format(...)
        value = value.func.value
    return str(value.value) if isinstance(value, ast.Constant) else ""


def _read_signature(function: ast.FunctionDef, module: str) -> Signature:
    arguments = function.args
    positional = tuple(each.arg for each in arguments.args)
    without_default = positional[: len(positional) - len(arguments.defaults)]
    named = {each.arg: default for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)}
    required = {*without_default, *(name for name, default in named.items() if default is None)}
    return Signature(module, positional, frozenset([*positional, *named]), frozenset(required))


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, bool]]:
    """Yield the fields that a generated class is created from, and whether each is required."""
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            if isinstance(each.value, ast.Call):
                continue  # a field that is not part of the constructor
            yield each.target.id, each.value is None
