"""The frame of HTML pages: escapes, policy, tables, and what its script and style do in a browser."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, browser_or_skip

from confluence_groups_sdk import ConfigurationError
from confluence_groups_sdk._support.html_page import Card, Cell, Column, RowGroup, Table, render_page

TEMPLATE = """{% extends "base.html.j2" %}
{% from "macros.html.j2" import boxes, copyable, facts, items, limits, notice, section, table, totals %}
{% block lead %}{{ facts([("Site", site), ("Nothing", none)]) }}{% endblock %}
{% block top %}{{ totals([card]) }}{% call boxes() %}{% call notice("warn", site) %}{{ items([site]) }}{% endcall %}
{% endcall %}{{ copyable(site) }}{% endblock %}
{% block main %}{% call section("Rows", size=rows.size, id="rows") %}{{ table(rows, "Rows") }}{% endcall %}
{{ limits(["one", ("two", "https://example.com/")]) }}{% endblock %}
{% block footer %}<p>{{ site }}</p>{% endblock %}
"""
EVIL = "</style></script><script>document.title='run'</script>\u202e"
NAME, ID, COUNT, SIGNS = (
    Column("name", "Name", "name"),
    Column("id", "Account id", "id"),
    Column("count", "Number", "number"),
    Column("signs", "Signs", "badges", {"app": "warn"}),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.html.j2").write_text(TEMPLATE, encoding="utf-8")
    (tmp_path / "own.css").write_text("h3 { color: red; }", encoding="utf-8")
    (tmp_path / "own.js").write_text("document.body.dataset.own = 'yes';", encoding="utf-8")
    return tmp_path


def render(folder: Path, rows: Table, site: str = "a site", **options: Any) -> str:
    card = Card(1234, "rows", "bad", "rows")
    return render_page(
        "page.html.j2", title=site, folder=folder, extra="review", rows=rows, site=site, card=card, **options
    )


def table(rows: Sequence[dict[str, Any]], *columns: Column) -> Table:
    return Table.of(columns or (NAME, ID, COUNT, SIGNS), [RowGroup(rows)])


def people(number: int) -> Table:
    groups = [
        RowGroup([{"name": f"Person {each}", "count": each or None} for each in range(number)], "writers", "id-1"),
        RowGroup([{"name": "Zoe", "signs": ["app", "guest"]}], "bots", "id-2", "one member", [("admin", "bad")]),
    ]
    return Table.of((NAME, COUNT, SIGNS), groups)


def cells(page: str) -> list[str]:
    return re.findall("<td.*?</td>", page)


def test_everything_is_escaped(folder: Path) -> None:
    row = {"name": EVIL, "id": Cell(EVIL, sort=EVIL, note=EVIL), "count": EVIL, "signs": [EVIL, Cell(EVIL, tone="bad")]}
    columns = [Column(each.name, EVIL, each.kind) for each in (ID, NAME, COUNT, SIGNS)]
    rows = Table.of(columns, [RowGroup([row], EVIL, EVIL, EVIL, [(EVIL, "warn")])])
    page = render(folder, rows, site=EVIL)
    assert page.count("<script>") == page.count("</script>") == page.count("</style>") == 1
    assert "\u202e" not in page
    assert page.count("&lt;/style&gt;&lt;/script&gt;") == 22


def test_policy_allows_style_and_script_with_those_of_the_caller(folder: Path) -> None:
    page = render(folder, people(2), styles=["own.css"], scripts=["own.js"])
    (policy,) = re.findall('Content-Security-Policy" content="(.*?)"', page)
    for tag, own in (("style", "h3 { color: red; }"), ("script", "dataset.own")):
        (source,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert own in source
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy.replace("&#39;", "'")
    assert page == render(folder, people(2), styles=["own.css"], scripts=["own.js"]), "the same values, the same bytes"


def test_columns_and_groups_without_values_are_left_out() -> None:
    rows: list[dict[str, Any]] = [{"name": "Ada", "id": "", "count": 0, "signs": []}, {"name": "Bo", "signs": False}]
    decision = Column("decision", "Decision", is_kept=True)
    found = Table.of((NAME, ID, COUNT, SIGNS, decision), [RowGroup(rows), RowGroup([], "empty")])
    assert ([each.name for each in found.columns], found.size) == (["name", "count", "decision"], 2)
    assert len(found.groups) == 1


def test_cells_show_each_kind_of_value(folder: Path) -> None:
    rows = [
        {"name": Cell("Ada", note="ada@example.com"), "id": ("a", "b"), "count": 1234, "signs": "app"},
        {"name": True, "id": Cell("x", sort=2, tone="good"), "count": 0.5, "signs": ["guest", "app"]},
    ]
    assert cells(render(folder, table(rows))) == [
        '<td class="name">Ada <small>ada@example.com</small></td>',
        '<td class="id">a, b</td>',
        '<td class="number" data-sort="1234">1,234</td>',
        '<td class="badges"><span class="badge warn">app</span></td>',
        '<td class="name">yes</td>',
        '<td class="id" data-sort="2"><span class=good>x</span></td>',
        '<td class="number" data-sort="0.5">0.5</td>',
        '<td class="badges"><span><span class="badge ">guest</span> <span class="badge warn">app</span></span></td>',
    ]


def test_missing_jinja2_is_reported_with_the_callers_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(
        ConfigurationError, match=r"HTML pages need jinja2: pip install 'confluence-groups-sdk\[review\]'"
    ):
        render(folder, people(1))


def test_jinja2_loads_with_the_first_page_only() -> None:
    program = (
        "import sys, confluence_groups_sdk._support.html_page; print({'jinja2', 'markupsafe'} & sys.modules.keys())"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    assert shown.stdout == "set()\n"


# --- in a browser


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser_or_skip() as opened:
        yield opened


VISIBLE = """
return [...document.querySelectorAll("tbody tr:not(.group)")]
  .filter((row) => row.checkVisibility()).map((row) => row.cells[0].textContent)
