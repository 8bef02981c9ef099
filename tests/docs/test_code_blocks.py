"""Every code block of a page is run: by a walkthrough, by a test, or it says why not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from walkthroughs import cli_walkthrough, pages_walkthrough, plans_walkthrough, review_walkthrough, walkthrough

from confluence_groups_sdk import errors

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MARKED = re.compile(r"<!-- (?:file|program|session|run|crash and resume|not run)[:, ].*?-->\n\Z|<!-- session -->\n\Z")
PROGRAM_BEFORE = re.compile(r"<!-- program: \S+ -->\n```python\n(?:(?!```).)*```\n\n\Z", re.DOTALL)
WALKED = {f"{name}.md" for name in ("cli", "plans", "access-review", *pages_walkthrough.NAMES)}
"""The pages whose marked blocks a walkthrough runs."""
RUN_BY_TESTS = {
    ("testing.md", "python"): "test_docs.py",
    ("credentials.md", "python"): "test_docs.py",
    ("limits.md", "python"): "test_docs.py",
    ("networks.md", "python"): "test_docs.py and tests/core/test_networks.py",
    ("events.md", "python"): "test_events_document.py",
    ("install.md", "toml"): "test_install_document.py",
    **{("fleet.md", language): "test_fleet_document.py" for language in ("", "python", "toml", "yaml")},
    ("vendoring.md", "console"): "test_vendoring_document.py",
    ("vendoring.md", "toml"): "test_vendoring_document.py",
}
NOT_RUN = {
    "pip install": "it installs the package",
    "unzip -p evidence.zip": "an auditor runs it without this package",
    'report = apply(groups, plan, journal="plan.journal"': "plans.md has the whole program",
    "with store.lock():": "its first lines are the service's own",
    "ConfluenceGroupsError\n": "a picture of the classes; tested below",
    "DELETE /wiki/rest/api/group/userByGroupId: 40": "the text of an error",
    "for notice in client.notices:": "needs a server with a notice",
    "removeMemberFromGroupByGroupId #": "a line of a log",
}
"""Blocks that nothing runs, by their start, and the reason."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_block_is_run_or_says_why_not(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    unknown = []
    for block in BLOCK.finditer(text):
        before, language, code = text[: block.start()], block[1], block[2]
        marked = MARKED.search(before) or PROGRAM_BEFORE.search(before)
        if marked and (page.name in WALKED or "not run" in marked[0]):
            continue
        if (page.name, language) not in RUN_BY_TESTS and not any(map(code.startswith, NOT_RUN)):
            unknown.append(code)
    assert unknown == []


@pytest.mark.parametrize("name", pages_walkthrough.NAMES)
def test_page_shows_the_present_output(name: str) -> None:
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert "```text\n```" not in text
    assert pages_walkthrough.normalize(pages_walkthrough.render(text)) == pages_walkthrough.normalize(text)


@pytest.mark.parametrize("name", pages_walkthrough.NAMES)
def test_page_by_task_is_short(name: str) -> None:
    assert len((DOCS / f"{name}.md").read_bytes()) < 8_500


def test_outputs_that_a_walkthrough_shows_are_those_that_it_runs() -> None:
    """A marker with a slip would leave its block as it is."""
    patterns = {
        "cli.md": cli_walkthrough.SESSION,
        "plans.md": plans_walkthrough.OUTPUT,
        "access-review.md": review_walkthrough.SESSION,
    } | {f"{name}.md": pages_walkthrough.OUTPUT for name in pages_walkthrough.NAMES}
    for name, pattern in patterns.items():
        text = (DOCS / name).read_text(encoding="utf-8")
        assert len(pattern.findall(text)) >= text.count("<!-- session") + text.count("<!-- run:"), name
        assert set(re.findall(r"<!-- (?:program|file): (\S+)", text)) >= {
            each for each, _ in walkthrough.FILE.findall(text)
        }


def test_picture_of_the_errors_has_all_of_them() -> None:
    picture = (DOCS / "errors.md").read_text(encoding="utf-8").partition("```")[2].partition("```")[0]
    depths = {found[2]: len(found[1]) // 4 for found in re.finditer(r"^([│├└─ ]*)(\w+Error)\b", picture, re.MULTILINE)}
    raised = {
        name: len([base for base in each.__mro__[1:] if base.__name__ in vars(errors) and base.__name__[0] != "_"])
        for name, each in vars(errors).items()
        if name[0] != "_"
        and name.endswith("Error")
        and isinstance(each, type)
        and issubclass(each, errors.ConfluenceGroupsError)
    }
    assert depths == raised
