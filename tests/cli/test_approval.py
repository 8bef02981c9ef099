"""The approval page: its content, its protection against scripts in names, and its behaviour in a browser."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from browser import Browser, browser_or_skip

from confluence_groups_sdk.cli.rendering.approval_page import render_approval_page
from confluence_groups_sdk.membership import Action, Change, Guards, Plan, PlannedGroup, SkippedChange

EVIL = "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"


def change(
    number: int, group: str = "docs-editors", action: Action = Action.REMOVE, name: str | None = None, **other: Any
) -> Change:
    return Change(
        action=action,
        group_id=f"id-of-{group}",
        group_name=group,
        account_id=f"account-{number}",
        display_name=f"Person {number}" if name is None else name,
        **{"account_type": "atlassian", "reason": "has left", **other},
    )


def group(name: str, members: int = 40, others: int = 29, access: tuple[str, ...] | None = ("user",)) -> PlannedGroup:
    managed_by = "EXTERNAL" if name.startswith("entra") else None
    return PlannedGroup(
        id=f"id-of-{name}",
        name=name,
        access=access,
        managed_by=managed_by,
        members=members,
        others=others,
        digest="0" * 64,
    )


def test_an_email_is_shown_with_each_change_of_its_account() -> None:
    """Confluence sends e-mails with some lists of members only."""
    changes = (change(1, email="one@example.com"), change(1, "writers"))
    skipped = (SkippedChange(change=change(1, "readers"), why="not a member"),)
    plan = evolve(PLAN, changes=changes, skipped=skipped, digest="")
    page = render_approval_page(plan)
    assert page.count(">one@example.com<") == 3
    assert plan.digest in page


PLAN = Plan(
    site="your-domain.atlassian.net",
    made_at="2026-11-24T12:00:00Z",
    made_by="ada",
    made_by_name="Ada Okafor",
    asked="remove by 14 rows of leavers.csv",
    guards=Guards(allow_apps=True),
    groups=(group("docs-editors"), group("writers", others=39)),
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
    found.feed(render_approval_page(PLAN))
    return found


def test_page_shows_everything_in_the_plan(reader: Reader) -> None:
    text = " ".join(" ".join(reader.text).split())
    for each in (*PLAN.changes, *(omission.change for omission in (*PLAN.refused, *PLAN.skipped))):
        assert each.account_id in text
    for part in (PLAN.digest, PLAN.asked, PLAN.site, *PLAN.notes, "Ada Okafor (ada)", "last_admin", "--allow-apps"):
        assert part in text
    assert "11 of 40 members leave (28 %)" in text
    assert "1 of 40 members leaves (2 %), 1 joins" in text


def totals(plan: Plan) -> dict[str, int]:
    found = re.findall(r"<b>([\d,]+)</b> ([\w -]+)</a></li>", render_approval_page(plan))
    return {name: int(number.replace(",", "")) for number, name in found}


def test_page_shows_the_totals() -> None:
    assert totals(PLAN) == {
        "removals": 12,
        "addition": 1,
        "accounts": 13,
        "groups": 2,
        "refused by guards": 1,
        "skipped": 1,
    }


def test_names_are_escaped(reader: Reader) -> None:
    assert EVIL in reader.text
    assert [tag for tag, _ in reader.tags].count("script") == 1
    assert not [tag for tag, _ in reader.tags if tag == "img"]
    assert "\u202e" not in render_approval_page(PLAN)
    assert "\\u202eevil" in render_approval_page(PLAN)


def test_policy_allows_only_the_pages_own_script_and_style(reader: Reader) -> None:
    (policy,) = [attrs["content"] for tag, attrs in reader.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        (source,) = re.findall(f"<{tag}>(.*?)</{tag}>", render_approval_page(PLAN), re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not [attrs for _, attrs in reader.tags if {"src", "style"} & attrs.keys()]
    targets = {attrs["href"] for _, attrs in reader.tags if "href" in attrs}
    assert targets == {"#changes", "#groups", "#refused", "#skipped"}
    assert not [name for _, attrs in reader.tags for name in attrs if name.startswith("on")]


def test_plan_without_changes_has_a_page() -> None:
    empty = evolve(PLAN, changes=(), groups=(), refused=(), skipped=(), digest="")
    assert "<p>None.</p>" in render_approval_page(empty)
    assert "Nothing: the plan makes no change." in render_approval_page(empty)


RISKY = evolve(
    PLAN,
    guards=Guards(allow_apps=True, allow_last_admin=True, allow_external=True, max_removals=200),
    groups=(
        group("writers", 10, 9),
        group("docs-editors", 12, 4),
        group("bots", 1, 0, access=None),
        group("entra-sync", 1000, 999),
        group("owners", 2, 0, access=("admin", "user")),
    ),
    changes=(
        change(9, "writers"),
        *(change(number, email=f"p{number}@example.com") for number in range(1, 9)),
        change(5, "entra-sync", overridden=("external",)),
        change(6, "bots", account_type="app", overridden=("app",)),
        change(7, "owners", overridden=("last_admin",), reason=None),
        change(8, "owners", overridden=("last_admin",), note="line 3: another name"),
    ),
    made_by="account-8",
    notes=(),
    digest="",
)


def headings(page: str) -> list[str]:
    return re.findall(r'<p class="heading">(.*?)</p>', page)


def columns(page: str, label: str) -> list[str]:
    (head,) = re.findall(f'aria-label="{label}"><thead>(.*?)</thead>', page, re.DOTALL)
    return re.findall("<th[^>]*>(.*?)</th>", head)


def test_the_page_starts_with_what_matters_most() -> None:
    page = render_approval_page(RISKY)
    assert headings(page) == [
        "If you approve",
        "Admin rights change",
        "An identity provider manages a group",
        "2 groups without members afterwards",
        "Large changes",
        "Guards are overridden",
        "The planner&#39;s own memberships change",
        "1 app among the accounts",
        "1 change with a remark",
        "No reason is given",
        "How to approve",
    ]
    assert re.findall("<bdi>(.*?)</bdi>", page)[:5] == ["owners", "entra-sync", "bots", "docs-editors", "writers"]
    for part in ("docs-editors: 8 of 12 members leave (67 %)", "entra-sync: 1 of 1000 members leaves (under 1 %)"):
        assert f"<li>{part}</li>" in page
    assert ">8 of 12, 67 %<" in page
    assert "<code>--allow-last-admin, --allow-apps, --allow-external, --max-removals 200</code>" in page
    shown = totals(RISKY)
    assert (shown["group with admin rights"], shown["externally managed group"], shown["emptied groups"]) == (1, 1, 2)


def test_nothing_is_claimed_about_a_plan_without_risks() -> None:
    plain = evolve(PLAN, guards=Guards(), refused=(), skipped=(), notes=(), digest="")
    page = render_approval_page(plain)
    assert headings(page) == ["If you approve", "How to approve"]
    assert not re.search("Refused|Skipped|not made|overridden", page.partition("<header>")[2].partition("<script>")[0])


def test_columns_without_values_are_left_out() -> None:
    usual = ["Change", "Name", "Account id", "Reason"]
    assert columns(render_approval_page(PLAN), "Changes") == usual
    assert columns(render_approval_page(PLAN), "Groups") == ["Group", "Leave", "Join", "Members then", "Gives"]
    assert columns(render_approval_page(RISKY), "Changes") == [
        *("Change", "Name", "E-mail", "Account id", "Kind", "Reason", "Guards overridden", "Remark")
    ]
    assert columns(render_approval_page(PLAN), "Refused by guards") == [
        *("Change", "Name", "Account id", "Why not", "Guard", "Reason given")
    ]


def test_members_who_are_not_listed_have_no_share() -> None:
    plan = evolve(PLAN, groups=(group("docs-editors", 12, 2), group("writers", others=39)), digest="")
    page = render_approval_page(plan)
    assert "10 of 12 members leave (83 %), 1 who is not listed" in page
    assert ">10 of 12, 83 %<" in page


def test_the_page_tells_the_approver_how_to_approve() -> None:
    text = " ".join(re.sub("<[^>]+>", "", render_approval_page(PLAN)).split())
    assert "Send this digest to Ada Okafor through a separate channel" in text
    assert PLAN.digest in text
    assert "12 accounts leave 2 groups (12 removals). 1 account joins 1 group (1 addition)." in text
    assert "overrides it" not in text, "that is for the planner"


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser_or_skip() as opened:
        yield opened


SHOWN = """
return [...document.querySelectorAll("table[aria-label=Changes] tbody tr:not(.group)")]
  .filter((row) => !row.hidden && !row.parentElement.hidden).map((row) => row.cells[2].textContent)
