"""A changed specification leads to the lines to edit: each change in a copy of the project, and what is reported."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from attrs import frozen
from codegen import pipeline
from codegen.configuration import KEYS, OVERRIDE_KEYS
from codegen.facade.check import find_problems
from openapi_python_client.config import ClassOverride, ConfigFile
from postman_items import CREATE, ROOT
from project_copy import copy_project, read_files, replace, run

from confluence_groups_sdk import AccessType
from confluence_groups_sdk.sandbox import operations

POSTMAN = "openapi/postman"
OVERLAY, CONFIG = "openapi/overlay.yaml", "generator-config.yaml"
OPERATIONS = "confluence_groups_sdk/_core/api/operations.py"
MODELS = "confluence_groups_sdk/models.py"
CURRENT_USER = "'/api/user/current'"
GROUPS, GROUP, DELETE = "get-groups.json", "get-group-by-group-id.json", "remove-group-by-id.json"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path)


def rewrite(project: Path, name: str, change: Callable[[Any], object]) -> None:
    """Change an item, or each request in it."""
    file = project / POSTMAN / name
    item = json.loads(file.read_text(encoding="utf-8"))
    change(item)
    file.write_text(json.dumps(item), encoding="utf-8")


def requests(item: Any) -> Iterator[Any]:
    yield item["request"]
    yield from (answer["originalRequest"] for answer in item["response"])


def add_query(item: Any, name: str, description: str) -> None:
    for request in requests(item):
        request["url"].setdefault("query", []).append({"key": name, "value": "<string>", "description": description})
        request["url"]["raw"] += f"{'&' if '?' in request['url']['raw'] else '?'}{name}=<string>"


def rename_query(item: Any, old: str, new: str) -> None:
    for request in requests(item):
        for row in request["url"]["query"]:
            row["key"] = new if row["key"] == old else row["key"]
        request["url"]["raw"] = request["url"]["raw"].replace(f"{old}=", f"{new}=")


def limit_values(item: Any, name: str, values: str) -> None:
    for request in requests(item):
        for row in request["url"]["query"]:
            if row["key"] == name:
                row["description"] = f"Only these groups.{values}"


def require_query(item: Any, name: str) -> None:
    for row in item["request"]["url"]["query"]:
        if row["key"] == name:
            row["description"] = f"(Required) {row['description']}"


def set_status(item: Any, old: int, new: int) -> None:
    for answer in item["response"]:
        answer["code"] = new if answer["code"] == old else answer["code"]


def edit_body(item: Any, change: Callable[[Any], object]) -> None:
    """Change the JSON of the first example."""
    answer = item["response"][0]
    body = json.loads(answer["body"])
    change(body)
    answer["body"] = json.dumps(body)


def edit_request_body(item: Any, change: Callable[[Any], object]) -> None:
    for request in requests(item):
        body = json.loads(request["body"]["raw"])
        change(body)
        request["body"]["raw"] = json.dumps(body)


def remove_current_user(project: Path) -> None:
    """Remove an operation with its overlay actions, but not from the facade."""
    (project / POSTMAN / "get-current-user.json").unlink()
    overlay = project / OVERLAY
    overlay.write_text(overlay.read_text(encoding="utf-8").replace(", '/api/user/current'", ""), encoding="utf-8")


def replace_all(file: Path, *pairs: tuple[str, str]) -> None:
    for old, new in pairs:
        replace(file, old, new)


def drop_enum(project: Path) -> None:
    rewrite(project, GROUPS, lambda item: limit_values(item, "accessType", ""))
    config = project / CONFIG
    text = config.read_text(encoding="utf-8")
    config.write_text(text[: text.index("class_overrides")] + text[text.index("post_hooks") :], encoding="utf-8")


def replace_results(body: Any) -> None:
    body["data"], body["cursor"] = body.pop("results"), "<string>"


@frozen
class Case:
    """A change, the exit code, and the parts of one line of the report."""

    change: Callable[[Path], object]
    parts: tuple[str, ...]
    code: int = 1


def of_item(name: str, change: Callable[[Any], object], *parts: str, code: int = 1) -> Case:
    return Case(lambda project: rewrite(project, name, change), parts, code)


def of_file(name: str, old: str, new: str, *parts: str, code: int = 1) -> Case:
    return Case(lambda project: replace(project / name, old, new), parts, code)


IN_GROUPS_PAGE = (f"{OPERATIONS}:", "operations.groups_page (line ", "AsyncConfluenceGroups.iter_groups (line ")
CASES = {
    "a required query parameter is added": of_item(
        GROUPS,
        lambda item: add_query(item, "siteId", "(Required) The site."),
        "getGroups now requires the query parameter `siteId`: edit ",
        *IN_GROUPS_PAGE,
    ),
    "an optional parameter is now required": of_item(
        GROUPS,
        lambda item: require_query(item, "accessType"),
        "getGroups now requires the query parameter `accessType`, which is not always sent",
        *IN_GROUPS_PAGE,
    ),
    "a required body field is added": of_file(
        OVERLAY,
        "required: [name]\n          properties:\n",
        "required: [name, kind]\n          properties:\n            kind:\n              type: string\n",
        "createGroup now requires the field `kind` of GroupName",
        f"{OPERATIONS}:",
        "operations.create_group",
        "AsyncConfluenceGroups.create_group",
    ),
    "an enum is dropped": of_item(
        GROUPS,
        lambda item: limit_values(item, "accessType", ""),
        "error: generator-config.yaml:5: /class_overrides/GetGroupsAccessType: it renames no class to AccessType",
        code=2,
    ),
    "an enum is dropped with its override": Case(
        drop_enum,
        (
            f"{OPERATIONS}:",
            "getGroups: `accessType` has no enum any longer, so there is no generated class AccessType: edit ",
            "operations._parse_access_type",
        ),
    ),
    "the schema of a body is renamed": Case(
        lambda project: replace_all(
            project / OVERLAY,
            ("        GroupName:\n", "        NewGroup:\n"),
            ("schemas/GroupName", "schemas/NewGroup"),
        ),
        (f"{OPERATIONS}:", "createGroup: there is no generated class GroupName", "operations.create_group"),
    ),
    "an enum grows": of_item(
        GROUPS,
        lambda item: limit_values(item, "accessType", " (This can only be one of user,admin,site-admin,guest)"),
        f"{MODELS}:16: the enum of getGroups's `accessType` has `guest`, which AccessType lacks: edit AccessType",
    ),
    "an enum shrinks": of_item(
        GROUPS,
        lambda item: limit_values(item, "accessType", " (This can only be one of user,admin)"),
        f"{MODELS}:16: the enum of getGroups's `accessType` no longer has `site-admin`, which AccessType has",
    ),
    "the key of an override is wrong": of_file(
        CONFIG,
        "GetGroupsAccessType",
        "GetGroupAccessType",
        "error: generator-config.yaml:5: /class_overrides/GetGroupAccessType: it renames no class",
        "GetGroupsAccessType is similar",
        code=2,
    ),
    "a key of the configuration is misspelt": of_file(
        CONFIG, "class_overrides", "class_override", "/class_override: the generator has no such key", code=2
    ),
    "a key of an override is misspelt": of_file(
        CONFIG, "module_name", "modul_name", "/GetGroupsAccessType/modul_name: the generator has no such key", code=2
    ),
    "the class of an enum is renamed": of_file(
        CONFIG,
        "class_name: AccessType",
        "class_name: GroupAccess",
        "the class of `accessType` is generated as ",
        f"{OPERATIONS}:",
        "class_overrides in generator-config.yaml, or operations._parse_access_type",
    ),
    "a tag is renamed": of_file(
        OVERLAY,
        "Group\n          description: Groups of",
        "Groups\n          description: Groups of",
        "has the tag Group, which is not listed",
        code=2,
    ),
    "a tag is renamed everywhere": Case(
        lambda project: replace_all(
            project / OVERLAY, ("- name: Group\n", "- name: Teams\n"), ("        - Group\n", "        - Teams\n")
        ),
        ("getGroups is generated as api.teams.get_groups, not as api.group.get_groups", *IN_GROUPS_PAGE),
    ),
    "an operation is renamed": of_item(
        CREATE,
        lambda item: item.update(name="Create groups"),
        f"{OPERATIONS}:",
        "the fragment has no operation createGroup; was it renamed to createGroups: edit ",
        "operations.create_group (line ",
        "AsyncConfluenceGroups.create_group (line ",
    ),
    "two items have one name": of_item(
        CREATE,
        lambda item: item.update(name="Get groups"),
        f"error: {POSTMAN}/get-groups.json",
        "'Get groups' makes the same operation name as ",
        code=2,
    ),
    "one path of an overlay action matches nothing": of_file(
        OVERLAY,
        "$.paths['/api/user', '/api/user/bulk', '/api/user/current', '/api/user/memberof'][?!@.tags]\n",
        "$.paths['/api/user', '/api/user/bulk', '/api/users/current', '/api/user/memberof'][?!@.tags]\n",
        f"error: {OVERLAY}:75: /actions/5: ",
        "these names in the target match nothing: '/api/users/current'",
        code=2,
    ),
    "an item is removed": Case(
        lambda project: (project / POSTMAN / "get-current-user.json").unlink(),
        (f"error: {OVERLAY}:", "match nothing: '/api/user/current'"),
        2,
    ),
    "an operation is removed": Case(
        remove_current_user,
        (f"{OPERATIONS}:", "the fragment has no operation getCurrentUser", "AsyncConfluenceGroups.current_user"),
    ),
    "a parameter is renamed": of_item(
        GROUP,
        lambda item: rename_query(item, "id", "groupId"),
        "getGroupByGroupId now requires the query parameter `groupId`",
        f"{OPERATIONS}:",
        "operations.get_group",
        "AsyncConfluenceGroups.get_group",
    ),
    "a status of success is changed": of_item(
        DELETE,
        lambda item: set_status(item, 204, 202),
        "removeGroupById succeeds with 202, and the call expects 204",
        f"{OPERATIONS}:",
        "operations.delete_group",
    ),
    "a scope is changed": of_file(
        OVERLAY,
        "update: write:confluence-groups",
        "update: read:confluence-groups",
        'the scopes of createGroup are "read:confluence-groups (classic), or read:group:confluence and ',
        f"{OPERATIONS}:",
    ),
    "a parameter changes its type": of_item(
        GROUPS,
        lambda item: (
            [
                row.update(value="<boolean>")
                for request in requests(item)
                for row in request["url"]["query"]
                if row["key"] == "limit"
            ]
            and [
                request["url"].update(raw=request["url"]["raw"].replace("limit=200", "limit=<boolean>"))
                for request in requests(item)
            ]
        ),
        "the query parameter `limit` of getGroups is sent as int, and must be boolean",
        *IN_GROUPS_PAGE,
    ),
    "an example has one more field": of_item(
        GROUPS,
        lambda item: edit_body(item, lambda body: body.update(colour="<string>")),
        f"example: {POSTMAN}/get-groups.json",
        "getGroups 200: colour is shown as string, and GroupPage does not have it (feature)",
        ": /actions/",
        "/update/schemas/GroupPage",
    ),
    "an example lacks a required field": of_item(
        GROUPS,
        lambda item: edit_body(item, lambda body: body.pop("size")),
        f"example: {POSTMAN}/get-groups.json",
        "getGroups 200: size is not shown, and GroupPage requires it (breaking)",
    ),
    "an example lacks an optional field": of_item(
        GROUP,
        lambda item: edit_body(item, lambda body: body.pop("managedBy")),
        "getGroupByGroupId 200: managedBy is not shown, and Group documents it (breaking)",
    ),
    "a field of an example has another type": of_item(
        GROUPS,
        lambda item: edit_body(item, lambda body: [each.update(id="<integer>") for each in body["results"]]),
        "getGroups 200: results[].id is shown as integer, and documented as string (breaking)",
        "/update/schemas/Group",
    ),
    "the entries of a page move": of_item(
        GROUPS,
        lambda item: edit_body(item, replace_results),
        "getGroups 200: results is not shown, and GroupPage requires it (breaking)",
    ),
    "a request's example has one more field": of_item(
        CREATE,
        lambda item: edit_request_body(item, lambda body: body.update(kind="<string>")),
        "createGroup body: kind is shown as string, and GroupName does not have it (feature)",
    ),
    "the documented page changes": of_file(
        OVERLAY,
        "required: [results, start, limit, size, _links]\n          properties:\n            results:",
        "required: [data, start, limit, size, _links]\n          properties:\n            data:",
        "the documented answer of getGroups cannot be read: confluence_groups_sdk/_core/api/deserialization.py:",
        f"{OPERATIONS}:",
        "the body is not a page of results",
    ),
    "a documented field is renamed": of_file(
        OVERLAY,
        "            usageType:\n",
        "            usage:\n",
        "no documented field of getGroups's answer becomes Group.usage_type",
    ),
    "an operation has no tag": of_file(
        OVERLAY,
        "$.paths['/api/user', '/api/user/bulk', '/api/user/current', '/api/user/memberof'][?!@.tags]\n",
        "$.paths['/api/user', '/api/user/bulk', '/api/user/memberof'].get\n",
        f"error: {OVERLAY}: GET /api/user/current (getCurrentUser) has no tag: add ",
        f"{{target: $.paths[{CURRENT_USER}].get, update: {{tags: [decide: one of Group or Users]}}}}",
        code=2,
    ),
    "an operation has no scope": of_file(
        OVERLAY,
        "$.paths['/api/user', '/api/user/bulk', '/api/user/current', '/api/user/memberof'].get.security",
        "$.paths['/api/user', '/api/user/bulk', '/api/user/memberof'].get.security",
        f"error: {OVERLAY}: GET /api/user/current (getCurrentUser) names no scope",
        code=2,
    ),
    "an answer keeps the schema of its example": Case(
        lambda project: replace_all(
            project / OVERLAY,
            (f"{CURRENT_USER}, '/api/user/memberof']['get', 'post']", "'/api/user/memberof']['get', 'post']"),
            (f"['/api/user', {CURRENT_USER}].get.resp", "['/api/user'].get.resp"),
        ),
        (f"error: {OVERLAY}: GET /api/user/current (getCurrentUser) has a schema without a name", "{$ref: '#/"),
        2,
    ),
    "the overlay excuses a field that is shown": of_file(
        OVERLAY, "Group: [resourceAri]", "Group: [resourceAri, id]", "every example shows id, so remove it here", code=2
    ),
    "a builder is not valid Python": of_file(
        OPERATIONS, "def groups_page(", "def groups_page((", f"error: {OPERATIONS}: line ", code=2
    ),
    "a module of the facade cannot be imported": of_file(
        OPERATIONS, "import httpx\n", "import httpxx as httpx\n", "facade: ", "the facade cannot be imported", "httpxx"
    ),
    "a method has no row for prepare": of_file(
        "confluence_groups_sdk/_core/api/first_call.py",
        '    "get_group": lambda *, group_id: operations.get_group(group_id),\n',
        "",
        "first_call.py: AsyncConfluenceGroups.get_group (confluence_groups_sdk/async_client.py:",
        "has no row: add one to FIRST_CALLS",
    ),
    "a row for prepare has other arguments": of_file(
        "confluence_groups_sdk/_core/api/first_call.py",
        '"get_group": lambda *, group_id: operations.get_group(group_id)',
        '"get_group": lambda *, id: operations.get_group(id)',
        "first_call.py:",
        "prepare('get_group') fails: ",
    ),
}


def test_the_committed_facade_fits_the_fragment() -> None:
    built = pipeline.build(ROOT)
    assert (built.examples, find_problems(ROOT, built.document, pipeline.FRAGMENT, built.tree)) == ([], [])


def test_the_sandbox_knows_the_same_values() -> None:
    assert get_args(AccessType) == operations.ACCESS_TYPES


def test_the_keys_of_the_configuration_are_those_of_the_generator() -> None:
    assert set(KEYS) == set(ConfigFile.model_fields)
    assert set(OVERRIDE_KEYS) == set(ClassOverride.model_fields)


def test_a_run_writes_before_it_names_the_lines_to_edit(project: Path) -> None:
    rewrite(project, DELETE, lambda item: set_status(item, 204, 202))
    result = run(project)
    assert result.returncode == 1
    assert "done" in result.stdout.splitlines()
    facade = [line for line in result.stderr.splitlines() if line.startswith("facade: ")]
    assert len(facade) == 2
    assert facade[1] == "facade: 1 to edit before the package can make its calls again"
    replace(
        project / OPERATIONS,
        'deserialization.nothing, 204, check="get_group"',
        'deserialization.nothing, 202, check="get_group"',
    )
    assert "facade" not in run(project).stderr


@pytest.mark.parametrize("name", CASES)
def test_a_change_leads_to_the_line_to_edit(project: Path, name: str) -> None:
    case = CASES[name]
    case.change(project)
    before = read_files(project)
    result = run(project, "--check")
    assert "Traceback" not in result.stderr
    assert result.returncode == case.code, result.stderr
    lines = result.stderr.splitlines()
    assert any(all(part in line for part in case.parts) for line in lines), result.stderr
    assert read_files(project) == before
