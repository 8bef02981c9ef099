"""A response is cleaned of the secrets that a server has echoed."""

from __future__ import annotations

import base64
import gc
import html
import json
from urllib.parse import quote

import httpx
import pytest

from confluence_groups_sdk._core.responses.cleaning import clean_response

SECRET = "se/cr+et=clean"
FORMS = {
    "plain": SECRET,
    "slashes escaped": SECRET.replace("/", "\\/"),
    "percent": quote(SECRET, safe=""),
    "percent in lower case": quote(SECRET, safe="").lower(),
    "equals as in Java's JSON": SECRET.replace("=", "\\u003d"),
    "equals as in HTML": SECRET.replace("=", "&#61;"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-32-be"])
def test_no_form_of_a_secret_stays_in_the_body(form: str, encoding: str) -> None:
    response = httpx.Response(400, content=f"you sent {form}, yes".encode(encoding))
    cleaned = clean_response(response, [SECRET])
    assert cleaned.content.decode(encoding, "replace").startswith("you sent ")
    assert form.encode(encoding) not in cleaned.content
    assert b"clean" not in cleaned.content.replace(b"\0", b"")


def test_headers_and_the_reason_are_cleaned() -> None:
    headers = [("X-Echo", f"you sent {SECRET}"), ("X-se-cr", "1"), ("Se-Cr-Et-Token", "2"), ("Retry-After", "7")]
    response = httpx.Response(429, headers=headers, extensions={"reason_phrase": SECRET.encode()})
    cleaned = clean_response(response, [SECRET, "se-cr-et-token"])
    assert dict(cleaned.headers) == {"x-echo": "you sent REDACTED", "x-se-cr": "1", "retry-after": "7"} | (
        {"content-length": "0"} if "content-length" in cleaned.headers else {}
    )
    assert repr(cleaned) == "<Response [429 Too Many Requests]>"


def test_status_and_address_stay_but_not_what_was_sent() -> None:
    request = httpx.Request(
        "POST", "https://example.com/oauth/token?a=b", headers={"Authorization": f"Bearer {SECRET}"}, content=SECRET
    )
    cleaned = clean_response(httpx.Response(403, json={"error": SECRET}, request=request), [SECRET])
    assert (cleaned.status_code, cleaned.json()) == (403, {"error": "REDACTED"})
    assert (cleaned.request.method, str(cleaned.request.url)) == ("POST", "https://example.com/oauth/token?a=b")
    reachable, todo = set[int](), list[object]([cleaned])
    while todo:
        each = todo.pop()
        if id(each) in reachable or isinstance(each, type) or callable(each):
            continue
        reachable.add(id(each))
        assert SECRET not in (each if isinstance(each, str) else "")
        assert SECRET.encode() not in (each if isinstance(each, bytes) else b"")
        todo += gc.get_referents(each)


def test_a_response_without_a_request_or_secrets_is_copied() -> None:
    response = httpx.Response(503, headers={"Content-Encoding": "identity"}, text="busy")
    assert (clean_response(response, []).text, clean_response(response, [""]).text) == ("busy", "busy")


@pytest.mark.parametrize("secret", ['quo"te<&', "umläut", "\u4e2d"])
def test_secrets_with_unusual_characters_are_removed(secret: str) -> None:
    for echoed in (json.dumps(secret), html.escape(secret), quote(secret), secret):
        assert clean_response(httpx.Response(400, text=echoed), [secret]).text.strip('"') == "REDACTED"


def test_credentials_without_padding_are_removed() -> None:
    basic = base64.b64encode(b"me@example.com:a-token").decode()
    assert basic.endswith("=")
    assert clean_response(httpx.Response(400, text=basic.rstrip("=")), [basic]).text == "REDACTED"
