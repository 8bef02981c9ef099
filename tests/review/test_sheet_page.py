"""The page of a sheet: what matters first, then every membership; in a browser, on a telephone, and without script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from attrs import evolve
from browser import Browser, browser_or_skip
from snapshots import LATER, group, snapshot, user

from confluence_groups_sdk import ReviewError
from confluence_groups_sdk.review import render_sheet, sheet_rows

TAKEN = snapshot(
    group("g1", "ada", "bob", "gus", name="writers", access=("user",)),
    group("g2", "ada", "bot", name="<b>admins", access=("admin", "user")),
    group("g3", "bob", name="hidden", access=None),
    group("g4", name="nobody\u202e"),
    group("g5", "ada", "bob", "cem", name="ldap", managed_by="EXTERNAL"),
    group("g6", "cem", name="half", failure="403: you may not list the members"),
    users=[
        user("ada", "Ada"),
        user("bot", "Bot", account_type="app", email=None),
        user("gus", "Gus", is_guest=True),
        user("cem", "Cem", status="closed"),
    ],
    at=LATER,
)
BEFORE = snapshot(
    group("g1", "ada", "bob", "eve", name="writers", access=("user",)),
    group("g2", "bot", name="<b>admins", access=("admin", "user")),
    *(each for each in TAKEN.groups if each.id in ("g3", "g4", "g5", "g6")),
    users=[user("eve", "Eve"), *(each for each in TAKEN.users.values() if each.account_id not in ("eve", "gus"))],
)


class Texts(HTMLParser):
    """Collects the texts of a page by the id of the section that they are in; cards have the section ``totals``."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sections: dict[str, list[str]] = {}
        self._section = ""
        self._is_shown = True
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "section":
            self._section = found.get("id") or found.get("class") or ""
        elif tag == "ul" and found.get("class") == "totals":
            self._section = "totals"
        elif tag == "div" and "notice" in (found.get("class") or ""):
            self._section = self._section if self._section == "changes" else "notices"
        self._is_shown = tag not in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        if tag == "ul" and self._section == "totals":
            self._section = "tools"

    def handle_data(self, data: str) -> None:
        if self._is_shown and data.strip():
            self.sections.setdefault(self._section, []).append(" ".join(data.split()))

    def text(self, section: str) -> str:
        return " ".join(self.sections.get(section, []))


def test_totals_come_first() -> None:
    totals = Texts(render_sheet(TAKEN, sheet_rows(TAKEN))).text("totals")
    assert totals == (
        "6 groups 5 accounts 10 memberships 2 admins 1 guest 1 app 1 not active 1 incomplete group "
        "1 group with unknown access 1 group managed externally 3 groups with one member or none"
    )


def test_people_and_groups_to_look_at_come_before_the_memberships() -> None:
    page = Texts(render_sheet(TAKEN, sheet_rows(TAKEN)))
    assert list(page.sections)[2:] == ["notices", "admins", "busiest", "others", "groups", "limits", "memberships"]
    assert "half: 403: you may not list the members" in page.text("notices")
    assert "did not say which access one group gives" in page.text("notices")
    assert page.text("admins").endswith("Ada ada@example.com admin <b>admins ada 3 Bot app admin <b>admins bot 1")
    busiest = page.text("busiest")
    assert busiest.index("Ada") < busiest.index("Bob") < busiest.index("Cem")
    assert "Gus" not in busiest
    assert "Bot app" in page.text("others")
    assert "Cem cem@example.com closed" in page.text("others")
    assert "Gus gus@example.com guest" in page.text("others")
    assert "half incomplete 403: you may not list the members g6 1" in page.text("groups")
    assert "hidden unknown access one member unknown g3 1" in page.text("groups")
    assert "ldap managed externally g5 3" in page.text("groups")
    assert "nobody\\u202e no member g4 0" in page.text("groups")
    assert "writers" not in page.text("groups")
    for limit in TAKEN.limits:
        assert f"{limit.text} Source: {limit.source}" in page.text("limits")


def test_memberships_are_listed_by_group_or_by_member_with_their_decisions() -> None:
    rows = sheet_rows(TAKEN)
    decided = evolve(rows[0], decision="exception", until="2027-03-31", reviewer="Max", comment="<i>move")
    page = Texts(render_sheet(TAKEN, [decided, *rows[1:]])).text("memberships")
    assert TAKEN.digest in page
    assert "<b>admins admin user 2 members g2 Ada ada@example.com ada exception 2027-03-31 Max <i>move Bot" in page
    by_user = Texts(render_sheet(TAKEN, sheet_rows(TAKEN, by="user"))).text("memberships")
    assert "Cem closed cem@example.com, 2 groups cem half g6 ldap g5" in by_user


