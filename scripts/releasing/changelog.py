"""Read CHANGELOG.md, which follows Keep a Changelog (https://keepachangelog.com), with one section per version."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from attrs import frozen

UNDATED = "unreleased"
_HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
_TITLE = re.compile(r"\[([^\]]+)\](?: - (.+))?")
_ENTRY = re.compile(r"^- (.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)


@frozen
class Section:
    """The section of one version."""

    version: str
    date: str  # an ISO date or UNDATED, unless the section is wrong
    entries: tuple[str, ...]


def parse_sections(text: str) -> list[Section]:
    """Return the sections of a change log, in its order."""
    _, *parts = _HEADING.split(text)
    return [_parse_section(title.strip(), body) for title, body in zip(parts[::2], parts[1::2], strict=True)]


def _parse_section(title: str, body: str) -> Section:
    found = _TITLE.fullmatch(title)
    version, day = found.groups() if found else (title, "")
    return Section(version, day or "", tuple(" ".join(entry.split()) for entry in _ENTRY.findall(body)))


def changelog_problems(text: str, version: str) -> Iterator[str]:
    """Yield why a change log does not fit this version."""
    found = parse_sections(text)
    named = [each for each in found if each.version == version]
    if len(named) != 1:
        yield f"CHANGELOG.md: {len(named)} sections [{version}], the version in _version.py; there must be one"
        return
    (section,) = named
    if found[0] != section:
        yield f"CHANGELOG.md: [{found[0].version}] is above [{version}], the version in _version.py"
    if not section.entries:
        yield f"CHANGELOG.md: [{version}] has no entry: write a line that starts with '- '"
    for each in found:
        if not _is_date(each.date) and (each != section or each.date != UNDATED):
            wanted = f"a date such as 2026-01-31{f', or {UNDATED}' if each == section else ''}"
            yield f"CHANGELOG.md: [{each.version}] has the date '{each.date}', but needs {wanted}"


def find_section(text: str, version: str) -> Section:
    """Return the section of a version; a change log without problems has exactly one."""
    return next(each for each in parse_sections(text) if each.version == version)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
