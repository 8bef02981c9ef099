"""The run of the generator, the swap of its tree, and the audit of its code."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from codegen import file_tree, generator
from codegen.generated_code_audit import audit_module
from postman_items import ROOT
from postman_openapi.losses import SpecError

FRAGMENT = "openapi/confluence-groups.openapi.yaml"
PACKAGE = "confluence_groups_sdk/_generated"

# --- the swap


TREE = {"__init__.py": b"new", "api/one.py": b"1"}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__init__.py").write_bytes(b"old")
    return folder


def test_swap_replaces_the_whole_tree(package: Path) -> None:
    file_tree.swap(package, TREE)
    assert file_tree.read_tree(package) == TREE
    assert file_tree.find_leftovers(package) == []


@pytest.mark.parametrize("fails_at", [1, 2])
def test_interrupted_swap_keeps_the_old_tree(package: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int) -> None:
    real, calls = os.replace, []

    def interrupt_replace(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == fails_at:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", interrupt_replace)
    with pytest.raises(KeyboardInterrupt):
        file_tree.swap(package, TREE)
    assert file_tree.read_tree(package) == {"__init__.py": b"old"}
    assert file_tree.find_leftovers(package) == []


# --- the generator


OPERATIONS = len(list((ROOT / "openapi/postman").glob("*.json")))  # one per item


def generate(folder: Path, *, operations: int) -> file_tree.Tree:
    return generator.generate(ROOT / FRAGMENT, ROOT / "generator-config.yaml", folder, operations=operations)


def test_skipped_operation_raises_spec_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=f"{OPERATIONS + 1} operations went in, {OPERATIONS} came out"):
        generate(tmp_path, operations=OPERATIONS + 1)


def test_formatter_next_to_python_is_preferred_to_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bin" / "ruff"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    assert generate(workspace, operations=OPERATIONS) == file_tree.read_tree(ROOT / PACKAGE)


def test_a_missing_formatter_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(SpecError, match="ruff"):
        generator.installed_tools()


def test_a_missing_generator_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "TOOLS", ("no-such-generator",))
    with pytest.raises(SpecError, match="pip install --group codegen"):
        generator.installed_tools()


# --- code that generated files must not contain


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "import os.path as p",
        "from subprocess import run",
        "x = __import__('os')",
        "def f() -> None:\n    eval('1')",
        "def f(x=open('f')): ...",
        "print('hello')",
        "class A:\n    exec('1')",
        "x = [",
        "x = 1\x00",
        "X = typing.sys.modules['os'].system('id')",
        "from ssl import os\nx = os.system('id')",
        "x = vars()",
        "class A:\n    print(1)",
        "class A:\n    x = print(1)",
        "class A(print(1)): ...",
        "class A(metaclass=print(1)): ...",
        "if print(1): ...",
        "if TYPE_CHECKING:\n    print(1)",
        "raise SystemExit",
        "del x",
        "for x in y: ...",
        "@print\ndef f(): ...",
        "@define(print(1))\nclass A: ...",
        "def f(x=print(1)): ...",
        "def f() -> print(1): ...",
        "def f(x: print(1)): ...",
        "x = [f() for f in y]",
        "def _get_kwargs(*, params: str) -> dict:\n    params = {}\n    return params",
    ],
)
def test_foreign_code_is_refused(source: str) -> None:
    with pytest.raises(SpecError):
        audit_module(source.encode(), "module.py")


def test_committed_generated_code_is_accepted() -> None:
    for path, content in file_tree.read_tree(ROOT / PACKAGE).items():
        audit_module(content, path)
        assert content.startswith(generator.HEADER.encode())
