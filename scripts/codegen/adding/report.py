"""Report what imported operations lack, with the text to paste for each part."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from openapi_diff.documents import Document, Operation, operations
from postman_openapi.merging import path_shape

from codegen.adding.completeness import find_lacks
from codegen.adding.facts import Facts
from codegen.adding.places import Project, read_project
from codegen.adding.stanzas import write_stanzas
from codegen.fragment.gaps import find_gaps

OperationKey = tuple[str, str]


def report_lacks(root: Path, document: Document, imported: Collection[OperationKey]) -> Iterator[str]:
    """Yield the lines of the report.

    Args:
        root: the project's folder.
        document: the items and the overlay together, which may still have gaps.
        imported: the operations to report, by method and path shape.
    """
    project = read_project(root)
    tags = {str(each.get("name")) for each in document.content.get("tags", [])}
    for operation in operations(document):
        if (operation.method, path_shape(operation.path)) in imported:
            yield from _report(root, Facts(operation, document), operation, tags, project)


def _report(root: Path, facts: Facts, operation: Operation, tags: set[str], project: Project) -> Iterator[str]:
    gaps, lacks = list(find_gaps(operation, tags)), find_lacks(root, operation)
    if not gaps and not lacks:
        return
    yield f"left for {facts.name} ({operation.place}): {len(gaps) + len(lacks)}; replace each `decide:`"
    yield from (f"left: {lack}" for lack in lacks)
    for file, text in write_stanzas(facts, gaps, lacks):
        line = project.insertion_line(file)
        yield f"--- {file}, before line {line}" if line else f"--- {file}"
        yield text.strip("\n")
    yield "---"
