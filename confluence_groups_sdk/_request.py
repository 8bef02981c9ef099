"""The request of a call, in the cheapest form that httpx takes: headers made once, the address put together.

Nothing here depends on the answer to anything: a call and the settings give one request, whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from ._calls import Call
from ._settings import Settings

LONG = 8_000  # characters; a longer address is parsed at once, since httpx may find it too long to be sent


class Address(httpx.URL):
    """An address that was put together, and is only taken apart where somebody looks closer.

    Transports and the choice among them ask for a few parts, which are known. Parsing them anew is a fifth of what all
    of httpx costs around a call.

    Args:
        base: parsed before, without a slash at its end, a query or a fragment; scheme, host and port are its own.
        path: begins with a slash, and follows the base's own path, encoded as httpx would encode it; with the query.
    """

    def __init__(self, base: httpx.URL, path: str) -> None:
        self._base = base
        self._whole = f"{base}{path}"
        self._target = base.raw_path.removesuffix(b"/") + path.encode("ascii")

    @property
    def scheme(self) -> str:
        return self._base.scheme

    @property
    def raw_scheme(self) -> bytes:
        return self._base.raw_scheme

    @property
    def host(self) -> str:
        return self._base.host

    @property
    def raw_host(self) -> bytes:
        return self._base.raw_host

    @property
    def port(self) -> int | None:
        return self._base.port

    @property
    def raw_path(self) -> bytes:
        return self._target

    def __str__(self) -> str:
        return self._whole

    def __getattr__(self, name: str) -> Any:
        """Parse it when an attribute is asked for that parsing gives."""
        super().__init__(self._whole)
        return object.__getattribute__(self, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return httpx.URL, (self._whole,)


def prepare(call: Call[Any], settings: Settings) -> httpx.Request:
    """Return the request of a call, whole: httpx adds nothing to it but the credentials.

    Raises:
        ValueError: the arguments are too long for an address.
    """
    kwargs = call.request
    headers = settings.headers_to_write if call.writes else settings.headers_to_read
    body = b""
    if "json" in kwargs:
        body = json.dumps(kwargs["json"]).encode()
        headers = httpx.Headers(headers)
        headers.update({"Content-Type": "application/json", "Content-Length": str(len(body))})
    request = httpx.Request(
        kwargs["method"],
        settings.address,
        headers=headers,
        stream=httpx.ByteStream(body),  # even where there is none: no Transfer-Encoding under any transport
        extensions={"timeout": settings.timeout},
    )
    request.url = _address(call, settings.address)
    request.read()
    return request


def _address(call: Call[Any], base: httpx.URL) -> httpx.URL:
    path = call.request["url"]
    if params := call.request.get("params"):
        path = f"{path}?{_query(params)}"
    if len(path) <= LONG:
        return Address(base, path)
    try:
        return httpx.URL(f"{base}{path}")
    except httpx.InvalidURL:
        raise ValueError(f"{call.operation}: the arguments make an address that is too long to be sent") from None


def _query(params: Mapping[str, Any]) -> str:
    """Return the parameters encoded, whatever is not unreserved by its bytes; httpx writes a space as a plus."""
    if all(type(value) is str for value in params.values()):
        return "&".join([f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params.items()])
    return str(httpx.QueryParams(params)).replace("+", "%20")  # it knows how to write the rest; a plus is %2B by now
