"""Any collection is refused, or gives a valid and deterministic document."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV30SpecValidator
from postman_items import collection
from postman_openapi.losses import Loss, SpecError
from postman_openapi.merging import merge_duplicates
from postman_openapi.openapi_writer import build_document
from postman_openapi.yaml_io import read_yaml, write_yaml

WORDS = (
    *("<string>", "<integer>", "<date>", "<API Key>", "{{a}}", "{{b}}", ":id", "a[b]", "a[]", "a[b][c]", "true"),
    *("1,2", "a,b", "(Required) x", "x (This can only be one of a,b)", "x (This can only be one of 1,2)"),
    *("Added as a part of security scheme: apikey", "application/json", "text/plain", "GET", "basic", "apikey"),
    *("noauth", "raw", "formdata", "json", '{"a":1}', "[1,{}]", "https://x.example.com/a/:id?q=1", "{{baseUrl}}/x"),
    *("header", "query", "500", "{}", "{id}", "é", "a b", "$ref", "a/b", "~", "%", "#", "?"),
)
KEYS = ("key", "value", "description", "disabled", "type", "content", "mode", "raw", "path", "id", "extra")
scalars = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.sampled_from(WORDS) | st.text()
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=10,
)
rows = st.lists(
    st.fixed_dictionaries({"key": scalars, "value": scalars}, optional={"description": anything, "disabled": anything}),
    max_size=5,
)
urls = st.sampled_from(["https://x.example.com/a", "{{baseUrl}}/a/:id?x=1&x=2&f[a]=1", "localhost:80/b"]) | st.builds(
    lambda host, path, query, variable: {"host": host, "path": path, "query": query, "variable": variable},
    st.sampled_from([["{{baseUrl}}"], ["x", "com"], "y.example.com", ["{{a}}"], None, 5]),
    st.lists(st.sampled_from(["a", "b", ":id", "{{id}}", "x.{{e}}", ":b", "é", ".."]), max_size=3, unique=True),
    rows,
    rows,
)
auths = st.sampled_from(
    [
        {"type": "basic"},
        {"type": "noauth"},
        {"type": "apikey", "apikey": [{"key": "key", "value": "k"}, {"key": "in", "value": "query"}]},
        {"type": "oauth2", "oauth2": {"grant_type": "implicit", "authUrl": "https://a", "scope": "r w"}},
        {"type": "hawk"},
        5,
        None,
    ]
)
texts = st.sampled_from(
    ['{"a":1}', '[{"a":"x"},{"a":1}]', '{"a":"<date>","b":{"c":[1,2.5,null]}}', '{"a":{{v}}} // c', "{", "text", ""]
)
bodies = (
    st.builds(lambda mode, table: {"mode": mode, mode: table}, st.sampled_from(["urlencoded", "formdata"]), rows)
    | st.builds(lambda text: {"mode": "raw", "raw": text}, texts)
    | anything
)
requests = st.fixed_dictionaries(
    {"method": st.sampled_from(["GET", "POST", "get", "PURGE"]), "url": urls},
    optional={"auth": auths, "header": rows, "body": bodies, "description": anything},
)
answers = st.fixed_dictionaries(
    {"name": scalars, "code": st.sampled_from([200, 404, 500, None, "200", "x"])},
    optional={"header": rows, "body": texts, "originalRequest": requests},
)
item_names = st.sampled_from(["A", "B", "List", "list", "一覧", "get it", "", 5])
items = st.fixed_dictionaries(
    {"name": item_names, "request": requests}, optional={"response": st.lists(answers | anything, max_size=4)}
)
folders = st.fixed_dictionaries(
    {"name": item_names, "item": st.lists(items, max_size=3)}, optional={"auth": auths, "variable": rows}
)
collections = st.fixed_dictionaries(
    {"info": st.just({"name": "All"}), "item": st.lists(items | folders | anything, min_size=1, max_size=5)},
    optional={"auth": auths, "variable": rows | st.just([{"key": "baseUrl", "value": "{{a}}/v1"}])},
)


def convert(document: Any) -> tuple[dict[str, Any], list[Loss]]:
    found = collection(document)
    losses = list(found.losses)
    requests = tuple(merge_duplicates(found.requests, losses))
    return build_document(evolve(found, requests=requests, losses=tuple(losses)))


def shuffle_keys(value: Any) -> Any:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: random.Random(key).random())
        return {key: shuffle_keys(value[key]) for key in keys}
    return [shuffle_keys(each) for each in value] if isinstance(value, list) else value


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(collections)
def test_any_collection_is_refused_or_gives_a_valid_document(document: Any) -> None:
    try:
        made, losses = convert(document)
    except SpecError:
        return
    assert not list(OpenAPIV30SpecValidator(made).iter_errors())
    assert read_yaml(write_yaml(made), "x") == json.loads(json.dumps(made))
    again, same = convert(shuffle_keys(document))
    assert json.dumps(again) == json.dumps(made), "in any order of keys"
    assert same == losses


def item(url: Any = "https://x.example.com/a", **more: Any) -> Any:
    return {"name": "A", "request": {"method": "POST", "url": url, **more}}


def make_collection(*entries: Any, **more: Any) -> Any:
    return {"info": {"name": "All"}, "item": list(entries), **more}


@pytest.mark.parametrize(
    "document",
    [
        make_collection(item(body={"mode": "raw", "raw": '{"a":"' + '\\"' * 300_000})),
        make_collection(item(body={"mode": "raw", "raw": "[" + "/*" * 300_000})),
        make_collection(item(body={"mode": "raw", "raw": "{{" * 300_000})),
        make_collection(item("{{" * 300_000)),
        make_collection(item({"host": ["x"], "path": ["{" * 300_000]})),
        make_collection(
            item({"host": ["x"], "path": [], "query": [{"key": "a" + "[" * 100_000}, {"key": "a" + "[b]" * 9_000}]})
        ),
        make_collection(
            item(
                {
                    "host": ["x"],
                    "path": [],
                    "query": [{"key": "a", "description": "(This can only be one of a" * 9_000}],
                }
            )
        ),
        make_collection(
            {**item(), "response": [{"name": "r", "code": 200, "body": f"[{number}]"} for number in range(3_000)]}
        ),
        make_collection(*[item(body={"mode": "raw", "raw": f"[{number}]"}) for number in range(1_500)]),
    ],
    ids=["quotes", "comments", "braces", "host", "segment", "brackets", "values", "examples", "requests"],
)
def test_large_collection_is_read_in_linear_time(document: Any) -> None:
    """Quadratic code would not finish here."""
    made, _ = convert(document)
    assert len(made["paths"]) == 1


def test_exponentially_growing_variables_raise_spec_error() -> None:
    rows = [{"key": f"a{number}", "value": f"{{{{a{number + 1}}}}}" * 2} for number in range(60)]
    with pytest.raises(SpecError, match="expand to more than 10000 characters"):
        convert(make_collection(item("https://{{a0}}/x"), variable=[*rows, {"key": "a60", "value": "x"}]))


SECRET = "s3cret"


@pytest.mark.parametrize(
    "document",
    [
        make_collection(item(auth={"type": "bearer", "bearer": [{"key": "token", "value": SECRET}]})),
        make_collection(item(), auth={"type": "basic", "basic": {"username": SECRET, "password": SECRET}}),
        make_collection(item(auth={"type": "apikey", "apikey": {"key": "k", "value": SECRET}})),
        make_collection(
            item(auth={"type": "oauth2", "oauth2": {"clientSecret": SECRET, "accessToken": SECRET, "scope": "r"}})
        ),
        make_collection(item(auth={"type": "hawk", "hawk": {"authKey": SECRET}})),
        make_collection(
            item(header=[{"key": "Authorization", "value": f"Bearer {SECRET}"}, {"key": "Cookie", "value": SECRET}])
        ),
        make_collection(item(header=f"Authorization: {SECRET}")),
        make_collection(item(f"https://me:{SECRET}@x.example.com/a")),
        make_collection(item({"host": ["x"], "path": [], "auth": {"user": "me", "password": SECRET}})),
        make_collection(
            item("{{baseUrl}}/a"), variable=[{"key": "baseUrl", "value": f"https://me:{SECRET}@x.example.com"}]
        ),
        make_collection(item(f"me:{SECRET}@x.example.com/a")),
        make_collection(item("{{baseUrl}}/a"), variable=[{"key": "baseUrl", "value": f"//me:{SECRET}@x.example.com"}]),
        make_collection(item("{{baseUrl}}/a"), variable=[{"key": "baseUrl", "value": f"me:{SECRET}@x.example.com"}]),
        make_collection(
            item("https://{{user}}:{{password}}@x.example.com/a"), variable=[{"key": "password", "value": SECRET}]
        ),
        make_collection(item(), variable=[{"key": "token", "value": SECRET}]),
        make_collection(item(), event=[{"script": {"exec": [SECRET]}}]),
        make_collection(
            {**item(), "response": [{"name": "r", "code": 200, "header": [{"key": "Set-Cookie", "value": SECRET}]}]}
        ),
        make_collection(
            {**item(), "response": [{"name": "r", "code": 200, "cookie": [{"name": "a", "value": SECRET}]}]}
        ),
        make_collection(
            {
                **item({"host": ["x"], "path": []}, auth={"type": "apikey", "apikey": {"key": "k", "in": "query"}}),
                "response": [
                    {
                        "name": "r",
                        "code": 200,
                        "originalRequest": item(
                            {"host": ["x"], "path": [], "query": [{"key": "k", "value": SECRET}]},
                            header=[{"key": "Authorization", "value": SECRET}],
                        )["request"],
                    }
                ],
            }
        ),
    ],
)
def test_no_secret_is_copied(document: Any) -> None:
    assert SECRET not in repr(convert(document))
