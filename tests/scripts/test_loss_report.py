"""The report of losses: counts by kind, a line for each serious loss, and everything if asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from postman_openapi.cli import convert
from postman_openapi.losses import Kind, Loss
from postman_openapi.report import MAX_KINDS, SERIOUS, json_text, text_lines

SECRET = "its name suggests a secret"


def lost(
    what: str, why: str = "so", *, item: str = "x.json ('A')", pointer: str = "/a", kind: Kind | None = None
) -> Loss:
    return Loss(item, pointer, what, why, kind=kind)


def test_counts_come_first_then_serious_losses_then_a_hint() -> None:
    losses = [
        lost("a response header", "it was recorded, not documented", pointer=f"/response/{number}")
        for number in range(9)
    ]
    losses += [lost("the value of 'key'", SECRET), lost('the value of "it\'s"', SECRET), lost("the header Cookie")]
    losses += [lost("the header X-Other")]
    losses += [lost("an operation", "'request' is missing", item="x.json ('B')", kind=Kind.OPERATION)]
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
    assert list(text_lines([lost("a folder", kind=Kind.OPERATION)], verbose=False)) == [
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
    losses = [lost(f"the {kind}", kind=kind) for kind in reversed(SERIOUS)]
    lines = [line for line in text_lines(losses, verbose=False) if ": x.json" in line]
    assert [line.partition(":")[0] for line in lines] == [
        "server lost",
        "operation lost",
        "not generated",
        "authentication lost",
        "path changed",
        "merged operations disagree",
    ]


def test_the_wording_decides_nothing() -> None:
    lines = list(text_lines([lost("an operation"), lost("the header Authorization")], verbose=False))
    assert not [line for line in lines if line.startswith(SERIOUS)]
    lines = list(text_lines([lost("in other words", kind=Kind.OPERATION)], verbose=False))
    assert lines[-1] == "operation lost: x.json ('A'): /a: in other words: so"


def test_a_merge_has_one_line_and_so_has_the_same_authentication() -> None:
    merged = [
        lost("the name of a second request", "why name", kind=Kind.MERGE),
        lost("the description of a second request", "why description", kind=Kind.MERGE),
        lost("the parameter 'a b': its default", kind=Kind.MERGE),
        lost("the name of a second request", item="x.json ('B')", kind=Kind.MERGE),
    ]
    names = [f"x.json ({name!r})" for name in "ABC"]
    unclear = [lost("oauth2", "no flow", item=name, kind=Kind.AUTHENTICATION) for name in names]
    unsent = [lost("the media type text/plain", "no", item=name, kind=Kind.GENERATOR) for name in names]
    lines = list(text_lines([*merged, *unclear, *unsent], verbose=False))
    assert [line for line in lines if line.startswith(SERIOUS)] == [
        "not generated: x.json ('A'): /a: the media type text/plain: no (and in 2 other places)",
        "authentication lost: x.json ('A'): /a: oauth2: no flow (and in 2 other places)",
        "merged operations disagree: x.json ('A'): /a: the name, the description, the parameter 'a b': its default",
        "merged operations disagree: x.json ('B'): /a: the name of a second request: so",
    ]


def test_json_has_every_loss() -> None:
    assert json.loads(json_text([lost("a type"), lost("an operation", kind=Kind.OPERATION)])) == [
        {"item": "x.json ('A')", "pointer": "/a", "what": "a type", "why": "so", "kind": None},
        {"item": "x.json ('A')", "pointer": "/a", "what": "an operation", "why": "so", "kind": "operation lost"},
    ]


# --- what is serious


def one(url: str = "https://x.example.com/v1/a", name: str = "One", **more: Any) -> dict[str, Any]:
    return {"name": name, "request": {"method": "POST", "url": url, **more}}


def header(value: str, *, disabled: bool = False) -> list[dict[str, Any]]:
    return [{"key": "Authorization", "value": value, "disabled": disabled}]


def auth(kind: str, **details: str) -> dict[str, Any]:
    return {"type": kind, kind: [{"key": key, "value": value} for key, value in details.items()]}


def answer(media_type: str) -> dict[str, Any]:
    return {"code": 200, "header": [{"key": "Content-Type", "value": media_type}], "body": "<a>1</a>"}


CASES: list[tuple[Kind | None, list[Any], dict[str, Any]]] = [
    (Kind.SERVER, [one("{{one}}/a"), one("{{two}}/a")], {}),
    (Kind.SERVER, [one(), one("{{two}}/v1/a")], {}),
    (Kind.SERVER, [one("https://x.example.com:port/a")], {}),
    (Kind.OPERATION, [one(), {"name": "No request"}], {}),
    (Kind.OPERATION, [one(), {"name": "No items", "item": 1}], {}),
    (Kind.GENERATOR, [one(body={"mode": "raw", "raw": "text"})], {}),
    (Kind.GENERATOR, [one(body={"mode": "raw", "raw": "{}"}), one(body={"mode": "raw", "raw": "text"})], {}),
    (Kind.GENERATOR, [{**one(), "response": [answer("application/xml")]}], {}),
    (None, [{**one(), "response": [answer("text/plain"), answer("application/xml")]}], {}),
    (Kind.AUTHENTICATION, [one(auth=auth("awsv4"))], {}),
    (Kind.AUTHENTICATION, [one(auth=auth("oauth2"))], {}),
    (Kind.AUTHENTICATION, [one(auth=auth("basic")), one(auth=auth("bearer"))], {}),
    (Kind.AUTHENTICATION, [one(), one(auth=auth("bearer"))], {}),
    (Kind.AUTHENTICATION, [one(header=header("Bearer {{x}}"))], {"auth": auth("basic")}),
    (Kind.AUTHENTICATION, [one(header=header("Bearer {{x}}"), auth=auth("apikey", key="X-Key"))], {}),
    (None, [one(header=header("Bearer {{x}}", disabled=True))], {}),
    (None, [one(header=header("Bearer {{x}}", disabled=True), auth=auth("apikey", key="X-Key"))], {}),
    (Kind.PATH, [one("x.example.com/a")], {}),
    (Kind.PATH, [one("https://x.example.com/:a/:a")], {}),
    (Kind.PATH, [one("https://x.example.com/a/:a"), one("https://x.example.com/a/:b")], {}),
    (Kind.PATH, [one("{{one}}/a"), one("{{two}}/a")], {"variable": [
        {"key": "one", "value": "https://x.example.com/v1"}, {"key": "two", "value": "https://x.example.com/v2"}]}),
    (Kind.MERGE, [one(), one(name="Two")], {}),
    (Kind.MERGE, [one("https://x.example.com/a?b=c"), one("https://x.example.com/a?b=d")], {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "items", "more"), CASES)
def test_what_is_serious(kind: Kind | None, items: list[Any], more: dict[str, Any], tmp_path: Path) -> None:
    source = tmp_path / "x.json"
    source.write_text(json.dumps({"info": {"name": "X"}, "item": items, **more}), encoding="utf-8")
    kinds = [loss.kind for loss in convert(source, None)[1] if loss.kind in SERIOUS]
    assert set(kinds) == ({kind} if kind else set())


def test_every_serious_kind_is_tried() -> None:
    assert {kind for kind, *_ in CASES if kind} == {*SERIOUS}