"""


def opened(window: Browser, tmp_path: Path, page: str) -> None:
    file = tmp_path / "plan.html"
    file.write_text(page, encoding="utf-8")
    window.open(file.as_uri())


def test_browser_filters_and_sorts_the_page_without_console_messages(window: Browser, tmp_path: Path) -> None:
    window.resize(1280)
    opened(window, tmp_path, render_approval_page(PLAN))
    everybody = window.run(SHOWN)
    assert len(everybody) == 13
    assert window.run("return document.title") == f"Plan {PLAN.digest[:8]} for {PLAN.site}"
    window.type("#filter", "docs-editors person 1")
    assert window.run(SHOWN) == ["account-1", "account-10", "account-11"]
    assert window.run("return document.querySelector('#shown').textContent") == "4 of 17 rows match"
    window.type("#filter", "山田")
    assert window.run(SHOWN) == ["account-20"]
    window.run("document.querySelector('#filter').value = ''")
    window.run("document.querySelector('#filter').dispatchEvent(new Event('input'))")
    assert window.run(SHOWN) == everybody
    by_id = "table[aria-label=Changes] th:nth-child(3) [role=button]"
    window.click(by_id)
    assert window.run(SHOWN)[:11] == [f"account-{number}" for number in range(1, 12)]
    window.click(by_id)
    assert window.run(SHOWN)[:11] == [f"account-{number}" for number in range(11, 0, -1)]
    assert window.run("return document.querySelector('table[aria-label=Changes] th:nth-child(3)').ariaSort") == (
        "descending"
    )
    if folder := os.environ.get("SCREENSHOTS"):
        (Path(folder) / "plan.png").write_bytes(window.screenshot())
    assert window.console() == []


@pytest.mark.parametrize("width", [420, 800, 1280])
@pytest.mark.parametrize("script", [True, False])
def test_the_page_fits_into_the_window(window: Browser, tmp_path: Path, width: int, script: bool) -> None:
    long = "x" * 300
    names = evolve(
        RISKY,
        asked=long,
        changes=(*RISKY.changes, change(30, "writers", name=long, reason=long, note=long, email=f"{long}@example.com")),
        groups=(*RISKY.groups[1:], evolve(RISKY.groups[0], name=long)),
        digest="",
    )
    window.resize(width)
    window.emulate(script=script)
    opened(window, tmp_path, render_approval_page(names))
    window.emulate()
    assert window.run("return document.documentElement.scrollWidth") == width
    assert window.screenshot().startswith(b"\x89PNG")


def test_browser_enforces_the_policy(window: Browser, tmp_path: Path) -> None:
    spoilt = render_approval_page(PLAN).replace(
        "</body>", "<script>document.title = 'run'</script><img src='plan.png'></body>"
    )
    opened(window, tmp_path, spoilt)
    assert window.run("return document.title") != "run"
    refused = window.console()
    assert len([line for line in refused if "Content Security Policy" in line]) == 2
