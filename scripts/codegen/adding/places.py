"""The files that every operation appears in, and the lines before which a new one is added."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import frozen
from postman_openapi.files import read_text

from codegen.facade.builders import OPERATIONS, parse
from codegen.facade.callers import API_FOLDER, CLIENT
from codegen.fragment.gaps import OVERLAY

FIRST_CALL = f"{API_FOLDER}/first_call.py"
PAGINATION = f"{API_FOLDER}/pagination.py"
ROUTES = "confluence_groups_sdk/sandbox/app.py"
HANDLERS = "confluence_groups_sdk/sandbox/operations.py"
SCENARIOS = "scripts/recording/record_cassettes.py"
CASSETTES = "tests/cassettes"
REPLAYS = "tests/test_cassettes.py"
CONTRACT = "tests/core/test_contract.py"
README, CHANGELOG = "README.md", "CHANGELOG.md"

NAMES = {FIRST_CALL: "FIRST_CALLS", ROUTES: "table", SCENARIOS: "SCENARIOS", REPLAYS: "CASES", CONTRACT: "EXPECTED"}
FUNCTIONS = {OPERATIONS: "required", PAGINATION: "count_members", CLIENT: "prepare", HANDLERS: "_page"}
LINES = {README: re.compile(r"\| `prepare\("), CHANGELOG: re.compile(r"- ")}


@frozen
class Project:
    """The texts of the files, as far as they exist."""

    texts: Mapping[str, str]
    cassettes: frozenset[str] | None  # their names; None if the folder does not exist

    def insertion_line(self, file: str) -> int | None:
        """Return the line before which a new operation is added; None if the file has no such place."""
        if file not in self.texts:
            return None
        text = self.texts[file]
        lines = text.splitlines()
        if file == OVERLAY:
            return len(lines) + 1
        if file in LINES:
            return next((number for number, line in enumerate(lines, 1) if LINES[file].match(line)), None)
        tree = parse(text, file)
        if file in NAMES:
            value = find_value(tree, NAMES[file])
            return value.end_lineno if value else None
        found = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        return next((node.lineno for node in found if node.name == FUNCTIONS[file]), None)

    def rows(self, file: str) -> list[ast.expr]:
        """Return the entries of a file's table: the keys of a dictionary, the values of a list."""
        value = find_value(parse(self.texts[file], file), NAMES[file])
        if isinstance(value, ast.Dict):
            return [key for key in value.keys if key]
        return value.elts if isinstance(value, ast.List) else []


def read_project(root: Path) -> Project:
    """Read the files; a copy of the project may lack the tests and the pages."""
    files = (OVERLAY, *FUNCTIONS, *NAMES, *LINES)
    folder = root / CASSETTES
    cassettes = frozenset(path.stem for path in folder.glob("*.yaml")) if folder.is_dir() else None
    return Project({name: read_text(root / name, name) for name in files if (root / name).is_file()}, cassettes)


def find_value(tree: ast.Module, name: str) -> ast.expr | None:
    """Return the value that is assigned to a name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return node.value
    return None


def texts_in(node: ast.expr) -> Iterator[str]:
    """Yield the strings in an expression; the values in an f-string are left out."""
    for each in ast.walk(node):
        if isinstance(each, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "" for part in each.values]
            yield "".join(str(part) for part in parts)
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value
