"""The address and the headers of a request, as aiohttp takes them."""

from __future__ import annotations

import re

from yarl import URL

from ..._support.libraries.http import httpx

HEADER_NAME = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
HEADER_VALUE = re.compile(rb"(?:[^\x00-\x20\x7f]+(?:[ \t]+[^\x00-\x20\x7f]+)*)?")


def build_url(url: httpx.URL) -> URL:
    """Return the address, which is sent exactly as it is."""
    host = url.raw_host.decode("ascii")
    path = url.raw_path.decode("ascii")  # with the query; stays exactly as it is
    host = f"[{host}]" if ":" in host else host
    return URL.build(scheme=url.scheme, host=host, port=url.port, path=path, encoded=True)


def checked_headers(headers: httpx.Headers, content: bytes) -> list[tuple[str, str]]:
    """Return the headers as aiohttp takes them, with Content-Length instead of Transfer-Encoding.

    Raises:
        httpx.LocalProtocolError: a header is malformed.
    """
    checked: list[tuple[str, str]] = []
    for name, value in headers.raw:
        try:
            if not HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(value):
                raise ValueError
            checked.append((name.decode("ascii"), value.decode("utf-8")))
        except ValueError:  # a UnicodeError's text would show the value
            break
        if name.lower() == b"transfer-encoding":
            checked[-1] = ("Content-Length", str(len(content)))
    else:
        return checked
    del headers, checked, value
    raise httpx.LocalProtocolError("a header has control characters, or is not UTF-8")
