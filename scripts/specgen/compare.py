"""How another OpenAPI document of the same API differs from ours, and which of that is known, with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import evolve, frozen

from .changes import Kind, changes
from .documents import METHODS, Document, Operation, operations
from .files import read_text
from .nodes import kind, parse_json
from .problems import SpecError
from .schema_changes import Kind as SchemaKind
from .semver import Change
from .yaml_io import read_yaml

KNOWN = "openapi/known-differences.yaml"
WORDS: dict[str, str] = {  # all that is compared; servers, words and what has names in the document alone are not
    Kind.OPERATION_ADDED: "operation: only theirs, {now}",
    Kind.OPERATION_REMOVED: "operation: only ours, {was}",
    Kind.OPERATION_RENAMED: "operation: ours is called {was}, theirs {now}",
    Kind.OPERATION_MOVED: "operation: ours is {was}, theirs {now}",
    Kind.PARAMETER_ADDED: "only theirs, {now}",
    Kind.PARAMETER_REMOVED: "only ours, {was}",
    Kind.PARAMETER_RENAMED: "name: ours {was}, theirs {now}",
    Kind.PARAMETER_RENAMED_IN_CASE: "name: ours {was}, theirs {now}",
    Kind.PARAMETER_FORM: "form: ours {was}, theirs {now}",
    Kind.BODY_ADDED: "request body: only theirs, {now}",
    Kind.BODY_REMOVED: "request body: only ours",
    Kind.MEDIA_TYPE_ADDED: "media type {now}: only theirs",
    Kind.MEDIA_TYPE_REMOVED: "media type {was}: only ours",
    Kind.STATUS_ADDED: "status {now}: only theirs",
    Kind.STATUS_REMOVED: "status {was}: only ours",
    Kind.SCOPE_ADDED: "scope: only theirs, {now}",
    Kind.SCOPE_REMOVED: "scope: only ours, {was}",
    SchemaKind.FIELD_ADDED: "only theirs, {now}",
    SchemaKind.FIELD_REMOVED: "only ours",
    SchemaKind.NOW_REQUIRED: "required: only theirs",
    SchemaKind.NO_LONGER_REQUIRED: "required: only ours",
    SchemaKind.TYPE: "type: ours {was}, theirs {now}",
    SchemaKind.FORMAT: "format: ours {was}, theirs {now}",
    SchemaKind.NOW_NULLABLE: "nullable: only theirs",
    SchemaKind.NO_LONGER_NULLABLE: "nullable: only ours",
    SchemaKind.VALUE_ADDED: "value {now}: only theirs",
    SchemaKind.VALUE_REMOVED: "value {was}: only ours",
    SchemaKind.NOW_LIMITED_TO: "values: only theirs, {now}",
    SchemaKind.NO_LONGER_LIMITED_TO: "values: only ours, {was}",
    SchemaKind.DEFAULT: "default: ours {was}, theirs {now}",
    SchemaKind.LIMIT: "limit: ours {was}, theirs {now}",
    SchemaKind.OTHER_FIELDS_REFUSED: "other fields: refused by theirs",
    SchemaKind.OTHER_FIELDS_ALLOWED: "other fields: refused by ours",
    SchemaKind.NOW_DEPRECATED: "deprecated: only theirs",
    SchemaKind.NO_LONGER_DEPRECATED: "deprecated: only ours",
    SchemaKind.NOT_UNDERSTOOD: "{now}: differs",
}


@frozen
class Comparison:
    """How theirs differs from ours, and how many of their operations were not looked at."""

    differences: list[str]
    elsewhere: int


@frozen
class Known:
    """A difference that is meant, and why; an asterisk stands for any text."""

    difference: str
    reason: str

    def covers(self, difference: str) -> bool:
        """Return whether this is the difference."""
        pattern = ".*".join(map(re.escape, self.difference.split("*")))
        return re.fullmatch(pattern, difference, re.DOTALL) is not None


def compare(ours: Document, theirs: Document) -> Comparison:
    """Return how theirs differs from ours, in all operations that ours has, and in those beside them.

    Beside them is what has a path or a tag of ours: a document of a whole API has hundreds of others. The paths are
    compared with those of the first server put before them.

    Raises:
        SpecError: a document cannot be understood.
    """
    ours, theirs = _rebased(ours), _rebased(theirs)
    all_theirs = list(operations(theirs))
    near = _near(list(operations(ours)), all_theirs)
    found = changes(ours, _only(theirs, near))
    differences = [f"{change.place}: {_words(change)}" for change in found if change.kind in WORDS]
    return Comparison(list(dict.fromkeys(differences)), len(all_theirs) - len(near))


def read_document(path: Path) -> Document:
    """Return an OpenAPI document in JSON or YAML.

    Raises:
        SpecError: it cannot be read, or is no object.
    """
    where = path.name
    text = read_text(path, where)
    content = parse_json(text, where).value if text.lstrip().startswith("{") else read_yaml(text, where)
    if not isinstance(content, dict):
        raise SpecError(where, "", f"an OpenAPI document is an object, not {kind(content)}")
    return Document(content, where)


def read_known(root: Path) -> list[Known]:
    """Return the known differences.

    Raises:
        SpecError: an entry is not of a difference and a reason, or stands there twice.
    """
    document = read_yaml(read_text(root / KNOWN, KNOWN), KNOWN)
    if not isinstance(document, dict) or document.keys() != {"differences"}:
        raise SpecError(KNOWN, "", "an object with differences, and nothing else, is expected")
    known: list[Known] = []
    for index, entry in enumerate(document["differences"] or [] if _is_list(document["differences"]) else [None]):
        complete = isinstance(entry, dict) and entry.keys() == {"difference", "reason"}
        if not complete or not all(isinstance(text, str) and text.strip() for text in entry.values()):
            raise SpecError(
                KNOWN, f"/differences/{index}", "an object with difference and reason, both text, is expected"
            )
        if any(each.difference == entry["difference"] for each in known):
            raise SpecError(KNOWN, f"/differences/{index}", "stands there already")
        known.append(Known(entry["difference"], entry["reason"]))
    return known


def _is_list(value: Any) -> bool:
    return value is None or isinstance(value, list)


def lines(comparison: Comparison, known: Sequence[Known]) -> tuple[list[str], list[str]]:
    """Return what is to be said of a comparison, and of that what is not known."""
    said, unknown = [], []
    for difference in comparison.differences:
        reason = next((each.reason for each in known if each.covers(difference)), None)
        if reason is None:
            unknown.append(f"not known: {difference}")
        else:
            said.append(f"known: {difference}: {reason}")
    # No error: another document, an older one or a part of it, need not differ in all that some other does.
    said += [
        f"note: {KNOWN}: met by nothing: {each.difference}"
        for each in known
        if not any(each.covers(difference) for difference in comparison.differences)
    ]
    count = len(comparison.differences)
    said.append(f"{count} differences, {count - len(unknown)} of them known")
    if comparison.elsewhere:
        said.append(f"{comparison.elsewhere} operations of theirs have neither a path nor a tag of ours: not compared")
    return said, unknown


def _words(change: Change) -> str:
    return WORDS[change.kind].format(was=change.was, now=change.now)


def _rebased(document: Document) -> Document:
    """Return the document with the first server's path put before all paths."""
    servers = document.entries(document.content.get("servers"), "/servers")
    url = str(document.members(servers[0], "/servers/0").get("url", "")) if servers else ""
    try:
        base = urlsplit(url).path.rstrip("/")
    except ValueError:
        raise SpecError(document.where, "/servers/0/url", "no address") from None
    paths = document.members(document.content.get("paths"), "/paths")
    return evolve(
        document, content={**document.content, "paths": {f"{base}{path}": item for path, item in paths.items()}}
    )


def _near(ours: Sequence[Operation], theirs: Sequence[Operation]) -> set[str]:
    """Return the places of their operations that are compared."""
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


def _only(document: Document, places: set[str]) -> Document:
    """Return the document with these operations alone."""
    paths: dict[str, Mapping[str, Any]] = {}
    for path, item in document.members(document.content.get("paths"), "/paths").items():
        members = document.members(item, path)
        paths[path] = {
            key: value for key, value in members.items() if key not in METHODS or f"{key.upper()} {path}" in places
        }
    return evolve(document, content={**document.content, "paths": paths})
