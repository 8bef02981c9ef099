"""Takes secrets and people out of what a cassette records; what is not known to be harmless is struck out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from attrs import frozen

HOST = "your-domain.atlassian.net"
REDACTED = "REDACTED"
SCRUBBED = "scrubbed"
REQUEST_HEADERS = frozenset({"accept", "content-type", "x-atlassian-token", "authorization"})
RESPONSE_HEADERS = frozenset(
    {"content-type", "location", "retry-after", "atl-request-id", "x-failure-category", "ratelimit", "ratelimit-policy"}
    | {"ratelimit-reason", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-nearlimit"}
)
PERSONAL_KEYS = frozenset(
    {"accountId", "displayName", "email", "emailAddress", "locale", "name", "path", "publicName", "timeZone"}
    | {"userKey", "username"}
)
E_MAIL = r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+\.[^\s@<>\"'(),;:.]+"
ACCOUNT_OR_UUID = r"(?:\d+:)?[0-9a-zA-Z]{8}-[0-9a-zA-Z]{4}-[0-9a-zA-Z]{4}-[0-9a-zA-Z]{4}-[0-9a-zA-Z]{12}"
IDENTITY = re.compile(rf"{E_MAIL}|{ACCOUNT_OR_UUID}|\b[0-9a-f]{{24}}\b")
HARMLESS_VALUE = re.compile(r"\d{1,6}|true|false")


@frozen
class Scrubber:
    """What may be recorded.

    Args:
        host: the host that was called, with its port; it becomes ``your-domain.atlassian.net``.
        known: what must not stand in a cassette, and what stands there instead; the longest first.
        invented: ids, names and addresses that belong to nobody and may stay.
        pages: whether answers that are no JSON may stay; a live site's page can show anything.
    """

    host: str
    known: Mapping[str, str]
    invented: frozenset[str]
    pages: bool

    def request(self, request: Any) -> Any:
        """Return vcrpy's request as it may be recorded."""
        kept = deepcopy(request)
        kept.uri = self._address(request.uri)
        kept.headers = {
            name.lower(): value for name, value in request.headers.items() if name.lower() in REQUEST_HEADERS
        }
        if "authorization" in kept.headers:
            kept.headers["authorization"] = REDACTED
        kept.body = self._body(request.body)
        return kept

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        """Return vcrpy's response as it may be recorded."""
        headers = {
            name.lower(): [self._header(name.lower(), value) for value in values]
            for name, values in response["headers"].items()
            if name.lower() in RESPONSE_HEADERS
        }
        return {
            "status": response["status"],
            "headers": headers,
            "body": {"string": self._body(response["body"]["string"])},
        }

    def _header(self, name: str, value: str) -> str:
        return self._address(value) if name == "location" else self._text(value) if name == "content-type" else value

    def _address(self, address: str) -> str:
        parts = urlsplit(address)
        netloc = HOST if parts.netloc == self.host else self._text(parts.netloc)
        scheme = "https" if parts.netloc == self.host else parts.scheme
        query = [(name, self._value(value)) for name, value in parse_qsl(parts.query, keep_blank_values=True)]
        return urlunsplit((scheme, netloc, self._text(parts.path), urlencode(query, quote_via=quote), ""))

    def _value(self, value: str) -> str:
        if value in self.invented or HARMLESS_VALUE.fullmatch(value):
            return value
        return self.known.get(value, SCRUBBED)

    def _body(self, body: bytes | str | None) -> bytes | None:
        if not body:
            return body.encode() if isinstance(body, str) else body
        raw = body.encode() if isinstance(body, str) else body
        try:
            text = raw.decode()
            parsed = json.loads(text)
        except UnicodeDecodeError:
            return f"{SCRUBBED}: {len(raw)} bytes that are no text".encode()
        except ValueError:
            return (
                self._text(text).encode() if self.pages else f"{SCRUBBED}: {len(raw)} bytes that are no JSON".encode()
            )
        cleaned = self._json(parsed)
        return raw if cleaned == parsed else json.dumps(cleaned, ensure_ascii=False).encode()

    def _json(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {self._text(name): self._json(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._json(inner, key) for inner in value]
        if not isinstance(value, str):
            return value
        if key in PERSONAL_KEYS and value and value not in self.invented:
            return self.known.get(value, SCRUBBED)
        return self._text(value)

    def _text(self, text: str) -> str:
        text = text.replace(self.host, HOST)
        for secret in sorted(self.known, key=len, reverse=True):
            for form in (secret, quote(secret, safe="")):
                text = text.replace(form, self.known[secret])
        return IDENTITY.sub(lambda match: match[0] if match[0] in self.invented else SCRUBBED, text)
