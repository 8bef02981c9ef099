"""A new operation: what it lacks, and three that are added to a copy of the project with the printed text alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from codegen import pipeline
from codegen.adding import places
from codegen.adding.completeness import find_lacks
from codegen.facade.builders import OPERATIONS as BUILDERS
from codegen.facade.callers import CLIENT
from openapi_diff.documents import operations, parse_document
from postman_items import MEMBERS, ROOT, load_item
from project_copy import copy_project, read_files, run

DOCUMENT = parse_document((ROOT / pipeline.FRAGMENT).read_text(encoding="utf-8"), pipeline.FRAGMENT)
OPERATIONS = {str(each.name): each for each in operations(DOCUMENT)}
STANZA = re.compile(r"^--- ([^\n,]+), before line (\d+)\n(.*?)(?=\n---)", re.DOTALL | re.MULTILINE)
OVERLAY = "openapi/overlay.yaml"


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_operation_lacks_nothing(name: str) -> None:
    assert [str(each) for each in find_lacks(ROOT, OPERATIONS[name])] == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the project with its tests and the pages that name operations."""
    copy_project(tmp_path)
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for file in (places.README, places.CHANGELOG):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def test_a_handler_of_an_operation_with_a_longer_name_is_not_enough(project: Path) -> None:
    longer = OPERATIONS["getGroupMembersByGroupId"]
    shorter = evolve(longer, content={**longer.content, "operationId": "getGroupMembers"})
    assert any(each.file == places.HANDLERS for each in find_lacks(project, shorter))


def test_a_list_without_its_paginator_is_named(project: Path) -> None:
    path = project / places.PAGINATION
    path.write_text(path.read_text(encoding="utf-8").replace("operations.memberships_page", "operations.search_page"))
    lacks = find_lacks(project, OPERATIONS["getGroupMembershipsForUser"])
    assert f"{places.PAGINATION}: no paginator for getGroupMembershipsForUser" in map(str, lacks)


@pytest.mark.parametrize(
    ("file", "old", "new", "what"),
    [
        (BUILDERS, '"removeGroupById"', '"removeGroup"', "no function builds removeGroupById"),
        (CLIENT, "operations.delete_group(", "operations.delete(", "AsyncConfluenceGroups has no method for"),
        (places.FIRST_CALL, '"delete_group":', '"delete":', "no row for removeGroupById"),
        (places.ROUTES, '("DELETE", "/group/by-id", ', '("PUT", "/group", ', "no route for DELETE /api/group/by-id"),
        (places.HANDLERS, "Answer removeGroupById.", "Answer it.", "no handler says that it answers removeGroupById"),
        (places.SCENARIOS, '"delete_group_404":', '"delete_group_410":', "no scenario for removeGroupById: 404"),
        (places.REPLAYS, 'Case("delete_group_404"', 'Case("delete_group_410"', "no case for removeGroupById: 404"),
        (places.CONTRACT, '"removeGroupById",', '"removeGroup",', "the request of removeGroupById is not compared"),
        (places.README, "`delete_group(", "`delete(", "the table of methods does not name a method for"),
        (places.CHANGELOG, "`delete_group`", "`delete`", "an entry does not name a method for removeGroupById"),
    ],
)
def test_what_an_operation_lacks_is_named(project: Path, file: str, old: str, new: str, what: str) -> None:
    path = project / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    lacks = [str(each) for each in find_lacks(project, OPERATIONS["removeGroupById"])]
    assert any(each.startswith(f"{file}: {what}") for each in lacks), lacks


def test_a_missing_cassette_is_named(project: Path) -> None:
    (project / places.CASSETTES / "delete_group_404.yaml").unlink()
    (lack,) = find_lacks(project, OPERATIONS["removeGroupById"])
    assert str(lack) == "tests/cassettes: no cassette: run scripts/record_cassettes.py for removeGroupById: 404"


# --- three operations of the public reference, which the package does not have


def requests(item: Any) -> Iterator[Any]:
    yield item["request"]
    yield from (answer["originalRequest"] for answer in item["response"])


def anonymous_user() -> Any:
    """Return an item for getAnonymousUser."""
    item = load_item("get-current-user.json") | {"name": "Get anonymous user"}
    item["request"]["description"] = "Returns how Confluence shows people who are not logged in."
    for request in requests(item):
        request["url"] = {"raw": "{{baseUrl}}/api/user/anonymous", "host": ["{{baseUrl}}"]}
        request["url"]["path"] = ["api", "user", "anonymous"]
    return item


