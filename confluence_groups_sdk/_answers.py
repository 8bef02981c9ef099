"""Reading an answer that is no success: the server's words in it, and the signs of known troubles."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from enum import Enum
from html.parser import HTMLParser

from ._headers import printable

REDACTED = "REDACTED"


class Sign(Enum):
    """A trouble that status and text alone would leave unclear; the value is its remedy."""

    MISSING_SCOPE = "Give the app or token the scope of this operation, then let the user consent again."
    AUTH_MISMATCH = (
        "E-mail and token belong to different accounts, or a token with scopes was sent to the site's own address: "
        "such tokens go through the gateway (for_cloud)."
    )
    TOKEN_REFUSED = "The token has expired or been revoked: make a new one at id.atlassian.com, under security."
    XSRF_REFUSED = (
        "A proxy has changed the headers: X-Atlassian-Token and this client's user agent must arrive as sent."
    )
    NO_ACCESS = "The account has no access to Confluence on this site, or the credentials did not arrive: check both."


def recognise(status: int, headers: Mapping[str, str], message: str) -> Sign | None:
    """Return what the answer shows by header or text; the flags under ``data`` are never believed."""
    category = headers.get("x-failure-category", "")
    if status == 401:
        if "FAILURE_CLIENT_SCOPE_CHECK" in category or "scope does not match" in message:
            return Sign.MISSING_SCOPE
        if "FAILURE_CLIENT_AUTH_MISMATCH" in category:
            return Sign.AUTH_MISMATCH
        if "AUTHENTICATED_FAILED" in headers.get("x-seraph-loginreason", ""):
            return Sign.TOKEN_REFUSED
    if status == 403:
        if "XSRF check failed" in message:
            return Sign.XSRF_REFUSED
        if "not permitted to use Confluence" in message:
            return Sign.NO_ACCESS
    return None


def message(body: str, *, limit: int) -> str | None:
    """Return the server's own words, on one line and at most ``limit`` characters long; None where there are none."""
    text = body.strip()
    if text.startswith(("{", "[")):
        words = next(_said(_parsed(text)), "")
    elif text.startswith("<"):
        words = _visible(text)
    else:
        words = text
    return printable(words)[:limit] or None


def without_credentials(text: str, authorization: str | None) -> str:
    """Return the text with what the request's Authorization header said struck out, should the server echo it."""
    if not authorization:
        return text
    scheme, _, credentials = authorization.partition(" ")
    secrets = [authorization, credentials]
    if scheme.lower() == "basic":
        secrets.append(_basic_token(credentials))
    for secret in secrets:
        if secret:
            text = text.replace(secret, REDACTED)
    return text


def _basic_token(credentials: str) -> str:
    try:
        return base64.b64decode(credentials).decode("utf-8", "replace").partition(":")[2]
    except (ValueError, binascii.Error):
        return ""


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _said(answer: object) -> Iterator[str]:
    """Yield the texts of the known shapes of error: v1, gateway and OAuth, the plainest first."""
    if not isinstance(answer, dict):
        return
    for key in ("message", "error_description", "error"):
        if isinstance(answer.get(key), str) and answer[key]:
            yield answer[key]
    data = answer.get("data")
    errors = data.get("errors") if isinstance(data, dict) else None
    for error in errors if isinstance(errors, list) else ():
        inner = error.get("message") if isinstance(error, dict) else None
        translation = inner.get("translation") if isinstance(inner, dict) else None
        if isinstance(translation, str) and translation:
            yield translation


class _Visible(HTMLParser):
    """Collects the text that a reader of the page would see."""

    HIDDEN = frozenset({"script", "style", "head"})

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self._hidden += tag in self.HIDDEN

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in self.HIDDEN and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)


def _visible(page: str) -> str:
    parser = _Visible()
    parser.feed(page)
    parser.close()
    return " ".join(parser.words)
