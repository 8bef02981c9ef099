"""Audit generated code: it may contain only what the generator writes, and nothing that a specification injected."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import chain

from postman_openapi.losses import SpecError

ALLOWED_MODULES = frozenset({
    "__future__", "attrs", "collections", "datetime", "dateutil", "enum", "http", "httpx", "io", "json",
    "mimetypes", "ssl", "typing", "urllib", "uuid",
})  # fmt: skip
FORBIDDEN_NAMES = frozenset({
    "__builtins__", "__import__", "breakpoint", "compile", "delattr", "eval", "exec", "getattr", "globals",
    "input", "locals", "open", "setattr", "vars",
})  # fmt: skip
ALLOWED_CALLS = frozenset({"TypeVar", "Unset", "field", "_attrs_field"})
ALLOWED_DECORATORS = frozenset({"classmethod", "define", "property", "staticmethod", "_attrs_define"})
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
ALLOWED_STATEMENTS = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, *DEFINITIONS)


def audit_module(source: bytes, path: str) -> None:
    """Check that a generated module imports, names and runs only what the generator itself writes.

    Raises:
        SpecError: it does not, or it overwrites an argument of a request and so loses the caller's value.
    """
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise SpecError(path, "", f"the generated code is not valid Python: {error}") from None
    problems = (_forbidden_names(module), _import_time_statements(module.body), _overwritten_arguments(module))
    for line, problem in chain(*problems):
        raise SpecError(path, "", f"line {line} of the generated code: {problem}")


def _forbidden_names(module: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            roots = [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            roots = [] if node.level else [(node.module or "").partition(".")[0]]
        else:
            if isinstance(node, ast.Name) and node.id in FORBIDDEN_NAMES:
                yield node.lineno, f"{node.id!r} is not allowed"
            continue
        for root in roots:
            if root not in ALLOWED_MODULES:
                yield node.lineno, f"the module {root!r} is not allowed"


def _import_time_statements(body: list[ast.stmt]) -> Iterator[tuple[int, str]]:
    """Yield statements that run when the module is imported; the bodies of functions do not."""
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield from _import_time_statements(statement.body)
        if isinstance(statement, ast.If) and isinstance(statement.test, ast.Name):  # if TYPE_CHECKING
            yield from _import_time_statements(statement.body + statement.orelse)
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            pass  # a docstring
        elif not isinstance(statement, ALLOWED_STATEMENTS):
            yield statement.lineno, "a statement that would run on import"
        yield from _import_time_calls(statement)


def _import_time_calls(statement: ast.stmt) -> Iterator[tuple[int, str]]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        roots: list[ast.AST] = [statement.args, *([statement.returns] if statement.returns else [])]
    elif isinstance(statement, ast.ClassDef):
        roots = [*statement.bases, *statement.keywords]
    else:
        roots = [statement]
    for decorator in getattr(statement, "decorator_list", []):
        if not (isinstance(decorator, ast.Name) and decorator.id in ALLOWED_DECORATORS):
            yield decorator.lineno, "a decorator that the generator does not use"
    for root in roots:
        for node in ast.walk(root):
            if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in ALLOWED_CALLS):
                yield node.lineno, "a call that would run on import"


def _overwritten_arguments(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the arguments of a request that the generated code overwrites, such as a parameter named ``params``."""
    for function in module.body:
        if isinstance(function, ast.FunctionDef) and function.name == "_get_kwargs":
            arguments = {argument.arg for argument in [*function.args.args, *function.args.kwonlyargs]}
            for node in _function_nodes(function):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in arguments:
                    yield node.lineno, f"the generator's own variable overwrites the parameter {node.id!r}"


def _function_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function except those of comprehensions, which have a scope of their own."""
    for inner in ast.iter_child_nodes(node):
        if not isinstance(inner, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            yield inner
            yield from _function_nodes(inner)
