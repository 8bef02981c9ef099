"""Items, folders and collections: what is read, what is inherited, and what is no collection."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from postman_items import CREATE, MEMBERS, asking, changed, collection, item_of, lost, read, seed, without
from postman_openapi.json_nodes import Node
from postman_openapi.losses import SpecError
from postman_openapi.model import Auth, Parameter, Tag
from postman_openapi.openapi_writer import build_document

V20 = "https://schema.getpostman.com/json/collection/v2.0.0/collection.json"
V21 = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
HOST = "{{baseUrl}}/things"


def whole(*items: Any, schema: str = V21, **more: Any) -> Any:
    return {"info": {"name": "All", "schema": schema}, "item": list(items), **more}


def folder(name: str, *items: Any, **more: Any) -> Any:
    return {"name": name, "item": list(items), **more}


# --- one item


def test_the_exported_item() -> None:
    request = read(seed())
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
    assert lost(seed()) == []


def test_an_item_with_a_path_variable_defaults_and_a_list_of_values() -> None:
    request = read(seed(MEMBERS))
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
    assert lost(seed(MEMBERS)) == []


def test_an_item_with_bodies() -> None:
    request = read(seed(CREATE))
    (body,) = request.bodies
    assert (body.media_type, body.schema["properties"]) == ("application/json", {"name": {"type": "string"}})
    made, *errors = request.responses
    assert made.bodies[0].schema["properties"]["usageType"] == {"type": "string", "example": "USERBASE_GROUP"}
    assert [answer.bodies for answer in errors] == [()] * 3
    assert lost(seed(CREATE)) == []


def test_what_may_be_absent() -> None:
    for pointer in ("/response", "/request/auth", "/request/header", "/request/url/raw", "/response/0/originalRequest"):
        read(without(pointer))
    assert read(without("/response")).responses == ()
    assert read(without("/request/auth")).auth is None
    assert read(without("/response/0/header", of=CREATE)).responses[0].bodies
    assert read(without("/request/body/options", of=CREATE)).bodies
    assert read(without("/request/url/raw", of=MEMBERS)).path == "/api/group/{groupId}/membersByGroupId"
    for pointer in ("/response/0/body", "/response/0/header"):
        assert read(without(pointer)).responses[0].bodies == ()
    assert read(without("/request/description")).description == ""


def test_a_request_that_is_an_address_alone_is_a_get() -> None:
    (request,) = collection(item_of("https://api.example.com/things?limit=<integer>")).requests
    assert (request.method, request.path) == ("GET", "/things")
    assert [(each.name, each.schema["type"]) for each in request.parameters] == [("limit", "integer")]


@pytest.mark.parametrize("description", ["Text", {"content": "Text", "type": "text/plain"}])
def test_a_description_is_a_text_or_an_object_around_it(description: Any) -> None:
    (request,) = collection(asking(HOST, description=description)).requests
    assert request.description == "Text"


@pytest.mark.parametrize("description", [{}, None, "", {"type": "text/plain"}])
def test_an_empty_description_is_none(description: Any) -> None:
    assert collection(asking(HOST, description=description)).requests[0].description == ""


def test_the_description_of_the_item_serves_where_the_request_has_none() -> None:
    item = {**asking(HOST), "description": "Of the item"}
    assert collection(item).requests[0].description == "Of the item"
    item["request"]["description"] = "Of the request"
    assert collection(item).requests[0].description == "Of the request"
    assert [(loss.pointer, loss.what) for loss in lost(item)] == [("/description", "the description of the item")]
    item["request"]["description"] = {}
    assert collection(item).requests[0].description == "Of the item"


def test_postmans_own_bookkeeping_is_passed_over() -> None:
    item = {**seed(), "id": "1", "_postman_id": "2", "uid": "3", "event": []}
    item["protocolProfileBehavior"] = {"disableBodyPruning": True}
    assert lost(item) == []
    assert read(item) == read(seed())


def test_scripts_are_lost() -> None:
    (loss,) = lost({**seed(), "event": [{"listen": "test", "script": {"exec": ["pm.test()"]}}]})
    assert (loss.pointer, loss.what, loss.understood) == ("/event", "scripts", True)


def test_a_method_that_openapi_does_not_know_loses_its_operation_alone() -> None:
    odd = item_of({"method": "PURGE", "url": HOST})
    document = whole(asking(HOST), odd)
    assert [request.method for request in collection(document).requests] == ["GET"]
    (loss,) = lost(document)
    assert (loss.pointer, loss.what) == ("/item/1/request/method", "an operation")


def test_what_accepts_a_media_type_that_no_example_has_loses_it() -> None:
    item = asking(HOST, header=[{"key": "Accept", "value": "text/csv"}])
    (loss,) = lost(item)
    assert loss.what == "the media type text/csv"
    answer = {"name": "Fine", "code": 200, "header": [{"key": "Content-Type", "value": "text/csv"}], "body": "a,b"}
    assert lost({**item, "response": [answer]}) == []


# --- folders and collections


def test_folders_become_tags_and_name_the_item_in_messages() -> None:
    inner = folder("Loans", asking("{{host}}/loans"), description="What is lent")
    document = whole(folder("Things", asking(HOST), inner, description={"content": "All things"}), asking(HOST))
    found = collection(document)
    assert [request.tags for request in found.requests] == [("Things",), ("Things", "Loans"), ()]
    assert [request.where for request in found.requests] == [
        "item.json ('Things / An item')",
        "item.json ('Things / Loans / An item')",
        "item.json ('An item')",
    ]
    assert [request.pointer for request in found.requests] == ["/item/0/item/0", "/item/0/item/1/item/0", "/item/1"]
    assert found.tags == (Tag("Things", "All things"), Tag("Loans", "What is lent"))


def test_a_folder_alone_is_a_tag_too() -> None:
    found = collection(folder("Things", asking(HOST)))
    assert (found.title, found.requests[0].tags) == ("Things", ("Things",))


def test_two_folders_of_one_name_are_one_tag() -> None:
    one, two = folder("A", asking(HOST), description="One"), folder("A", asking(HOST), description="Two")
    assert collection(whole(one, two)).tags == (Tag("A", "One"),)
    (loss,) = lost(whole(one, two))
    assert (loss.pointer, loss.what) == ("/item/1/description", "the description of a folder")
    assert collection(whole(folder("A", asking(HOST)), two)).tags == (Tag("A", "Two"),)
    assert collection(whole(folder("A", folder("A", asking(HOST))))).requests[0].tags == ("A",)


def test_a_collection_has_a_title_and_a_description() -> None:
    document = whole(asking(HOST))
    document["info"] |= {"description": {"content": "Lends things", "type": "text/plain"}, "_postman_id": "1"}
    found = collection(document)
    assert (found.title, found.description) == ("All", "Lends things")
    assert lost(document) == []


def test_a_collection_may_be_wrapped() -> None:
    assert collection({"collection": whole(asking(HOST))}).requests[0].pointer == "/collection/item/0"
    assert collection({"item": asking(HOST)}).requests[0].pointer == "/item"


def test_what_is_in_a_folder_inherits_its_authentication_and_its_variables() -> None:
    basic, bearer = {"type": "basic", "basic": []}, {"type": "bearer", "bearer": [{"key": "token", "value": "secret"}]}
    document = whole(
        asking(HOST),
        folder("A", asking(HOST), asking(HOST, auth={"type": "noauth"}), asking(HOST, auth=None), auth=bearer),
        folder("B", asking(HOST), variable=[{"key": "baseUrl", "value": "https://b.example.com"}]),
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


def test_an_authentication_that_openapi_does_not_know_is_not_replaced_by_an_outer_one() -> None:
    document = whole(asking(HOST, auth={"type": "awsv4", "awsv4": []}), auth={"type": "basic"})
    assert collection(document).requests[0].auth is None
    (loss,) = lost(document)
    assert (loss.pointer, "awsv4" in loss.why) == ("/item/0/request/auth/type", True)


def test_one_variable_that_nobody_knows_is_reported_once() -> None:
    document = whole(asking(HOST), asking(HOST), asking("{{other}}/x"))
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
def test_what_is_neither_item_nor_folder_is_lost_alone(entry: Any, pointer: str) -> None:
    document = whole(asking(HOST), entry, asking(HOST))
    assert len(collection(document).requests) == 2
    assert [(loss.pointer, loss.understood) for loss in lost(document)] == [(pointer, False)]


# --- versions


def test_version_2_0_says_the_same_as_2_1() -> None:
    new = whole(
        item_of(
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
    old = whole(
        item_of(
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
    assert lost(new) == lost(old) == []


@pytest.mark.parametrize(
    ("document", "part"),
    [
        (whole(asking(HOST), schema=V21.replace("v2.1.0", "v1.0.0")), "version 1: export it as version 2.1"),
        (whole(asking(HOST), schema=V21.replace("v2.1.0", "v3.0.0")), "version 3"),
        ({"id": "1", "name": "All", "order": [], "requests": []}, "version 1"),
        ({"openapi": "3.0.0", "info": {}, "paths": {}}, "an OpenAPI document"),
        ({"swagger": "2.0", "info": {}, "paths": {}}, "an OpenAPI document"),
        ({"name": "An environment", "values": []}, "neither 'request' nor 'item'"),
        ({"info": {"name": "All"}}, "neither"),
        ({"info": {"name": "All"}, "request": HOST}, "'item' is missing"),
        ([], "is expected"),
        (None, "is expected"),
        (whole(), "it contains no request"),
        (folder("A", folder("B")), "it contains no request"),
        ({"info": 5, "item": []}, "an object is expected"),
        (whole({"name": "x", "request": {"method": "GET"}}), "'url' is missing"),
    ],
)
def test_what_is_no_collection_is_an_error(document: Any, part: str) -> None:
    with pytest.raises(SpecError) as caught:
        collection(document)
    assert part in caught.value.problem


# --- determinism


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    return [shuffled(each, chance) for each in value] if isinstance(value, list) else value


def test_the_order_of_keys_changes_nothing() -> None:
    document = whole(
        folder("Groups", seed(), seed(CREATE), odd={"a": 1}, more=2),
        seed(MEMBERS),
        auth={"type": "apikey", "apikey": {"in": "query", "key": "k"}},
        variable=[{"value": "https://{{region}}.example.com", "key": "baseUrl"}, {"key": "region", "value": "eu"}],
    )
    wanted = build_document(collection(document))
    for number in range(20):
        mixed = shuffled(document, random.Random(number))
        again = build_document(collection(mixed))
        assert json.dumps(again[0]) == json.dumps(wanted[0])
        assert again[1] == wanted[1]


def test_pointers_are_escaped() -> None:
    assert Node({"a/b~c": 1}, "x").child("a/b~c").pointer == "/a~1b~0c"


def test_what_an_item_says_of_another_request_is_lost() -> None:
    (loss,) = lost(changed("/response/0/status", "Gone"))
    assert loss.pointer == "/response/0/status"
