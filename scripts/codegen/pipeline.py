"""Derive the fragment, the generated package, the synchronous client and the lock, and compare them with the disk."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from http import HTTPMethod
from pathlib import Path
from typing import Any

from attrs import frozen
from openapi_diff.documents import operations, parse_document
from postman_openapi.files import read_text, temporary_path, write_atomically
from postman_openapi.json_nodes import parse_json
from postman_openapi.losses import SpecError, json_pointer, raise_together
from postman_openapi.merging import path_shape, refuse_duplicates
from postman_openapi.model import Collection, Request
from postman_openapi.openapi_writer import build_document
from postman_openapi.reader.collection_reader import read_postman
from postman_openapi.yaml_io import read_yaml, write_yaml

from codegen import generator
from codegen.accepted_losses import ACCEPTED, SortedLosses, sort_losses
from codegen.configuration import CONFIG, read_config, refuse_unused_overrides
from codegen.file_tree import Tree, compare_files, find_leftovers, read_tree, swap
from codegen.fragment.examples import find_differences
from codegen.fragment.gaps import OVERLAY, refuse_gaps
from codegen.fragment.positions import place_with_line
from codegen.item_policy import refuse_equal_names, require_single_request
from codegen.lockfile import LOCK, format_lock, hash_content, parse_lock
from codegen.overlay import AppliedAction, apply_overlay
from codegen.sync_client import DERIVED, SOURCE, derive_sync_client

ITEMS = "openapi/postman"
FRAGMENT = "openapi/confluence-groups.openapi.yaml"
PROJECT = "pyproject.toml"
PACKAGE = "confluence_groups_sdk/_generated"


@frozen
class Built:
    """The output of a run, before anything is written."""

    tree: Tree  # of the generated package
    files: dict[str, bytes]  # the other files by path, the lock last
    document: dict[str, Any]  # the fragment, parsed
    losses: SortedLosses
    applied: list[AppliedAction]
    examples: list[str]  # the differences between the items' examples and the schemas

    @property
    def outputs(self) -> dict[str, bytes]:
        """All files by path."""
        return self.files | {f"{PACKAGE}/{path}": content for path, content in self.tree.items()}


def build(root: Path) -> Built:
    """Build everything in memory and in a temporary folder.

    Raises:
        SpecError: an input cannot be used, or the generator fails.
    """
    names = item_names(root)
    if not names:
        raise SpecError(ITEMS, "", "it has no Postman item")
    inputs = {name: read_text(root / name, name) for name in [*names, OVERLAY, CONFIG]}
    config = read_config(inputs[CONFIG])
    items, requests = read_items({name: inputs[name] for name in names})
    refuse_duplicates(requests)
    refuse_equal_names(requests)
    lost = [loss for item in items for loss in item.losses]
    derived, losses = build_document(Collection(requests[0].name, "", (), tuple(requests), tuple(lost)))
    sorted_losses = sort_losses(root, losses)
    overlay = read_yaml(inputs[OVERLAY], OVERLAY)
    document, applied = apply_overlay(derived, overlay, OVERLAY)
    validate(document)
    refuse_gaps(document, FRAGMENT)
    owners = {(each.method, path_shape(each.path)): each.where for each in requests}
    examples = find_differences(derived, document, overlay, owners, inputs[OVERLAY])
    header = f"# Derived from {ITEMS} and {OVERLAY} by scripts/regenerate.py. Do not edit.\n"
    fragment = (header + write_yaml(document)).encode()
    tree = _generate(fragment, inputs[CONFIG], operations=_count_operations(document))
    refuse_unused_overrides(config, tree)
    client = derive_sync_client(read_text(root / SOURCE, SOURCE), root).encode()
    built = Built(tree, {FRAGMENT: fragment, DERIVED: client}, document, sorted_losses, applied, examples)
    hashed = {name: text.encode() for name, text in inputs.items()}
    built.files[LOCK] = format_lock(hashed, built.outputs, generator.installed_tools()).encode()
    return built


def merge(root: Path) -> tuple[dict[str, Any], dict[str, Request]]:
    """Return the document of the items and the overlay, unchecked, and the requests by the paths of their files.

    Raises:
        SpecError: an item cannot be used, or an overlay action matches nothing.
        ExceptionGroup: several cannot be used.
    """
    names = item_names(root)
    _, requests = read_items({name: read_text(root / name, name) for name in names})
    derived, _ = build_document(Collection("", "", (), tuple(requests), ()))
    document, _ = apply_overlay(derived, read_yaml(read_text(root / OVERLAY, OVERLAY), OVERLAY), OVERLAY)
    return document, dict(zip(names, requests, strict=True))


def read_items(texts: Mapping[str, str]) -> tuple[list[Collection], list[Request]]:
    """Return the content of the item files, and their requests.

    Raises:
        SpecError: an item cannot be used.
        ExceptionGroup: several cannot be used.
    """
    items, requests, errors = list[Collection](), list[Request](), list[SpecError]()
    for name, text in texts.items():
        try:
            items.append(read_postman(parse_json(text, name)))
            requests.append(require_single_request(items[-1], name))
        except SpecError as error:
            errors.append(error)
    raise_together(errors)
    return items, requests


def read_tags(root: Path) -> dict[tuple[str, str], str]:
    """Return the first tag of each operation of the fragment, by method and path shape."""
    if not (root / FRAGMENT).is_file():
        return {}
    document = parse_document(read_text(root / FRAGMENT, FRAGMENT), FRAGMENT)
    found = {(each.method, path_shape(each.path)): each.content.get("tags") for each in operations(document)}
    return {key: str(tags[0]) for key, tags in found.items() if isinstance(tags, list) and tags}


def write(root: Path, built: Built) -> None:
    """Write everything, each file atomically and the lock last."""
    package = root / PACKAGE
    if read_tree(package) != built.tree:
        swap(package, built.tree)
    for name, content in built.files.items():
        write_atomically(root / name, content)


def differences(root: Path, built: Built) -> Iterator[str]:
    """Yield the differences between the disk and the output; first those from the lock, which name changed inputs."""
    yield from _differences_from_lock(root, built)
    present = {f"{PACKAGE}/{path}": content for path, content in read_tree(root / PACKAGE).items()}
    present |= {name: (root / name).read_bytes() for name in built.files if os.path.lexists(root / name)}
    words = {"missing": "missing", "added": "not generated", "changed": "differs"}
    for name, difference in compare_files(present, built.outputs, **words):
        yield f"{name}: {difference}"


def interrupted_files(root: Path) -> list[Path]:
    """Return the files and folders that an interrupted run left behind."""
    temporary = [temporary_path(root / name) for name in (FRAGMENT, DERIVED, LOCK)]
    return [*find_leftovers(root / PACKAGE), *(path for path in temporary if os.path.lexists(path))]


def describe_error(root: Path, error: SpecError) -> str:
    """Return the text of an error, with the line in the input that it names."""
    file, mark, rest = error.where.partition(" (")
    if error.pointer and file in (*item_names(root), OVERLAY, CONFIG, ACCEPTED):
        place = place_with_line(file, (root / file).read_text(encoding="utf-8", errors="replace"), error.pointer)
        return str(SpecError(place + mark + rest, error.pointer, error.problem))
    return str(error)


def inputs_changed_since_lock(root: Path) -> Iterator[str]:
    """Yield the inputs that have changed or are gone since the last run; an error is probably in one of them."""
    lock = root / LOCK
    locked = parse_lock(lock.read_bytes()) if lock.is_file() else {}
    yield from (name for name in locked if name.startswith(f"{ITEMS}/") and not (root / name).exists())
    for name in [*item_names(root), OVERLAY, CONFIG]:
        if (root / name).is_file() and locked.get(name) != hash_content((root / name).read_bytes()):
            yield name


def item_names(root: Path) -> list[str]:
    """Return the paths of the item files."""
    return [f"{ITEMS}/{item.name}" for item in sorted((root / ITEMS).glob("*.json"))]


def tool_mismatches(root: Path) -> Iterator[str]:
    """Yield the tools whose installed version is not the pinned one."""
    try:
        group = tomllib.loads(read_text(root / PROJECT, PROJECT))["dependency-groups"]["codegen"]
        pins = dict(pin.split("==") for pin in group if isinstance(pin, str) and pin.count("==") == 1)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SpecError(PROJECT, "/dependency-groups/codegen", f"the pins cannot be read: {error!r}") from None
    for tool, version in generator.installed_tools().items():
        if pins.get(tool) != version:
            yield f"{tool}: {version} is installed, {pins.get(tool)} is pinned"


def _differences_from_lock(root: Path, built: Built) -> Iterator[str]:
    lock = root / LOCK
    if not lock.is_file():
        return
    locked, wanted = parse_lock(lock.read_bytes()), parse_lock(built.files[LOCK])
    for name in sorted(locked.keys() | wanted.keys()):
        if locked.get(name) != wanted.get(name):
            yield f"{name}: differs from {LOCK}"


def _count_operations(document: dict[str, Any]) -> int:
    items = [item for path, item in document["paths"].items() if path.startswith("/")]
    return sum(key.upper() in HTTPMethod.__members__ for item in items for key in item)


def _generate(fragment: bytes, config: str, *, operations: int) -> Tree:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        paths = workspace / "fragment.yaml", workspace / "config.yaml"
        paths[0].write_bytes(fragment)
        paths[1].write_text(config, encoding="utf-8")
        return generator.generate(*paths, workspace, operations=operations)


def validate(document: dict[str, Any]) -> None:
    """Check that a document is valid OpenAPI 3.0; raise SpecError if it is not."""
    from openapi_spec_validator import OpenAPIV30SpecValidator  # loading it can take longer than the rest of a run

    try:
        first = next(OpenAPIV30SpecValidator(document).iter_errors(), None)
    except Exception as error:  # the validator fails in many ways; every one is the document's fault
        raise SpecError(FRAGMENT, "", f"the items and {OVERLAY} do not make valid OpenAPI: {error!r}") from None
    if first is not None:
        pointer = json_pointer(first.absolute_path)
        raise SpecError(FRAGMENT, pointer, f"the items and {OVERLAY} do not make valid OpenAPI: {first.message}")
