"""docs/access-review.md: the output of its commands and programs, the limits, and the commands for a signature."""

from __future__ import annotations

import re

from walkthroughs import review_walkthrough

from confluence_groups_sdk import review
from confluence_groups_sdk.review.model.limits import SNAPSHOT_LIMITS
from confluence_groups_sdk.review.pages import evidence_page

TEXT = review_walkthrough.DOCUMENT.read_text(encoding="utf-8")


def section(title: str) -> str:
    return TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_page_shows_the_output_of_its_commands() -> None:
    assert review_walkthrough.normalize(review_walkthrough.render(TEXT)) == review_walkthrough.normalize(TEXT)


def test_each_block_of_commands_is_run_and_shows_output() -> None:
    blocks = [found[3] for found in review_walkthrough.SESSION.finditer(TEXT)]
    assert len(blocks) == TEXT.count("```console")
    silent = [block for block in blocks if len(review_walkthrough.COMMAND.findall(block)) == block.count("\n")]
    assert silent == ["auditor$ confluence-groups groups list -o csv > groups.csv\n"]


def test_every_command_of_a_review_is_shown() -> None:
    shown = set(re.findall(r"\$ confluence-groups review (\w+)", TEXT))
    assert shown == {"snapshot", "sheet", "decide", "evidence", "verify", "diff", "who"}


def test_every_step_is_shown_in_python() -> None:
    programs = "\n".join(re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))
    functions = {name for name, value in vars(review).items() if callable(value) and name.islower() and name[0] != "_"}
    helpers = {"difference_lines", "difference_rows", "find_user", "render_diff", "render_sheet", "sheet_content"}
    missing = {name for name in functions - helpers if f"{name}(" not in programs + section("From Python")}
    assert missing == set()


def test_page_lists_all_limits_of_a_snapshot_with_their_sources() -> None:
    sources = re.findall(r"\(confluence-behaviour\.md(#[\w-]+)\)", section("Limits of a snapshot"))
    assert sources == [limit.source.removeprefix("docs/confluence-behaviour.md") for limit in SNAPSHOT_LIMITS]


def test_commands_for_a_signature_are_those_of_the_summary() -> None:
    for command in (evidence_page.EXTRACT, evidence_page.SIGN, evidence_page.CHECK_SIGNATURE):
        assert f"\n{command}\n" in section("What the evidence proves")


def test_no_output_has_a_path_of_this_machine() -> None:
    assert re.findall(r"(?<!\w)/(?:tmp|home|root|work|var)/\S*", TEXT) == []


def test_page_is_short() -> None:
    assert len(TEXT.encode()) < 16_500
