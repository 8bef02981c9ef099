"""Compare another OpenAPI document of the same API with ours; the known differences have their reasons in a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import evolve, frozen
from postman_openapi.files import read_text
from postman_openapi.losses import SpecError

from openapi_diff.documents import METHODS, Document, Operation, operations, parse_document
from openapi_diff.expectations import Expectation, read_expectations
from openapi_diff.kinds import Kind
from openapi_diff.operation_changes import find_changes

KNOWN = "openapi/known-differences.yaml"
TEXTS: dict[str, str] = {kind: kind.comparison for kind in Kind if kind.comparison}


@frozen
class Comparison:
    """The differences of the other document, and the number of its operations that were not compared."""

    differences: list[str]
    elsewhere: int


def compare(ours: Document, theirs: Document) -> Comparison:
    """Compare all operations of our document, and related ones that only the other document has.

    An operation is related if it has a path, a name or a tag of ours; a document of a whole API has hundreds of others.
    Paths include the path of the first server. Servers, documentation and names inside a document are not compared.

    Raises:
        SpecError: a document is malformed.
    """
    ours, theirs = prefix_server_path(ours), prefix_server_path(theirs)
    all_theirs = list(operations(theirs))
    comparable = _comparable_operations(list(operations(ours)), all_theirs)
    changes = find_changes(ours, _select_operations(theirs, comparable))
    differences = [
        f"{change.place}: {TEXTS[change.kind].format(was=change.was, now=change.now)}"
        for change in changes
        if change.kind in TEXTS
    ]
    return Comparison(list(dict.fromkeys(differences)), len(all_theirs) - len(comparable))


def read_document(path: Path) -> Document:
    """Return an OpenAPI document in JSON or YAML; raise SpecError if it cannot be read or is not an object."""
    return parse_document(read_text(path, path.name), path.name)


def read_known(root: Path) -> list[Expectation]:
    """Return the known differences; raise SpecError if the file is malformed or repeats an entry."""
    return read_expectations(root, KNOWN, "differences", "difference")


def report_lines(comparison: Comparison, known: Sequence[Expectation]) -> tuple[list[str], list[str]]:
    """Return the report of a comparison, and the lines for the unknown differences."""
    report, unknown = [], []
    for difference in comparison.differences:
        reason = next((each.reason for each in known if each.covers(difference)), None)
        if reason is None:
            unknown.append(f"not known: {difference}")
        else:
            report.append(f"known: {difference}: {reason}")
    # This is no error: an older document, or a part of one, need not have every difference.
    report += [
        f"note: {KNOWN}: matches nothing: {each.pattern}"
        for each in known
        if not any(each.covers(difference) for difference in comparison.differences)
    ]
    count = len(comparison.differences)
    report.append(f"{count} differences, {count - len(unknown)} of them known")
    if comparison.elsewhere:
        report.append(f"{comparison.elsewhere} of their operations share no path, name or tag with ours: not compared")
    return report, unknown


def prefix_server_path(document: Document) -> Document:
    """Return the document with the path of the first server before all paths."""
    servers = document.entries(document.content.get("servers"), "/servers")
    url = str(document.members(servers[0], "/servers/0").get("url", "")) if servers else ""
    try:
        base = urlsplit(url).path.rstrip("/")
    except ValueError:
        raise SpecError(document.where, "/servers/0/url", "not a URL") from None
    paths = document.members(document.content.get("paths"), "/paths")
    return _with_paths(document, {f"{base}{path}": item for path, item in paths.items()})


def _with_paths(document: Document, paths: Mapping[str, Any]) -> Document:
    return evolve(document, content={**document.content, "paths": paths})


def _comparable_operations(ours: Sequence[Operation], theirs: Sequence[Operation]) -> set[str]:
    """Return the places of their operations that share a path, a name or a tag with ours."""
    paths = {each.template.partition(" ")[2] for each in ours}
    names = {each.name for each in ours if each.name}
    tags = {tag for each in ours for tag in _tags(each)}
    return {
        each.place
        for each in theirs
        if each.template.partition(" ")[2] in paths or each.name in names or tags.intersection(_tags(each))
    }


def _tags(operation: Operation) -> Iterator[str]:
    tags = operation.content.get("tags")
    yield from (str(tag) for tag in (tags if isinstance(tags, list) else ()))


def _select_operations(document: Document, places: set[str]) -> Document:
    """Return the document with only these operations."""
    paths: dict[str, Mapping[str, Any]] = {}
    for path, item in document.members(document.content.get("paths"), "/paths").items():
        members = document.members(item, path).items()
        paths[path] = {key: value for key, value in members if key not in METHODS or f"{key.upper()} {path}" in places}
    return _with_paths(document, paths)