def content_watcher() -> Any:
    """Return an item for addContentWatcher."""
    item = load_item("remove-group-by-id.json") | {"name": "Add content watcher"}
    item["request"]["description"] = "Makes the caller a watcher of a page."
    row = {"key": "contentId", "value": "<string>", "description": "(Required) Id of the page."}
    for request in requests(item):
        request["method"] = "POST"
        request["url"] = {"raw": "{{baseUrl}}/api/user/watch/content/:contentId", "host": ["{{baseUrl}}"]}
        request["url"] |= {"path": ["api", "user", "watch", "content", ":contentId"], "variable": [row]}
    item["response"] = [answer for answer in item["response"] if answer["code"] != 400]
    return item


def members_by_name() -> Any:
    """Return an item for getGroupMembers, a list."""
    item = load_item(MEMBERS) | {"name": "Get group members"}
    item["request"]["description"] = "Returns the users that are members of a group."
    row = {"key": "groupName", "value": "<string>", "description": "(Required) The name of the group."}
    for request in requests(item):
        query = request["url"]["query"]
        text = "&".join(f"{each['key']}={each['value']}" for each in query)
        request["url"] = {"raw": f"{{{{baseUrl}}}}/api/group/:groupName/member?{text}", "host": ["{{baseUrl}}"]}
        request["url"] |= {"path": ["api", "group", ":groupName", "member"], "query": query, "variable": [row]}
    item["response"] = [answer for answer in item["response"] if answer["code"] != 400]
    return item


READ_USERS = "read:confluence-user"
READ_GROUPS = "read:confluence-groups"
WRITE_CONTENT = "write:confluence-content"
FLOW_SCOPE = "write:group:confluence: Create and delete groups\n"
GRANULAR = r'\n  - target: "[^"]*security"\n    description: "The granular [^\n]*\n.*?decide: the granular scope"\n'
NOT_FOUND = """        if content_id == "0":
            raise RejectedError(payloads.error(404, "No content found"))"""
MEMBERS_FOUND = "self.directory.listed_members(group_name)"
DECISIONS = (  # what a person chooses: file, pattern and text
    (OVERLAY, r'"decide: a text\."', "Who watches what."),
    (OVERLAY, r"(anonymous'\]\.get\.security\[0\].*?update: )\"decide: the classic scope\"", rf"\1{READ_USERS}"),
    (OVERLAY, r"(member'\]\.get\.security\[0\].*?update: )\"decide: the classic scope\"", rf"\1{READ_GROUPS}"),
    (OVERLAY, '"decide: the classic scope"', WRITE_CONTENT),
    (OVERLAY, GRANULAR, ""),
    (OVERLAY, FLOW_SCOPE, rf"\g<0>            {WRITE_CONTENT}: Change content\n"),
    (BUILDERS, '"decide: the method that shows the change"', '"get_user"'),
    (BUILDERS, r'scopes="decide: [^"]*"', f'scopes="{WRITE_CONTENT} (classic)"'),
    (BUILDERS, r'("getGroupMembers", request, read, )"decide: the scopes, as [^"]*"', rf'\1"{READ_GROUPS} (classic)"'),
    (BUILDERS, '"decide: the scopes, as [^"]*"', "READ_USERS"),
    (places.HANDLERS, r"  # decide: who may[^\n]*", ""),
    (places.HANDLERS, r"\[\]  # decide: the entries", MEMBERS_FOUND),
    (places.HANDLERS, r"        del content_id  # decide:[^\n]*", NOT_FOUND),
    (places.HANDLERS, r"{}, 200\)  # decide:[^\n]*", '{"type": "anonymous", "accountId": "a"})'),
    (places.SCENARIOS, r'(watcher_404.*?)"decide: a value"', r'\1"0"'),
    (places.SCENARIOS, '"decide: a value"', '"1"'),
    (places.SCENARIOS, r"\| {UNKNOWN_ACCOUNT, ", r'\g<0>"1", "0", "a", '),
    (places.REPLAYS, r'(watcher_404.*?)"decide: a value"', r'\1"0"'),
    (places.REPLAYS, r'("group_name": "decide: a value"}, )decide: the result', r"\1[]"),
    (places.REPLAYS, '"decide: a value"', '"1"'),
    (places.REPLAYS, "decide: the result", 'sdk.User(account_id="a", type="anonymous")'),
    (places.CONTRACT, '"decide: a value"', '"1"'),
    (places.CONTRACT, r"/group/\{groupName\}", "/group/1"),
    (places.CONTRACT, r"/content/\{contentId\}", "/content/1"),
)


