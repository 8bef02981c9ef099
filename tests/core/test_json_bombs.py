"""JSON that would cost far more memory than its length is refused before it is parsed."""

from __future__ import annotations

import gzip
import json
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fakes import KINDS, WIRED, Answers, call, call_at
from raw_socket_servers import reply_with, serve

from confluence_groups_sdk import ApiToken, ResponseValidationError, discover_sites
from confluence_groups_sdk._core.responses.bounded_json import JsonBoundsError, parse_json

MAX_DEPTH = 100
MAX_VALUES = 250_000
UNCHECKED_BYTES = 256 * 1024
MIB = 1024 * 1024
BODY_BYTES = 16 * MIB
MAX_PEAK_BYTES = 150 * 1000 * 1000  # of one answer, in whichever shape

GROUP = {"group_id": "g"}
READS: dict[str, dict[str, Any]] = {
    "iter_members": GROUP,
    "iter_groups": {},
    "search_groups": {"query": "q"},
    "iter_memberships": {"account_id": "a"},
    "count_members": GROUP,
    "is_member": {"group_id": "g", "account_id": "a"},
    "get_group": GROUP,
    "get_user": {"account_id": "a"},
    "current_user": {},
}


def fill(unit: str | bytes, *, before: bytes = b"[", after: bytes = b"0]") -> bytes:
    """Return 16 MiB of JSON that repeats one unit."""
    data = unit.encode() if isinstance(unit, str) else unit
    return before + data * ((BODY_BYTES - len(before) - len(after)) // len(data)) + after


def different_keys() -> bytes:
    names = ",".join(f'"{number:x}":0' for number in range(1_500_000))
    return f"{{{names}}}".encode()


BOMBS: dict[str, Callable[[], bytes]] = {
    "arrays": lambda: fill("[],"),
    "objects": lambda: fill("{},"),
    "nested arrays": lambda: fill("[" * 90 + "]" * 90 + ","),
    "arrays of one": lambda: fill("[[]],"),
    "objects in arrays": lambda: fill('[{"a":{}}],'),
    "same keys": lambda: fill('{"a":0},'),
    "different keys": different_keys,
    "small numbers": lambda: fill("0,"),
    "numbers": lambda: fill("-9,"),
    "fractions": lambda: fill("1e1,"),
    "infinities": lambda: fill("1e999,"),
    "not numbers": lambda: fill("NaN,"),
    "empty texts": lambda: fill('"",'),
    "texts": lambda: fill('"aa",'),
    "escaped quotes": lambda: fill('"\\"",'),
    "half surrogates": lambda: fill('"\\ud800",'),
    "nulls": lambda: fill("null,"),
    "with a byte order mark": lambda: b"\xef\xbb\xbf" + fill("[],"),
    "in UTF-16": lambda: fill(
        "[],".encode("utf-16-le"), before="[".encode("utf-16-le"), after="0]".encode("utf-16-le")
    ),
    "in UTF-32": lambda: fill(
        "[],".encode("utf-32-be"), before="[".encode("utf-32-be"), after="0]".encode("utf-32-be")
    ),
    "a page whose unknown field is a bomb": lambda: fill("[],", before=b'{"results":[],"x":[', after=b"0]}"),
    "only opened": lambda: b"[" * BODY_BYTES,
    "objects that are only opened": lambda: fill('{"a":', before=b"", after=b""),
    "a deep one at the end": lambda: b'"' + b" " * MIB + b'"' + b"[" * 10_000,
}


@contextmanager
def peak_below(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_before_it_takes_memory(bomb: str) -> None:
    data = BOMBS[bomb]()
    with peak_below(MAX_PEAK_BYTES - len(data)), pytest.raises(ValueError, match=r"values|levels|JSON|Extra data"):
        parse_json(data)


@pytest.mark.parametrize("kind", WIRED)
@pytest.mark.parametrize(
    ("deepest", "unit", "words"),
    [("[]", "[],", "values"), ("[" * 900 + "]" * 900, " ", "levels")],
    ids=["arrays", "levels"],
)
def test_a_small_answer_that_unpacks_to_a_bomb_is_an_error(kind: str, deepest: str, unit: str, words: str) -> None:
    packed = gzip.compress(fill(unit, before=b'{"results":[],"x":[' + deepest.encode() + b",", after=b"0]}"))
    assert len(packed) < 20_000
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\natl-request-id: r-1\r\n\r\n"
    with serve(reply_with(head.encode() + packed)) as server, peak_below(MAX_PEAK_BYTES):
        with pytest.raises(ResponseValidationError, match=words) as caught:
            call_at(kind, server.address, "iter_members", GROUP)
        assert len(server.requests) == 1
    assert caught.value.request_id == "r-1"
    assert "raw" not in caught.value.remedy, "`raw` would parse it"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", READS)
@pytest.mark.parametrize(
    "filler",
    ["[]," * 300_000, "0," * 300_000, "[" * 200 + "]" * 200 + "," + " " * MIB],
    ids=["arrays", "numbers", "levels"],
)
def test_no_method_parses_a_bomb(kind: str, method: str, filler: str) -> None:
    bomb = b'{"id":"g","name":"n","accountId":"a","results":[],"x":[' + filler.encode() + b"0]}"
    with pytest.raises(ResponseValidationError, match=r"values|levels"):
        call(kind, method, Answers(httpx.Response(200, content=bomb)), READS[method])


def test_neither_does_the_list_of_sites() -> None:
    bomb = b"[" + b"[]," * 300_000 + b"[]]"
    transport = httpx.MockTransport(Answers(httpx.Response(200, content=bomb)))
    with httpx.Client(transport=transport) as http, pytest.raises(ResponseValidationError, match="values"):
        discover_sites(ApiToken("me@example.com", "t"), http_client=http)


@pytest.mark.parametrize("limit", [1_000, 1_000_000])
@pytest.mark.parametrize("size", [1_000, 100_000, MIB])
@pytest.mark.parametrize("unit", ["[", '{"a":', '[{"a":'])
def test_depth_is_bounded_whatever_the_recursion_limit(unit: str, size: int, limit: int) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    # From Python 3.12 on, the C code of json has a limit of its own, which such a short text does not reach.
    is_parsed = sys.version_info >= (3, 12) and size == limit == 1_000
    error, words = (ValueError, "Expecting value") if is_parsed else (JsonBoundsError, r"levels|values")
    try:
        with pytest.raises(error, match=words):
            parse_json(unit * size)
    finally:
        sys.setrecursionlimit(before)


PADDING = '"' + "x" * UNCHECKED_BYTES + '"'  # makes the text long enough to be checked


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_the_bounds_are_exact(opening: str, *, as_bytes: bool) -> None:
    def parse(text: str) -> Any:
        return parse_json(text.encode() if as_bytes else text)

    closing = "]" if opening == "[" else "}"
    nested = opening * (MAX_DEPTH - 1) + "0" + closing * (MAX_DEPTH - 1)
    many = ",".join(["[]"] * 200)  # so that brackets are counted
    assert len(parse(f"[{nested},{many},{PADDING}]")) == 202
    with pytest.raises(JsonBoundsError, match=f"{MAX_DEPTH} levels"):
        parse(f"[[{nested}],{many},{PADDING}]")
    zeros = ",".join(["0"] * (MAX_VALUES - 2))
    assert len(parse(f"[{zeros},{PADDING}]")) == MAX_VALUES - 1
    with pytest.raises(JsonBoundsError, match=f"{MAX_VALUES:,} values"):
        parse(f"[{zeros},0,{PADDING}]")


@pytest.mark.parametrize(("limit", "longest"), [(1000, UNCHECKED_BYTES), (2000, UNCHECKED_BYTES), (2001, 0)])
def test_short_texts_are_bounded_by_the_recursion_limit_alone_if_it_is_low(limit: int, longest: int) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    nested = b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)
    try:
        for length in (len(nested), UNCHECKED_BYTES, UNCHECKED_BYTES + 1):
            try:
                parse_json(nested.ljust(length))
                is_parsed = True
            except JsonBoundsError:
                is_parsed = False
            assert is_parsed == (length <= longest)
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize("limit", [0, 4300, 4301, 10_000])
def test_a_whole_number_has_at_most_4300_digits(limit: int) -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(limit)
    try:
        assert parse_json(b"9" * 4300) == 10**4300 - 1
        with pytest.raises(ValueError, match=r"430[01] digits"):
            parse_json(b"9" * 4301)
    finally:
        sys.set_int_max_str_digits(before)


NAMES = [
    "[" * 20_000,
    '{"a":[' * 5_000,
    "[{,:" * 20_000,
    '\\"[[' * 10_000,
    "\\" * 9_999 + '"' + "[" * 9_999 + "\\",
    "]}" * 20_000,
    "😀[" * 20_000,
    "\ud800[" * 10_000,
    "\n[\u2028" * 10_000,
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_brackets_in_names_do_not_count(kind: str, name: str, *, ascii_only: bool) -> None:
    members = [{"accountId": f"a-{number}", "displayName": name} for number in range(25)]
    body = json.dumps({"results": members, "limit": 200}, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    found = call(kind, "iter_members", Answers(httpx.Response(200, content=body)), GROUP)
    assert [user.display_name for user in found] == [name] * 25


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_brackets_outside_of_names_count_beside_them(name: str) -> None:
    body = json.dumps([name] * 30)[:-1] + "," + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1) + "]"
    with pytest.raises(JsonBoundsError):
        parse_json(body)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_a_long_text_is_read_in_each_encoding_as_before(encoding: str) -> None:
    value = {"results": [{"name": "嬀∢[" * 3}] * 30_000}  # in UTF-16, these have the bytes of brackets and quotes
    assert parse_json(json.dumps(value, ensure_ascii=False).encode(encoding)) == value


@pytest.mark.parametrize("limit", [0, 2_000_000])
@pytest.mark.parametrize("padding", [0, UNCHECKED_BYTES])
@pytest.mark.parametrize("size", [5_000, 200_000, 1_000_000])
def test_long_numbers_are_refused_even_if_python_has_no_limit(size: int, padding: int, limit: int) -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(limit)
    try:
        with pytest.raises(ValueError, match="digits"):
            parse_json(b"[" + b" " * padding + b"9" * size + b"]")
    finally:
        sys.set_int_max_str_digits(before)


@pytest.mark.parametrize("text", ["", "[", "{", "nul", '"', '["', '["\\', "[1,]", "\\", '\\"', '[\\"]', "1 2", "[]]"])
@pytest.mark.parametrize("padding", ["", " " * (UNCHECKED_BYTES + 1)])
def test_what_is_not_json_is_a_value_error(text: str, padding: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|Expecting|Unterminated|Extra data|Invalid|Illegal|levels"):
        parse_json(padding + text)