"""
OUTPUT = "return document.querySelector('#shown').textContent"


def show(window: Browser, folder: Path, rows: Table, *, width: int = 1280, script: bool = True, **options: Any) -> None:
    window.resize(width)
    window.emulate(script=script)
    file = folder / "page.html"
    file.write_text(render(folder, rows, **options), encoding="utf-8")
    window.open(file.as_uri())
    window.emulate()


def test_the_filter_takes_words_of_rows_and_of_their_group(window: Browser, folder: Path) -> None:
    show(window, folder, people(12), scripts=["own.js"])
    assert window.run("return document.body.dataset.own") == "yes"
    for text, found in {
        "person 1": ["Person 1", "Person 10", "Person 11"],
        "WRITERS 11": ["Person 11"],
        "id-2": ["Zoe"],
        "guest": ["Zoe"],
        "nobody": [],
    }.items():
        window.type("#filter", text)
        assert window.run(VISIBLE) == found, text
        assert window.run(OUTPUT) == f"{len(found)} of 13 rows match"
    assert window.console() == []


def test_headers_sort_by_mouse_and_keyboard_and_return_to_the_first_order(window: Browser, folder: Path) -> None:
    show(window, folder, people(11))
    first = window.run(VISIBLE)
    header = "th.number [role=button]"
    orders = []
    window.click(header)
    orders.append((window.run("return document.querySelector('th.number').ariaSort"), window.run(VISIBLE)))
    for key in ("\ue007", " "):  # Enter and space, on the header that has the focus
        window.press(key)
        orders.append((window.run("return document.querySelector('th.number').ariaSort"), window.run(VISIBLE)))
    rising = [f"Person {each}" for each in (*range(1, 11), 0)]
    falling = [f"Person {each}" for each in (*range(10, 0, -1), 0)]
    assert orders == [("ascending", [*rising, "Zoe"]), ("descending", [*falling, "Zoe"]), (None, first)]


def test_a_long_table_shows_its_first_rows_until_asked_for_all(window: Browser, folder: Path) -> None:
    show(window, folder, people(3000))
    assert (len(window.run(VISIBLE)), window.run(OUTPUT)) == (1000, "3,001 rows, 1,000 are shown")
    window.type("#filter", "zoe")
    assert (window.run(VISIBLE), window.run(OUTPUT)) == (["Zoe"], "1 of 3,001 rows match")
    window.type("#filter", "person")
    window.run("dispatchEvent(new Event('beforeprint'))")
    assert len(window.run(VISIBLE)) == 3000
    window.run("dispatchEvent(new Event('afterprint'))")
    assert len(window.run(VISIBLE)) == 1000
    window.click("#all")
    assert (len(window.run(VISIBLE)), window.run(OUTPUT)) == (3000, "3,000 of 3,001 rows match")


def test_without_script_every_row_is_there(window: Browser, folder: Path) -> None:
    show(window, folder, people(1500), script=False)
    assert (len(window.run(VISIBLE)), window.run("return document.querySelector('.tools').hidden")) == (1501, True)


def test_print_has_no_filter_unless_it_hides_rows_and_repeats_headers(window: Browser, folder: Path) -> None:
    show(window, folder, people(100))
    window.emulate(media="print", scheme="dark")
    style = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    assert window.run(style, ".tools", "display") == "none"
    assert window.run(style, "thead", "display") == "table-header-group"
    assert window.run("return document.querySelectorAll('thead button').length") == 0, "Chromium would not repeat them"
    assert window.run(style, "html", "backgroundColor") == "rgb(255, 255, 255)"
    window.emulate()
    window.type("#filter", "person 7")
    window.emulate(media="print")
    assert window.run(style, ".tools", "display") == "flex"
    assert window.print_pdf().startswith(b"%PDF")
    window.emulate()


def test_a_narrow_window_shows_a_card_for_each_row(window: Browser, folder: Path) -> None:
    show(window, folder, people(3), width=420)
    label = "return getComputedStyle(document.querySelector('td.number:not(:empty)'), '::before').content"
    assert window.run(label) == '"Number"'
    heights = (
        "return [...document.querySelectorAll('thead [role=button], .tools input')].map((each) => each.offsetHeight)"
    )
    assert min(window.run(heights)) >= 44, "a finger needs 44 pixels"
    assert window.run("return document.documentElement.scrollWidth") == 420


CONTRAST = """
const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
const light = ([r, g, b]) => [r, g, b].map((each) => each / 255)
  .map((each) => (each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
  .reduce((sum, each, index) => sum + each * [0.2126, 0.7152, 0.0722][index], 0);
const behind = (element) => {
  for (let each = element; each; each = each.parentElement) {
    const color = parse(getComputedStyle(each).backgroundColor);
    if (color.length === 3) return color;
  }
};
const low = [];
for (const element of document.querySelectorAll("body *:not(script)")) {
  if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
  const pair = [parse(getComputedStyle(element).color), behind(element)].map(light).sort((one, other) => other - one);
  const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
  if (ratio < 4.5) low.push(`${element.outerHTML.slice(0, 60)}: ${ratio.toFixed(2)}`);
}
return low;
"""  # https://www.w3.org/TR/WCAG21/#contrast-minimum


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(window: Browser, folder: Path, scheme: str) -> None:
    tones = [Cell(tone, tone=tone) for tone in ("good", "warn", "bad")]
    rows: list[dict[str, Any]] = [{"name": tone, "signs": tones, "id": "a", "count": 1} for tone in tones]
    show(window, folder, Table.of((NAME, ID, COUNT, SIGNS), [RowGroup(rows, "g", "id", "summary", [("bad", "bad")])]))
    window.emulate(scheme=scheme)
    assert window.run(CONTRAST) == []
    window.emulate()
