"""The architecture: which folder may import which, no cycles, and the limits that keep folders and files readable."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import confluence_groups_sdk

PACKAGE = Path(confluence_groups_sdk.__file__).parent
ROOT = Path(__file__).parents[1]
MAX_TOP_LEVEL = 13
MAX_MODULES = 12
MAX_LINES = 320
MAX_FUNCTION_LINES = 50
UNCOUNTED = {"__init__", "__main__", "_version"}

LEAVES = {"errors", "models", "_support", "_version"}
CLIENT = {"client", "auth", "_core.call_metadata", "_core.limits", *LEAVES}
MAY_IMPORT = {
    "_version": set[str](),
    "__main__": {"cli"},
    "_support": {"_support", "_version", "errors"},
    "errors": {"_support"},
    "models": {"_support"},
    "_core.responses": {"_core.responses", "_support", "errors"},
    "_core.limits": {"_core.limits", "_core.responses", "_support", "errors"},
    "_core.api": {"_core.api", "_core.responses", "_generated", *LEAVES},
    "_core.transport": {"_core.transport", "_core.api", "_core.config", "_core.limits", "_generated", *LEAVES},
    "_core.config": {"_core.limits", "_core.timeout", *LEAVES},
    "_core.timeout": set(LEAVES),
    "_core.call_metadata": {"_core.responses"},
    "_core": {"_core", *LEAVES},
    "auth": {"auth", "_core.session", "_core.responses", "_core.transport", "_core.api", "_core.timeout", *LEAVES},
    "async_client": {"_core", "_generated", "auth", *LEAVES},
    "client": {"_core", "_generated", "auth", *LEAVES},
    "membership.model": {"membership.model", *CLIENT},
    "membership.planning": {"membership.planning", "membership.model", *CLIENT},
    "membership": {"membership", *CLIENT},
    "review.model": {"review.model", *CLIENT},
    "review": {"review", "=membership", *CLIENT},
    "fleet.schema": {"fleet.schema", "fleet.connections", *LEAVES},
    "fleet.rate_limiting": {
        "fleet.rate_limiting",
        "fleet.connection_pool",
        "fleet.last_answer",
        "_core.responses.rate_limit_headers",
        *CLIENT,
    },
    "fleet": {"fleet", "=membership", "=review", *CLIENT},
    "sandbox": {"sandbox", "errors", "_support.libraries.extras"},
    "sandbox.pytest_plugin": {"", "sandbox"},
    "cli": {"", "cli", "=fleet", "=membership", "=review", "=sandbox", *CLIENT},
    "cli.doctor": {"cli", "_core.transport.http_client", "_core.transport.proxies", *CLIENT},
    "": {"_core", "_support", "_version", "async_client", "auth", "client", "errors", "models"},
}
"""What each folder or module may import, by the longest name that fits; "" is the package itself, and a name
after "=" excludes what is inside."""


def modules() -> dict[str, Path]:
    """Return the hand-written modules by dotted name, relative to the package; a folder stands for its __init__."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] != "_generated":
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(name: str, tree: ast.AST) -> Iterator[str]:
    """Yield the modules of the package that a module imports, at its start or later."""
    package = name.split(".") if name else []
    if MODULES[name].name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1] + (node.module or "").split(".")
            dotted = ".".join(filter(None, base))
            for alias in node.names:
                inner = f"{dotted}.{alias.name}".strip(".")
                yield inner if inner in MODULES or inner == "_generated" else dotted


def parse(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def covers(rule: str, name: str) -> bool:
    if rule.startswith("="):
        return name == rule.removeprefix("=")
    return name == rule or (rule != "" and name.startswith(f"{rule}."))


def rule_for(name: str) -> str:
    return max((rule for rule in MAY_IMPORT if covers(rule, name)), key=len)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_module_imports_only_allowed_folders(name: str) -> None:
    allowed = MAY_IMPORT[rule_for(name)]
    assert [each for each in imports(name, parse(name)) if not any(covers(rule, each) for rule in allowed)] == []


def test_there_are_no_import_cycles() -> None:
    graph: Mapping[str, set[str]] = {}
    for name in MODULES:
        loaded: list[ast.stmt] = [node for node in parse(name).body if isinstance(node, ast.ImportFrom)]
        graph = {**graph, name: set(imports(name, ast.Module(loaded, []))) - {name}}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a cycle: {' -> '.join(error.args[1])}")


def test_the_top_level_of_the_package_is_small() -> None:
    entries = {
        path.stem
        for path in PACKAGE.iterdir()
        if (path.is_dir() and (path / "__init__.py").exists()) or path.suffix == ".py"
    }
    assert len(entries - UNCOUNTED) <= MAX_TOP_LEVEL


def list_tracked_files(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    paths = [ROOT / line for line in listed.stdout.splitlines() if "/_generated/" not in line]
    return [path for path in paths if path.exists()]


def test_folders_have_a_limited_number_of_modules() -> None:
    folders: dict[Path, int] = {}
    for path in list_tracked_files("confluence_groups_sdk/*.py", "scripts/*.py"):
        folders[path.parent] = folders.get(path.parent, 0) + (path.stem not in UNCOUNTED)
    assert {str(folder): number for folder, number in folders.items() if number > MAX_MODULES} == {}


def test_files_and_functions_are_short() -> None:
    long = []
    for path in list_tracked_files("confluence_groups_sdk/*.py", "scripts/*.py", "examples/*.py"):
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) > MAX_LINES and path.name not in ("client.py", "async_client.py"):
            long.append(f"{path.relative_to(ROOT)}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
                if lines > MAX_FUNCTION_LINES:
                    long.append(f"{path.relative_to(ROOT)}: {node.name} has {lines} lines")
    assert long == []


def test_no_group_is_possessive() -> None:
    """Before Python 3.11.5, possessive groups match wrongly: https://github.com/python/cpython/issues/106052."""
    possessive = re.compile(r"\)[*+?]\+")
    for path in list_tracked_files("confluence_groups_sdk/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile":
                assert not possessive.search(ast.unparse(node)), f"{path.name}: {ast.unparse(node)}"
