"""A message about an input leads to its line."""

from __future__ import annotations

import pytest
from codegen.fragment.positions import place_with_line

YAML = """\
a:
  - b: 1

  - target: $.x
    c/d:
      e: 2
"""
JSON = '{\n  "a": [\n    {"b": 1},\n    {\n\t"c": "é"\n    }\n  ]\n}\n'


@pytest.mark.parametrize(
    ("text", "pointer", "place"),
    [
        (YAML, "/a", "f:1"),
        (YAML, "/a/0/b", "f:2"),
        (YAML, "/a/1", "f:4"),
        (YAML, "/a/1/c~1d/e", "f:6"),
        (YAML, "/a/1/missing", "f:4"),
        (YAML, "/a/7", "f:1"),
        (YAML, "/missing", "f"),
        (YAML, "", "f"),
        (JSON, "/a/0/b", "f:3"),
        (JSON, "/a/1", "f:4"),
        ("a: [", "/a", "f"),
        ("", "/a", "f"),
    ],
)
def test_the_line_of_a_position_is_named(text: str, pointer: str, place: str) -> None:
    assert place_with_line("f", text, pointer) == place
