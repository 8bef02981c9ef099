"""An OpenAPI document that states the facts of Atlassian's about our operations and a few others, in other words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

JSON = "application/json"
TEXT = {"type": "string"}
OPTIONAL_TEXT = {"type": "string", "nullable": True}
COUNT = {"type": "integer", "format": "int32"}
TOTAL = {"type": "integer", "format": "int64", "default": 0}
FLAG = {"type": "boolean"}


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def query(name: str, schema: Mapping[str, Any] = TEXT, *, required: bool = False, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": "…", "required": required, "schema": schema, **more}


START = query("start", {**COUNT, "default": 0, "minimum": 0})
LIMIT = query("limit", {**COUNT, "default": 200, "minimum": 0})
WITH_TOTAL = query("shouldReturnTotalSize", {"type": "boolean", "default": False})
ACCESS = query("accessType", {"type": "string", "default": None, "enum": ["user", "admin", "site-admin"]})
EXPANDED = {"type": "string", "enum": ["operations", "personalSpace", "isExternalCollaborator"]}
EXPAND = query("expand", {"type": "array", "items": EXPANDED}, style="form", explode=False)
GROUP_ID = query("groupId", required=True)
ACCOUNT_ID = query("accountId", required=True)
ID = query("id", required=True)
DEAD = [query(name, deprecated=True) for name in ("key", "username")]


def operation(  # operations differ in nothing else
    name: str,
    scope: str,
    statuses: str,
    *parameters: Mapping[str, Any],
    tag: str = "Group",
    body: str | None = None,
    response_schema: str | None = None,
) -> dict[str, Any]:
    responses: dict[str, Any] = {status: {"description": "…", "content": {}} for status in statuses.split()}
    if response_schema:
        responses[statuses.split(maxsplit=1)[0]]["content"] = {JSON: {"schema": ref(response_schema)}}
    content: dict[str, Any] = {
        "operationId": name,
        "summary": "…",
        "tags": [tag],
        "parameters": list(parameters),
        "responses": responses,
        "security": [{"basicAuth": []}, {"oAuthDefinitions": [scope]}],
        "x-atlassian-data-security-policy": [{"app-access-rule-exempt": True}],
    }
    return content | ({"requestBody": {"required": True, "content": {JSON: {"schema": ref(body)}}}} if body else {})


READ, WRITE, USERS = "read:confluence-groups", "write:confluence-groups", "read:confluence-user"
IN_PATH = {"name": "groupId", "in": "path", "required": True, "schema": TEXT}
PATHS = {
    "/wiki/rest/api/group": {
        "get": operation("getGroups", READ, "200 403", START, LIMIT, ACCESS, response_schema="GroupArrayWithLinks"),
        "post": operation("createGroup", WRITE, "201 400 401 403", body="GroupName", response_schema="Group"),
    },
    "/wiki/rest/api/group/by-id": {
        "get": operation("getGroupByGroupId", READ, "200 403 404", ID, response_schema="Group"),
        "delete": operation("removeGroupById", WRITE, "204 400 401 403 404", ID),
    },
    "/wiki/rest/api/group/picker": {
        "get": operation(
            "searchGroups", READ, "200 403", query("query", required=True), START, LIMIT, WITH_TOTAL,
            response_schema="GroupArrayWithLinks",
        ),
    },
    "/wiki/rest/api/group/{groupId}/membersByGroupId": {
        "get": operation(
            "getGroupMembersByGroupId", READ, "200 400 403", IN_PATH, START, LIMIT, WITH_TOTAL, EXPAND,
            response_schema="UserArray",
        ),
    },
    "/wiki/rest/api/group/userByGroupId": {
        "post": operation("addUserToGroupByGroupId", WRITE, "201 400 401 403 404", GROUP_ID, body="AccountId"),
        "delete": operation(
            "removeMemberFromGroupByGroupId", WRITE, "204 400 401 403 404", GROUP_ID, *DEAD, ACCOUNT_ID
        ),
    },
    "/wiki/rest/api/user": {
        "get": operation("getUser", USERS, "200 401 403 404", ACCOUNT_ID, EXPAND, tag="Users", response_schema="User"),
    },
    "/wiki/rest/api/user/current": {
        "get": operation("getCurrentUser", USERS, "200 403", EXPAND, tag="Users", response_schema="User"),
    },
    "/wiki/rest/api/user/memberof": {
        "get": operation(
            "getGroupMembershipsForUser", USERS, "200 403", ACCOUNT_ID, START, LIMIT, tag="Users",
            response_schema="GroupArrayWithLinks",
        ),
    },
    "/wiki/rest/api/user/bulk": {
        "get": operation(
            "getBulkUserLookup", USERS, "200 403", ACCOUNT_ID, EXPAND, tag="Users",
            response_schema="BulkUserLookupArray",
        ),
    },
    "/wiki/rest/api/content": {"get": operation("getContent", USERS, "200", tag="Content")},
    "/wiki/rest/api/content/{id}": {"put": operation("updateContent", USERS, "200", tag="Content")},
}  # fmt: skip


def page(of: str, *required: str) -> dict[str, Any]:
    fields = {"start": COUNT, "limit": COUNT, "size": COUNT, "totalSize": TOTAL, "_links": ref("GenericLinks")}
    return record(*required, results={"type": "array", "items": ref(of)}, **fields)


def record(*required: str, **fields: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": fields}


def one_of(*values: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "enum": list(values), **more}


CHECKED = [
    "administer",
    "archive",
    "clear_permissions",
    "copy",
    "create",
    "create_space",
    "delete",
    "export",
    "move",
    "purge",
    "purge_version",
    "read",
    "restore",
    "restrict_content",
    "update",
    "use",
]
SCHEMAS = {
    "GenericLinks": {
        "type": "object",
        "additionalProperties": {"oneOf": [{"type": "object", "additionalProperties": True}, TEXT]},
    },
    "GenericAccountId": OPTIONAL_TEXT,
    "GroupName": record("name", name=TEXT),
    "AccountId": record("accountId", accountId=TEXT),
    "Group": record(
        "type",
        "name",
        "id",
        type=one_of("group", default="group"),
        name=TEXT,
        id=TEXT,
        usageType=one_of("USERBASE_GROUP", "TEAM_COLLABORATION", default="USERBASE_GROUP"),
        managedBy=one_of("ADMINS", "EXTERNAL", "TEAM_MEMBERS", "OPEN", default="ADMINS"),
        _links=ref("GenericLinks"),
    ),
    "GroupArrayWithLinks": page("Group", "results", "start", "limit", "size", "_links"),
    "UserArray": page("User", "results"),
    "BulkUserLookupArray": record(
        "results", "start", "limit", "size", "_links",
        results={"type": "array", "items": ref("User")},
        start=COUNT, limit=COUNT, size=COUNT, _links=ref("GenericLinks"),
    ),
    "Icon": record(
        "path", "width", "height", "isDefault",
        path=TEXT, width={"type": "integer"}, height={"type": "integer"}, isDefault=FLAG,
    ),
    "OperationCheckResult": record("operation", "targetType", operation=one_of(*CHECKED), targetType=TEXT),
    "UserDetails": record(business={"type": "object"}, personal={"type": "object"}),
    "Space": record("key", key=TEXT, homepage=ref("Space")),
    "User": {
        **record(
            "type",
            type=one_of("known", "unknown", "anonymous", "user"),
            username=OPTIONAL_TEXT,
            userKey=OPTIONAL_TEXT,
            accountId=ref("GenericAccountId"),
            accountType=one_of("atlassian", "app", ""),
            email=OPTIONAL_TEXT,
            publicName=TEXT,
            profilePicture={"nullable": True, "allOf": [ref("Icon")]},
            displayName=OPTIONAL_TEXT,
            timeZone=OPTIONAL_TEXT,
            externalCollaborator={**FLAG, "deprecated": True},
            isExternalCollaborator={**FLAG, "deprecated": True},
            isGuest=FLAG,
            operations={"type": "array", "nullable": True, "items": ref("OperationCheckResult")},
            details=ref("UserDetails"),
            personalSpace=ref("Space"),
            _expandable=record(operations=TEXT, details=TEXT, personalSpace=TEXT),
            _links=ref("GenericLinks"),
        ),
        "nullable": True,
        "additionalProperties": True,
    },
}  # fmt: skip
FLOW = {
    "authorizationUrl": "https://auth.example/authorize",
    "tokenUrl": "https://auth.example/token",
    "scopes": dict.fromkeys((READ, WRITE, USERS), "…"),
}
REFERENCE: dict[str, Any] = {
    "openapi": "3.0.1",
    "info": {"title": "…", "version": "1.0.0"},
    "servers": [{"url": "//your-domain.atlassian.net"}],
    "paths": PATHS,
    "components": {
        "schemas": SCHEMAS,
        "securitySchemes": {
            "basicAuth": {"type": "http", "scheme": "basic"},
            "oAuthDefinitions": {"type": "oauth2", "flows": {"authorizationCode": FLOW}},
        },
    },
}
