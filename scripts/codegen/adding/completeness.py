"""Find what an operation of the fragment still lacks in the package, its tests and its pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen
from openapi_diff.documents import Operation
from postman_openapi.merging import path_shape

from codegen.adding.places import (
    CASSETTES,
    CHANGELOG,
    CONTRACT,
    FIRST_CALL,
    HANDLERS,
    PAGINATION,
    README,
    REPLAYS,
    ROUTES,
    SCENARIOS,
    Project,
    read_project,
    texts_in,
)
from codegen.facade.builders import OPERATIONS, parse, read_builders
from codegen.facade.callers import CLIENT, CLIENT_CLASS, read_facade

API = "/api"


@frozen
class Lack:
    """Something that an operation lacks."""

    file: str
    what: str
    statuses: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


def snake_case(name: str) -> str:
    """Return a name in Python's form."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def is_list(operation: Operation) -> bool:
    """Check whether an operation answers with one page of a list."""
    return operation.method == "GET" and {"start", "limit"} <= {str(each["name"]) for each in operation.parameters}


def find_lacks(root: Path, operation: Operation) -> list[Lack]:
    """Return everything that an operation lacks; files that do not exist are not checked."""
    project = read_project(root)
    name = operation.name or ""
    builders = [each for each in read_builders(parse(project.texts[OPERATIONS], OPERATIONS)) if each.operation == name]
    facade = read_facade(root)
    methods = [method for each in builders for method in facade.methods(each.name)]
    found = [] if builders else [Lack(OPERATIONS, f"no function builds {name}")]
    if is_list(operation) and not any(facade.uses_builder("pagination", each.name) for each in builders):
        found.append(Lack(PAGINATION, f"no paginator for {name}"))
    if not methods:
        found.append(Lack(CLIENT, f"{CLIENT_CLASS} has no method for {name}"))
    if not any(method in facade.first_calls for method in methods):
        found.append(Lack(FIRST_CALL, f"no row for {name}"))
    found += _sandbox_lacks(project, operation)
    found += _test_lacks(project, operation, methods)
    for file, what in ((README, "the table of methods"), (CHANGELOG, "an entry")):
        known = [method for method in methods if re.search(rf"`{method}[(`]", project.texts.get(file, ""))]
        if file in project.texts and not known:
            found.append(Lack(file, f"{what} does not name a method for {name}"))
    return found


def _sandbox_lacks(project: Project, operation: Operation) -> Iterator[Lack]:
    wanted = operation.method, path_shape(operation.path).removeprefix(API)
    routes = [tuple(texts_in(row))[:2] for row in project.rows(ROUTES)] if ROUTES in project.texts else [wanted]
    if not any((method, path_shape(path)) == wanted for method, path in (_route(each) for each in routes)):
        yield Lack(ROUTES, f"no route for {operation.place}")
    answers = f"Answer {operation.name}"
    if not re.search(rf"{re.escape(answers)}\b", project.texts.get(HANDLERS, answers)):
        yield Lack(HANDLERS, f"no handler says that it answers {operation.name}")


def _route(texts: tuple[str, ...]) -> tuple[str, str]:
    method, path = texts
    return method, re.sub(r"\{[^{}]*\}", "{}", path)


def _test_lacks(project: Project, operation: Operation, methods: list[str]) -> Iterator[Lack]:
    statuses = [str(each) for each in operation.content.get("responses", {}) if str(each).isdecimal()]  # not `default`
    for file, names, what in (
        (SCENARIOS, _names(project, SCENARIOS), "no scenario"),
        (CASSETTES, project.cassettes, "no cassette: run scripts/record_cassettes.py"),
        (REPLAYS, _names(project, REPLAYS), "no case"),
    ):
        missing = () if names is None else tuple(each for each in statuses if not _covers(names, methods, each))
        if missing:
            yield Lack(file, f"{what} for {operation.name}: {', '.join(missing)}", missing)
    if CONTRACT in project.texts and operation.name not in (_names(project, CONTRACT) or ()):
        yield Lack(CONTRACT, f"the request of {operation.name} is not compared with the reference")


def _names(project: Project, file: str) -> set[str] | None:
    """Return the first text of each row of a table; None if there is no such file."""
    return {next(texts_in(row), "") for row in project.rows(file)} if file in project.texts else None


def _covers(names: set[str] | frozenset[str], methods: list[str], status: str) -> bool:
    """Check whether a name such as ``get_group_404`` or ``get_group_404_html`` stands for a method and a status."""
    starts = [f"{method}_{status}" for method in methods]
    return any(name == start or name.startswith(f"{start}_") for name in names for start in starts)
