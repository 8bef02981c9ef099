"""Several requests on one path and method."""

from __future__ import annotations

from typing import Any

import pytest
from postman_items import asking, changed, collection, read, seed, with_variables
from postman_openapi.losses import Loss, SpecError
from postman_openapi.merging import merge_duplicates, refuse_duplicates
from postman_openapi.model import Collection, Request
from postman_openapi.openapi_writer import build_document

HOST = ["{{baseUrl}}"]
BASIC = {"type": "basic"}
KINDS = [("One.", "a,b"), ("Two.", "b,c")]


def asked(name: str, *rows: Any, path: tuple[str, ...] = ("things",), **more: Any) -> Any:
    item = asking({"host": HOST, "path": list(path), "query": list(rows)}, **more)
    return {**item, "name": name}


def row(key: str, value: str = "<string>", description: str = "") -> Any:
    return {"key": key, "value": value, "description": description}


def merged(*items: Any) -> tuple[list[Request], list[Loss]]:
    whole = collection({"info": {"name": "All"}, "item": list(items), "variable": [{"key": "baseUrl", "value": "/v1"}]})
    losses: list[Loss] = []
    return merge_duplicates(whole.requests, losses), losses


def test_what_nobody_shares_stays_as_it_is() -> None:
    put = {"method": "PUT", "url": {"host": HOST, "path": ["things"]}}
    items = [asked("A"), asked("B", path=("others",)), {"name": "C", "request": put}]
    whole = collection({"info": {"name": "All"}, "item": items})
    losses: list[Loss] = []
    assert merge_duplicates(whole.requests, losses) == list(whole.requests)
    refuse_duplicates(whole.requests)
    assert losses == []


def test_a_parameter_is_required_only_if_all_that_have_it_say_so() -> None:
    one = asked("A", row("both", description="(Required) B"), row("once"), row("mine", description="(Required) "))
    two = asked("A", row("both", description="(Required) B"), row("once", description="(Required) "), row("its"))
    (request,), losses = merged(one, two)
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

    one = {**asked("A", body=body('{"a": 1}', "json")), "response": [{"name": "Fine", "code": 200, "body": "[1]"}]}
    two = {**asked("B", body=body('{"b": "x"}', "json")), "response": [{"name": "Fine", "code": 200, "body": "[2]"}]}
    two["response"].append({"name": "Bad", "code": 400})
    three = asked("C", body=body("<a/>", "xml"))
    (request,), losses = merged(one, two, three)
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
        (asked("A"), asked("B"), "the name of a second request"),
        (asked("A", description="One"), asked("A", description="Two"), "the description of a second request"),
        (asked("A", row("q", description="One")), asked("A", row("q", description="Two")), "'q': its description"),
        (asked("A", row("q", "5")), asked("A", row("q", "6")), "the parameter 'q': its default"),
        (asked("A", row("q", "red")), asked("A", row("q", "blue")), "the parameter 'q': its example"),
        (
            asked("A", row("q", description="(This can only be one of a)")),
            asked("A", row("q", description="(This can only be one of b)")),
            "the allowed values",
        ),
        (asked("A", row("q", "<string>")), asked("A", row("q", "<integer>")), "the type integer"),
        (asked("A", row("q", "<uuid>")), asked("A", row("q", "<date>")), "the formats date and uuid"),
        (asked("A", row("q", "a,b")), asked("A", row("q", "<string>|<string>")), "the parameter 'q': its style"),
        (
            asked("A", auth={"type": "basic"}),
            asked("A", auth={"type": "bearer"}),
            "the authentication of a second request",
        ),
        (asked("A"), {"name": "f", "item": [asked("A")]}, "the tags of a second request"),
        (
            {**asked("A"), "response": [{"name": "Fine", "code": 200}]},
            {**asked("A"), "response": [{"name": "Well", "code": 200}]},
            "the description of a response",
        ),
    ],
)
def test_each_disagreement_is_lost(one: Any, two: Any, what: str) -> None:
    (request,), losses = merged(one, two)
    assert [loss.what.endswith(what) for loss in losses] == [True]
    assert all("/item/1" in loss.pointer and "item.json" in loss.item for loss in losses)
    assert request.name == "A"


