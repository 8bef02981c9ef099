"""Turn the path of a URL, in every way that people write variables into it, into an OpenAPI path template."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from urllib.parse import quote

from attrs import frozen

from ..json_nodes import Node
from ..losses import Kind, Loss
from ..schema_inference import placeholder_schema

SLASH_OR_TEXT = re.compile(r"\{\{[^{}]*\}\}|<[^<>]*>|/|[^/{<]+|.", re.DOTALL)
QUERY_OR_TEXT = re.compile(r"(\?)|(#)|\{\{[^{}]*\}\}|[^?#{]+|.", re.DOTALL)
ENCODED_MARKS = re.compile(r"%3[Cc]([^%<>/]+)%3[Ee]|%7[Bb](?:%7[Bb])?([^%{}/]+)%7[Dd](?:%7[Dd])?")
BRACED_VARIABLE = re.compile(r"\{\{([^{}]+)\}\}|\$?\{([^{}/]+)\}")
NAME = r"\w+(?:-\w+)*"
SEGMENT_PART = re.compile(rf"{BRACED_VARIABLE.pattern}|<([^<>]+)>|(?<![\w:}}>]):({NAME})|:({NAME})")
WORD_SEGMENT = re.compile(r":(\w[^/{}]*)")
SAFE_CHARACTERS = "~!$&'()*+,;=:@%-._"  # allowed in a path segment (RFC 3986 section 3.3); % because it may be escaped
NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")  # openapi-python-client takes no other character for part of a name


@frozen
class PathVariable:
    """A variable of a path."""

    name: str  # as Postman writes it
    template_name: str  # as the template writes it
    placeholder: str = ""  # the text in the path if it names a type: <integer>


def split_path(text: str) -> list[str]:
    """Return the segments of a path; a slash in a ``{{variable}}`` or ``<placeholder>`` separates none."""
    segments: list[list[str]] = [[]]
    for part in SLASH_OR_TEXT.finditer(text):
        if part[0] == "/":
            segments.append([])
        else:
            segments[-1].append(part[0])
    return ["".join(parts) for parts in segments]


def split_off_query(text: str) -> tuple[str, str, str]:
    """Return the text before a query, the query and the fragment; a ``{{variable}}`` contains none of them."""
    for part in QUERY_OR_TEXT.finditer(text):
        if part[1]:
            query, _, fragment = text[part.end() :].partition("#")
            return text[: part.start()], query, fragment
        if part[2]:
            return text[: part.start()], "", text[part.end() :]
    return text, "", ""


def build_path(
    segments: tuple[str, ...], described: Container[str], node: Node, losses: list[Loss]
) -> tuple[list[PathVariable], str]:
    """Return the variables of a path, and the path as OpenAPI writes it.

    Args:
        segments: the parts between the slashes.
        described: the names that the URL's own rows describe.
        node: the position of the URL.
        losses: receives a loss for each name that is changed.

    Raises:
        SpecError: the path has a part ``.`` or ``..``.
    """
    found: list[PathVariable] = []
    written = []
    for segment in segments:
        if segment in (".", ".."):
            node.fail(f"the path has a part {segment!r}, which would leave the server's base URL")
        written.append("".join(_write_segment(segment, described, found, node, losses)))
    return found, "/" + "/".join(written)


def template_name(name: str) -> str:
    """Return a name that a template can contain, in every tool that reads it."""
    words = NOT_IN_NAMES.sub("_", NOT_IN_NAMES.sub(" ", name).strip()) or "parameter"
    return f"_{words}" if words[0].isdigit() else words


def _write_segment(
    segment: str, described: Container[str], found: list[PathVariable], node: Node, losses: list[Loss]
) -> Iterator[str]:
    """Yield the parts of a segment as a template writes them; add its variables to those found."""
    end = 0
    for start, stop, name, placeholder in _segment_variables(segment, described):
        yield quote(segment[end:start], safe=SAFE_CHARACTERS)
        variable = _name_variable(name, placeholder, found, node, losses)
        found.append(variable)
        yield f"{{{variable.template_name}}}"
        end = stop
    yield quote(segment[end:], safe=SAFE_CHARACTERS)


def _segment_variables(segment: str, described: Container[str]) -> Iterator[tuple[int, int, str, str]]:
    """Yield start, end, name and placeholder of each variable in a segment.

    ``:name`` is one at the start of the segment, after punctuation, and wherever a row describes it. Elsewhere a colon
    is a character of the path: ``/messages:send``.
    """
    whole = WORD_SEGMENT.fullmatch(segment)
    if whole and whole[1] in described:
        yield 0, len(segment), whole[1], ""
        return
    for part in SEGMENT_PART.finditer(segment):
        name = next(group for group in part.groups() if group is not None)
        if part[5] and part[5] not in described:
            continue
        if name.strip():
            placeholder = part[0] if part[3] and placeholder_schema(part[0]) else ""
            yield part.start(), part.end(), name, placeholder


def _name_variable(
    name: str, placeholder: str, found: list[PathVariable], node: Node, losses: list[Loss]
) -> PathVariable:
    """Return a variable with a name that the template has not used."""
    taken = {each.template_name for each in found}
    plain = unique = template_name(name)
    number = 2
    while unique in taken:
        unique, number = f"{plain}_{number}", number + 1
    if unique != plain:
        why = f"the path has a variable twice; this one becomes {unique!r}"
        losses.append(node.loss(f"the name {name!r} of a path variable", why, understood=False, kind=Kind.PATH))
    elif unique not in (name, name.strip()):
        why = f"it becomes {unique!r}, because a template cannot contain it"
        losses.append(node.loss(f"the name {name!r} of a path variable", why, understood=False, kind=Kind.PATH))
    return PathVariable(name, unique, placeholder)


def decode_marks(text: str) -> str:
    """Return a path in which percent-encoded brackets and braces around a name are written as themselves."""
    return ENCODED_MARKS.sub(lambda found: f"<{found[1]}>" if found[1] else f"{{{found[2]}}}", text)
