"""Reading of example responses, one for each status, and of the requests in them."""

from __future__ import annotations

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
    with_bodies,
)
from postman_openapi.model import Header, Response

URL = "{{baseUrl}}/things"
FIRST = "/response/0/originalRequest"


def answer(code: Any = 200, body: str = "", kind: str | None = None, name: str = "Fine", **more: Any) -> Any:
    header = [{"key": "Content-Type", "value": kind}] if kind else []
    return {"name": name, "code": code, "header": header, "body": body, **more}


def item_with_responses(*answers: Any) -> Any:
    return {**item_with_url(URL), "response": list(answers)}


def responses(*answers: Any) -> tuple[Response, ...]:
    return collection(item_with_responses(*answers)).requests[0].responses


# --- statuses


def test_each_status_has_its_description_and_body() -> None:
    fine, missing = responses(answer(body='{"a": 1}', kind="application/json"), answer(404, name="No such thing"))
    assert (fine.status, fine.description) == ("200", "Fine")
    assert fine.bodies[0].schema == {"type": "object", "properties": {"a": {"type": "integer", "example": 1}}}
    assert (missing.status, missing.description, missing.bodies) == ("404", "No such thing", ())


@pytest.mark.parametrize(("code", "status"), [(204, "204"), ("204", "204"), (599, "599"), (None, "default")])
def test_code_becomes_the_status(code: Any, status: str) -> None:
    assert [each.status for each in responses(answer(code))] == [status]
    without_code = answer()
    del without_code["code"]
    assert responses(without_code)[0].status == "default"


def test_status_500_may_stand_for_default() -> None:
    item = item_with_responses(answer(500, name="Broken"), answer(503))
    assert [each.status for each in responses(*item["response"])] == ["500", "503"]
    (loss,) = find_losses(item)
    assert (loss.pointer, loss.what, loss.understood) == ("/response/0", "whether this was `default`", True)


def test_examples_of_the_same_status_become_one_response() -> None:
    one = answer(body='{"id": 1}', kind="application/json", name="A spade")
    two = answer(body='{"id": 2.5, "name": "Axe"}', kind="application/json", name="An axe")
    again = answer(body='{"id": 1}', kind="application/json", name="A spade again")
    pattern = answer(body='{"id": "<double>", "kind": "<string>"}', kind="application/json", name="Any")
    (response,) = responses(one, two, again, pattern)
    (body,) = response.bodies
    assert response.description == "A spade"
    assert [(example.name, example.value) for example in body.examples] == [
        ("A spade", {"id": 1}),
        ("An axe", {"id": 2.5, "name": "Axe"}),
    ]
    assert {name: schema["type"] for name, schema in body.schema["properties"].items()} == {
        "id": "number",
        "name": "string",
        "kind": "string",
    }


def test_examples_with_the_same_name_get_numbers() -> None:
    (response,) = responses(*(answer(body=f"[{number}]", kind="application/json") for number in (1, 2, 3)))
    assert [example.name for example in response.bodies[0].examples] == ["Fine", "Fine (2)", "Fine (3)"]
    (response,) = responses(answer(body="[1]", kind="application/json"), answer(body="[true]", kind="application/json"))
    assert len(response.bodies[0].examples) == 2, "Python takes true and 1 for equal"


def test_second_description_of_a_status_is_a_loss() -> None:
    item = item_with_responses(answer(204, name="Gone"), answer(204, name="Gone already"))
    (loss,) = find_losses(item)
    assert (loss.pointer, loss.what) == ("/response/1", "the description of a response")


def test_response_may_have_several_media_types() -> None:
    (response,) = responses(
        answer(body='{"a": 1}', kind="application/json; charset=utf-8"),
        answer(body="a,b", kind="text/csv"),
        answer(body="<binary>", kind="image/png"),
    )
    assert [body.media_type for body in response.bodies] == ["application/json", "text/csv", "image/png"]
    assert response.bodies[2].schema == {"type": "string", "format": "binary"}


def test_preview_language_is_used_without_a_content_type() -> None:
    (response,) = responses(answer(body="5", _postman_previewlanguage="json"))
    assert response.bodies[0].media_type == "application/json"


def test_malformed_example_loses_neither_operation_nor_other_examples() -> None:
    for broken, pointer in [
        (answer(body='{"a": ', kind="application/json"), "/response/0/body"),
        (answer("none"), "/response/0/code"),
        (5, "/response/0"),
        ({**answer(), "body": 5}, "/response/0/body"),
        ({**answer(), "header": 5}, "/response/0/header"),
        ({**answer(), "cookie": 5}, "/response/0/cookie"),
        ({**answer(), "status": 5}, "/response/0/status"),
        ({**answer(), "originalRequest": 5}, "/response/0/originalRequest"),
    ]:
        item = item_with_responses(broken, answer(404, name="No such thing"))
        assert [each.status for each in collection(item).requests[0].responses][-1] == "404"
        assert [loss.pointer for loss in find_losses(item)] == [pointer]
    assert find_losses({**item_with_url(URL), "response": 5})[0].pointer == "/response"


def test_malformed_example_does_not_affect_the_schema_of_the_others() -> None:
    fine, broken = answer(body='{"a": 1}', kind="application/json"), answer(body='{"a": ', kind="application/json")
    for examples in ([fine, broken], [broken, fine], [broken, broken, fine]):
        (body,) = responses(*examples)[0].bodies
        assert body.schema == {"type": "object", "properties": {"a": {"type": "integer", "example": 1}}}
    (body,) = responses(broken, broken)[0].bodies
    assert (body.media_type, body.schema["properties"]) == ("application/json", {"a": {}})


