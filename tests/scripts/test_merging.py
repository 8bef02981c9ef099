"""Merging of requests with the same path and method."""

from __future__ import annotations

import json
from typing import Any

import pytest
from postman_items import collection, edit_item, item_with_url, load_item, read, with_variables
from postman_openapi.losses import Kind, Loss, SpecError
from postman_openapi.merging import merge_duplicates, refuse_duplicates
from postman_openapi.model import Collection, Request
from postman_openapi.openapi_writer import build_document
from postman_openapi.report import serious_lines

HOST = ["{{baseUrl}}"]
BASIC = {"type": "basic"}
KINDS = [("One.", "a,b"), ("Two.", "b,c")]


def make_request(name: str, *rows: Any, path: tuple[str, ...] = ("things",), **more: Any) -> Any:
    item = item_with_url({"host": HOST, "path": list(path), "query": list(rows)}, **more)
    return {**item, "name": name}


def row(key: str, value: str = "<string>", description: str = "") -> Any:
    return {"key": key, "value": value, "description": description}


def merge(*items: Any) -> tuple[list[Request], list[Loss]]:
    whole = collection({"info": {"name": "All"}, "item": list(items), "variable": [{"key": "baseUrl", "value": "/v1"}]})
    losses: list[Loss] = []
    return merge_duplicates(whole.requests, losses), losses


def test_distinct_requests_are_unchanged() -> None:
    put = {"method": "PUT", "url": {"host": HOST, "path": ["things"]}}
    items = [make_request("A"), make_request("B", path=("others",)), {"name": "C", "request": put}]
    whole = collection({"info": {"name": "All"}, "item": items})
    losses: list[Loss] = []
    assert merge_duplicates(whole.requests, losses) == list(whole.requests)
    refuse_duplicates(whole.requests)
    assert losses == []


def test_parameter_is_required_only_if_every_request_with_it_requires_it() -> None:
    one = make_request(
        "A", row("both", description="(Required) B"), row("once"), row("mine", description="(Required) ")
    )
    two = make_request("A", row("both", description="(Required) B"), row("once", description="(Required) "), row("its"))
    (request,), losses = merge(one, two)
    assert [(each.name, each.required) for each in request.parameters] == [
        ("both", True),
        ("once", False),
        ("mine", True),
        ("its", False),
    ]
    assert [(loss.pointer, loss.what) for loss in losses] == [
        ("/item/1/request/url/query/1", "the parameter 'once': whether it is required"),
    ]


def test_examples_and_media_types_are_joined() -> None:
    def body(text: str, language: str) -> Any:
        return {"mode": "raw", "raw": text, "options": {"raw": {"language": language}}}

    one = {
        **make_request("A", body=body('{"a": 1}', "json")),
        "response": [{"name": "Fine", "code": 200, "body": "[1]"}],
    }
    two = {
        **make_request("B", body=body('{"b": "x"}', "json")),
        "response": [{"name": "Fine", "code": 200, "body": "[2]"}],
    }
    two["response"].append({"name": "Bad", "code": 400})
    three = make_request("C", body=body("<a/>", "xml"))
    (request,), losses = merge(one, two, three)
    as_json, as_xml = request.bodies
    assert [(each.name, each.value) for each in as_json.examples] == [("A", {"a": 1}), ("B", {"b": "x"})]
    assert list(as_json.schema["properties"]) == ["a", "b"]
    assert as_xml.media_type == "application/xml"
    fine, bad = request.responses
    assert [each.value for each in fine.bodies[0].examples] == [[1], [2]]
    assert (bad.status, bad.description) == ("400", "Bad")
    assert [loss.what for loss in losses] == ["the name of a second request"] * 2


@pytest.mark.parametrize(
    ("one", "two", "what"),
    [
        (make_request("A"), make_request("B"), "the name of a second request"),
        (
            make_request("A", description="One"),
            make_request("A", description="Two"),
            "the description of a second request",
        ),
        (
            make_request("A", row("q", description="One")),
            make_request("A", row("q", description="Two")),
            "'q': its description",
        ),
        (
            make_request("A", row("q", "5"), row("p", "<string>")),
            make_request("A", row("q", "6"), row("p", "<string>")),
            "the parameter 'q': its default",
        ),
        (make_request("A", row("q", "red")), make_request("A", row("q", "blue")), "the parameter 'q': its example"),
        (
            make_request("A", row("q", description="(This can only be one of a)")),
            make_request("A", row("q", description="(This can only be one of b)")),
            "the allowed values",
        ),
        (make_request("A", row("q", "<string>")), make_request("A", row("q", "<integer>")), "the type integer"),
        (make_request("A", row("q", "<uuid>")), make_request("A", row("q", "<date>")), "the formats date and uuid"),
        (
            make_request("A", row("q", "a,b")),
            make_request("A", row("q", "<string>|<string>")),
            "the parameter 'q': its style",
        ),
        (
            make_request("A", auth={"type": "basic"}),
            make_request("A", auth={"type": "bearer"}),
            "the authentication of a second request",
        ),
        (make_request("A"), {"name": "f", "item": [make_request("A")]}, "the tags of a second request"),
        (
            {**make_request("A"), "response": [{"name": "Fine", "code": 200}]},
            {**make_request("A"), "response": [{"name": "Well", "code": 200}]},
            "the description of a response",
        ),
    ],
)
def test_each_disagreement_is_a_loss(one: Any, two: Any, what: str) -> None:
    (request,), losses = merge(one, two)
    assert [loss.what.endswith(what) for loss in losses] == [True]
    assert all("/item/1" in loss.pointer and "item.json" in loss.item for loss in losses)
    assert request.name == "A"


