"""Describe a copy of the package: its files, the licence, and the manifest that identifies it."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from attrs import field, frozen
from codegen import file_tree
from codegen.lockfile import hash_content
from postman_openapi.losses import SpecError
from versioning.semver import read_literal_version

from vendoring.origin import Origin, read_origin, tracked_files

PACKAGE = "confluence_groups_sdk"
LICENSE = "LICENSE"
VERSION = "_version.py"
FRAGMENT = "openapi/confluence-groups.openapi.yaml"
LOCK = "openapi/spec.lock.json"
MANIFEST = "vendored.json"
CHECKER = "vendored.py"  # checks the copy where there is no clone
FORMAT = "confluence-groups-vendored/1"
PARTS = ("cli", "fleet", "membership", "review", "sandbox")  # the rest works without them
STARTER = "__main__.py"  # starts the command line, and is omitted with it
REST = "the rest"


@frozen
class Copy:
    """A copy of the package, on the disk or as a run would write it.

    Attributes:
        version: the version of the package.
        fragment: the SHA-256 of its OpenAPI fragment.
        without: the omitted parts.
        files: the SHA-256 of each file when it was copied.
        tree: the present files without the manifest.
        origin: the clone that it comes from; copies with the same content are equal, even if their origins differ.
    """

    version: str
    fragment: str
    without: frozenset[str]
    files: Mapping[str, str] = field(repr=False)
    tree: file_tree.Tree = field(repr=False)
    origin: Origin = field(default=Origin(), eq=False)

    @property
    def digest(self) -> str:
        """The SHA-256 of the content: of the lines that sha256sum prints for its files, sorted by name."""
        return hash_content("".join(f"{self.files[name]}  {name}\n" for name in sorted(self.files)).encode())

    def files_to_write(self) -> file_tree.Tree:
        """Return all files, the manifest first, because it identifies the leftovers of an interrupted run."""
        manifest = {
            "commit": self.origin.commit,
            "digest": self.digest,
            "files": dict(self.files),
            "format": FORMAT,
            "fragment": self.fragment,
            "source": self.origin.source,
            "tree": self.origin.tree,
            "version": self.version,
            "without": sorted(self.without),
        }
        return {MANIFEST: f"{json.dumps(manifest, indent=2, sort_keys=True)}\n".encode(), **self.tree}

    def edits(self) -> Iterator[tuple[str, str]]:
        """Return the files that were changed since they were copied, each with the kind of edit."""
        present = {name: hash_content(content) for name, content in self.tree.items()}
        return file_tree.compare_files(present, self.files, missing="missing", added="added", changed="edited")

    @property
    def extent(self) -> str:
        """The omitted parts as text."""
        return f"without {', '.join(sorted(self.without))}" if self.without else "all of it"

    def __str__(self) -> str:
        return f"version {self.version}, {len(self.files)} files, {self.extent}"


def read_copy(folder: Path, where: str) -> Copy | None:
    """Return the copy in a folder, or None if the folder is missing or empty.

    Args:
        folder: the folder of the copy.
        where: its name in messages.

    Raises:
        SpecError: the folder contains something else.
    """
    if not os.path.lexists(folder):
        return None
    if not folder.is_dir():
        raise SpecError(where, "", "it is a file: give a new or empty folder, or a copy")
    tree = file_tree.read_tree(folder)
    manifest = tree.pop(MANIFEST, None)
    if manifest is not None:
        return _parse_manifest(manifest, tree, f"{where}/{MANIFEST}")
    if any(folder.iterdir()):
        raise SpecError(where, "", f"it contains something else, without {MANIFEST}: give a folder of its own")
    return None


def read_project(root: Path, without: frozenset[str]) -> Copy:
    """Return the copy that a run would write.

    Args:
        root: the project's folder; of a clone, only the files that git tracks are copied.
        without: the parts to omit.

    Raises:
        SpecError: the project is not up to date, or the copy would not work.
    """
    tracked = tracked_files(root, PACKAGE)
    tree = {
        path: content
        for path, content in file_tree.read_tree(root / PACKAGE).items()
        if (not _is_hidden(path) if tracked is None else path in tracked)
    }
    _refuse_outdated(root, tree)
    tree = {path: content for path, content in tree.items() if _part_of(path) not in without}
    needs = list(_cross_part_imports(tree))
    for part, path, missing in needs:
        if missing in without:
            remedy = (
                "keep it" if part == REST else f"omit {part}, too: --without {','.join(sorted(_grow(without, needs)))}"
            )
            raise SpecError(f"--without {missing}", "", f"{path} needs it: {remedy}")
    tree[LICENSE] = (root / LICENSE).read_bytes()
    tree[CHECKER] = (Path(__file__).parent / CHECKER).read_bytes()
    return Copy(
        version=read_literal_version(tree[VERSION].decode(), f"{PACKAGE}/{VERSION}"),
        fragment=hash_content((root / FRAGMENT).read_bytes()),
        without=without,
        files={path: hash_content(content) for path, content in tree.items()},
        tree=tree,
        origin=read_origin(root, (PACKAGE, LICENSE, FRAGMENT, f"scripts/vendoring/{CHECKER}")),
    )


def _parse_manifest(manifest: bytes, tree: file_tree.Tree, where: str) -> Copy:
    """Parse a manifest; raise SpecError if it is damaged, or another tool's."""
    try:
        said = json.loads(manifest)
        known = said["format"] == FORMAT
        version, fragment, without, files = said["version"], said["fragment"], said["without"], said["files"]
        whole = all(isinstance(text, str) for text in (version, fragment, *without, *files.values()))
        whole = whole and isinstance(without, list)
        origin = Origin(*(said.get(key) for key in ("source", "commit", "tree")))  # earlier versions had none
        found = Copy(version, fragment, frozenset(without), files, tree, origin)
        whole = whole and said.get("digest", found.digest) == found.digest
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        known = whole = False
    if not known or not whole:
        raise SpecError(where, "", "not a valid manifest: if the folder is a copy, remove it and copy again")
    return found


