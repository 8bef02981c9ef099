"""YAML is written so that every reader reads the same, with and without libyaml, and it is read strictly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from postman_items import ITEMS, ROOT, SEED
from postman_openapi import json_nodes, yaml_io
from postman_openapi.losses import SpecError
from postman_openapi.yaml_io import read_yaml, write_yaml
from ruamel.yaml import YAML

AMBIGUOUS = [
    "204",
    "012",
    "0o17",
    "017",
    "0x1",
    "0x1F",
    "0b1",
    "1_000",
    "1e3",
    "1E+3",
    ".5",
    "+1",
    "-1",
    "-",
    ".",
    "1.",
    "1:30",
    "12:30",
    "1:2:3",
    "190:20:30.15",
    ".inf",
    "-.INF",
    ".nan",
    "~",
    "null",
    "Null",
    "NULL",
    "yes",
    "Yes",
    "NO",
    "no",
    "on",
    "On",
    "off",
    "OFF",
    "y",
    "Y",
    "n",
    "N",
    "true",
    "True",
    "false",
    "FALSE",
    "=",
    "<<",
    "---",
    "...",
    "?",
    ":",
    "!",
    "&",
    "*",
    "|",
    ">",
    "'",
    '"',
    "#",
    "%",
    "@",
    "`",
    "2026-11-23",
    "2026-11-23T10:00:00Z",
    "2026-1-2",
    "{a}",
    "[a]",
    "{}",
    "[]",
    "*a",
    "&a",
    "!a",
    "!!int",
    "%a",
    "@a",
    "`a",
    "a:",
    ":a",
    "trailing:",
    "a:b",
    "é",
    "😀",
    "\ufeff",
]
AMBIGUOUS += [
    "",
    " ",
    " a",
    "a ",
    "a: b",
    "a #b",
    "- a",
    "? a",
    "- ",
    "\x85",
    "\u2028",
    "\ufeff",
    "\ue000😀",
    "\x7f",
    "\0",
]
AMBIGUOUS += [
    "a\tb",
    "\ta",
    "a\r\nb",
    "a\rb",
    "a\n",
    "\na",
    "a\n\n",
    "\n",
    "a\n\n  b",
    "a \nb",
    "a\nb",
    " a\nb",
    "a\n ",
    "a" * 129,
]


def read_with_all(text: str) -> list[Any]:
    """Return the document that each reader finds: PyYAML reads YAML 1.1, ruamel.yaml reads 1.2."""
    return [
        yaml.safe_load(text),
        yaml.load(text, yaml.CSafeLoader),
        YAML(typ="safe", pure=True).load(text),
        read_yaml(text, "x"),
    ]


@pytest.fixture
def without_libyaml(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Do as if PyYAML had no C library."""
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    yaml_io.has_libyaml.cache_clear()
    yield
    yaml_io.has_libyaml.cache_clear()


def write_without_libyaml(document: Any) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml_io, "has_libyaml", lambda: False)
        return write_yaml(document)


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_ambiguous_text_is_text_for_both_yaml_versions(text: str) -> None:
    document = {text: text, "list": [text]}
    written = write_yaml(document)
    assert read_with_all(written) == [document] * 4
    assert write_without_libyaml(document) == written


texts = (
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(AMBIGUOUS)
    | st.text("ab \n-:#é😀\t\r\u2028\ue000", max_size=12)
    | st.from_regex(r"[-+]?[0-9_:.xoeEinfa]{1,8}", fullmatch=True)
)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(texts, documents, max_size=4))
def test_both_yaml_versions_read_the_same_document(document: dict[str, Any]) -> None:
    written = write_yaml(document)
    assert read_with_all(written) == [document] * 4
    assert write_without_libyaml(document) == written


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("one\ntwo\n\nthree", "a: |-\n  one\n  two\n\n  three\n"),
        ("- one\n  - two", "a: |-\n  - one\n    - two\n"),
        ("one: 1\n# two\n", "a: |\n  one: 1\n  # two\n"),
        ("one\n\n", "a: |+\n  one\n\n"),
        ("caf\u00e9 \U0001f600\u00a0!\n'yes'", "a: |-\n  caf\u00e9 \U0001f600\u00a0!\n  'yes'\n"),
        ("x" * 5000 + " y\nz", f"a: |-\n  {'x' * 5000} y\n  z\n"),
    ],
)
def test_multiline_text_is_a_block(text: str, block: str) -> None:
    assert write_yaml({"a": text}) == block == write_without_libyaml({"a": text})
    assert read_with_all(block) == [{"a": text}] * 4