def test_agreement_is_not_a_loss() -> None:
    one = make_request("A", row("q", "5", "Text"), description="D", auth={"type": "basic"})
    (request,), losses = merge(one, one, make_request("A", row("q", "5"), auth={"type": "basic"}))
    assert losses == []
    assert (request.description, request.parameters[0].description) == ("D", "Text")


def test_different_authentications_become_alternatives() -> None:
    (request,), _ = merge(make_request("A", auth={"type": "basic"}), make_request("A", auth={"type": "bearer"}))
    assert request.auth
    assert [each.name for each in request.auth] == ["basic", "bearer"]


def test_no_authentication_becomes_an_alternative() -> None:
    no_auth, basic, unstated = (
        make_request("A", auth={"type": "noauth"}),
        make_request("A", auth=BASIC),
        make_request("A"),
    )
    cases: list[tuple[tuple[Any, ...], list[Any]]] = [
        ((no_auth, basic), [{}, {"basic": []}]),
        ((basic, no_auth, basic), [{"basic": []}, {}]),
        ((no_auth, no_auth), []),
        ((unstated, basic), [{"basic": []}]),
        ((unstated, no_auth), []),
    ]
    for items, security in cases:
        requests, losses = merge(*items)
        document, _ = build_document(Collection("All", "", (), tuple(requests), ()))
        assert document["paths"]["/things"]["get"]["security"] == security
        assert ("the document allows either" in [loss.why for loss in losses]) is (len(security) == 2)


def test_form_fields_are_merged_like_parameters() -> None:
    def form(*rows: Any) -> Any:
        return make_request("A", body={"mode": "urlencoded", "urlencoded": list(rows)})

    one = form(row("both", description="(Required) "), row("once", description="(Required) "), row("mine"))
    two = form(row("both", description="(Required) "), row("once"), row("its", description="(Required) "))
    for items in ((one, two), (two, one)):
        (request,), losses = merge(*items)
        assert sorted(request.bodies[0].schema["required"]) == ["both", "its"]
        assert [loss.what for loss in losses] == ["'once': whether it is required"]
    kinds = (form(row("k", description=f"{words} (This can only be one of {of})")) for words, of in KINDS)
    (request,), losses = merge(*kinds, form(row("n")))
    assert request.bodies[0].schema["properties"]["k"]["enum"] == ["a", "b", "c"]
    assert [loss.what for loss in losses] == ["a description", "the allowed values"]


def test_enum_values_of_both_requests_are_combined() -> None:
    def kind(values: str) -> Any:
        return make_request("A", row("k", "<string>", f"(This can only be one of {values})"))

    (request,), _ = merge(kind("a,b"), kind("b,c"))
    assert request.parameters[0].schema["enum"] == ["a", "b", "c"]
    (request,), _ = merge(kind("a,b"), make_request("A", row("k")))
    assert "enum" not in request.parameters[0].schema


def test_path_variables_keep_the_names_of_the_first_request() -> None:
    one, two = make_request("A", path=("things", ":id")), make_request("A", path=("things", ":thing"))
    (request,), losses = merge(one, two)
    assert (request.path, [each.name for each in request.parameters]) == ("/things/{id}", ["id"])
    assert [loss.what for loss in losses] == ["the name 'thing' of a path variable"]
    other = {**two, "request": {**two["request"], "method": "PUT"}}
    requests, _ = merge(one, other)
    assert [(each.method, each.path) for each in requests] == [("GET", "/things/{id}"), ("PUT", "/things/{id}")]
    assert requests[1].parameters[0].name == "id"


def test_duplicate_items_are_refused_and_both_named() -> None:
    first = read(load_item())
    second = read(edit_item("/name", "Another name"))
    with pytest.raises(SpecError, match=r"Another name.*same path and method as item.json \('Remove member") as caught:
        refuse_duplicates([first, second])
    assert caught.value.pointer == "/request"


def test_items_with_different_path_variable_names_are_refused() -> None:
    other = with_variables("x")
    for request in [other["request"], *(response["originalRequest"] for response in other["response"])]:
        request["method"] = "POST"
    with pytest.raises(SpecError, match=r"userByGroupId/\{y\} of .* with other names for its variables"):
        refuse_duplicates([read(with_variables("y")), read(other)])


def test_merged_bodies_answers_and_parameters_of_different_types_are_serious_losses() -> None:
    def request(value: Any) -> Any:
        body = {"mode": "raw", "raw": json.dumps({"a": value})}
        url = {"host": HOST, "path": ["things"], "query": [row("q", json.dumps(value).strip('"'))]}
        return {
            "name": "A",
            "request": {"method": "POST", "url": url, "body": body},
            "response": [{"code": 200, "name": "Done", "body": body["raw"]}],
        }

    _, losses = merge(request(1), request("x"))
    assert [loss.what for loss in losses if loss.kind is Kind.MERGE] == [
        "the parameter 'q': its example",
        *["the type string"] * 3,
    ]
    assert len([*serious_lines(losses)]) == 1
