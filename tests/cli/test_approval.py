"""The approval page: its content, its protection against scripts in names, and its behaviour in a browser."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from attrs import evolve
from browser import Browser, browser, find_missing_programs

from confluence_groups_sdk.cli.rendering.approval_page import render_page
from confluence_groups_sdk.membership import Action, Change, Guards, Plan, PlannedGroup, SkippedChange

REQUIRED = "BROWSER_REQUIRED"  # the variable that makes a missing browser a failure
EVIL = "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"


def change(number: int, group: str = "docs-editors", action: Action = Action.REMOVE, name: str | None = None) -> Change:
    return Change(
        action=action,
        group_id=f"id-of-{group}",
        group_name=group,
        account_id=f"account-{number}",
        display_name=f"Person {number}" if name is None else name,
        account_type="atlassian",
        reason="has left",
    )


def make_plan(name: str) -> PlannedGroup:
    return PlannedGroup(
        id=f"id-of-{name}", name=name, access=("user",), managed_by=None, members=40, others=30, digest="0" * 64
    )


PLAN = Plan(
    site="your-domain.atlassian.net",
    made_at="2026-11-24T12:00:00Z",
    made_by="ada",
    made_by_name="Ada Okafor",
    asked="remove by 14 rows of leavers.csv",
    guards=Guards(allow_apps=True),
    groups=(make_plan("docs-editors"), make_plan("writers")),
    changes=(
        change(20, "writers", Action.ADD, "山田 太郎"),
        *(change(number) for number in range(1, 12)),
        change(12, "writers", name=EVIL),
    ),
    refused=(
        SkippedChange(
            change=change(13, "admins", name="\u202eevil"),
            why="nobody but apps would be left",
            guard="last_admin",
            option=("allow_last_admin", True),
        ),
    ),
    skipped=(SkippedChange(change=change(14), why="there is no account of this id"),),
    notes=("unknown: whether an identity provider manages writers",),
)


class Reader(HTMLParser):
    """Collects the text that a reader without script sees."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style"):
            self.text.append(data)


@pytest.fixture
def reader() -> Reader:
    found = Reader()
    found.feed(render_page(PLAN))
    return found


def test_page_shows_everything_in_the_plan(reader: Reader) -> None:
    text = " ".join(" ".join(reader.text).split())
    for each in (*PLAN.changes, *(omission.change for omission in (*PLAN.refused, *PLAN.skipped))):
        assert each.account_id in text
    for part in (PLAN.digest, PLAN.asked, PLAN.site, *PLAN.notes, "Ada Okafor (ada)", "last_admin", "--allow-apps"):
        assert part in text
    assert "11 out, 0 in, of 40 members" in text
    assert "1 out, 1 in, of 40 members" in text


def test_page_shows_the_totals() -> None:
    names = ("additions", "groups", "people", "refused by guards", "removals", "skipped")
    found = re.findall(r"<li><b>(\d+)</b> ([\w ]+)</li>", render_page(PLAN))
    assert sorted((name, int(number)) for number, name in found) == list(zip(names, (1, 2, 13, 1, 12, 1), strict=True))


def test_names_are_escaped(reader: Reader) -> None:
    assert EVIL in reader.text
    assert [tag for tag, _ in reader.tags].count("script") == 1
    assert not [tag for tag, _ in reader.tags if tag == "img"]
    assert "\u202e" not in render_page(PLAN)
    assert "\\u202eevil" in render_page(PLAN)


def test_policy_allows_only_the_pages_own_script_and_style(reader: Reader) -> None:
    (policy,) = [attrs["content"] for tag, attrs in reader.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        (source,) = re.findall(f"<{tag}>(.*?)</{tag}>", render_page(PLAN), re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not [attrs for _, attrs in reader.tags if {"src", "href", "style"} & attrs.keys()]
    assert not [name for _, attrs in reader.tags for name in attrs if name.startswith("on")]


def test_plan_without_changes_has_a_page() -> None:
    empty = evolve(PLAN, changes=(), groups=(), refused=(), skipped=(), digest="")
    assert "<p>None.</p>" in render_page(empty)


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    if absent := find_missing_programs():
        reason = f"skipped: {' and '.join(absent)} are not installed, so no browser opened the page"
        if REQUIRED in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)
    with browser() as opened:
        yield opened


SHOWN = """
return [...document.querySelectorAll("table.changes tbody tr:not(.group)")]
  .filter((row) => !row.hidden && !row.parentElement.hidden).map((row) => row.cells[2].textContent)
"""


def test_browser_filters_and_sorts_the_page_without_console_messages(window: Browser, tmp_path: Path) -> None:
    file = tmp_path / "plan.html"
    file.write_text(render_page(PLAN), encoding="utf-8")
    window.open(file.as_uri())
    everybody = window.run(SHOWN)
    assert len(everybody) == 15
    assert window.run("return document.title") == f"Plan {PLAN.digest[:8]} for {PLAN.site}"
    window.type("#filter", "docs-editors person 1")
    assert window.run(SHOWN) == ["account-1", "account-10", "account-11", "account-14"]
    assert window.run("return document.querySelector('#shown').textContent") == "4 of 15 shown"
    assert window.run("return document.querySelectorAll('table.changes tbody[hidden]').length") == 2
    window.type("#filter", "山田")
    assert window.run(SHOWN) == ["account-20"]
    window.run("document.querySelector('#filter').value = ''")
    window.run("document.querySelector('#filter').dispatchEvent(new Event('input'))")
    assert window.run(SHOWN) == everybody
    by_id = "table.changes th:nth-child(3) button"
    window.click(by_id)
    assert window.run(SHOWN)[:11] == [f"account-{number}" for number in range(1, 12)]
    window.click(by_id)
    assert window.run(SHOWN)[:11] == [f"account-{number}" for number in range(11, 0, -1)]
    assert window.run("return document.querySelector('table.changes th:nth-child(3)').ariaSort") == "descending"
    picture = window.screenshot()
    assert picture.startswith(b"\x89PNG")
    if folder := os.environ.get("SCREENSHOTS"):
        (Path(folder) / "plan.png").write_bytes(picture)
    assert window.console() == []


def test_browser_enforces_the_policy(window: Browser, tmp_path: Path) -> None:
    spoilt = render_page(PLAN).replace("</body>", "<script>document.title = 'run'</script><img src='plan.png'></body>")
    file = tmp_path / "spoilt.html"
    file.write_text(spoilt, encoding="utf-8")
    window.open(file.as_uri())
    assert window.run("return document.title") != "run"
    refused = window.console()
    assert len([line for line in refused if "Content Security Policy" in line]) == 2