def paste(project: Path, report: str) -> None:
    """Put the printed text where the report says, from the ends of the files on, and make the decisions."""
    stanzas = sorted(STANZA.findall(report), key=lambda each: -int(each[1]))
    assert {file for file, *_ in stanzas} == {OVERLAY, *places.FUNCTIONS, *places.NAMES, *places.LINES}
    for file, line, text in stanzas:
        lines = (project / file).read_text(encoding="utf-8").splitlines()
        gap = [""] * {BUILDERS: 2, places.PAGINATION: 2, CLIENT: 1, places.HANDLERS: 1}.get(file, 0)
        lead = [""] if file == OVERLAY else []
        lines[int(line) - 1 : int(line) - 1] = [*lead, *text.splitlines(), *gap]
        (project / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for file, pattern, text in DECISIONS:
        path = project / file
        changed, times = re.subn(pattern, text, path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert times, (file, pattern)
        path.write_text(changed, encoding="utf-8")
    for file, *_ in stanzas:
        path = project / file
        path.write_text(path.read_text(encoding="utf-8").replace("decide: ", "Say "), encoding="utf-8")


def execute(project: Path, *command: str) -> None:
    variables = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": f"{project}{os.pathsep}{project / 'scripts'}",
    }
    run = subprocess.run(
        [sys.executable, *command], cwd=project, env=variables, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def problems(project: Path) -> list[str]:
    """Return the problems of a run, without that of the version."""
    result = run(project)
    assert "Traceback" not in result.stderr
    return result.stderr.splitlines()


def test_an_operation_without_an_example_is_told_that_it_needs_a_status_of_success(project: Path) -> None:
    item = anonymous_user() | {"response": []}
    export = project / "export.json"
    folder = {"name": "Users", "item": [item]}
    export.write_text(json.dumps({"info": {"name": "All"}, "item": [folder]}), encoding="utf-8")
    imported = run(project, "--import", str(export))
    assert (imported.returncode, imported.stderr) == (0, "")
    assert "default" not in "".join(line for line in imported.stdout.splitlines() if line.startswith("left"))
    (stanza,) = [text for file, _, text in STANZA.findall(imported.stdout) if file == OVERLAY]
    decided = stanza.replace("decide: the status", "204").replace("decide: a text", "No answer")
    decided = decided.replace("decide: the classic scope", READ_USERS).replace(
        "decide: the granular scope", "read:user"
    )
    with (project / OVERLAY).open("a", encoding="utf-8") as file:
        file.write(f"\n{decided}\n")
    assert [line for line in problems(project) if line.startswith("error: ")] == []
    again = run(project, "--import", str(export)).stdout
    assert f"left: {places.SCENARIOS}: no scenario for getAnonymousUser: 204" in again.splitlines()


def test_three_operations_are_added_with_the_printed_text_and_removed(project: Path) -> None:
    before = read_files(project)
    folders = [
        {"name": "Users", "item": [anonymous_user()]},
        {"name": "Content watches", "item": [content_watcher()]},
        {"name": "Group", "item": [members_by_name()]},
    ]
    export = project / "export.json"
    export.write_text(json.dumps({"info": {"name": "All"}, "item": folders}), encoding="utf-8")
    imported = run(project, "--import", str(export))
    assert imported.returncode == 0, imported.stderr
    assert any("(getAnonymousUser) names no scope" in line for line in problems(project))
    paste(project, imported.stdout)
    assert problems(project) == []
    execute(project, "scripts/record_cassettes.py")
    again = run(project, "--import", str(export))
    assert "left" not in again.stdout, again.stdout
    execute(project, "-m", "ruff", "check", "--ignore", "E501", "confluence_groups_sdk", "scripts/recording")
    tests = (
        places.REPLAYS,
        places.CONTRACT,
        "-k",
        "watcher or Watcher or anonymous or Anonymous or iter_group_members or every",
    )
    execute(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)

    export.unlink()
    names = ("get-anonymous-user.json", "add-content-watcher.json", "get-group-members.json")
    for name in names:
        (project / "openapi/postman" / name).unlink()
    removed = problems(project)
    assert [line for line in removed if "match nothing" in line or "matches nothing" in line]
    (project / OVERLAY).write_bytes(before[OVERLAY])
    facade = [line for line in problems(project) if line.startswith("facade: ")]
    for name in ("getAnonymousUser", "addContentWatcher", "getGroupMembers"):
        assert any(f"the fragment has no operation {name}" in line for line in facade)
    for file in (BUILDERS, CLIENT, places.PAGINATION, places.FIRST_CALL):
        (project / file).write_bytes(before[file])
    assert problems(project) == []
    after = read_files(project)
    generated = [name for name in before if name.startswith((pipeline.PACKAGE, "openapi/"))]
    assert {name: after.get(name) for name in generated} == {name: before[name] for name in generated}
