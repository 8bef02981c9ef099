"""Reading an answer that is no success: the server's words in it, and the signs of known troubles."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator, Mapping

from ._headers import printable
from ._logging import without
from ._signs import Sign

HIDDEN_TAGS = frozenset({"head", "script", "style"})


def recognise(status: int, headers: Mapping[str, str], body: str, words: str) -> Sign | None:
    """Return what the answer shows by header, shape or text; the flags under ``data`` are never believed."""
    category = headers.get("x-failure-category", "")
    if status == 401:
        if "FAILURE_CLIENT_SCOPE_CHECK" in category or "scope does not match" in words:
            return Sign.MISSING_SCOPE
        if "FAILURE_CLIENT_AUTH_MISMATCH" in category:
            return Sign.AUTH_MISMATCH
        if "AUTHENTICATED_FAILED" in headers.get("x-seraph-loginreason", ""):
            return Sign.TOKEN_REFUSED
    if status == 403:
        if "XSRF check failed" in words:
            return Sign.XSRF_REFUSED
        if "not permitted to use Confluence" in words:
            return Sign.NO_ACCESS
    if status in (400, 403, 409) and "identity provider" in words:
        return Sign.RUN_ELSEWHERE
    if 300 <= status <= 399:
        return Sign.REDIRECTED
    if status == 404 and not _is_confluence(body):
        return Sign.WRONG_ADDRESS
    return None


def message(body: str, secrets: Iterable[str], *, limit: int) -> str | None:
    """Return the server's own words, on one line and at most ``limit`` characters long; None where there are none.

    Secrets are struck out here although the body is free of them: decoding may have put one together.
    """
    text = body.lstrip("\ufeff").strip()
    if text.startswith(("{", "[")):
        words = next(_said(_parsed(text)), "")
    elif text.startswith("<"):
        words = _visible(text)
    else:
        words = text
    return printable(without(secrets, words))[:limit] or None


def _is_confluence(body: str) -> bool:
    """Say whether a 404 can come from the API itself: it has the API's shape, or no body to tell by."""
    answer = _parsed(body.lstrip("\ufeff"))
    return not body or (isinstance(answer, dict) and "statusCode" in answer)


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


def _visible(page: str) -> str:
    """Return the text that a reader of the page would see, in one pass: the page may be anything, and made to hurt."""
    seen = []
    hidden = ""
    for piece in page.split("<"):
        tag, _, text = piece.partition(">")
        words = tag.split(None, 1)
        name = words[0].lower() if words else ""
        if not hidden and name in HIDDEN_TAGS:
            hidden = f"/{name}"
        elif name == hidden:
            hidden = ""
        if not hidden:
            seen.append(text)
    return html.unescape(" ".join(seen))
