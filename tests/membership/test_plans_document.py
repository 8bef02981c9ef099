from __future__ import annotations

import re
from pathlib import Path

import plans_walkthrough
from attrs import fields

from confluence_groups_sdk.membership import Guards, Outcome

TEXT = plans_walkthrough.DOCUMENT.read_text(encoding="utf-8")


def section(title: str) -> str:
    return TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_it_shows_what_its_programs_print() -> None:
    assert plans_walkthrough.comparable(plans_walkthrough.written(TEXT)) == plans_walkthrough.comparable(TEXT)


def test_no_output_is_empty() -> None:
    assert "```text\n```" not in TEXT
    assert len(plans_walkthrough.OUTPUT.findall(TEXT)) == 4


def test_it_has_all_guards_with_their_options() -> None:
    options = set(re.findall(r"`(\w+)=(?:True)?`", section("Guards")))
    protected = set(re.findall(r"`(protected_\w+s)`", section("Guards")))
    assert options | protected == {field.name for field in fields(Guards)}
    source = (Path(plans_walkthrough.__file__).parents[1] / "confluence_groups_sdk/membership/guards.py").read_text()
    names = set(re.findall(r"^\| (.*?) \|", section("Guards"), re.MULTILINE))
    guards = {name for cell in names for name in re.findall(r"`(\w+)`", cell)}
    assert all(f'"{name}"' in source for name in guards)
    assert len(guards) == 8


def test_it_has_all_outcomes() -> None:
    assert re.findall(r"^\| `(\w+)` \|", section("Outcomes"), re.MULTILINE) == list(Outcome)


def test_it_stays_short() -> None:
    assert len(TEXT.encode()) < 12_000
