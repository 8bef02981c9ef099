"""Parse JSON from a server without spending far more memory than its length.

Parsed, ``[],[],…`` takes 25 times its length, and deeply nested arrays 45 times. A compressed response of 11 kB may
hold 16 MiB of them. Names, values and levels are therefore counted before such a text is parsed.
"""

from __future__ import annotations

import json
import sys
from itertools import accumulate
from typing import Any

MAX_VALUES = 250_000  # names and values; a page of 200 members has about 10,000
MAX_DEPTH = 100  # levels; a page of members has 5
MAX_DIGITS = 4300  # of a whole number: Python's own default, which a program may switch off

UNCHECKED_BYTES = 256 * 1024  # parsed, a text of this length takes 12 MB at most; a page of 200 members has 100 kB
UNCHECKED_RECURSION = 2_000  # if Python's limit on recursion is not above this, it bounds the depth of short texts

_OUTSIDE_STRUCTURE = bytes(set(range(256)) - set(b"[]{},:"))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}  # in depth


class JsonBoundsError(ValueError):
    """A text is JSON, or begins like it, but has too many values or levels to be parsed."""


def parse_json(content: bytes | str) -> Any:
    """Parse JSON that a server sent; short texts cost nothing extra.

    Raises:
        JsonBoundsError: there are more than 250,000 names and values, or more than 100 levels (in a text of at most
            256 KiB, more than Python can parse).
        ValueError: it is not JSON, or has a whole number of more than 4,300 digits.
    """
    try:
        if (
            len(content) <= UNCHECKED_BYTES
            and sys.getrecursionlimit() <= UNCHECKED_RECURSION
            and 0 < sys.get_int_max_str_digits() <= MAX_DIGITS
        ):
            return json.loads(content)
        check_bounds(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
        return json.loads(content, parse_int=_parse_int)
    except RecursionError:
        raise _too_deep() from None


def check_bounds(content: bytes) -> None:
    """Count names, values and levels.

    First all characters that structure JSON are counted. Only if they are many, those inside of strings are left out.

    Raises:
        JsonBoundsError: there are too many.
    """
    encoding = json.detect_encoding(content)
    if not encoding.startswith("utf-8"):
        content = content.decode(encoding, "surrogatepass").encode("utf-8", "surrogatepass")
    opened = content.count(b"[") + content.count(b"{")
    if opened <= MAX_DEPTH and opened + content.count(b",") + content.count(b":") < MAX_VALUES:
        return
    structure = _without_strings(content).translate(None, _OUTSIDE_STRUCTURE)
    if len(structure) - structure.count(b"]") - structure.count(b"}") >= MAX_VALUES:
        raise _too_many()
    depths = accumulate(map(_STEPS.__getitem__, structure.translate(None, b",:")))
    if max(depths, default=0) > MAX_DEPTH:
        raise _too_deep()


def _without_strings(content: bytes) -> bytes:
    """Return what is outside of strings, if these are not too many: each is a name or a value."""
    if b"\\" in content:
        content = content.replace(b"\\\\", b"").replace(b'\\"', b"")  # so that each quote begins or ends a string
    pieces = content.split(b'"', 2 * MAX_VALUES + 1)
    if len(pieces) > 2 * MAX_VALUES + 1:
        raise _too_many()
    return b"".join(pieces[::2])


def _parse_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:  # converting them takes quadratic time
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _too_many() -> JsonBoundsError:
    return JsonBoundsError(f"has more than {MAX_VALUES:,} values")


def _too_deep() -> JsonBoundsError:
    return JsonBoundsError(f"has more than {MAX_DEPTH} levels")
