"""Secrets in exports appear neither in the document nor in the report."""

from __future__ import annotations

import json
from typing import Any

import pytest
from postman_items import collection, item_with_url, make_item
from postman_openapi.openapi_writer import build_document
from postman_openapi.secrets import REDACTED, is_secret, redact, strip_credentials
from postman_openapi.yaml_io import write_yaml

VALUE = "S3cr3tV4lue"


def collection_with_variable(name: str, value: str, url: str) -> Any:
    return {"info": {"name": "API"}, "variable": [{"key": name, "value": value}], "item": [item_with_url(url)]}


def item_with_body(body: Any, **more: Any) -> Any:
    return make_item({"method": "POST", "url": "https://example.com/login", "body": body}, **more)


def item_with_auth(kind: str, *details: tuple[str, str]) -> Any:
    rows = [{"key": key, "value": value} for key, value in details]
    return item_with_url("https://example.com/a", auth={"type": kind, kind: rows})


FLOW = ("grant_type", "implicit"), ("authUrl", f"https://me:{VALUE}@example.com/authorize"), ("clientSecret", VALUE)
JSON_BODY = {"mode": "raw", "raw": json.dumps({"user": {"password": VALUE}, "tokens": [{"access_token": VALUE}]})}
ANSWER = {"name": "Done", "code": 200, "body": json.dumps({"accessToken": VALUE, "expires": 5})}
COOKIE = {"key": "Set-Cookie", "value": VALUE, "description": "The login."}
LEAKS: dict[str, Any] = {
    "query": item_with_url(f"https://example.com/a?access_token={VALUE}&api_key={VALUE}"),
    "header": item_with_url("https://example.com/a", header=[{"key": "X-Api-Key", "value": VALUE}]),
    "headers as one text": item_with_url("https://example.com/a", header=f"X-Auth-Token: {VALUE}"),
    "form": item_with_body({"mode": "urlencoded", "urlencoded": [{"key": "user[password]", "value": VALUE}]}),
    "JSON in a form": item_with_body(
        {"mode": "formdata", "formdata": [{"key": "a", "value": json.dumps({"pwd": VALUE})}]}
    ),
    "body": item_with_body(JSON_BODY),
    "answer": item_with_body({"mode": "raw", "raw": "{}"}, response=[ANSWER, {**ANSWER, "body": "{}"}]),
    "header of an answer": item_with_body({"mode": "raw", "raw": ""}, response=[{"code": 200, "header": [COOKIE]}]),
    "user and password": item_with_url(f"https://me:{VALUE}@example.com/a"),
    "two at signs": item_with_url(f"https://me:a@{VALUE}@example.com/a"),
    "no scheme": item_with_url(f"me:{VALUE}@example.com/a"),
    "server": collection_with_variable("baseUrl", f"https://me:{VALUE}@example.com/v1", "{{baseUrl}}/a"),
    "part of a server": collection_with_variable("host", f"me:{VALUE}@example.com", "https://{{host}}/a"),
    "server variable": collection_with_variable("token", VALUE, "https://{{token}}.example.com/a"),
    "path": collection_with_variable("token", VALUE, "https://example.com/{{token}}"),
    "OAuth": item_with_auth("oauth2", *FLOW),
    "bearer": item_with_auth("bearer", ("token", VALUE)),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_no_secret_is_copied(leak: str) -> None:
    document, losses = build_document(collection(LEAKS[leak]))
    assert VALUE not in write_yaml(document)
    assert not [str(loss) for loss in losses if VALUE in str(loss)]


def test_omitted_secret_is_reported_and_its_type_kept() -> None:
    document, losses = build_document(
        collection(item_with_url("https://example.com/a?pageToken=x&pin_password=12&limit=5"))
    )
    token, pin, limit = document["paths"]["/a"]["get"]["parameters"]
    assert (token["schema"], pin["schema"]) == ({"type": "string"}, {"type": "integer"})
    assert "example" not in token
    assert limit["schema"] == {"type": "integer"}
    assert [loss.what for loss in losses if "secret" in loss.why] == [
        "the value of 'pageToken'",
        "the value of 'pin_password'",
    ]


def test_placeholders_and_variables_with_a_secret_name_are_kept() -> None:
    body = {"password": "<password>", "token": "{{token}}", "secret": None, "key": "x"}
    assert redact(body) == body
    assert redact([{"token": "x"}]) == [{"token": REDACTED}]


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *((name, True) for name in ("token", "accessToken", "API-Key", "apikey", "x_api_key", "clientSecret", "PWD")),
        ("Ocp-Apim-Subscription-Key", True),
        *((name, False) for name in ("maxTokens", "key", "tokenType", "id", "", "é", "passwordPolicy", "author")),
    ],
)
def test_secret_is_recognized_by_its_name(name: str, secret: bool) -> None:
    assert is_secret(name) is secret


@pytest.mark.parametrize("address", ["https://example.com/a@b", "/a@b", "https://example.com?mail=a@b", "", "{{x}}"])
def test_at_sign_outside_the_authority_is_not_a_credential(address: str) -> None:
    assert strip_credentials(address) == address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'{{"access_token": "{VALUE}", "a": 1}}', '{"access_token": "***", "a": 1}'),
        (f'{{"password":"a\\"{VALUE}","b":"c"}}', '{"password":"***","b":"c"}'),
        (f"{{'password': '{VALUE}'}}", "{'password': '***'}"),
        (f'"{{\\"token\\":\\"{VALUE}\\"}}"', '"{\\"token\\":\\"***\\"}"'),
        (f"<a><ns:password x='1'>{VALUE}</ns:password></a>", "<a><ns:password x='1'>***</ns:password></a>"),
        (f'<user name="me" password="{VALUE}"/>', '<user name="me" password="***"/>'),
        ("<token>{{token}}</token>", "<token>{{token}}</token>"),
        ('{"tokens": "5", "token": "<string>"}', '{"tokens": "5", "token": "<string>"}'),
    ],
)
def test_secrets_in_a_text_are_redacted(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_lists_and_numbers_with_the_name_of_a_secret_are_redacted() -> None:
    assert redact({"client_secret": [VALUE, ["x"]], "password": 1234, "pwd": 1.5, "token": True, "count": 3}) == {
        "client_secret": ["***", ["***"]],
        "password": "<integer>",
        "pwd": "<number>",
        "token": True,
        "count": 3,
    }


def test_a_secret_in_xml_or_in_json_sent_as_text_is_reported() -> None:
    for content in (f"<login><password>{VALUE}</password></login>", json.dumps({"password": VALUE})):
        whole = collection(item_with_body({"mode": "raw", "raw": content}, header="Content-Type: text/plain"))
        document, losses = build_document(whole)
        assert VALUE not in write_yaml(document)
        assert "the value of a secret in a body" in [loss.what for loss in losses]