def test_a_line_is_never_folded() -> None:
    assert write_yaml({"a": "b, " * 9000}).count("\n") == 1


def test_a_character_beyond_the_basic_plane_is_written_as_itself() -> None:
    document = {"\U0001f600": ["\ue000", "\ue001: \U0001f680", "\U0001f680\n\U0001f600"]}
    written = write_yaml(document)
    assert "\\" not in written
    assert read_with_all(written) == [document] * 4


def test_shared_values_are_written_without_aliases() -> None:
    shared = {"b": [1]}
    assert write_yaml({"a": shared, "c": shared}) == "a:\n  b:\n  - 1\nc:\n  b:\n  - 1\n"


@pytest.mark.parametrize("number", [0.5, 1e20, 1e-7, 1.5e300, -2.0, 10**30, 0, -0.0])
def test_numbers_are_numbers_for_both_yaml_versions(number: float) -> None:
    found = read_with_all(write_yaml({"x": number}))
    assert found == [{"x": number}] * 4
    assert {type(each["x"]) for each in found} == {type(number)}


@pytest.mark.usefixtures("without_libyaml")
def test_missing_libyaml_is_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert read_yaml(write_yaml({"a": "yes\nno"}), "x") == {"a": "yes\nno"}
    assert capsys.readouterr().err == f"{yaml_io.NOTE}\n"


def test_the_converter_runs_without_libyaml() -> None:
    script = "import sys; sys.modules['yaml._yaml'] = None; from postman_openapi.cli import main; sys.exit(main())"
    environment = {"PYTHONPATH": str(ROOT / "scripts"), "PYTHONDONTWRITEBYTECODE": "1"}
    results = [
        subprocess.run(
            [sys.executable, "-c", code, str(ITEMS / SEED)], capture_output=True, text=True, check=True, env=environment
        )
        for code in (script, script.partition("; ")[0] + "; " + script.partition("None; ")[2])
    ]
    assert [each.stderr.count("libyaml") for each in results] == [1, 0]
    assert results[0].stdout == results[1].stdout != ""


# --- reading


@pytest.mark.parametrize("libyaml", [True, False])
def test_plain_text_is_read_as_yaml_1_2(libyaml: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_io, "has_libyaml", lambda: libyaml)
    text = "[yes, on, 012, 0o17, 0x1F, 1:30, 1_000, 1e3, .5, ~, , null, true, FALSE, 1.0, -7, =, '1']"
    found = read_yaml(text.replace(" , ", " '', "), "x")
    expected = ["yes", "on", 12, 15, 31, "1:30", "1_000", 1000.0, 0.5, None, "", None, True, False, 1.0, -7, "=", "1"]
    assert found == expected
    assert list(map(type, found)) == list(map(type, expected))
    assert read_yaml("a:\nb: &b {c: 1}\nd: {<<: *b, e: 2}", "x") == {"a": None, "b": {"c": 1}, "d": {"c": 1, "e": 2}}


@pytest.mark.parametrize(
    "text",
    [
        "a: !!int abc",
        "a: 2020-99-99",
        "[" * 3000,
        "[" * 300_000,
        "- " * 300_000,
        "a: 1\na: 2",
        "a: {b: 1, b: 1}",
        "a: [",
        "\tb",
        "a: !!python/object:os.system {}",
        "a: \x07",
        "--- a\n--- b",
        "a: " + "9" * 5000,
        "? [a]\n: b",
    ],
)
@pytest.mark.parametrize("libyaml", [True, False])
def test_invalid_yaml_raises_spec_error(text: str, libyaml: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_io, "has_libyaml", lambda: libyaml)
    with pytest.raises(SpecError, match=r"not valid YAML|nested more than"):
        read_yaml(text, "x.yaml")


@pytest.mark.parametrize(
    "text", ["a: 2020-01-02", "a: 2020-01-02T03:04:05Z", "1: a", "a: .inf", "a: !!set {b}", "~: a"]
)
def test_value_that_json_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"^x.yaml: .*(quote it|not a JSON number)"):
        read_yaml(text, "x.yaml")


def test_alias_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_nodes, "MAX_VALUES", 50_000)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 9)]
    with pytest.raises(SpecError, match="values, counting aliases"):
        read_yaml("\n".join(lines), "x.yaml")
