"""A JSON file read piece by piece has the same content as one that is read at once, or is refused by both."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confluence_groups_sdk._support.strict_json import ShapeError, parse_strict
from confluence_groups_sdk.review.model.json_pieces import JsonPieces

TEXTS = st.text(max_size=6) | st.sampled_from(['"', "\\", "\ud800", "😀", '},"', "é"])
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=5)


def read(data: bytes, chunk_bytes: int) -> Any:
    """Read an object piece by piece, with the objects and lists directly inside it."""
    pieces = JsonPieces(io.BytesIO(data), chunk_bytes)
    found: dict[str, Any] = {}
    for name in pieces.keys("whole"):
        found[name] = read_inner(pieces, name)
    pieces.end()
    return found


def read_inner(pieces: JsonPieces, name: str) -> Any:
    if name == "list":
        return [pieces.value() for _ in pieces.items(name)]
    if name == "object":
        return {key: pieces.value() for key in pieces.keys(name)}
    return pieces.value()


@given(
    outer=OBJECTS,
    items=st.lists(VALUES, max_size=4),
    inner=OBJECTS,
    indent=st.sampled_from([None, 0, 2]),
    escaped=st.booleans(),
    chunk_bytes=st.integers(1, 9),
)
def test_pieces_have_the_same_content(
    outer: dict[str, Any],
    items: list[Any],
    inner: dict[str, Any],
    indent: int | None,
    chunk_bytes: int,
    *,
    escaped: bool,
) -> None:
    value = {**outer, "list": items, "object": inner}
    data = json.dumps(value, indent=indent, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    assert read(data, chunk_bytes) == parse_strict(data) == json.loads(data)


@given(outer=OBJECTS, data=st.data(), chunk_bytes=st.integers(1, 9))
def test_damaged_files_are_refused_by_both(outer: dict[str, Any], data: st.DataObject, chunk_bytes: int) -> None:
    whole = bytearray(json.dumps({**outer, "list": [1], "object": {"a": {}}}).encode())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    damaged = bytes(whole)
    try:
        expected = parse_strict(damaged)
    except ShapeError:
        expected = None
    if (
        isinstance(expected, dict)
        and isinstance(expected.get("list", []), list)
        and isinstance(expected.get("object", {}), dict)
    ):
        assert read(damaged, chunk_bytes) == expected
    else:
        with pytest.raises(ShapeError):
            read(damaged, chunk_bytes)


@pytest.mark.parametrize("chunk_bytes", [1, 100])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "whole: must be an object|not valid JSON"),
        ("[]", "whole: must be an object"),
        ('{"list": {}}', "list: must be a list"),
        ('{"object": 7}', "object: must be an object"),
        ('{"a": 1, "a": 2}', "a: occurs twice in one object"),
        ('{"a": {"b": 1, "b": 2}}', "b: occurs twice in one object"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": 1,}', "not valid JSON"),
        ('{"a" 1}', "not valid JSON .*':'"),
        ('{"a": 1 "b": 2}', "not valid JSON .*','"),
        ('{"a": 1', "not valid JSON"),
        ('{"list": [1,]}', "not valid JSON"),
        ('{"a": 1} x', r"not valid JSON \(Extra data\)"),
        ('{"a": ' + "[" * 100_000, "not valid JSON"),
    ],
)
def test_messages_name_what_is_wrong(text: str, problem: str, chunk_bytes: int) -> None:
    if len(text) > 1_000 and chunk_bytes == 1:
        chunk_bytes = 1_000
    with pytest.raises(ShapeError, match=problem):
        read(text.encode(), chunk_bytes)


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    for data in (b'{"a": "\xff"}', b'{"a": "\xc3', b"\xff\xfe{}"):
        with pytest.raises(ShapeError, match="not valid JSON"):
            read(data, 4)
