#!/usr/bin/env python3
"""Derive the OpenAPI fragment from the Postman items and the client from the fragment: the only way either changes.

Without options it writes both and openapi/spec.lock.json. With --check it writes nothing, and exits 1 where anything on
disk differs from what it would write, naming it. It exits 2 where an input cannot be read or does not fit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen
from openapi_spec_validator import OpenAPIV30SpecValidator
from specgen import codegen
from specgen.files import read_text, write_whole
from specgen.lock import lock_text
from specgen.nodes import parse_json
from specgen.openapi import build_document
from specgen.overlay import Applied, apply_overlay
from specgen.postman import read_item
from specgen.problems import Loss, SpecError
from specgen.yaml_io import read_yaml, write_yaml

ROOT = Path(__file__).resolve().parents[1]
ITEMS = "openapi/postman"
OVERLAY = "openapi/overlay.yaml"
FRAGMENT = "openapi/confluence-groups.openapi.yaml"
LOCK = "openapi/spec.lock.json"
CONFIG = "generator-config.yaml"
PROJECT = "pyproject.toml"
PACKAGE = "confluence_groups_sdk/_generated"


@frozen
class Built:
    """All that a run makes, before anything is written."""

    fragment: bytes
    tree: codegen.Tree
    lock: bytes
    losses: list[Loss]
    applied: list[Applied]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where anything differs")
    options = parser.parse_args(arguments)
    try:
        return check() if options.check else regenerate()
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the generated package is whole", file=sys.stderr)
        return 130


def regenerate() -> int:
    """Write fragment, package and lock; say what was lost and what the overlay did."""
    package = ROOT / PACKAGE
    for leftover in codegen.leftovers(package):
        print(f"an interrupted run left {leftover.relative_to(ROOT)}: put in order first")
    codegen.recover(package)
    if mismatches := list(_tool_mismatches()):
        raise SpecError(PROJECT, "/dependency-groups/codegen", "; ".join(mismatches))
    built = build()
    for loss in built.losses:
        print(f"lost: {loss}")
    for action in built.applied:
        print(f"overlay: {action.target}: {action.matches} {'place' if action.matches == 1 else 'places'}")
    before = list(differences(built))
    for difference in before:
        print(f"writing: {difference}")
    write_whole(ROOT / FRAGMENT, built.fragment)
    if codegen.read_tree(package) != built.tree:
        codegen.swap(package, built.tree)
    write_whole(ROOT / LOCK, built.lock)
    print("done" if before else "done: nothing has changed")
    return 0


def check() -> int:
    """Name all that differs from what a run would write."""
    found = [*_tool_mismatches()]
    found += [
        f"{path.relative_to(ROOT)}: left by an interrupted run; run scripts/regenerate.py to put it in order"
        for path in codegen.leftovers(ROOT / PACKAGE)
    ]
    found += differences(build())
    for difference in found:
        print(difference, file=sys.stderr)
    if found:
        print("run scripts/regenerate.py, and commit what it writes", file=sys.stderr)
    return 1 if found else 0


def build() -> Built:
    """Make everything in memory and in a temporary folder.

    Raises:
        SpecError: an input cannot be used, or the generator fails.
    """
    items = sorted((ROOT / ITEMS).glob("*.json"))
    if not items:
        raise SpecError(ITEMS, "", "no Postman item here")
    names = [f"{ITEMS}/{item.name}" for item in items]
    inputs = {name: read_text(ROOT / name, name) for name in [*names, OVERLAY, CONFIG]}
    read_yaml(inputs[CONFIG], CONFIG)  # the generator would say less
    requests = [read_item(parse_json(inputs[name], name)) for name in names]
    derived, losses = build_document(requests, title=requests[0].name)
    document, applied = apply_overlay(derived, read_yaml(inputs[OVERLAY], OVERLAY), OVERLAY)
    _validate(document)
    fragment = (
        f"# Derived from {ITEMS} and {OVERLAY} by scripts/regenerate.py. Do not edit.\n{write_yaml(document)}".encode()
    )
    tree = _generate(fragment, inputs[CONFIG], operations=sum(len(path) for path in document["paths"].values()))
    outputs = {FRAGMENT: fragment, **{f"{PACKAGE}/{path}": content for path, content in tree.items()}}
    read = {name: text.encode() for name, text in inputs.items()}
    lock = lock_text(read, outputs, codegen.installed_tools()).encode()
    return Built(fragment, tree, lock, losses, applied)


def differences(built: Built) -> Iterator[str]:
    """Yield what on disk is not as it was built, a line each; first the inputs that have changed since the last run."""
    yield from _changed_since_lock(built)
    package = codegen.read_tree(ROOT / PACKAGE)
    wanted = {FRAGMENT: built.fragment, LOCK: built.lock}
    wanted |= {f"{PACKAGE}/{path}": content for path, content in built.tree.items()}
    for name, content in wanted.items():
        file = ROOT / name
        if not file.is_file():
            yield f"{name}: missing"
        elif file.is_symlink() or file.read_bytes() != content:
            yield f"{name}: differs"
    for path in package.keys() - built.tree.keys():
        yield f"{PACKAGE}/{path}: not generated"


def _changed_since_lock(built: Built) -> Iterator[str]:
    lock = ROOT / LOCK
    if not lock.is_file():
        return
    locked, wanted = _entries(lock.read_bytes()), _entries(built.lock)
    for name in sorted(locked.keys() | wanted.keys()):
        if locked.get(name) != wanted.get(name):
            yield f"{name}: not as {LOCK} has it"


def _entries(lock: bytes) -> dict[str, str]:
    try:
        parsed: Any = parse_json(lock.decode("utf-8", "replace"), LOCK).value
        return {key: value for section in parsed.values() for key, value in section.items()}
    except (SpecError, AttributeError):
        return {}


def _generate(fragment: bytes, config: str, *, operations: int) -> codegen.Tree:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        (workspace / "fragment.yaml").write_bytes(fragment)
        (workspace / "config.yaml").write_text(config, encoding="utf-8")
        return codegen.generate(
            workspace / "fragment.yaml", workspace / "config.yaml", workspace, operations=operations
        )


def _validate(document: dict[str, Any]) -> None:
    for error in OpenAPIV30SpecValidator(document).iter_errors():
        place = "".join(f"/{step}" for step in error.absolute_path)
        raise SpecError(FRAGMENT, place, f"the items and {OVERLAY} make no valid OpenAPI: {error.message}")


def _tool_mismatches() -> Iterator[str]:
    """Yield a line for each tool whose installed version is not the pinned one."""
    try:
        project = tomllib.loads(read_text(ROOT / PROJECT, PROJECT))
        group = project["dependency-groups"]["codegen"]
        pins = dict(pin.split("==") for pin in group if isinstance(pin, str) and pin.count("==") == 1)
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise SpecError(PROJECT, "/dependency-groups/codegen", f"no pins can be read: {error!r}") from None
    for tool, version in codegen.installed_tools().items():
        if pins.get(tool) != version:
            yield f"{tool}: {version} is installed, {pins.get(tool)} is pinned"


if __name__ == "__main__":
    sys.exit(main())
