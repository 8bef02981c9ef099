"""The mutants of a module: cosmic-ray's operators make them, one change in each."""

from __future__ import annotations

import ast
import difflib
import itertools
import types
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS = "Eq_NotEq NotEq_Eq Lt_LtE Lt_GtE LtE_Lt LtE_Gt Gt_GtE Gt_LtE GtE_Gt GtE_Lt Is_IsNot IsNot_Is"
ARITHMETIC = "Add_Sub Sub_Add Mul_Div Div_Mul FloorDiv_Div FloorDiv_Mul Mod_FloorDiv Pow_Mul BitOr_BitAnd BitAnd_BitOr"
OPERATORS = (
    *(f"core/ReplaceComparisonOperator_{name}" for name in COMPARISONS.split()),
    *(f"core/ReplaceBinaryOperator_{name}" for name in [*ARITHMETIC.split(), "LShift_RShift", "RShift_LShift"]),
    "core/ReplaceUnaryOperator_Delete_Not",
    "core/ReplaceUnaryOperator_USub_UAdd",
    "core/AddNot",
    "core/ReplaceAndWithOr",
    "core/ReplaceOrWithAnd",
    "core/ReplaceTrueWithFalse",
    "core/ReplaceFalseWithTrue",
    "core/ReplaceBreakWithContinue",
    "core/ReplaceContinueWithBreak",
    "core/NumberReplacer",
    "core/ExceptionReplacer",
    "core/ZeroIterationForLoop",
)


@dataclass(frozen=True)
class Mutant:
    """A module with one change.

    Attributes:
        module: the path of the module, from the project's folder, with "/".
        scope: the class and function that the change is in; empty for the module itself.
        line: the number of the first changed line.
        before, after: the changed lines, without their common indentation.
        source: the whole module with the change.
    """

    module: str
    scope: str
    line: int
    before: str
    after: str
    source: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What identifies the mutant if the line moves."""
        return self.module, self.scope, self.before, self.after

    def diff(self, original: str) -> str:
        """Return the change as a unified diff."""
        lines = difflib.unified_diff(
            original.splitlines(), self.source.splitlines(), self.module, self.module, lineterm="", n=1
        )
        return "\n".join(lines)


def list_mutants(module: str, source: str) -> list[Mutant]:
    """Return the mutants that compile to something else than the original, in the order of their lines."""
    tree = ast.parse(source)
    ignored = list(_list_ignored_lines(tree))
    seen = {_fingerprint(source)}
    found = []
    for changed in _mutate(source):
        try:
            fingerprint = _fingerprint(changed)
        except (SyntaxError, ValueError):
            continue
        if fingerprint in seen:
            continue
        seen.add(fingerprint)
        line, before, after = _find_change(source, changed)
        is_separator = before.replace("*,", "/,") == after  # of parameters, not a multiplication
        if not is_separator and not any(line in lines for lines in ignored):
            found.append(Mutant(module, find_scope(tree, line), line, before, after, changed))
    return sorted(found, key=lambda mutant: (mutant.line, mutant.after))


def find_scope(tree: ast.Module, line: int) -> str:
    """Return the qualified name of the innermost class or function that a line belongs to."""
    names: list[str] = []
    body: list[ast.stmt] = tree.body
    while body:
        inner: list[ast.stmt] = []
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                if first <= line <= (node.end_lineno or line):
                    names.append(node.name)
                    inner = node.body
            elif node.lineno <= line <= (node.end_lineno or line):
                inner = [child for child in ast.walk(node) if isinstance(child, ast.stmt) and child is not node]
            if inner:
                break
        body = inner
    return ".".join(names)


def _mutate(source: str) -> Iterator[str]:
    """Yield the module once for each place and each operator."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    for name in OPERATORS:
        for occurrence in itertools.count():
            try:
                changed = mutate_code(source, get_operator(name)(), occurrence)
            except AttributeError:  # of ExceptionReplacer, at a dotted name in a tuple
                continue
            if changed is None:
                break
            yield changed


def _list_ignored_lines(tree: ast.Module) -> Iterator[range]:
    """Yield the lines of imports for type checkers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield range(node.lineno, (node.end_lineno or node.lineno) + 1)


class _WithoutAnnotations(ast.NodeTransformer):
    """Leaves out what only type checkers read."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)


def _fingerprint(source: str) -> object:
    """Return what a module does, as bytecode, so that "not a is b" and "a is not b" are the same."""
    tree = ast.fix_missing_locations(_WithoutAnnotations().visit(ast.parse(source)))
    return _fingerprint_of_code(compile(tree, "", "exec", dont_inherit=True))


def _fingerprint_of_code(code: types.CodeType) -> object:
    """Return what a code object does, without its line numbers; 1, 1.0 and True differ."""
    constants = tuple(
        _fingerprint_of_code(each) if isinstance(each, types.CodeType) else repr(each) for each in code.co_consts
    )
    return code.co_name, code.co_code, constants, code.co_names, code.co_varnames, code.co_exceptiontable


def _find_change(original: str, changed: str) -> tuple[int, str, str]:
    """Return the number of the first line that differs, and the lines that differ, before and after."""
    old, new = original.splitlines(), changed.splitlines()
    first = next(index for index, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1])
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    return first + 1, _strip(old[first : len(old) - last]), _strip(new[first : len(new) - last])


def _strip(lines: list[str]) -> str:
    return "\n".join(line.strip() for line in lines)
