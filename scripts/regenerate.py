#!/usr/bin/env python3
"""Derive the OpenAPI fragment from the Postman items and the client from the fragment: the only way either changes.

Without options it writes both and openapi/spec.lock.json. With --check it writes nothing, and exits 1 where anything on
disk differs from what it would write, naming it, or where the package does not have the version that the changes since
the last release ask for. With --compare it only says how another OpenAPI document differs from the fragment, and exits
1 where a difference is not in openapi/known-differences.yaml. With --import it only splits a Postman export into item
files, and exits 1, with nothing written, where that would change one. It exits 2 where an input cannot be read or does
not fit.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from http import HTTPMethod
from pathlib import Path
from typing import Any

from attrs import frozen
from openapi_spec_validator import OpenAPIV30SpecValidator
from run_command import run_command
from specgen import codegen
from specgen.collection import Collection
from specgen.compare import KNOWN, compare, read_document, read_known
from specgen.compare import lines as comparison_lines
from specgen.files import read_text, unfinished, write_whole
from specgen.importing import DIFFERENT, SAME, split
from specgen.lock import fingerprint, lock_text
from specgen.merging import refuse_repeated
from specgen.nodes import parse_json
from specgen.openapi import build_document
from specgen.overlay import Applied, apply_overlay
from specgen.postman import read_postman
from specgen.problems import Loss, SpecError, pointer_to
from specgen.strict import only_request
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
    document: dict[str, Any]
    losses: list[Loss]
    applied: list[Applied]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--check", action="store_true", help="write nothing; exit 1 where anything differs")
    ways.add_argument(
        "--compare", metavar="OTHER", type=Path, help="say how this OpenAPI document (JSON or YAML) differs"
    )
    ways.add_argument("--import", dest="export", metavar="FILE", type=Path, help="split an export into item files")
    parser.add_argument("--folder", metavar="NAME", help="with --import: this folder alone; A/B for B in A")
    parser.add_argument("--replace", action="store_true", help="with --import: replace files that differ")
    options = parser.parse_args(arguments)
    if options.export is None and (options.folder is not None or options.replace):
        parser.error("--folder and --replace go with --import")
    try:
        if options.export:
            return import_items(options.export, options.folder, replace=options.replace)
        if options.compare:
            return compare_with(options.compare)
        return check() if options.check else regenerate()
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted: run it again, to put in order what may be half done", file=sys.stderr)
        return 130
    for name in _inputs_since_lock():
        print(f"note: {name} has changed since the last run", file=sys.stderr)
    return 2


def regenerate() -> int:
    """Write fragment, package and lock; say what was lost and what the overlay did."""
    package = ROOT / PACKAGE
    for leftover in codegen.leftovers(package):
        print(f"an interrupted run left {leftover.relative_to(ROOT)}: put in order first")
    codegen.recover(package)
    if mismatches := list(_tool_mismatches()):
        raise SpecError(PROJECT, "/dependency-groups/codegen", "; ".join(mismatches))
    built = build()
    say(built)
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
        for path in [*codegen.leftovers(ROOT / PACKAGE), *map(unfinished, (ROOT / FRAGMENT, ROOT / LOCK))]
        if os.path.lexists(path)
    ]
    built = build()
    found += differences(built)
    problem = say(built)
    for difference in found:
        print(difference, file=sys.stderr)
    if found:
        print("run scripts/regenerate.py, and commit what it writes", file=sys.stderr)
    if problem:
        print(problem, file=sys.stderr)
    return 1 if found or problem else 0


def say(built: Built) -> str | None:
    """Print what was lost, what the overlay did, what has changed since the last release; return what is to be done."""
    from specgen.verdict import judge  # it loads griffe, which the rest does not need

    verdict = judge(ROOT, built.document, built.fragment)
    for loss in built.losses:
        print(f"lost: {loss}")
    for action in built.applied:
        print(f"overlay: {action.target}: {action.matches} {'place' if action.matches == 1 else 'places'}")
    for line in verdict.lines():
        print(line)
    return verdict.problem


def compare_with(other: Path) -> int:
    """Say how another document differs from the fragment, and what of that is not known."""
    comparison = compare(read_document(ROOT / FRAGMENT), read_document(other))
    said, unknown = comparison_lines(comparison, read_known(ROOT))
    for line in said:
        print(line)
    for line in unknown:
        print(line, file=sys.stderr)
    if unknown:
        print(f"change {OVERLAY} or an item, or name the difference in {KNOWN} with its reason", file=sys.stderr)
    return 1 if unknown else 0


def import_items(export: Path, folder: str | None, *, replace: bool) -> int:
    """Split an export into item files, all of them or none; no file that differs is replaced without being asked."""
    here = {Path(name).name: read_text(ROOT / name, name) for name in _item_names()}
    found = split(parse_json(read_text(export, str(export)), str(export)), folder, here)
    for each in found:
        print(f"{each.state}: {ITEMS}/{each.name}: {each.title}")
    if not replace and any(each.state == DIFFERENT for each in found):
        print("nothing is written: look at what differs, then add --replace", file=sys.stderr)
        return 1
    for each in found:
        if each.state != SAME:
            write_whole(ROOT / ITEMS / each.name, each.content)
    print("now run scripts/regenerate.py; what the items cannot say belongs in the overlay")
    return 0


def build() -> Built:
    """Make everything in memory and in a temporary folder.

    Raises:
        SpecError: an input cannot be used, or the generator fails.
    """
    names = _item_names()
    if not names:
        raise SpecError(ITEMS, "", "no Postman item here")
    inputs = {name: read_text(ROOT / name, name) for name in [*names, OVERLAY, CONFIG]}
    read_yaml(inputs[CONFIG], CONFIG)  # the generator would say less
    items = [read_postman(parse_json(inputs[name], name)) for name in names]
    requests = [only_request(item, name) for item, name in zip(items, names, strict=True)]
    refuse_repeated(requests)
    lost = [loss for item in items for loss in item.losses]
    derived, losses = build_document(Collection(requests[0].name, "", (), tuple(requests), tuple(lost)))
    document, applied = apply_overlay(derived, read_yaml(inputs[OVERLAY], OVERLAY), OVERLAY)
    _validate(document)
    fragment = (
        f"# Derived from {ITEMS} and {OVERLAY} by scripts/regenerate.py. Do not edit.\n{write_yaml(document)}".encode()
    )
    tree = _generate(fragment, inputs[CONFIG], operations=_count_operations(document))
    outputs = {FRAGMENT: fragment, **{f"{PACKAGE}/{path}": content for path, content in tree.items()}}
    read = {name: text.encode() for name, text in inputs.items()}
    lock = lock_text(read, outputs, codegen.installed_tools()).encode()
    return Built(fragment, tree, lock, document, losses, applied)


def differences(built: Built) -> Iterator[str]:
    """Yield what on disk is not as it was built, a line each; first the inputs that have changed since the last run."""
    yield from _changed_since_lock(built)
    present = {f"{PACKAGE}/{path}": content for path, content in codegen.read_tree(ROOT / PACKAGE).items()}
    present |= {name: (ROOT / name).read_bytes() for name in (FRAGMENT, LOCK) if os.path.lexists(ROOT / name)}
    wanted = {FRAGMENT: built.fragment, LOCK: built.lock}
    wanted |= {f"{PACKAGE}/{path}": content for path, content in built.tree.items()}
    for name in sorted(wanted.keys() | present.keys()):
        if name not in present:
            yield f"{name}: missing"
        elif name not in wanted:
            yield f"{name}: not generated"
        elif present[name] != wanted[name]:
            yield f"{name}: differs"


def _changed_since_lock(built: Built) -> Iterator[str]:
    lock = ROOT / LOCK
    if not lock.is_file():
        return
    locked, wanted = _entries(lock.read_bytes()), _entries(built.lock)
    for name in sorted(locked.keys() | wanted.keys()):
        if locked.get(name) != wanted.get(name):
            yield f"{name}: not as {LOCK} has it"


def _inputs_since_lock() -> Iterator[str]:
    """Yield the inputs that are not as they were at the last run: where to look when something does not fit."""
    lock = ROOT / LOCK
    locked = _entries(lock.read_bytes()) if lock.is_file() else {}
    for name in [*_item_names(), OVERLAY, CONFIG]:
        if (ROOT / name).is_file() and locked.get(name) != fingerprint((ROOT / name).read_bytes()):
            yield name


def _item_names() -> list[str]:
    return [f"{ITEMS}/{item.name}" for item in sorted((ROOT / ITEMS).glob("*.json"))]


def _count_operations(document: dict[str, Any]) -> int:
    items = [item for path, item in document["paths"].items() if path.startswith("/")]
    return sum(key.upper() in HTTPMethod.__members__ for item in items for key in item)


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
    try:
        first = next(OpenAPIV30SpecValidator(document).iter_errors(), None)
    except Exception as error:  # a library that stumbles over odd documents in many ways; all are the document's fault
        raise SpecError(FRAGMENT, "", f"the items and {OVERLAY} make no valid OpenAPI: {error!r}") from None
    if first is not None:
        place = pointer_to(first.absolute_path)
        raise SpecError(FRAGMENT, place, f"the items and {OVERLAY} make no valid OpenAPI: {first.message}")


def _tool_mismatches() -> Iterator[str]:
    """Yield a line for each tool whose installed version is not the pinned one."""
    try:
        project = tomllib.loads(read_text(ROOT / PROJECT, PROJECT))
        group = project["dependency-groups"]["codegen"]
        pins = dict(pin.split("==") for pin in group if isinstance(pin, str) and pin.count("==") == 1)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SpecError(PROJECT, "/dependency-groups/codegen", f"no pins can be read: {error!r}") from None
    for tool, version in codegen.installed_tools().items():
        if pins.get(tool) != version:
            yield f"{tool}: {version} is installed, {pins.get(tool)} is pinned"


if __name__ == "__main__":
    run_command(main)
