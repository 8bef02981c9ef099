"""What a copy of the package consists of: its files, the licence, and the manifest by which it is known again."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from attrs import field, frozen
from specgen import codegen
from specgen.literals import literal_version
from specgen.lock import fingerprint
from specgen.problems import SpecError

PACKAGE = "confluence_groups_sdk"
LICENCE = "LICENSE"
VERSION = "_version.py"
FRAGMENT = "openapi/confluence-groups.openapi.yaml"
LOCK = "openapi/spec.lock.json"
MANIFEST = "vendored.json"
FORMAT = "confluence-groups-vendored/1"
PARTS = ("cli", "membership", "sandbox")  # what the rest may do without
REST = "the rest"


@frozen
class Copy:
    """A copy of the package, as it is on the disk or as a run would write it.

    Attributes:
        version: of the package.
        fragment: SHA-256 of the OpenAPI fragment that it was generated from.
        without: the parts that were left out.
        files: SHA-256 of each file, as it was copied.
        tree: the files, as they are; the manifest is not among them.
    """

    version: str
    fragment: str
    without: frozenset[str]
    files: Mapping[str, str] = field(repr=False)
    tree: codegen.Tree = field(repr=False)

    def written(self) -> codegen.Tree:
        """Return all that is written, the manifest first: what an interrupted run left is known by it."""
        manifest = {
            "files": dict(self.files),
            "format": FORMAT,
            "fragment": self.fragment,
            "version": self.version,
            "without": sorted(self.without),
        }
        return {MANIFEST: f"{json.dumps(manifest, indent=2, sort_keys=True)}\n".encode(), **self.tree}

    def edits(self) -> Iterator[tuple[str, str]]:
        """Yield the files that are not as they were copied, each with what was done to it."""
        for name in sorted(self.tree.keys() | self.files.keys()):
            if name not in self.tree:
                yield name, "missing"
            elif name not in self.files:
                yield name, "not of the copy"
            elif fingerprint(self.tree[name]) != self.files[name]:
                yield name, "edited"

    @property
    def extent(self) -> str:
        """How much of the package it is, in words."""
        return f"without {', '.join(sorted(self.without))}" if self.without else "all of it"

    def __str__(self) -> str:
        return f"version {self.version}, {len(self.files)} files, {self.extent}"


def read_copy(folder: Path, where: str) -> Copy | None:
    """Return the copy in a folder; None where there is nothing, or nothing in it.

    Args:
        folder: of the copy.
        where: what it is called in messages.

    Raises:
        SpecError: something else is there.
    """
    if not os.path.lexists(folder):
        return None
    if not folder.is_dir():
        raise SpecError(where, "", "a file: give a folder that is empty or not there yet, or a copy")
    tree = codegen.read_tree(folder)
    manifest = tree.pop(MANIFEST, None)
    if manifest is not None:
        return _described(manifest, tree, f"{where}/{MANIFEST}")
    if any(folder.iterdir()):
        raise SpecError(where, "", f"something else is here, without {MANIFEST}: give a folder of its own")
    return None


def read_project(root: Path, without: frozenset[str]) -> Copy:
    """Return the copy that a run would write.

    Args:
        root: the project's folder.
        without: the parts to leave out.

    Raises:
        SpecError: the project is not in order, or what is left would not work.
    """
    tree = {path: content for path, content in codegen.read_tree(root / PACKAGE).items() if not _hidden(path)}
    _refuse_unfinished(root, tree)
    tree = {path: content for path, content in tree.items() if _part(path) not in without}
    for part, path, missing in _needs(tree):
        if missing in without:
            remedy = ": keep it" if part == REST else f", too: --without {','.join(sorted(without | {part}))}"
            raise SpecError(f"--without {missing}", "", f"{path} needs it: leave out {part}{remedy}")
    tree[LICENCE] = (root / LICENCE).read_bytes()
    return Copy(
        version=literal_version(tree[VERSION].decode(), f"{PACKAGE}/{VERSION}"),
        fragment=fingerprint((root / FRAGMENT).read_bytes()),
        without=without,
        files={path: fingerprint(content) for path, content in tree.items()},
        tree=tree,
    )


def _described(manifest: bytes, tree: codegen.Tree, where: str) -> Copy:
    """Return the copy that a manifest describes.

    Raises:
        SpecError: it is none of ours, or damaged.
    """
    try:
        said = json.loads(manifest)
        known = said["format"] == FORMAT
        version, fragment, without, files = said["version"], said["fragment"], said["without"], said["files"]
        whole = all(isinstance(text, str) for text in (version, fragment, *without, *files.values()))
        whole = whole and isinstance(without, list)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        known = whole = False
    if not known or not whole:
        raise SpecError(where, "", "no manifest of a copy, or damaged: remove the folder, if it is one, and copy again")
    return Copy(version, fragment, frozenset(without), files, tree)


def _refuse_unfinished(root: Path, tree: codegen.Tree) -> None:
    """See that the generated package is whole, and goes with the fragment.

    Raises:
        SpecError: it does not, or there is more in the package than files.
    """
    locked = json.loads((root / LOCK).read_bytes())["outputs"]
    present = {FRAGMENT: (root / FRAGMENT).read_bytes()}
    present |= {f"{PACKAGE}/{path}": content for path, content in tree.items() if path.startswith("_generated")}
    for name in sorted(locked.keys() | present.keys()):
        if name not in present or locked.get(name) != fingerprint(present[name]):
            raise SpecError(name, "", f"not as {LOCK} has it: run scripts/regenerate.py first")
    for path, content in tree.items():
        if content == codegen.NO_FILE:
            raise SpecError(f"{PACKAGE}/{path}", "", "a link or no file: only files are copied")


def _needs(tree: codegen.Tree) -> Iterator[tuple[str, str, str]]:
    """Yield which part needs which other one as soon as it is loaded, and the module that says so."""
    for path, content in tree.items():
        if path.endswith(".py"):
            for name in sorted(_imported(path, ast.parse(content))):
                if _part(name) != _part(path) and _part(name) != REST:
                    yield _part(path), path, _part(name)


def _imported(path: str, module: ast.Module) -> set[str]:
    """Return the paths, without endings, of what a module imports of the package as soon as it is loaded."""
    found: set[str] = set()
    for node in _loaded(module.body):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.split("/")[: -node.level]
            names = [node.module.replace(".", "/")] if node.module else [alias.name for alias in node.names]
            found |= {"/".join([*base, name]) for name in names}
    return found


def _loaded(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield what is run when a module is loaded: nothing inside functions, nothing for type checkers alone."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from _loaded(node.orelse)
        else:
            yield node
            yield from _loaded(ast.iter_child_nodes(node))


def _part(path: str) -> str:
    first = path.partition("/")[0]
    return first if first in PARTS else REST


def _hidden(path: str) -> bool:
    return any(name.startswith(".") for name in path.split("/"))  # a tool's leavings
