"""The report of losses: counts by kind, a line for each serious loss, and everything if asked for."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from postman_items import ROOT
from postman_openapi.losses import Loss
from postman_openapi.report import MAX_KINDS, SERIOUS, Concern, json_text, text_lines

SECRET = "its name suggests a secret"


def lost(what: str, why: str = "so", *, item: str = "x.json ('A')", pointer: str = "/a") -> Loss:
    return Loss(item, pointer, what, why)


def test_counts_come_first_then_serious_losses_then_a_hint() -> None:
    losses = [
        lost("a response header", "it was recorded, not documented", pointer=f"/response/{number}")
        for number in range(9)
    ]
    losses += [lost("the value of 'key'", SECRET), lost('the value of "it\'s"', SECRET), lost("the header Cookie")]
    losses += [lost("the header X-Other"), lost("an operation", "'request' is missing", item="x.json ('B')")]
    assert list(text_lines(losses, verbose=False)) == [
        "14 losses of 4 kinds:",
        "  9 x a response header",
        "  2 x the value of ...",
        "  2 x the header ...",
        "  1 x an operation",
        "operation lost: x.json ('B'): /a: an operation: 'request' is missing",
        "--verbose lists every loss with its position",
    ]


def test_verbose_adds_every_loss() -> None:
    losses = [lost("an operation"), lost("a type", pointer="/b")]
    lines = list(text_lines(losses, verbose=True))
    assert lines[-2:] == ["lost: x.json ('A'): /a: an operation: so", "lost: x.json ('A'): /b: a type: so"]


def test_only_serious_losses_need_no_hint() -> None:
    assert list(text_lines([lost("a folder")], verbose=False)) == [
        "1 loss of 1 kind:",
        "  1 x a folder",
        "operation lost: x.json ('A'): /a: a folder: so",
    ]


def test_no_loss_is_no_report() -> None:
    assert list(text_lines([], verbose=True)) == []
    assert json_text([]) == "[]"


def test_a_report_of_many_kinds_is_short() -> None:
    words = [f"the {first}{second}" for first in "abcdefgh" for second in "abcdefgh"]
    lines = list(text_lines([lost(word) for word in words] + [lost("a type")] * 3000, verbose=False))
    assert lines[:2] == ["3,064 losses of 65 kinds:", "  3000 x a type"]
    assert len(lines) == MAX_KINDS + 3
    assert lines[-2] == "  45 of 45 other kinds"


def test_most_serious_losses_come_first() -> None:
    losses = [
        lost("the server of a second request"),
        lost("the name 'a' of a path variable"),
        lost("a security scheme"),
    ]
    lines = list(text_lines([*losses, lost("a folder")], verbose=False))[5:]
    assert [line.partition(":")[0] for line in lines] == [
        "operation lost",
        "authentication lost",
        "path changed",
        "merged operations disagree",
    ]


def test_a_merge_has_one_line_and_so_has_the_same_authentication() -> None:
    merged = [lost(f"the {what} of a second request", f"why {what}") for what in ("name", "description")]
    merged += [lost("the parameter 'a b': its default"), lost("the name of a second request", item="x.json ('B')")]
    unclear = [lost("oauth2", "no flow", item=f"x.json ({name!r})") for name in "ABC"]
    assert [line for line in text_lines([*merged, *unclear], verbose=False) if line.startswith(tuple(Concern))] == [
        "authentication lost: x.json ('A'): /a: oauth2: no flow (and in 2 other places)",
        "merged operations disagree: x.json ('A'): /a: the name, the description, the parameter 'a b': its default",
        "merged operations disagree: x.json ('B'): /a: the name of a second request: so",
    ]


def test_json_has_every_loss() -> None:
    assert json.loads(json_text([lost("a type")])) == [
        {"item": "x.json ('A')", "pointer": "/a", "what": "a type", "why": "so"}
    ]


# --- what is serious


REPORTING = sorted((ROOT / "scripts" / "postman_openapi").rglob("*.py"))


def find_texts(path: Path) -> Iterator[str]:
    """Yield the texts of a module, with a name for each value inside."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            values = (
                str(part.value)
                if isinstance(part, ast.Constant)
                else repr("x")
                if ast.unparse(part).count("!r")
                else "x"
                for part in node.values
            )
            text = "".join(values)
            yield from (text, "the header Authorization") if text == "the header x" else (text,)


@pytest.mark.parametrize("pattern", [pattern for _, pattern in SERIOUS])
def test_every_serious_loss_is_one_that_a_module_reports(pattern: str) -> None:
    texts = {text for path in REPORTING if path.name != "report.py" for text in find_texts(path)}
    assert [text for text in texts if re.fullmatch(pattern, text)], "it is reported in other words now"
