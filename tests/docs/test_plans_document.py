"""docs/plans.md and docs/applying.md: the output of the programs, the guards and the outcomes."""

from __future__ import annotations

import re
from pathlib import Path

from attrs import fields
from walkthroughs import plans_walkthrough

from confluence_groups_sdk.membership import Guards, Outcome
from confluence_groups_sdk.membership.planning import guard_evaluation

TEXT = plans_walkthrough.DOCUMENT.read_text(encoding="utf-8")
APPLYING = plans_walkthrough.DOCUMENT.with_name("applying.md").read_text(encoding="utf-8")


def section(title: str, text: str = TEXT) -> str:
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_page_shows_the_output_of_its_programs() -> None:
    assert plans_walkthrough.normalize(plans_walkthrough.render(TEXT)) == plans_walkthrough.normalize(TEXT)


def test_no_output_is_empty() -> None:
    assert "```text\n```" not in TEXT
    assert len(plans_walkthrough.OUTPUT.findall(TEXT)) == 5


def test_page_lists_all_guards_with_their_options() -> None:
    options = set(re.findall(r"`(\w+)=(?:True)?`", section("Guards")))
    protected = set(re.findall(r"`(protected_\w+s)`", section("Guards")))
    assert options | protected == {field.name for field in fields(Guards)}
    cells = re.findall(r"^\| (.*?) \|", section("Guards"), re.MULTILINE)
    guards = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    source = Path(guard_evaluation.__file__).read_text(encoding="utf-8")
    assert {name for name in guards if f'"{name}"' not in source} == set()
    assert len(guards) == 8


def test_page_lists_all_outcomes() -> None:
    assert re.findall(r"^\| `(\w+)` \|", section("Outcomes", APPLYING), re.MULTILINE) == list(Outcome)


def test_pages_are_short() -> None:
    assert len(TEXT.encode()) < 12_000
    assert len(APPLYING.encode()) < 8_000
