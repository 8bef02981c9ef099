"""The approver's page: what it says, that nothing in it can act, and how it behaves in a browser."""

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
from browser import Browser, browser, missing

from confluence_groups_sdk.cli.approval import page
from confluence_groups_sdk.membership import Action, Change, Guards, Omission, Plan, PlannedGroup

REQUIRED = "BROWSER_REQUIRED"  # in the environment where a missing browser is a failure
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


def planned(name: str) -> PlannedGroup:
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
    groups=(planned("docs-editors"), planned("writers")),
    changes=(
        change(20, "writers", Action.ADD, "山田 太郎"),
        *(change(number) for number in range(1, 12)),
        change(12, "writers", name=EVIL),
    ),
    refused=(
        Omission(
            change=change(13, "admins", name="\u202eevil"),
            why="nobody but apps would be left",
            guard="last_admin",
            option="allow_last_admin=True",
        ),
    ),
    left_out=(Omission(change=change(14), why="there is no account of this id"),),
    notes=("unknown: whether an identity provider manages writers",),
)


class Reader(HTMLParser):
    """What somebody without script reads."""

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
    found.feed(page(PLAN))
    return found


def test_it_says_all_that_the_plan_says(reader: Reader) -> None:
    text = " ".join(" ".join(reader.text).split())
    for each in (*PLAN.changes, *(omission.change for omission in (*PLAN.refused, *PLAN.left_out))):
        assert each.account_id in text
    for part in (PLAN.digest, PLAN.asked, PLAN.site, *PLAN.notes, "Ada Okafor (ada)", "last_admin", "--allow-apps"):
        assert part in text
    assert "11 out, 0 in, of 40 members" in text
    assert "1 out, 1 in, of 40 members" in text


def test_the_totals_are_right() -> None:
    names = ("additions", "groups", "left out", "people", "refused by guards", "removals")
    found = re.findall(r"<li><b>(\d+)</b> ([\w ]+)</li>", page(PLAN))
    assert sorted((name, int(number)) for number, name in found) == list(zip(names, (1, 2, 1, 13, 1, 12), strict=True))


def test_names_stay_text_and_turn_no_direction(reader: Reader) -> None:
    assert EVIL in reader.text
    assert [tag for tag, _ in reader.tags].count("script") == 1
    assert not [tag for tag, _ in reader.tags if tag == "img"]
    assert "\u202e" not in page(PLAN)
    assert "\\u202eevil" in page(PLAN)


def test_nothing_but_its_own_script_and_style_may_do_anything(reader: Reader) -> None:
    (policy,) = [attrs["content"] for tag, attrs in reader.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        (source,) = re.findall(f"<{tag}>(.*?)</{tag}>", page(PLAN), re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not [attrs for _, attrs in reader.tags if {"src", "href", "style"} & attrs.keys()]
    assert not [name for _, attrs in reader.tags for name in attrs if name.startswith("on")]


def test_a_plan_without_changes_has_a_page_too() -> None:
    empty = evolve(PLAN, changes=(), groups=(), refused=(), left_out=(), digest="")
    assert "<p>None.</p>" in page(empty)


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    if absent := missing():
        reason = f"left out: {' and '.join(absent)} are not installed, so no browser opened the page"
        if REQUIRED in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)
    with browser() as opened:
        yield opened


SHOWN = """
return [...document.querySelectorAll("table.changes tbody tr:not(.group)")]
  .filter((row) => !row.hidden && !row.parentElement.hidden).map((row) => row.cells[2].textContent)
"""


def test_a_browser_filters_and_sorts_it_without_a_word_in_the_console(window: Browser, tmp_path: Path) -> None:
    file = tmp_path / "plan.html"
    file.write_text(page(PLAN), encoding="utf-8")
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


def test_the_policy_holds_in_a_browser(window: Browser, tmp_path: Path) -> None:
    spoilt = page(PLAN).replace("</body>", "<script>document.title = 'run'</script><img src='plan.png'></body>")
    file = tmp_path / "spoilt.html"
    file.write_text(spoilt, encoding="utf-8")
    window.open(file.as_uri())
    assert window.run("return document.title") != "run"
    refused = window.console()
    assert len([line for line in refused if "Content Security Policy" in line]) == 2
