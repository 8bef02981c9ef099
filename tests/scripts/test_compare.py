"""Comparison of another document with the fragment: differences, known differences, and the command's output."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import regenerate
from openapi_diff.compare import KNOWN, compare, read_document, read_known, report_lines
from openapi_diff.documents import Document
from openapi_diff.expectations import Expectation
from openapi_documents import BASE, GONE, document
from postman_items import ROOT
from postman_openapi.losses import SpecError
from reference import REFERENCE

FRAGMENT = "openapi/confluence-groups.openapi.yaml"
GET, PUT = "GET /api/shelves/{shelfId}", "PUT /api/shelves/{shelfId}"
PARAMETERS = "p.get.parameters"


def differences(*edits: tuple[str, Any]) -> list[str]:
    return compare(document(), document(*edits)).differences


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (("p.put", GONE), [f"{PUT}: operation: only ours, putShelf"]),
        (("p.get.operationId", "readShelf"), [f"{GET}: operation: ours is called getShelf, theirs readShelf"]),
        (
            (f"{PARAMETERS}.4", {"name": "q", "in": "query", "schema": {"type": "string"}}),
            [f"{GET}: query parameter q: only theirs, optional"],
        ),
        ((f"{PARAMETERS}.3", GONE), [f"{GET}: header parameter X-Trace: only ours, optional"]),
        ((f"{PARAMETERS}.1.required", True), [f"{GET}: query parameter limit: required: only theirs"]),
        ((f"{PARAMETERS}.1.name", "Limit"), [f"{GET}: query parameter Limit: name: ours limit, theirs Limit"]),
        ((f"{PARAMETERS}.1.schema.default", GONE), [f"{GET}: query parameter limit: default: ours 20, theirs none"]),
        ((f"{PARAMETERS}.2.schema.enum", ["up"]), [f"{GET}: query parameter order: value down: only ours"]),
        (("p.get.responses.403", {"description": "No."}), [f"{GET}: status 403: only theirs"]),
        (("p.get.responses.404", GONE), [f"{GET}: status 404: only ours"]),
        (("p.get.security.2", {"login": ["write"]}), [f"{GET}: scope: only theirs, oauth2 write"]),
        (("p.get.security.1", GONE), [f"{GET}: scope: only ours, basic"]),
        (("p.put.requestBody", GONE), [f"{PUT}: request body: only ours"]),
        (
            ("components.schemas.Book.properties.pages", GONE),
            ["requests: Book.pages: only ours", "responses: Book.pages: only ours"],
        ),
        (
            ("components.schemas.Person.properties.name.type", "integer"),
            [
                "requests: Person.name: type: ours string, theirs integer",
                "responses: Person.name: type: ours string, theirs integer",
            ],
        ),
        (("servers", [{"url": "//elsewhere.example/api/"}]), []),
        (("info.title", "Other"), []),
        (("p.get.summary", "Other"), []),
        (("p.get.tags", ["Other"]), []),
        (("components.securitySchemes.login.flows.authorizationCode.tokenUrl", "https://x.example"), []),
    ],
)
def test_difference_names_both_sides(edit: tuple[str, Any], expected: list[str]) -> None:
    assert sorted(differences(edit)) == sorted(expected)


def test_paths_are_compared_with_their_server_prefix() -> None:
    paths = {f"/api{path}": item for path, item in BASE["paths"].items()}
    assert differences(("servers", GONE), ("paths", paths)) == []
    assert differences(("servers", [{"url": "https://one.example/{v}/api"}])) != []


def test_related_operations_are_named_and_others_counted() -> None:
    far = {"operationId": "getRack", "tags": ["Rack"], "responses": {"200": {"description": "Yes."}}}
    paths = {
        **BASE["paths"],
        "/racks": {"get": far},
        "/racks/{id}": {"get": {**far, "operationId": "getRacks"}},
        "/shelves": {"get": {**far, "operationId": "getShelves", "tags": ["Other", "Shelf"]}},
    }
    paths["/shelves/{shelfId}"] = {**paths["/shelves/{shelfId}"], "patch": {**far, "operationId": "patchShelf"}}
    comparison = compare(document(), document(("paths", paths)))
    assert comparison.differences == [
        "PATCH /api/shelves/{shelfId}: operation: only theirs, patchShelf",
        "GET /api/shelves: operation: only theirs, getShelves",
    ]
    assert comparison.elsewhere == 2
    assert compare(document(("paths", paths)), document()).elsewhere == 0


@pytest.mark.parametrize(
    ("pattern", "difference", "covered"),
    [
        ("a: b", "a: b", True),
        ("a: b", "a: bc", False),
        ("*: b", "GET /x[]: b", True),
        ("a: *", "b: c", False),
        ("a.b", "axb", False),
        ("a[]: *, c*", "a[]: b, cd", True),
    ],
)
def test_asterisk_matches_any_text(pattern: str, difference: str, covered: bool) -> None:
    assert Expectation(pattern, "reason").covers(difference) is covered


def test_known_difference_has_a_reason_and_unused_entry_is_named() -> None:
    comparison = compare(document(), document(("p.get.responses.404", GONE), ("p.put", GONE)))
    message, unknown = report_lines(
        comparison, [Expectation("*: status 404: *", "It is so."), Expectation("nothing", "It was so.")]
    )
    assert message == [
        f"known: {GET}: status 404: only ours: It is so.",
        f"note: {KNOWN}: matches nothing: nothing",
        "2 differences, 1 of them known",
    ]
    assert unknown == [f"not known: {PUT}: operation: only ours, putShelf"]


# --- the command, on a document with the facts of the public reference


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the files that the comparison reads."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "openapi").mkdir()
    for name in (FRAGMENT, KNOWN):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Run = Callable[[object], Done]


@pytest.fixture
def run(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that compares a document with the fragment, in this process: an uncaught error is raised."""
    monkeypatch.setattr(regenerate, "ROOT", project)

    def compare_with(content: object) -> Done:
        return Done(regenerate.main(["--compare", str(write_other(project, content))]), *capsys.readouterr())

    return compare_with


