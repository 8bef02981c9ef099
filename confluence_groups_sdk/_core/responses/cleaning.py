"""Remove secrets from a response before code keeps it, because error reporters show the variables of frames."""

from __future__ import annotations

from collections.abc import Iterable

import httpx

from ..._support.redaction import REDACTED, forms_of
from .headers import MIN_SECRET_LENGTH

TRANSFER_HEADERS = (b"content-encoding", b"content-length", b"transfer-encoding")  # do not apply to a decoded body
WIDE_ENCODINGS = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")  # JSON may have them


def clean_response(response: httpx.Response, secrets: Iterable[str]) -> httpx.Response:
    """Return a response like another one, but without secrets, in any form that a server may echo.

    It has the status, the headers and the body, but not the reason phrase, which may also repeat a secret. Its request
    has the method and the address, but neither headers nor body. A header is left out if its name repeats a secret.

    Args:
        response: the response, already read.
        secrets: the secrets as they were sent, such as a token or a client secret.
    """
    forms = [form.encode("utf-8", "replace") for form in forms_of(secrets)]
    wide = [form.encode(encoding, "replace") for form in forms_of(secrets) for encoding in WIDE_ENCODINGS]
    unwanted = [form.lower() for form in forms if len(form) >= MIN_SECRET_LENGTH]
    headers = [
        (name, _redact(forms, value))
        for name, value in response.headers.raw
        if name.lower() not in TRANSFER_HEADERS and not any(form in name.lower() for form in unwanted)
    ]
    return httpx.Response(
        response.status_code,
        headers=headers,
        content=_redact([*forms, *wide], response.content),
        request=_bare_request(response),
    )


def _redact(forms: Iterable[bytes], data: bytes) -> bytes:
    for form in forms:
        data = data.replace(form, REDACTED.encode("ascii"))
    return data


def _bare_request(response: httpx.Response) -> httpx.Request | None:
    try:
        request = response.request
    except RuntimeError:
        return None  # a response that was built without a request
    return httpx.Request(request.method, str(request.url))
