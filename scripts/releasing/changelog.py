"""CHANGELOG.md, as far as a release depends on it: it is that of Keep a Changelog, one section a version."""

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
    """What the change log says of one version."""

    version: str
    date: str  # an ISO date, UNDATED, or what else stands there
    entries: tuple[str, ...]


def sections(text: str) -> list[Section]:
    """Return the sections of a change log, in its order."""
    _, *parts = _HEADING.split(text)
    return [_section(title.strip(), body) for title, body in zip(parts[::2], parts[1::2], strict=True)]


def _section(title: str, body: str) -> Section:
    found = _TITLE.fullmatch(title)
    version, day = found.groups() if found else (title, "")
    return Section(version, day or "", tuple(" ".join(entry.split()) for entry in _ENTRY.findall(body)))


def wrong_changelog(text: str, version: str) -> Iterator[str]:
    """Yield what keeps a change log from being that of this version."""
    found = sections(text)
    named = [each for each in found if each.version == version]
    if len(named) != 1:
        yield f"CHANGELOG.md: {len(named)} sections [{version}], the version in _version.py; there must be one"
        return
    (section,) = named
    if found[0] != section:
        yield f"CHANGELOG.md: [{found[0].version}] stands above [{version}], the version in _version.py"
    if not section.entries:
        yield f"CHANGELOG.md: nothing stands under [{version}]: write a line that starts with '- '"
    for each in found:
        if not _is_date(each.date) and (each != section or each.date != UNDATED):
            wanted = f"a date, as 2026-01-31{f', or {UNDATED}' if each == section else ''}"
            yield f"CHANGELOG.md: [{each.version}] is of '{each.date}', which must be {wanted}"


def section_of(text: str, version: str) -> Section:
    """Return the section of a version; there is one, where nothing is wrong with the change log."""
    return next(each for each in sections(text) if each.version == version)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