def test_a_chosen_part_says_so_and_counts_only_itself() -> None:
    rows = sheet_rows(TAKEN, only="account_type=guest")
    page = Texts(render_sheet(TAKEN, rows, reviewer="max@example.com", only=["account_type=guest"]))
    assert page.text("totals") == "1 group 1 account 1 membership 0 admins 1 guest"
    assert "Reviewer max@example.com This page 1 of the 10 memberships in the snapshot" in page.text("")
    assert "Chosen by account_type=guest" in page.text("")
    assert "writers user 1 of 3 members" in page.text("memberships")
    assert "Nobody is an admin by a group of this page." in page.text("admins")


def test_changes_since_the_last_review_are_shown_with_the_weightiest_first() -> None:
    page = Texts(render_sheet(TAKEN, sheet_rows(TAKEN), previous=BEFORE))
    changes = page.text("changes")
    assert "3 changes since the last review" in page.text("totals")
    assert f"Compared with the snapshot of 2026-11-29 12:00:00 UTC, digest {BEFORE.digest[:16]}" in changes
    assert "Ada ada@example.com joined <b>admins admin user" in changes
    assert changes.index("Ada ada@example.com") < changes.index("Gus gus@example.com joined")
    assert "Eve eve@example.com left writers user" in changes
    assert "half: " in changes
    part = Texts(render_sheet(TAKEN, sheet_rows(TAKEN, only="group=g1"), previous=BEFORE)).text("changes")
    assert "joined <b>admins" not in part
    assert "joined writers" in part
    with pytest.raises(ReviewError, match="different sites"):
        render_sheet(TAKEN, [], previous=evolve(BEFORE, site="other", digest=""))


def test_new_admins_are_the_first_change() -> None:
    groups = [group("1", "ada", name="a"), group("2", name="b", access=["user"]), group("3", "ada", name="c")]
    after = [
        group("1", "ada", "bob", name="a"),
        group("2", name="b", access=[]),
        group("3", "bob", name="c", access=["admin"]),
    ]
    taken = snapshot(*after, at=LATER)
    changes = Texts(render_sheet(taken, sheet_rows(taken), previous=snapshot(*groups))).text("changes")
    found = re.findall(r"gained access|changed access|joined|left", changes)
    assert found == ["joined", "gained access", "changed access", "changed access", "joined", "left"]


def test_a_page_without_members_or_changes_can_be_made() -> None:
    empty = snapshot(at=LATER)
    page = Texts(render_sheet(empty, [], previous=snapshot()))
    assert page.text("totals") == "0 groups 0 accounts 0 memberships 0 admins 0 changes since the last review"
    assert "No change was found." in page.text("changes")
    assert "None." in page.text("memberships")


def test_nothing_in_a_page_runs_or_loads() -> None:
    page = render_sheet(TAKEN, sheet_rows(TAKEN), previous=BEFORE)
    assert "<b>admins" not in page
    assert "\u202e" not in page
    assert not re.search(r"\s(src|on\w+|style)=", re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL))


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser_or_skip() as opened:
        yield opened


SHOWN = """
return [...document.querySelectorAll("#memberships tbody tr:not(.group)")]
  .filter((row) => !row.hidden && !row.parentElement.hidden).map((row) => row.cells[0].firstChild.textContent.trim())
"""


def test_browser_filters_sorts_and_fits_a_telephone(window: Browser, tmp_path: Path) -> None:
    file = tmp_path / "sheet.html"
    file.write_text(render_sheet(TAKEN, sheet_rows(TAKEN), previous=BEFORE), encoding="utf-8")
    window.resize(1280)
    window.open(file.as_uri())
    assert len(window.run(SHOWN)) == 10
    window.type("#filter", "writers gus")
    assert window.run(SHOWN) == ["Gus"]
    window.run("document.querySelector('#filter').value = ''")
    window.run("document.querySelector('#filter').dispatchEvent(new Event('input'))")
    by_name = "#memberships th [role=button]"
    window.click(by_name)
    window.click(by_name)
    assert window.run(SHOWN)[:2] == ["Bot", "Ada"]
    for width in (1280, 420):
        window.resize(width)
        assert window.run("return document.documentElement.scrollWidth") <= width
    labels = "[...document.querySelectorAll('#admins tbody td.number')].map((cell) => getComputedStyle(cell).textAlign)"
    assert set(window.run(f"return {labels}")) == {"left"}
    window.resize(1280)
    assert window.console() == []


def test_browser_shows_everything_without_script(window: Browser, tmp_path: Path) -> None:
    file = tmp_path / "sheet.html"
    file.write_text(render_sheet(TAKEN, sheet_rows(TAKEN)), encoding="utf-8")
    window.emulate(script=False)
    try:
        window.open(file.as_uri())
        assert len(window.run(SHOWN)) == 10
        assert window.run("return document.querySelector('.tools').offsetHeight") == 0
    finally:
        window.emulate()
