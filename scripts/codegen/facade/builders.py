"""Read the functions that build calls, and the generated modules that they use, without running them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from attrs import frozen
from postman_openapi.losses import SpecError

OPERATIONS = "confluence_groups_sdk/_core/api/operations.py"
CALL_FUNCTIONS = ("_read_call", "_write_call")  # their first argument is the operationId
REQUEST = "_get_kwargs"
GENERATED_API, GENERATED_MODELS = "_generated.api", "generated"


@frozen
class Model:
    """A generated class that a builder creates or names."""

    name: str
    arguments: frozenset[str] | None  # None if it is only named
    function: str  # that uses it
    line: int


@frozen
class Builder:
    """A function that builds the call of one operation."""

    name: str
    line: int
    operation: str  # the operationId
    operation_line: int
    module: str  # of the generated operation: "group/get_groups"
    module_line: int
    positional: int  # number of arguments of the request without a name
    arguments: frozenset[str]  # of the request, by name
    request_line: int


def parse(text: str, where: str) -> ast.Module:
    """Return the syntax tree of a module.

    Raises:
        SpecError: it is not valid Python.
    """
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise SpecError(where, "", f"line {getattr(error, 'lineno', 0)} is not valid Python: {error}") from None


def read_builders(module: ast.Module) -> list[Builder]:
    """Return the functions that use the generated module of an operation, in their order.

    Raises:
        SpecError: a function uses one in a form that cannot be read.
    """
    constants = dict(_text_constants(module))
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    return [each for function in functions if (each := _read_builder(function, constants))]


def read_models(module: ast.Module) -> Iterator[Model]:
    """Yield the uses of generated classes."""
    for function in (node for node in module.body if isinstance(node, ast.FunctionDef)):
        created = set()
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and (name := _model_name(node.func)):
                created.add(id(node.func))
                names = frozenset(each.arg for each in node.keywords if each.arg)
                yield Model(name, names if names else None, function.name, node.lineno)
        for node in ast.walk(function):
            if (name := _model_name(node)) and id(node) not in created:
                yield Model(name, None, function.name, getattr(node, "lineno", function.lineno))


def _model_name(node: ast.AST) -> str | None:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == GENERATED_MODELS:
        return node.attr
    return None


def _text_constants(module: ast.Module) -> Iterator[tuple[str, str]]:
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield from ((target.id, node.value.value) for target in node.targets if isinstance(target, ast.Name))


def _read_builder(function: ast.FunctionDef, constants: Mapping[str, str]) -> Builder | None:
    nodes = list(ast.walk(function))
    imported = next((node for node in nodes if _is_operation_import(node)), None)
    if not isinstance(imported, ast.ImportFrom):
        return None
    request = next((node for node in nodes if _calls_attribute(node, REQUEST)), None)
    call = next((node for node in nodes if _calls_name(node, CALL_FUNCTIONS)), None)
    if not (isinstance(request, ast.Call) and isinstance(call, ast.Call) and call.args):
        uses = f"{REQUEST} and {' or '.join(CALL_FUNCTIONS)}"
        raise SpecError(f"{OPERATIONS}:{function.lineno}", "", f"{function.name} does not call {uses}")
    written = call.args[0]
    name = constants.get(written.id) if isinstance(written, ast.Name) else getattr(written, "value", None)
    folder = (imported.module or "").partition(f"{GENERATED_API}.")[2]
    return Builder(
        name=function.name,
        line=function.lineno,
        operation=str(name),
        operation_line=written.lineno,
        module=f"{folder.replace('.', '/')}/{imported.names[0].name}",
        module_line=imported.lineno,
        positional=len(request.args),
        arguments=frozenset(each.arg for each in request.keywords if each.arg),
        request_line=request.lineno,
    )


def _is_operation_import(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and f"{GENERATED_API}." in (node.module or "")


def _calls_attribute(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name


def _calls_name(node: ast.AST, names: tuple[str, ...]) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
