"""Check the built site: every link and anchor leads somewhere, and no page loads anything from another host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
NOT_LOADED_RELATIONS = {"canonical", "prev", "next", "alternate"}
STYLE_ADDRESS = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)")


class Page(NamedTuple):
    """What a page has: anchors, links, and the addresses that it loads."""

    anchors: frozenset[str]
    links: tuple[str, ...]
    loaded: tuple[str, ...]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        is_relation = tag == "link" and values.get("rel") in NOT_LOADED_RELATIONS
        if (name := LOADED.get(tag)) in values and not is_relation:
            self.loaded.append(values[name or ""])


@cache
def read_page(path: Path) -> Page:
    """Read a page of the site."""
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return Page(frozenset(reader.anchors), tuple(reader.links), tuple(reader.loaded))


def find_problems(site: Path) -> list[str]:
    """Return one line for each broken link or anchor, and for each address of another host that is loaded."""
    problems = []
    for path in sorted(site.rglob("*.html")):
        if path.name != "404.html":  # its links start at the site's root
            problems += [f"{path.relative_to(site)}: {problem}" for problem in _page_problems(path, site)]
    for path in sorted(site.rglob("*.css")):
        found = STYLE_ADDRESS.findall(path.read_text(encoding="utf-8"))
        problems += [f"{path.relative_to(site)}: loads {address}" for address in found]
    return problems


def _page_problems(path: Path, site: Path) -> Iterator[str]:
    page = read_page(path)
    for address in page.loaded:
        if urlsplit(address).netloc:
            yield f"loads {address}"
        elif not (path.parent / unquote(urlsplit(address).path)).exists():
            yield f"loads {address}, which does not exist"
    for link in page.links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if target.is_dir():
            target /= "index.html"
        if not target.is_relative_to(site.resolve()) and parts.path:
            yield f"{link} leads out of the site"
        elif not target.exists():
            yield f"{link}: no such page"
        elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in read_page(target).anchors:
            yield f"{link}: no such anchor"