def test_media_type_of_an_empty_body_is_a_loss() -> None:
    item = item_with_responses(answer(204, kind="application/json"))
    (loss,) = find_losses(item)
    assert (loss.pointer, loss.what) == ("/response/0/header/0", "the media type of an empty body")
    for empty in (answer(204, kind="text/plain"), answer(204), answer(204, body="", kind=None)):
        assert find_losses(item_with_responses(empty)) == []


# --- headers, cookies, status texts


def test_documented_headers_are_kept() -> None:
    rows = [
        {"key": "X-Total", "value": "<integer>", "description": {"content": "Total"}, "disabled": False},
        {"key": "x-total", "value": "<string>"},
        {"key": "X-Kind", "value": "a", "description": "Kind"},
        {"key": "Date", "value": "Mon, 01 Jan 2024 00:00:00 GMT"},
    ]
    item = item_with_responses({**answer(), "header": rows})
    assert collection(item).requests[0].responses[0].headers == (
        Header("X-Total", "Total", {"type": "integer"}),
        Header("X-Kind", "Kind", {"type": "string", "example": "a"}),
    )
    (loss,) = find_losses(item)
    assert (loss.pointer, loss.why) == ("/response/0/header/3", "it was recorded, not documented")


def test_custom_status_text_and_cookies_are_losses() -> None:
    cases: list[tuple[Any, str]] = [({"status": "Okay"}, "/status"), ({"cookie": [{"name": "session"}]}, "/cookie/0")]
    for more, pointer in cases:
        (loss,) = find_losses(item_with_responses({**answer(), **more}))
        assert loss.pointer == f"/response/0{pointer}"
    for more in ({"status": "OK"}, {"status": ""}, {"cookie": []}, {"responseTime": 5, "id": "1"}):
        assert find_losses(item_with_responses({**answer(), **more})) == []


# --- the requests of examples


def test_request_of_an_example_may_be_less_detailed() -> None:
    assert find_losses(delete_from_item(FIRST)) == []
    assert find_losses(delete_from_item(f"{FIRST}/header")) == []
    described = edit_item(f"{FIRST}/url/query/0/description", "(Required) Id of the group whose membership is updated.")
    assert find_losses(described) == [], "the same description is no loss"


@pytest.mark.parametrize(
    ("item", "pointer", "what"),
    [
        (
            edit_item(f"{FIRST}/url/query/0/description", "Another text"),
            f"{FIRST}/url/query/0",
            "a description in an example",
        ),
        (edit_item(f"{FIRST}/method", "GET"), FIRST, "the URL of an example's request"),
        (edit_item(f"{FIRST}/auth", {"type": "noauth"}), FIRST, "the authentication of an example"),
        (
            edit_item(f"{FIRST}/url/query/-", {"key": "more", "value": "<string>"}),
            f"{FIRST}/url/raw",
            "the URL as a string",
        ),
    ],
)
def test_contradiction_in_the_request_of_an_example_is_a_loss(item: Any, pointer: str, what: str) -> None:
    assert (pointer, what) in [(loss.pointer, loss.what) for loss in find_losses(item)]


def test_different_value_in_an_example_is_a_loss() -> None:
    item = load_item(MEMBERS)
    url = item["response"][0]["originalRequest"]["url"]
    url["query"][1]["value"] = "5"
    url["raw"] = url["raw"].replace("limit=200", "limit=5")
    assert [(loss.pointer, loss.what) for loss in find_losses(item)] == [
        (f"{FIRST}/url/query/1", "a value in an example")
    ]


def test_security_scheme_only_in_examples_is_a_loss() -> None:
    assert [loss.what for loss in find_losses(delete_from_item("/request/auth"))] == ["a security scheme"] * 5


@pytest.mark.parametrize("other", ['{"name": "Ann"}', "{}", "null", '{"name": "<string>", "more": 1}'])
def test_different_body_in_an_example_is_a_loss(other: str) -> None:
    (loss,) = find_losses(edit_item("/response/1/originalRequest/body/raw", other, of=CREATE))
    assert (loss.pointer, loss.what) == ("/response/1/originalRequest/body", "the body of an example's request")


def test_missing_or_additional_body_in_an_example_is_a_loss() -> None:
    (loss,) = find_losses(delete_from_item("/response/1/originalRequest/body", of=CREATE))
    assert (loss.pointer, loss.what) == ("/response/1/originalRequest", "the body of an example's request")
    assert len(find_losses(delete_from_item("/request/body", of=CREATE))) == 4


def test_bodies_that_are_equal_only_in_python_are_different() -> None:
    for mine, other in [("[1]", "[true]"), ("[1]", "[1.0]"), ("0", "false")]:
        item = with_bodies(mine)
        item["response"][0]["originalRequest"]["body"]["raw"] = other
        assert len(find_losses(item)) == 1
    item = with_bodies("null")
    del item["response"][0]["originalRequest"]["body"]
    assert len(find_losses(item)) == 1


def test_whitespace_of_a_body_does_not_matter() -> None:
    item = with_bodies('{"a": 1, "b": 2}')
    item["response"][0]["originalRequest"]["body"]["raw"] = '{"a":1,\n"b":2}'
    assert find_losses(item) == []


def test_loss_of_the_request_is_not_repeated_for_each_example() -> None:
    request = {"method": "GET", "url": {"host": ["{{baseUrl}}"], "path": [":id"]}}
    item = make_item(request, response=[{**answer(code), "originalRequest": request} for code in (200, 404)])
    (loss,) = find_losses(item)
    assert loss.what == "the type of the path variable 'id'"