def write_other(project: Path, content: object) -> Path:
    other = project / "other.json"
    other.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return other


def test_all_differences_from_the_public_reference_are_known(project: Path) -> None:
    command = [sys.executable, "-B", str(project / "scripts/regenerate.py"), "--compare"]
    command.append(str(write_other(project, REFERENCE)))
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert "matches nothing" not in result.stdout, "each entry must match a fact of the reference"
    assert "query parameter key: only theirs, optional: Confluence no longer reads it" in result.stdout
    assert result.stdout.splitlines()[-1] == (
        "2 of their operations share no path, name or tag with ours: not compared"
    )


@pytest.mark.parametrize(
    ("path", "method", "key", "value", "message"),
    [
        ("/wiki/rest/api/group", "get", "operationId", "listGroups", "ours is called getGroups, theirs listGroups"),
        ("/wiki/rest/api/group/by-id", "delete", "responses", {}, "status 404: only ours"),
        ("/wiki/rest/api/group", "post", "requestBody", {}, "request body: only ours"),
    ],
)
def test_unknown_difference_is_an_error(
    run: Run, path: str, method: str, key: str, value: object, message: str
) -> None:
    other = copy.deepcopy(REFERENCE)
    other["paths"][path][method][key] = value
    result = run(other)
    assert result.returncode == 1
    assert f"not known: {method.upper()} {path}: " in result.stderr
    assert message in result.stderr
    assert KNOWN in result.stderr.splitlines()[-1]


def test_unused_entry_is_a_note(run: Run) -> None:
    other = copy.deepcopy(REFERENCE)
    (access_type,) = (
        each for each in other["paths"]["/wiki/rest/api/group"]["get"]["parameters"] if each["name"] == "accessType"
    )
    del access_type["schema"]["default"]
    result = run(other)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"note: {KNOWN}: matches nothing: GET /wiki/rest/api/group: query parameter accessType" in result.stdout


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("{", "other.json: not valid JSON"),
        ("[]", "an OpenAPI document must be an object, not a list"),
        ({"swagger": "2.0", "paths": {}}, "/openapi: must be an OpenAPI document of version 3"),
        ({"openapi": "3.0.1", "paths": []}, "/paths: an object is expected, not a list"),
        ({"openapi": "3.0.1", "servers": [{"url": "//["}], "paths": {}}, "/servers/0/url: not a URL"),
        ({"openapi": "3.0.1", "paths": {"/x": {"$ref": "#/nowhere"}}}, "'#/nowhere' leads nowhere"),
    ],
)
def test_malformed_document_exits_with_2(run: Run, content: object, part: str) -> None:
    result = run(content)
    assert result.returncode == 2
    assert part in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "differences: x",
        "differences: [x]",
        "differences: [{difference: x}]",
        "differences: [{difference: x, reason: ''}]",
        "differences: [{difference: x, reason: 1}]",
        "differences: [{difference: x, reason: y, more: z}]",
        "differences: [{difference: x, reason: y}, {difference: x, reason: z}]",
        "differences: []\nmore: 1",
    ],
)
def test_known_differences_are_read_strictly(tmp_path: Path, text: str) -> None:
    (tmp_path / "openapi").mkdir()
    (tmp_path / KNOWN).write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=KNOWN):
        read_known(tmp_path)


def test_list_of_known_differences_may_be_empty(tmp_path: Path) -> None:
    (tmp_path / "openapi").mkdir()
    (tmp_path / KNOWN).write_text("differences: []", encoding="utf-8")
    assert read_known(tmp_path) == []


def test_a_document_may_be_yaml(tmp_path: Path) -> None:
    shutil.copy(ROOT / FRAGMENT, tmp_path / "other.yaml")
    other = read_document(tmp_path / "other.yaml")
    assert isinstance(other, Document)
    assert compare(read_document(ROOT / FRAGMENT), other).differences == []