def test_what_both_say_alike_is_not_lost() -> None:
    one = asked("A", row("q", "5", "Text"), description="D", auth={"type": "basic"})
    (request,), losses = merged(one, one, asked("A", row("q", "5"), auth={"type": "basic"}))
    assert losses == []
    assert (request.description, request.parameters[0].description) == ("D", "Text")


def test_either_authentication_will_do() -> None:
    (request,), _ = merged(asked("A", auth={"type": "basic"}), asked("A", auth={"type": "bearer"}))
    assert request.auth
    assert [each.name for each in request.auth] == ["basic", "bearer"]


def test_to_do_without_authentication_is_an_alternative_too() -> None:
    without, basic, unsaid = asked("A", auth={"type": "noauth"}), asked("A", auth=BASIC), asked("A")
    cases: list[tuple[tuple[Any, ...], list[Any]]] = [
        ((without, basic), [{}, {"basic": []}]),
        ((basic, without, basic), [{"basic": []}, {}]),
        ((without, without), []),
        ((unsaid, basic), [{"basic": []}]),
        ((unsaid, without), []),
    ]
    for items, security in cases:
        requests, losses = merged(*items)
        document, _ = build_document(Collection("All", "", (), tuple(requests), ()))
        assert document["paths"]["/things"]["get"]["security"] == security
        assert ("the document allows either" in [loss.why for loss in losses]) is (len(security) == 2)


def test_fields_of_a_form_are_joined_like_parameters() -> None:
    def form(*rows: Any) -> Any:
        return asked("A", body={"mode": "urlencoded", "urlencoded": list(rows)})

    one = form(row("both", description="(Required) "), row("once", description="(Required) "), row("mine"))
    two = form(row("both", description="(Required) "), row("once"), row("its", description="(Required) "))
    for items in ((one, two), (two, one)):
        (request,), losses = merged(*items)
        assert sorted(request.bodies[0].schema["required"]) == ["both", "its"]
        assert [loss.what for loss in losses] == ["'once': whether it is required"]
    kinds = (form(row("k", description=f"{words} (This can only be one of {of})")) for words, of in KINDS)
    (request,), losses = merged(*kinds, form(row("n")))
    assert request.bodies[0].schema["properties"]["k"]["enum"] == ["a", "b", "c"]
    assert [loss.what for loss in losses] == ["a description", "the allowed values"]


def test_the_values_that_a_parameter_takes_are_those_of_either() -> None:
    def kind(values: str) -> Any:
        return asked("A", row("k", "<string>", f"(This can only be one of {values})"))

    (request,), _ = merged(kind("a,b"), kind("b,c"))
    assert request.parameters[0].schema["enum"] == ["a", "b", "c"]
    (request,), _ = merged(kind("a,b"), asked("A", row("k")))
    assert "enum" not in request.parameters[0].schema


def test_the_names_of_path_variables_are_the_firsts() -> None:
    one, two = asked("A", path=("things", ":id")), asked("A", path=("things", ":thing"))
    (request,), losses = merged(one, two)
    assert (request.path, [each.name for each in request.parameters]) == ("/things/{id}", ["id"])
    assert [loss.what for loss in losses] == ["the name 'thing' of a path variable"]
    other = {**two, "request": {**two["request"], "method": "PUT"}}
    requests, _ = merged(one, other)
    assert [(each.method, each.path) for each in requests] == [("GET", "/things/{id}"), ("PUT", "/things/{id}")]
    assert requests[1].parameters[0].name == "id"


def test_items_of_ours_are_refused_and_both_are_named() -> None:
    first = read(seed())
    second = read(changed("/name", "Another name"))
    with pytest.raises(SpecError, match=r"Another name.*same path and method as item.json \('Remove member") as caught:
        refuse_duplicates([first, second])
    assert caught.value.pointer == "/request"


def test_paths_of_ours_that_differ_in_the_names_of_their_variables_are_refused() -> None:
    other = with_variables("x")
    for request in [other["request"], *(response["originalRequest"] for response in other["response"])]:
        request["method"] = "POST"
    with pytest.raises(SpecError, match=r"userByGroupId/\{y\} of .* with other names for its variables"):
        refuse_duplicates([read(with_variables("y")), read(other)])
