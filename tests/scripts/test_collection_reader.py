"""Reading of items, folders and collections: contents, inheritance, and files that are not collections."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from postman_items import (
    CREATE,
    MEMBERS,
    collection,
    delete_from_item,
    edit_item,
    find_losses,
    item_with_url,
    load_item,
    make_item,
    read,
)
from postman_openapi.json_nodes import Node
from postman_openapi.losses import SpecError
from postman_openapi.model import Auth, Parameter, Tag
from postman_openapi.openapi_writer import build_document

V20 = "https://schema.getpostman.com/json/collection/v2.0.0/collection.json"
V21 = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
HOST = "{{baseUrl}}/things"


def make_collection(*items: Any, schema: str = V21, **more: Any) -> Any:
    return {"info": {"name": "All", "schema": schema}, "item": list(items), **more}


def folder(name: str, *items: Any, **more: Any) -> Any:
    return {"name": name, "item": list(items), **more}


# --- one item


def test_exported_item_is_read_completely() -> None:
    request = read(load_item())
    assert request.name == "Remove member from group using group id"
    assert (request.method, request.path, request.server) == ("DELETE", "/api/group/userByGroupId", None)
    described = {
        "groupId": "Id of the group whose membership is updated.",
        "accountId": "AccountId of the user whose membership is removed.",
    }
    assert request.parameters == tuple(
        Parameter("query", name, text, required=True, schema={"type": "string"}, pointer=f"/request/url/query/{index}")
        for index, (name, text) in enumerate(described.items())
    )
    assert request.bodies == ()
    assert request.auth == (Auth("oauth2", {"type": "oauth2", "flows": {}}),)
    assert request.description.startswith("Remove user as a member from a group.\n\n**[Permissions]")
    assert [response.status for response in request.responses] == ["204", "400", "401", "403", "404"]
    assert request.responses[3].description == (
        "Returned if the user is not a site admin.\nNote: A 204 is returned if the user is not part of the\ngroup."
    )
    assert [response.bodies for response in request.responses] == [()] * 5
    assert find_losses(load_item()) == []


def test_item_with_path_variable_defaults_and_enum_is_read() -> None:
    request = read(load_item(MEMBERS))
    assert request.path == "/api/group/{groupId}/membersByGroupId"
    assert [(each.place, each.name, each.schema["type"], each.required) for each in request.parameters] == [
        ("path", "groupId", "string", True),
        ("query", "start", "integer", False),
        ("query", "limit", "integer", False),
        ("query", "shouldReturnTotalSize", "boolean", False),
        ("query", "expand", "array", False),
    ]
    assert request.parameters[0].pointer == "/request/url/variable/0"
    expand = request.parameters[-1]
    assert expand.schema["items"]["enum"] == ["operations", "isExternalCollaborator"]
    assert expand.description == "Properties of the user to expand. `operations`: what the user may do."
    assert find_losses(load_item(MEMBERS)) == []


def test_item_with_bodies_is_read() -> None:
    request = read(load_item(CREATE))
    (body,) = request.bodies
    assert (body.media_type, body.schema["properties"]) == ("application/json", {"name": {"type": "string"}})
    made, *errors = request.responses
    assert made.bodies[0].schema["properties"]["usageType"] == {"type": "string", "example": "USERBASE_GROUP"}
    assert [answer.bodies for answer in errors] == [()] * 3
    assert find_losses(load_item(CREATE)) == []


def test_optional_members_may_be_absent() -> None:
    for pointer in ("/response", "/request/auth", "/request/header", "/request/url/raw", "/response/0/originalRequest"):
        read(delete_from_item(pointer))
    assert read(delete_from_item("/response")).responses == ()
    assert read(delete_from_item("/request/auth")).auth is None
    assert read(delete_from_item("/response/0/header", of=CREATE)).responses[0].bodies
    assert read(delete_from_item("/request/body/options", of=CREATE)).bodies
    assert read(delete_from_item("/request/url/raw", of=MEMBERS)).path == "/api/group/{groupId}/membersByGroupId"
    for pointer in ("/response/0/body", "/response/0/header"):
        assert read(delete_from_item(pointer)).responses[0].bodies == ()
    assert read(delete_from_item("/request/description")).description == ""


def test_request_given_as_a_url_is_a_get() -> None:
    (request,) = collection(make_item("https://api.example.com/things?limit=<integer>")).requests
    assert (request.method, request.path) == ("GET", "/things")
    assert [(each.name, each.schema["type"]) for each in request.parameters] == [("limit", "integer")]


@pytest.mark.parametrize("description", ["Text", {"content": "Text", "type": "text/plain"}])
def test_description_is_a_text_or_an_object_with_content(description: Any) -> None:
    (request,) = collection(item_with_url(HOST, description=description)).requests
    assert request.description == "Text"


@pytest.mark.parametrize("description", [{}, None, "", {"type": "text/plain"}])
def test_missing_description_is_an_empty_text(description: Any) -> None:
    assert collection(item_with_url(HOST, description=description)).requests[0].description == ""


def test_item_description_is_used_if_the_request_has_none() -> None:
    item = {**item_with_url(HOST), "description": "Of the item"}
    assert collection(item).requests[0].description == "Of the item"
    item["request"]["description"] = "Of the request"
    assert collection(item).requests[0].description == "Of the request"
    assert [(loss.pointer, loss.what) for loss in find_losses(item)] == [
        ("/description", "the description of the item")
    ]
    item["request"]["description"] = {}
    assert collection(item).requests[0].description == "Of the item"


def test_postman_metadata_is_ignored() -> None:
    item = {**load_item(), "id": "1", "_postman_id": "2", "uid": "3", "event": []}
    item["protocolProfileBehavior"] = {"disableBodyPruning": True}
    assert find_losses(item) == []
    assert read(item) == read(load_item())


def test_scripts_are_a_loss() -> None:
    (loss,) = find_losses({**load_item(), "event": [{"listen": "test", "script": {"exec": ["pm.test()"]}}]})
    assert (loss.pointer, loss.what, loss.understood) == ("/event", "scripts", True)


def test_method_unknown_to_openapi_loses_only_its_operation() -> None:
    odd = make_item({"method": "PURGE", "url": HOST})
    document = make_collection(item_with_url(HOST), odd)
    assert [request.method for request in collection(document).requests] == ["GET"]
    (loss,) = find_losses(document)
    assert (loss.pointer, loss.what) == ("/item/1/request/method", "an operation")


def test_accepted_media_type_without_an_example_is_a_loss() -> None:
    item = item_with_url(HOST, header=[{"key": "Accept", "value": "text/csv"}])
    (loss,) = find_losses(item)
    assert loss.what == "the media type text/csv"
    answer = {"name": "Fine", "code": 200, "header": [{"key": "Content-Type", "value": "text/csv"}], "body": "a,b"}
    assert find_losses({**item, "response": [answer]}) == []


# --- folders and collections


def test_folders_become_tags_and_name_the_item_in_messages() -> None:
    inner = folder("Loans", item_with_url("{{host}}/loans"), description="What is lent")
    document = make_collection(
        folder("Things", item_with_url(HOST), inner, description={"content": "All things"}), item_with_url(HOST)
    )
    found = collection(document)
    assert [request.tags for request in found.requests] == [("Things",), ("Things", "Loans"), ()]
    assert [request.where for request in found.requests] == [
        "item.json ('Things / An item')",
        "item.json ('Things / Loans / An item')",
        "item.json ('An item')",
    ]
    assert [request.pointer for request in found.requests] == ["/item/0/item/0", "/item/0/item/1/item/0", "/item/1"]
    assert found.tags == (Tag("Things", "All things"), Tag("Loans", "What is lent"))


def test_single_folder_is_a_tag() -> None:
    found = collection(folder("Things", item_with_url(HOST)))
    assert (found.title, found.requests[0].tags) == ("Things", ("Things",))


def test_folders_with_the_same_name_share_a_tag() -> None:
    one, two = folder("A", item_with_url(HOST), description="One"), folder("A", item_with_url(HOST), description="Two")
    assert collection(make_collection(one, two)).tags == (Tag("A", "One"),)
    (loss,) = find_losses(make_collection(one, two))
    assert (loss.pointer, loss.what) == ("/item/1/description", "the description of a folder")
    assert collection(make_collection(folder("A", item_with_url(HOST)), two)).tags == (Tag("A", "Two"),)
    assert collection(make_collection(folder("A", folder("A", item_with_url(HOST))))).requests[0].tags == ("A",)


def test_a_collection_has_a_title_and_a_description() -> None:
    document = make_collection(item_with_url(HOST))
    document["info"] |= {"description": {"content": "Lends things", "type": "text/plain"}, "_postman_id": "1"}
    found = collection(document)
    assert (found.title, found.description) == ("All", "Lends things")
    assert find_losses(document) == []


def test_wrapped_collection_is_read() -> None:
    assert collection({"collection": make_collection(item_with_url(HOST))}).requests[0].pointer == "/collection/item/0"
    assert collection({"item": item_with_url(HOST)}).requests[0].pointer == "/item"


def test_items_inherit_authentication_and_variables_of_their_folder() -> None:
    basic, bearer = {"type": "basic", "basic": []}, {"type": "bearer", "bearer": [{"key": "token", "value": "secret"}]}
    document = make_collection(
        item_with_url(HOST),
        folder(
            "A",
            item_with_url(HOST),
            item_with_url(HOST, auth={"type": "noauth"}),
            item_with_url(HOST, auth=None),
            auth=bearer,
        ),
        folder("B", item_with_url(HOST), variable=[{"key": "baseUrl", "value": "https://b.example.com"}]),
        auth=basic,
        variable=[{"key": "baseUrl", "value": "https://a.example.com/v1/"}],
    )
    found = collection(document).requests
    kinds = [[each.scheme["scheme"] for each in request.auth or ()] for request in found]
    assert kinds == [["basic"], ["bearer"], [], ["bearer"], ["basic"]]
    assert found[2].auth == ()
    servers = [request.server.url if request.server else None for request in found]
    assert servers == ["https://a.example.com/v1"] * 4 + ["https://b.example.com"]
    assert "secret" not in repr(collection(document))


def test_unknown_authentication_does_not_inherit_the_outer_one() -> None:
    document = make_collection(item_with_url(HOST, auth={"type": "awsv4", "awsv4": []}), auth={"type": "basic"})
    assert collection(document).requests[0].auth is None
    (loss,) = find_losses(document)
    assert (loss.pointer, "awsv4" in loss.why) == ("/item/0/request/auth/type", True)


def test_undefined_variable_is_reported_once() -> None:
    document = make_collection(item_with_url(HOST), item_with_url(HOST), item_with_url("{{other}}/x"))
    losses = [(loss.what, loss.pointer) for loss in collection(document).losses]
    assert losses == [("{{baseUrl}}", "/item/0/request/url"), ("{{other}}", "/item/2/request/url")]


@pytest.mark.parametrize(
    ("entry", "pointer"),
    [
        (5, "/item/1"),
        ({"name": "x"}, "/item/1"),
        ({"name": "x", "item": 5}, "/item/1/item"),
        ({"name": 5, "item": []}, "/item/1/name"),
        ({"name": "x", "request": 5}, "/item/1/request"),
        ({"name": 5, "request": {"url": HOST, "method": "GET"}}, "/item/1/name"),
    ],
)
def test_entry_that_is_neither_item_nor_folder_is_the_only_loss(entry: Any, pointer: str) -> None:
    document = make_collection(item_with_url(HOST), entry, item_with_url(HOST))
    assert len(collection(document).requests) == 2
    assert [(loss.pointer, loss.understood) for loss in find_losses(document)] == [(pointer, False)]


# --- versions


def test_versions_2_0_and_2_1_give_the_same_document() -> None:
    new = make_collection(
        make_item(
            {
                "method": "POST",
                "url": {"raw": HOST, "host": ["{{baseUrl}}"], "path": ["things"]},
                "header": [{"key": "X-Trace", "value": "<uuid>"}, {"key": "Content-Type", "value": "application/json"}],
                "body": {"mode": "raw", "raw": '{"a": 1}'},
                "auth": {"type": "apikey", "apikey": [{"key": "key", "value": "k"}, {"key": "in", "value": "query"}]},
            }
        ),
        variable=[{"key": "baseUrl", "value": "https://api.example.com"}],
    )
    old = make_collection(
        make_item(
            {
                "method": "POST",
                "url": HOST,
                "header": "X-Trace: <uuid>\nContent-Type: application/json\n",
                "body": {"mode": "raw", "raw": '{"a": 1}'},
                "auth": {"type": "apikey", "apikey": {"key": "k", "in": "query"}},
            }
        ),
        schema=V20,
        variables=[{"id": "baseUrl", "value": "https://api.example.com"}],
    )
    documents = [build_document(collection(each))[0] for each in (new, old)]
    assert documents[0] == documents[1]
    assert documents[0]["paths"]["/things"]["post"]["parameters"][0]["name"] == "X-Trace"
    assert find_losses(new) == find_losses(old) == []


@pytest.mark.parametrize(
    ("document", "part"),
    [
        (
            make_collection(item_with_url(HOST), schema=V21.replace("v2.1.0", "v1.0.0")),
            "version 1: export it as version 2.1",
        ),
        (make_collection(item_with_url(HOST), schema=V21.replace("v2.1.0", "v3.0.0")), "version 3"),
        ({"id": "1", "name": "All", "order": [], "requests": []}, "version 1"),
        ({"openapi": "3.0.0", "info": {}, "paths": {}}, "an OpenAPI document"),
        ({"swagger": "2.0", "info": {}, "paths": {}}, "an OpenAPI document"),
        ({"name": "An environment", "values": []}, "neither 'request' nor 'item'"),
        ({"info": {"name": "All"}}, "neither"),
        ({"info": {"name": "All"}, "request": HOST}, "'item' is missing"),
        ([], "is expected"),
        (None, "is expected"),
        (make_collection(), "it contains no request"),
        (folder("A", folder("B")), "it contains no request"),
        ({"info": 5, "item": []}, "an object is expected"),
        (make_collection({"name": "x", "request": {"method": "GET"}}), "'url' is missing"),
    ],
)
def test_file_that_is_not_a_collection_raises_spec_error(document: Any, part: str) -> None:
    with pytest.raises(SpecError) as caught:
        collection(document)
    assert part in caught.value.problem


# --- determinism


def shuffle_keys(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffle_keys(value[key], chance) for key in keys}
    return [shuffle_keys(each, chance) for each in value] if isinstance(value, list) else value


def test_key_order_does_not_change_the_document() -> None:
    document = make_collection(
        folder("Groups", load_item(), load_item(CREATE), odd={"a": 1}, more=2),
        load_item(MEMBERS),
        auth={"type": "apikey", "apikey": {"in": "query", "key": "k"}},
        variable=[{"value": "https://{{region}}.example.com", "key": "baseUrl"}, {"key": "region", "value": "eu"}],
    )
    wanted = build_document(collection(document))
    for number in range(20):
        mixed = shuffle_keys(document, random.Random(number))
        again = build_document(collection(mixed))
        assert json.dumps(again[0]) == json.dumps(wanted[0])
        assert again[1] == wanted[1]


def test_pointers_are_escaped() -> None:
    assert Node({"a/b~c": 1}, "x").child("a/b~c").pointer == "/a~1b~0c"


def test_status_text_that_contradicts_its_code_is_a_loss() -> None:
    (loss,) = find_losses(edit_item("/response/0/status", "Gone"))
    assert loss.pointer == "/response/0/status"
