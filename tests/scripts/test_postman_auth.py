"""Conversion of Postman's kinds of authentication to security schemes, without secrets."""

from __future__ import annotations

from typing import Any

import pytest
from postman_items import collection, item_with_url, make_item
from postman_openapi.losses import Loss
from postman_openapi.openapi_writer import build_document

URL = "https://api.example.com/things"
OAUTH = {
    "grant_type": "authorization_code",
    "authUrl": "https://a.example.com/authorize",
    "accessTokenUrl": "https://a.example.com/token",
    "scope": "read write read",
    "clientSecret": "secret",
}


def pairs(details: dict[str, str]) -> Any:
    return [{"key": key, "value": value, "type": "string"} for key, value in details.items()]


def build_with_auth(*auths: Any, **more: Any) -> tuple[dict[str, Any], list[Loss]]:
    items = [item_with_url(f"{URL}/{index}", auth=auth) for index, auth in enumerate(auths)]
    return build_document(collection({"info": {"name": "All"}, "item": items, **more}))


def schemes(document: dict[str, Any]) -> Any:
    return document.get("components", {}).get("securitySchemes")


def operation_security(document: dict[str, Any]) -> list[Any]:
    return [operation.get("security") for path in document["paths"].values() for operation in path.values()]


@pytest.mark.parametrize(
    ("auth", "scheme"),
    [
        ({"type": "basic", "basic": pairs({"password": "secret"})}, {"type": "http", "scheme": "basic"}),
        ({"type": "bearer", "bearer": {"token": "secret"}}, {"type": "http", "scheme": "bearer"}),
        ({"type": "digest"}, {"type": "http", "scheme": "digest"}),
        (
            {"type": "apikey", "apikey": pairs({"key": "k", "value": "secret", "in": "query"})},
            {"type": "apiKey", "in": "query", "name": "k"},
        ),
        (
            {"type": "apikey", "apikey": {"key": "X-Key", "value": "secret"}},
            {"type": "apiKey", "in": "header", "name": "X-Key"},
        ),
    ],
)
def test_authentication_becomes_a_security_scheme(auth: Any, scheme: Any) -> None:
    document, losses = build_with_auth(auth)
    name = auth["type"]
    assert schemes(document) == {name: scheme}
    assert operation_security(document) == [[{name: []}]]
    assert "secret" not in repr((document, losses))


@pytest.mark.parametrize(
    ("grant", "flow", "addresses"),
    [
        ("authorization_code", "authorizationCode", {"authorizationUrl", "tokenUrl"}),
        ("authorization_code_with_pkce", "authorizationCode", {"authorizationUrl", "tokenUrl"}),
        ("implicit", "implicit", {"authorizationUrl"}),
        ("password_credentials", "password", {"tokenUrl"}),
        ("client_credentials", "clientCredentials", {"tokenUrl"}),
    ],
)
def test_oauth2_with_details_has_a_flow(grant: str, flow: str, addresses: set[str]) -> None:
    document, losses = build_with_auth({"type": "oauth2", "oauth2": pairs({**OAUTH, "grant_type": grant})})
    written = schemes(document)["oauth2"]["flows"][flow]
    assert written.keys() == {*addresses, "scopes"}
    assert written["scopes"] == {"read": "", "write": ""}
    assert operation_security(document) == [[{"oauth2": ["read", "write"]}]]
    assert [loss.what for loss in losses] == ["every response"]
    assert "secret" not in repr((document, losses))


@pytest.mark.parametrize(
    ("details", "why"),
    [
        ({}, "names no flow"),
        ({"grant_type": "carrier_pigeon"}, "'carrier_pigeon'"),
        ({key: value for key, value in OAUTH.items() if key != "authUrl"}, "authUrl is unknown"),
        ({**OAUTH, "accessTokenUrl": "{{nobody}}/token"}, "accessTokenUrl is unknown"),
    ],
)
def test_oauth2_with_missing_details_has_no_flow(details: dict[str, str], why: str) -> None:
    document, losses = build_with_auth({"type": "oauth2", "oauth2": details})
    assert schemes(document) == {"oauth2": {"type": "oauth2", "flows": {}}}
    assert operation_security(document) == [[{"oauth2": []}]]
    assert why in losses[0].why


def test_urls_of_a_flow_may_contain_variables() -> None:
    variable = [{"key": "idp", "value": "https://id.example.com"}]
    details = {**OAUTH, "authUrl": "{{idp}}/a", "accessTokenUrl": "{{idp}}/t"}
    document, _ = build_with_auth({"type": "oauth2", "oauth2": details}, variable=variable)
    flow = schemes(document)["oauth2"]["flows"]["authorizationCode"]
    assert (flow["authorizationUrl"], flow["tokenUrl"]) == ("https://id.example.com/a", "https://id.example.com/t")


def test_scheme_lists_all_scopes_and_each_operation_its_own() -> None:
    one = {"type": "oauth2", "oauth2": {**OAUTH, "scope": "read"}}
    two = {"type": "oauth2", "oauth2": {**OAUTH, "scope": "write"}}
    document, _ = build_with_auth(one, two)
    assert schemes(document)["oauth2"]["flows"]["authorizationCode"]["scopes"] == {"read": "", "write": ""}
    assert operation_security(document) == [[{"oauth2": ["read"]}], [{"oauth2": ["write"]}]]


def test_schemes_of_the_same_kind_have_different_names() -> None:
    keys = [{"type": "apikey", "apikey": {"key": key}} for key in ("X-A", "X-B", "X-A")]
    document, _ = build_with_auth(*keys)
    assert {name: scheme["name"] for name, scheme in schemes(document).items()} == {"apikey": "X-A", "apikey2": "X-B"}
    assert operation_security(document) == [[{"apikey": []}], [{"apikey2": []}], [{"apikey": []}]]


def test_noauth_is_written_and_missing_auth_is_not() -> None:
    document, _ = build_with_auth({"type": "noauth"}, None)
    assert operation_security(document) == [[], None]
    assert schemes(document) is None


@pytest.mark.parametrize(
    ("auth", "pointer"),
    [
        ({"type": "hawk", "hawk": []}, "/type"),
        ({"type": "ntlm"}, "/type"),
        ({}, ""),
        (5, ""),
        ({"type": 5}, "/type"),
        ({"type": "apikey", "apikey": [{"key": "in", "value": "cookie"}, {"key": "key", "value": "k"}]}, "/apikey"),
        ({"type": "apikey"}, ""),
        ({"type": "apikey", "apikey": 5}, "/apikey"),
    ],
)
def test_unsupported_authentication_is_the_only_loss(auth: Any, pointer: str) -> None:
    found = collection(make_item({"method": "GET", "url": URL, "auth": auth}))
    assert found.requests[0].auth is None
    assert [(loss.pointer, loss.what) for loss in found.losses] == [
        (f"/request/auth{pointer}", "the authentication"),
    ]
