"""A second look at generated code: it holds what the generator writes, and nothing that a specification smuggled in."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .problems import SpecError

MODULES = frozenset(
    {
        "__future__",
        "attrs",
        "collections",
        "datetime",
        "dateutil",
        "enum",
        "http",
        "httpx",
        "io",
        "json",
        "mimetypes",
        "ssl",
        "typing",
        "urllib",
        "uuid",
    }
)
FOREIGN_NAMES = frozenset(
    {
        "__builtins__",
        "__import__",
        "breakpoint",
        "compile",
        "delattr",
        "eval",
        "exec",
        "getattr",
        "globals",
        "input",
        "locals",
        "open",
        "setattr",
        "vars",
    }
)
CALLED_ON_IMPORT = frozenset({"TypeVar", "Unset", "field", "_attrs_field"})
DECORATORS = frozenset({"classmethod", "define", "property", "staticmethod", "_attrs_define"})
STATEMENTS = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Assign,
    ast.AnnAssign,
)


def refuse_foreign_code(source: bytes, path: str) -> None:
    """See that a generated module imports, names and runs only what the generator writes of its own accord.

    Raises:
        SpecError: it does not; or it assigns to an argument of a request, which would lose the caller's value.
    """
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise SpecError(path, "", f"the generated code is no Python: {error}") from None
    for line, problem in [*_foreign(module), *_runs_on_import(module.body), *_lost_arguments(module)]:
        raise SpecError(path, "", f"line {line} of the generated code: {problem}")


def _foreign(module: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            roots = [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            roots = [] if node.level else [(node.module or "").partition(".")[0]]
        else:
            if isinstance(node, ast.Name) and node.id in FOREIGN_NAMES:
                yield node.lineno, f"{node.id!r} has no place in it"
            continue
        for root in roots:
            if root not in MODULES:
                yield node.lineno, f"the module {root!r} has no place in it"


def _runs_on_import(body: list[ast.stmt]) -> Iterator[tuple[int, str]]:
    """Yield what would run when the module is imported: function bodies would not."""
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield from _runs_on_import(statement.body)
        if isinstance(statement, ast.If) and isinstance(statement.test, ast.Name):  # if TYPE_CHECKING
            yield from _runs_on_import(statement.body + statement.orelse)
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            pass  # a docstring
        elif not isinstance(statement, STATEMENTS):
            yield statement.lineno, "a statement that would run on import"
        yield from _calls_on_import(statement)


def _calls_on_import(statement: ast.stmt) -> Iterator[tuple[int, str]]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        roots: list[ast.AST] = [statement.args, *([statement.returns] if statement.returns else [])]
    elif isinstance(statement, ast.ClassDef):
        roots = [*statement.bases, *statement.keywords]
    else:
        roots = [statement]
    for decorator in getattr(statement, "decorator_list", []):
        if not (isinstance(decorator, ast.Name) and decorator.id in DECORATORS):
            yield decorator.lineno, "a decorator that the generator does not use"
    for root in roots:
        for node in ast.walk(root):
            if isinstance(node, ast.Call) and not (
                isinstance(node.func, ast.Name) and node.func.id in CALLED_ON_IMPORT
            ):
                yield node.lineno, "a call that would run on import"


def _lost_arguments(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the arguments of a request that its own code overwrites: a parameter called ``params``, for one."""
    for function in module.body:
        if isinstance(function, ast.FunctionDef) and function.name == "_get_kwargs":
            arguments = {argument.arg for argument in [*function.args.args, *function.args.kwonlyargs]}
            for node in _own_scope(function):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in arguments:
                    yield node.lineno, f"the parameter {node.id!r} is overwritten by the generator's own variable"


def _own_scope(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is in a function, but for comprehensions: their variables are their own."""
    for inner in ast.iter_child_nodes(node):
        if not isinstance(inner, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            yield inner
            yield from _own_scope(inner)
