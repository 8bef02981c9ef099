"""The documentation site: its pages, its references, and the built site in a browser."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import browser as browsers
import pytest
import typer.main
from documenting import api_reference, build, cli_reference, pages, site_check

from confluence_groups_sdk.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
WIDTHS = (1280, 400)
AUTOFOCUS = "Autofocus processing was blocked"  # Chromium's note on each address with an anchor
WAIT_FOR_RESULT = """
const find = () => [...document.querySelectorAll('*')].filter(each => each.shadowRoot)
  .flatMap(each => [...each.shadowRoot.querySelectorAll('a')]).map(each => each.href)
  .find(each => each.includes(arguments[0]));
return new Promise((resolve, reject) => {
  const started = Date.now();
  const look = () => {
    const found = find();
    if (found) resolve(found);
    else if (Date.now() - started > 20000) reject(new Error('no result'));
    else requestAnimationFrame(look);
  };
  look();
});
"""
FOREIGN = "return performance.getEntriesByType('resource').map(e => e.name).filter(e => !e.startsWith(location.origin))"


# --- pages


def convert(text: str, source: str = "docs/page.md") -> str:
    names = {"docs/other.md": "other.md", "SECURITY.md": "security.md", "examples/a.py": "examples.md#apy"}
    return pages.convert_page(text, source, names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](other.md#b)", "[a](other.md#b)"),
        ("[a](../SECURITY.md#b)", "[a](security.md#b)"),
        ("[a](../examples/a.py)", "[a](examples.md#apy)"),
        ("[a](../pyproject.toml)", "a"),
        ("[a](https://example.com/x.md) [b](#c)", "[a](https://example.com/x.md) [b](#c)"),
        ("```\n[a](../SECURITY.md)\n```\n", "```\n[a](../SECURITY.md)\n```\n"),
        ("<!-- session -->\n```console\n$ a\n```\n", "``` { .console .no-copy }\n$ a\n```\n"),
    ],
)
def test_links_and_markers_are_converted(text: str, expected: str) -> None:
    assert convert(text) == expected


def test_links_of_a_page_at_the_top_level_are_converted() -> None:
    assert convert("[a](docs/other.md)", "CHANGELOG.md") == "[a](other.md)"


def test_navigation_has_each_page_once(tmp_path: Path) -> None:
    pages.copy_pages(ROOT, tmp_path)
    written = {path.name for path in tmp_path.glob("*.md")}
    references = {f"reference/{name}" for name in (*api_reference.format_api_pages(ROOT), "cli.md")}
    listed = list(navigation(tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]))
    assert sorted(listed) == sorted(written | references)


def navigation(entries: list[dict[str, Any]]) -> Iterator[str]:
    for entry in entries:
        for target in entry.values():
            if isinstance(target, str):
                yield target
            else:
                yield from navigation(target)


# --- references


def test_each_public_name_is_documented() -> None:
    assert api_reference.find_undocumented(ROOT) == []


def test_each_public_object_is_on_one_page() -> None:
    text = "\n".join(api_reference.format_api_pages(ROOT).values())
    shown = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    assert sorted(shown) == sorted(api_reference.list_public_objects(ROOT))


def test_each_error_that_is_raised_has_its_remedy() -> None:
    page = api_reference.format_api_pages(ROOT)["errors.md"]
    names = {each.rpartition(".")[2] for each in re.findall(r"^::: (\S+)$", page, re.MULTILINE)}
    assert set(re.findall(r"^\| \[`(\w+)`\]\[.*?\] \| \S", page, re.MULTILINE)) == names - api_reference.NEVER_RAISED


def test_reference_has_each_command_with_all_options() -> None:
    page = cli_reference.format_cli_reference()
    found = dict(commands(typer.main.get_command(app)))
    assert set(re.findall(r"^## (.*)$", page, re.MULTILINE)) == set(found)
    for name, command in found.items():
        section = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
        options = {
            f"`{each}`" for option in command.params if option.param_type_name == "option" for each in option.opts
        }
        assert {each for each in options if each not in section} == set(), name
        assert "For example:" in section, name


def commands(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, each in group.commands.items():
        if hasattr(each, "commands"):
            yield from commands(each, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", each


def test_overview_links_to_each_reference() -> None:
    text = build.link_references((ROOT / "docs" / "reference.md").read_text(encoding="utf-8"))
    linked = re.findall(r"\]\(reference/([\w.]+)\)", text)
    assert sorted(linked) == sorted([*api_reference.format_api_pages(ROOT), "cli.md"])


def test_facts_and_names_in_docstrings_become_links() -> None:
    text = "See docs/confluence-behaviour.md#groups and\n#permissions, and docs/errors.md."
    assert api_reference.FACTS.sub(api_reference._link_facts, text) == (
        "See [confluence-behaviour: groups](../confluence-behaviour.md#groups) and\n"
        "[permissions](../confluence-behaviour.md#permissions), and [errors](../errors.md)."
    )


# --- the check of the built site


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="b.html">', None),
        ('<a href="b.html#there">', None),
        ('<a href="https://example.com">', None),
        ('<a href="c.html">', "c.html: no such page"),
        ('<a href="b.html#missing">', "b.html#missing: no such anchor"),
        ('<a href="#missing">', "#missing: no such anchor"),
        ('<a href="../../x">', "../../x leads out of the site"),
        ('<script src="https://cdn.example/x.js">', "loads https://cdn.example/x.js"),
        ('<img src="//cdn.example/x.png">', "loads //cdn.example/x.png"),
        ('<link rel="stylesheet" href="x.css">', "loads x.css, which does not exist"),
    ],
)
def test_a_broken_site_is_found(body: str, problem: str | None, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(body, encoding="utf-8")
    (tmp_path / "b.html").write_text('<p id="there">', encoding="utf-8")
    assert site_check.find_problems(tmp_path) == ([f"a.html: {problem}"] if problem else [])


def test_a_font_of_another_host_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("@import url(https://fonts.example/x.css);", encoding="utf-8")
    assert site_check.find_problems(tmp_path) == ["a.css: loads https://fonts.example/x.css"]


# --- the built site in a browser; one test, because it is built once


def test_built_site_is_whole_and_works_in_a_browser() -> None:
    if importlib.util.find_spec("zensical") is None:
        reason = "skipped: zensical is not installed, so the site was not built"
        if browsers.REQUIRED in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)
    command = [sys.executable, "-m", "documenting", "--check"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False, encoding="utf-8")
    assert built.returncode == 0, built.stdout + built.stderr
    with served(ROOT / "site") as address, browsers.browser_or_skip() as browser:
        check_pages(browser, address)
        for width in WIDTHS:
            browser.resize(width)
            check_search(browser, address)
            check_navigation(browser, address, is_wide=width == WIDTHS[0])
        check_dark_mode(browser, address)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def check_pages(browser: browsers.Browser, address: str) -> None:
    """Open each page: the console is empty, nothing comes from elsewhere, and no window is too narrow for the page."""
    for path in sorted((ROOT / "site").rglob("*.html")):
        name = path.relative_to(ROOT / "site").as_posix()
        browser.resize(WIDTHS[0])
        browser.open(f"{address}/{name}")
        assert browser.run(FOREIGN) == [], name
        assert browser.run("return document.querySelectorAll('h1').length") == 1, name
        for width in WIDTHS:
            browser.resize(width)
            assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth"), (name, width)
        assert [each for each in browser.console() if AUTOFOCUS not in each] == [], name


def check_search(browser: browsers.Browser, address: str) -> None:
    browser.open(f"{address}/index.html")
    browser.run("document.querySelector('.md-search__button').click()")
    for query, page in [("off-board", "/off-boarding.html"), ("remove_member", "/reference/client.html")]:
        browser.run(
            "const input = [...document.querySelectorAll('*')].filter(each => each.shadowRoot)"
            ".map(each => each.shadowRoot.querySelector('input')).find(each => each);"
            "input.value = arguments[0]; input.dispatchEvent(new InputEvent('input', {bubbles: true, composed: true}))",
            query,
        )
        found = browser.run(WAIT_FOR_RESULT, page)
    browser.open(found)
    assert "remove_member" in browser.run("return document.body.innerText")
    assert [each for each in browser.console() if AUTOFOCUS not in each] == []


def check_navigation(browser: browsers.Browser, address: str, *, is_wide: bool) -> None:
    """Follow links as a reader does: from the start to a task, and from there to the reference."""
    browser.open(f"{address}/index.html")
    browser.click("article a[href='off-boarding.html']")
    assert browser.run("return document.querySelector('h1').innerText").startswith("Off-board people")
    if is_wide:
        browser.click("nav a[href$='reference/membership.html']")
        assert "plan_offboarding" in browser.run("return document.body.innerText")
    assert browser.run("return document.querySelectorAll('.md-clipboard, .md-code__button').length") > 0
    assert browser.console() == []


def check_dark_mode(browser: browsers.Browser, address: str) -> None:
    colours = set()
    for scheme in ("light", "dark"):
        browser.emulate(scheme=scheme)
        browser.open(f"{address}/index.html")
        colours.add(browser.run("return getComputedStyle(document.body).backgroundColor"))
    assert len(colours) == 2
