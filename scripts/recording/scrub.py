"""Remove secrets and personal data from recorded calls; only values that are known to be harmless stay."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import yaml
from attrs import frozen

HOST = "your-domain.atlassian.net"
REDACTED = "REDACTED"
SCRUBBED = "scrubbed"
REQUEST_HEADERS = ("accept", "authorization", "content-type", "x-atlassian-token")
RESPONSE_HEADERS = (
    "atl-request-id", "content-type", "location", "ratelimit", "ratelimit-policy", "ratelimit-reason", "retry-after",
    "x-failure-category", "x-ratelimit-limit", "x-ratelimit-nearlimit", "x-ratelimit-remaining", "x-ratelimit-reset",
)  # fmt: skip
# Keys whose texts come from the API itself; any other text could be about a person.
TEXT_KEYS = (
    "accountStatus", "accountType", "error", "error_description", "locale", "managedBy", "message", "operation",
    "targetType", "translation", "type", "usageType",
)  # fmt: skip
NUMBER_KEYS = ("statusCode", "code", "start", "limit", "size", "totalSize", "width", "height")
ADDRESS_KEYS = ("base", "context", "self", "next", "path")
FRAGMENT = Path(__file__).resolve().parents[2] / "openapi" / "confluence-groups.openapi.yaml"
PATHS = yaml.safe_load(FRAGMENT.read_text(encoding="utf-8"))["paths"]
PATH_WORDS = frozenset(
    {"aa-avatar", "accessible-resources", "confluence", "ex", "experimental", "oauth", "rest", "token", "wiki"}
    | {segment for path in PATHS for segment in path.split("/") if segment and segment[0] != "{"}
)
NAME = re.compile(r"[A-Za-z_][A-Za-z_.-]{0,40}")
HARMLESS_VALUE = re.compile(r"\d{1,6}|true|false")
E_MAIL = r"[^\s@<>\"'(),;:/=&?]+(?:@|%40)[^\s@<>\"'(),;:/=&?]+\.[^\s@<>\"'(),;:/=&?.]+"
ACCOUNT_OR_UUID = r"(?:\d+(?::|%3a))?[0-9a-z]{8}-[0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{12}"
IDENTITY = re.compile(rf"{E_MAIL}|{ACCOUNT_OR_UUID}|(?<![0-9a-z])[0-9a-f]{{24}}(?![0-9a-z])", re.IGNORECASE)


@frozen
class Scrubber:
    """Decides which parts of a call may be recorded.

    Args:
        host: the called host with its port; it becomes ``your-domain.atlassian.net``.
        known: texts that must not be recorded, and their replacements.
        invented: ids, names and addresses that belong to nobody and may stay.
        pages: whether responses that are not JSON may stay; a live site's page can contain anything.
    """

    host: str
    known: Mapping[str, str]
    invented: frozenset[str]
    pages: bool

    def request(self, request: Any) -> Any:
        """Return vcrpy's request without secrets and personal data."""
        kept = deepcopy(request)
        kept.uri = self._address(request.uri)
        headers = {name.lower(): self._text(value) for name, value in request.headers.items()}
        kept.headers = {name: headers[name] for name in REQUEST_HEADERS if name in headers}
        if "authorization" in kept.headers:
            kept.headers["authorization"] = REDACTED
        kept.body = self._body(request.body)
        return kept

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        """Return vcrpy's response without secrets and personal data."""
        headers = {name.lower(): values for name, values in response["headers"].items()}
        kept = {
            name: [self._header(name, value) for value in headers[name]] for name in RESPONSE_HEADERS if name in headers
        }
        status = {"code": response["status"]["code"], "message": self._text(response["status"]["message"] or "")}
        return {"status": status, "headers": kept, "body": {"string": self._body(response["body"]["string"])}}

    def _header(self, name: str, value: str) -> str:
        if name == "atl-request-id":
            return self._without_known(value)  # the id of a request, not of a person
        return self._address(value) if name == "location" else self._text(value)

    def _address(self, address: str) -> str:
        """Return a URL with a placeholder for the host and only the API's own words in its path."""
        try:
            parts = urlsplit(address)
            query = parse_qsl(parts.query, keep_blank_values=True)
        except ValueError:
            return SCRUBBED
        own = not parts.netloc or parts.netloc.lower() == self.host.lower()
        if not own and parts.netloc.lower() not in (known.lower() for known in self.known):
            return f"https://{SCRUBBED}.example.com/"
        path = "/".join(self._segment(segment) for segment in parts.path.split("/"))
        pairs = [(self._name(name), self._value(value)) for name, value in query]
        scheme = "https" if parts.netloc else ""
        return urlunsplit((scheme, HOST if parts.netloc else "", path, urlencode(pairs, quote_via=quote), ""))

    def _segment(self, segment: str) -> str:
        return segment if not segment or segment in PATH_WORDS else quote(self._value(unquote(segment)), safe="")

    def _name(self, name: str) -> str:
        return name if NAME.fullmatch(name) and self._text(name) == name else SCRUBBED

    def _value(self, value: str) -> str:
        if value in self.invented or HARMLESS_VALUE.fullmatch(value):
            return value
        return self.known.get(value, SCRUBBED)

    def _body(self, body: bytes | str | None) -> bytes | None:
        raw = body.encode() if isinstance(body, str) else body
        if not raw:
            return raw
        try:
            text = raw.decode()
            parsed = json.loads(text)
            cleaned = self._json(parsed)
        except UnicodeDecodeError:
            return f"{SCRUBBED}: {len(raw)} bytes that are not text".encode()
        except (ValueError, RecursionError):
            kept = self._text(text) if self.pages else f"{SCRUBBED}: {len(raw)} bytes that are not JSON"
            return kept.encode()
        if cleaned == parsed and self._text(text) == text:
            return raw
        return json.dumps(cleaned).encode()

    def _json(self, value: Any, key: str = "") -> Any:
        """Return a value with only the contents that the API itself writes under known keys."""
        if isinstance(value, dict):
            return {self._name(name): self._json(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._json(inner, key) for inner in value]
        if isinstance(value, str):
            if key in ADDRESS_KEYS:
                return self._address(value)
            return self._text(value) if key in TEXT_KEYS else value and self._value(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value if key in NUMBER_KEYS else 0
        return value

    def _text(self, text: str) -> str:
        text = self._without_known(text)
        return IDENTITY.sub(lambda match: match[0] if match[0] in self.invented else SCRUBBED, text)

    def _without_known(self, text: str) -> str:
        replacements = {self.host: HOST, **self.known}
        for secret in sorted(replacements, key=len, reverse=True):
            for form in (secret, quote(secret, safe="")):
                text = re.sub(re.escape(form), replacements[secret], text, flags=re.IGNORECASE)
        return text
