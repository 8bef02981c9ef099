"""No form of a secret that a server may echo stays in a text."""

from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest

from confluence_groups_sdk._core.responses.error_factory import error_from_response
from confluence_groups_sdk._support.redaction import forms_of, redact

SECRET = "se/cr+et=clean~1"
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "slashes escaped": lambda text: text.replace("/", "\\/"),
    "percent": lambda text: quote(text, safe=""),
    "percent in lower case": lambda text: quote(text, safe="").lower(),
    "percent for some": lambda text: text.replace("+", "%2B"),
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "percent for all": lambda text: "".join(f"%{ord(each):02x}" for each in text),
    "Java's JSON": lambda text: text.replace("=", "\\u003d"),
    ".NET's JSON": lambda text: text.replace("+", "\\u002B"),
    "JSON for all": lambda text: "".join(f"\\u{ord(each):04X}" for each in text),
    "JSON in JSON": lambda text: json.dumps({"body": text.replace("+", "\\u002b").replace("/", "\\/")}),
    "JavaScript": lambda text: text.replace("+", "\\x2b"),
    "HTML": lambda text: text.replace("=", "&#61;"),
    "Go's HTML": lambda text: text.replace("+", "&#43;"),
    "Mustache's HTML": lambda text: text.replace("/", "&#x2F;").replace("=", "&#x3D;"),
    "HTML with zeros": lambda text: text.replace("+", "&#0043;"),
    "HTML twice": lambda text: text.replace("+", "&amp;#43;"),
    "HTML names": lambda text: text.replace("/", "&sol;").replace("+", "&plus;").replace("=", "&equals;"),
    "UTF-16": lambda text: text.encode("utf-16-le").decode("latin-1"),
    "UTF-32": lambda text: text.encode("utf-32-be").decode("latin-1"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_no_form_of_a_secret_stays(form: Callable[[str], str]) -> None:
    redacted = redact(forms_of([SECRET]), f"50%, \\u0041 &lt; {form(SECRET)} | {form(SECRET)}, \\u0042")
    assert redacted.startswith("50%, \\u0041 &lt; ")
    assert redacted.endswith(", \\u0042")
    assert redacted.count("REDACTED") == 2
    assert "cr" not in redacted.replace("\0", "")


@pytest.mark.parametrize("secret", ['quo"te<&', "umläut", "\u4e2d"])
def test_secrets_with_unusual_characters_are_removed(secret: str) -> None:
    for echoed in (json.dumps(secret), html.escape(secret), quote(secret), secret):
        assert redact(forms_of([secret]), echoed).strip('"') == "REDACTED"


def test_credentials_without_padding_are_removed() -> None:
    basic = base64.b64encode(b"me@example.com:a-token").decode()
    assert basic.endswith("=")
    assert redact(forms_of([basic]), basic.rstrip("=")) == "REDACTED"


@pytest.mark.parametrize("text", ["", "50 %", "&", "\\", "a\\u00", "%zz", "&#;", "&#99999999;", "&#xd800;", "\\ud800"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert redact(forms_of([SECRET]), text) == text
    assert redact([], text) == text


@pytest.mark.parametrize("part", ["\\", "%25", "&amp;", "&", "&#0", "\0", "\\u0041", "%"])
def test_a_text_that_is_built_to_be_slow_takes_little_time(part: str) -> None:
    text = part * (256 * 1024 // len(part))
    started = time.process_time()
    assert redact(forms_of([SECRET]), text) == text
    assert time.process_time() - started < 5


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("status", [200, 400, 403, 503])
def test_no_form_is_in_an_error(form: Callable[[str], str], status: int) -> None:
    """Neither in its words nor in its body, headers and request id."""
    echoed = form(SECRET)
    headers = [("X-Echo", echoed), ("atl-request-id", echoed)] if "\0" not in echoed else []
    request = httpx.Request("GET", "https://a.example", headers={"Authorization": f"Bearer {SECRET}"})
    content = f'{{"message": "{echoed}", "more": "{echoed}"}}'.encode()
    error = error_from_response(httpx.Response(status, headers=headers, content=content, request=request))
    shown = f"{error} {error.request_id} {error.message} {error.headers} {error.body}"
    assert echoed not in shown
    assert SECRET not in shown


def test_a_name_of_a_header_with_an_encoded_secret_is_left_out() -> None:
    secret = "Marker+token"
    request = httpx.Request("GET", "https://a.example", headers={"Authorization": f"Bearer {secret}"})
    names = ["X-Marker+token", "X-marker%2btoken", "X-%4Darker%2Btoken", "X-Other"]
    error = error_from_response(httpx.Response(403, headers=[(each, "1") for each in names], request=request))
    assert set(error.headers) == {"x-other"} | ({"content-length"} & set(error.headers))


def test_no_part_of_an_escaped_secret_stays_where_a_body_is_cut() -> None:
    secret = "marker+token" * 4
    request = httpx.Request("GET", "https://a.example", headers={"Authorization": f"Bearer {secret}"})
    escaped = "".join(f"\\u{ord(each):04x}" for each in secret)
    for cut in range(6, len(escaped), 7):
        content = b" " * (64 * 1024 - cut) + escaped.encode() + b" "
        error = error_from_response(httpx.Response(403, content=content, request=request))
        assert "\\u" not in (error.body or "")