def _refuse_outdated(root: Path, tree: file_tree.Tree) -> None:
    """Check that the derived files fit the lock.

    Raises:
        SpecError: one does not, or the package contains a link or special file.
    """
    locked = json.loads((root / LOCK).read_bytes())["outputs"]
    present = {FRAGMENT: (root / FRAGMENT).read_bytes()}
    package = {f"{PACKAGE}/{path}": content for path, content in tree.items()}
    present |= {name: content for name, content in package.items() if name in locked or "/_generated/" in name}
    for name in sorted(locked.keys() | present.keys()):
        if name not in present or locked.get(name) != hash_content(present[name]):
            raise SpecError(name, "", f"differs from {LOCK}: run scripts/regenerate.py first")
    for path, content in tree.items():
        if content == file_tree.NOT_A_FILE:
            raise SpecError(f"{PACKAGE}/{path}", "", "it is a link or special file: only files are copied")


def _cross_part_imports(tree: file_tree.Tree) -> Iterator[tuple[str, str, str]]:
    """Yield each import of another part at loading time: the part, the module and the other part."""
    for path, content in tree.items():
        if path.endswith(".py"):
            for name in sorted(_imported_paths(path, content)):
                if _part_of(name) != _part_of(path) and _part_of(name) != REST:
                    yield _part_of(path), path, _part_of(name)


def _grow(without: frozenset[str], needs: Iterable[tuple[str, str, str]]) -> set[str]:
    """Return the omitted parts with all parts that cannot work without them."""
    grown, before = set(without), 0
    while len(grown) > before:
        before = len(grown)
        grown |= {part for part, _, missing in needs if missing in grown and part != REST}
    return grown


def _imported_paths(path: str, content: bytes) -> set[str]:
    """Return the paths, without suffixes, of the package's modules that a module imports at loading time."""
    found: set[str] = set()
    for node in _loaded_nodes(ast.parse(content).body):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.split("/")[: -node.level]
            names = [node.module.replace(".", "/")] if node.module else [alias.name for alias in node.names]
            found |= {"/".join([*base, name]) for name in names}
    return found


def _loaded_nodes(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes that run when a module is loaded: no expressions, none in functions or under TYPE_CHECKING."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.expr):
            continue
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from _loaded_nodes(node.orelse)
        else:
            yield node
            yield from _loaded_nodes(ast.iter_child_nodes(node))


def _part_of(path: str) -> str:
    first = path.partition("/")[0]
    if first == STARTER:
        return "cli"
    return first if first in PARTS else REST


def _is_hidden(path: str) -> bool:
    return any(name.startswith(".") for name in path.split("/"))  # such as the files of an editor
