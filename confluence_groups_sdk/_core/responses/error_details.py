"""Read a failed response: the server's message, and the signs of known problems.

The shapes and signs are listed in docs/confluence-behaviour.md#errors, #authentication and #permissions.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator, Mapping

from ..._support.redaction import redact
from ...errors import KnownProblem
from .headers import printable

HIDDEN_TAGS = frozenset({"head", "script", "style"})


def classify_problem(status: int, headers: Mapping[str, str], body: str, message: str) -> KnownProblem | None:
    """Recognise a known problem by headers, shape or message; the flags under ``data`` are unreliable."""
    category = headers.get("x-failure-category", "")
    if status == 401:
        if "FAILURE_CLIENT_SCOPE_CHECK" in category or "scope does not match" in message:
            return KnownProblem.MISSING_SCOPE
        if "FAILURE_CLIENT_AUTH_MISMATCH" in category:
            return KnownProblem.AUTH_MISMATCH
        if "AUTHENTICATED_FAILED" in headers.get("x-seraph-loginreason", ""):
            return KnownProblem.TOKEN_NOT_ACCEPTED
    if status == 403:
        if "XSRF check failed" in message:
            return KnownProblem.XSRF_CHECK_FAILED
        if "not permitted to use Confluence" in message:
            return KnownProblem.NO_ACCESS
    if status in (400, 403, 409) and "identity provider" in message:
        return KnownProblem.EXTERNALLY_MANAGED
    if 300 <= status <= 399:
        return KnownProblem.REDIRECTED
    if status == 404 and not _is_confluence(body):
        return KnownProblem.WRONG_ADDRESS
    return None


def extract_message(body: str, secrets: Iterable[str], *, limit: int) -> str | None:
    """Return the server's own words, on one line; None if there are none.

    Args:
        body: the response's body.
        secrets: texts to redact. Decoding may reveal one, although the body does not contain it.
        limit: the maximum length, in characters.
    """
    text = body.lstrip("\ufeff").strip()
    if text.startswith(("{", "[")):
        text = next(known_messages(_parse_json(text)), "")
    elif text.startswith("<"):
        text = visible_text(text)
    return printable(redact(secrets, text))[:limit] or None


def _is_confluence(body: str) -> bool:
    """Check whether a 404 may come from the API: its body has the API's shape, or is empty."""
    parsed = _parse_json(body.lstrip("\ufeff"))
    return not body or (isinstance(parsed, dict) and "statusCode" in parsed)


def _parse_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def known_messages(parsed: object) -> Iterator[str]:
    """Yield the texts in an error of a known shape (v1, gateway or OAuth), the most specific first."""
    if not isinstance(parsed, dict):
        return
    for key in ("message", "error_description", "error"):
        if isinstance(parsed.get(key), str) and parsed[key]:
            yield parsed[key]
    data = parsed.get("data")
    errors = data.get("errors") if isinstance(data, dict) else None
    for error in errors if isinstance(errors, list) else ():
        inner = error.get("message") if isinstance(error, dict) else None
        translation = inner.get("translation") if isinstance(inner, dict) else None
        if isinstance(translation, str) and translation:
            yield translation


def visible_text(page: str) -> str:
    """Return the visible text of an HTML page, in a single pass, because a page may be built to be slow to parse."""
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
