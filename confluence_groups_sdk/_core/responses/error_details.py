"""Read a failed response: the server's message, and the signs of known problems.

The shapes and signs are listed in docs/confluence-behaviour.md#errors, #authentication and #permissions.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from ..._support import base_url
from ..._support.libraries.http import httpx
from ..._support.redaction import redact
from ...errors import KnownProblem
from .bounded_json import parse_json
from .headers import printable

HIDDEN_TAGS = frozenset({"head", "script", "style"})
MAX_TEXTS = 1_000  # of one body
MAX_DEPTH = 8  # of objects and lists in each other
MAX_ENTRIES = 10_000  # of one object or list

TEXT_KEYS = ("message", "error_description", "error", "translation")
LIST_KEYS = ("data", "errors", "errorMessages")
OTHER_KEYS = ("errorMessage", "error_message", "Message", "msg", "text", "description", "details", "reason")  # proxies

# Words are searched in lower case and on one line. The quantifiers have limits, so that no text is slow to search.
ALLOWLIST = r"(?:allow(?:ed)?[- ]?list|whitelist)"
REFUSED = r"\b(?:rejected|blocked|not allowed|not permitted)\b"
WITHIN = r"(?:[^.!?]|[.](?=\d)){0,100}?"  # one sentence; an address has dots
# A firewall's page also ends with "Your IP: 192.0.2.1", which is not why it blocked the request.
IP = re.compile(
    rf"\bip(?: address(?:es)?)?\b{WITHIN}(?:{ALLOWLIST}|{REFUSED})"
    rf"|(?:{ALLOWLIST}|{REFUSED}){WITHIN}\bip\b(?! ?(?:address)? ?(?::|is\b))"
)
PASSWORD = re.compile(r"\bbasic auth(?:entication)? with (?:a )?passwords?\b")
EXTERNAL = re.compile(r"\bidentity provider|\bscim\b")
CLIENT_ERRORS = (400, 401, 403)


def classify_problem(
    status: int, headers: Mapping[str, str], body: str, request: httpx.Request | None = None
) -> KnownProblem | None:
    """Recognise a known problem by headers, shape or words; the flags under ``data`` are unreliable.

    Args:
        status: the response's status.
        headers: the response's headers.
        body: the response's body.
        request: the request; None if it is not known.
    """
    said = words_in(body)
    if status >= 300 and (problem := _login_problem(status, headers, said)):
        return problem
    if status == 403:
        if "xsrf check failed" in said:
            return KnownProblem.XSRF_CHECK_FAILED
        if "not permitted to use confluence" in said:
            return KnownProblem.NO_ACCESS
    if status in CLIENT_ERRORS and IP.search(said):
        return KnownProblem.IP_NOT_ALLOWED
    if status in (400, 403, 409) and EXTERNAL.search(said) and not (request and request.method == "GET"):
        return KnownProblem.EXTERNALLY_MANAGED
    if 300 <= status <= 399:
        return KnownProblem.REDIRECTED
    if status == 404 and not _is_confluence(body):
        return KnownProblem.WRONG_ADDRESS
    if status == 401 and request and _is_bearer_at_site(request):
        return KnownProblem.BEARER_TOKEN_AT_SITE
    return None


def _login_problem(status: int, headers: Mapping[str, str], said: str) -> KnownProblem | None:
    """Recognise a problem with the credentials."""
    category = headers.get("x-failure-category", "").lower()
    reason = headers.get("x-seraph-loginreason", "").lower()
    denied = headers.get("x-authentication-denied-reason", "").lower()
    if "captcha" in denied or "authentication_denied" in reason or "captcha_challenge" in said:
        return KnownProblem.CAPTCHA_REQUIRED
    if status in CLIENT_ERRORS:
        if "failed to parse connect session auth token" in said:
            return KnownProblem.BEARER_TOKEN_AT_SITE
        if PASSWORD.search(said):
            return KnownProblem.PASSWORD_NOT_ACCEPTED
    if status == 401:
        if "failure_client_scope_check" in category or "scope does not match" in said:
            return KnownProblem.MISSING_SCOPE
        if "failure_client_auth_mismatch" in category:
            return KnownProblem.AUTH_MISMATCH
        if "authenticated_failed" in reason or "reason : authenticated_failed" in said:
            return KnownProblem.TOKEN_NOT_ACCEPTED
    return None


def _is_bearer_at_site(request: httpx.Request) -> bool:
    """Check whether a bearer token was sent to an address that is a site's own for certain."""
    sent = request.headers.get("Authorization", "").lower()
    return sent.startswith("bearer ") and base_url.is_site(str(request.url))


def words_in(body: str) -> str:
    """Return the server's words in lower case and on one line, to search in them."""
    return printable(" ".join(_texts(body)) or body).lower()


def extract_message(body: str, secrets: Sequence[str], *, limit: int) -> str | None:
    """Return the server's own words, on one line; None if there are none.

    Args:
        body: the response's body.
        secrets: texts to redact. Decoding may reveal one, although the body does not contain it.
        limit: the maximum length, in characters.
    """
    return printable(redact(secrets, next(_texts(body), "")))[:limit] or None


def _texts(body: str) -> Iterator[str]:
    """Yield the texts of a body in JSON, HTML or neither, the most specific first."""
    text = body.lstrip("\ufeff").strip()
    if text.startswith(("{", "[")):
        yield from islice(known_messages(_parse_json(text)), MAX_TEXTS)
    elif text.startswith("<"):
        yield visible_text(text)
    else:
        yield text


def _is_confluence(body: str) -> bool:
    """Check whether a 404 may come from the API: its body has the API's shape, or is empty."""
    parsed = _parse_json(body.lstrip("\ufeff"))
    return not body or (isinstance(parsed, dict) and "statusCode" in parsed)


def _parse_json(text: str) -> object:
    try:
        return parse_json(text)
    except ValueError:
        return None


def known_messages(parsed: object, depth: int = 0) -> Iterator[str]:
    """Yield the texts in an error of a known shape, the most specific first; values of other types are ignored.

    The shapes are those of v1, v2 (title, detail), the gateway, OAuth and Jira (errorMessages, errors by field), also
    inside each other.
    """
    if depth > MAX_DEPTH:
        return
    if isinstance(parsed, list):
        for each in islice(parsed, MAX_ENTRIES):
            yield from _nonblank(each) if isinstance(each, str) else known_messages(each, depth + 1)
    if not isinstance(parsed, dict):
        return
    for key in TEXT_KEYS:
        yield from _nonblank(parsed.get(key)) or known_messages(parsed.get(key), depth + 1)
    titled = [each for key in ("title", "detail") for each in _nonblank(parsed.get(key))]
    if titled:
        yield ": ".join(dict.fromkeys(titled))
    for key in LIST_KEYS:
        value = parsed.get(key)
        if key == "errors" and isinstance(value, dict):  # texts by the field that they are about
            yield from known_messages(list(islice(value.values(), MAX_ENTRIES)), depth + 1)
        elif key != "data" or isinstance(value, dict):
            yield from _nonblank(value) or known_messages(value, depth + 1)
    for key in OTHER_KEYS:
        yield from _nonblank(parsed.get(key))
    yield from _nonblank(_get(parsed.get("fault"), "faultstring"))


def _get(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict) else None


def _nonblank(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) and value.strip() else ()


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
