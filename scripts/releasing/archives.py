"""Wheels and source distributions as lists of files, and where two of them differ first."""

from __future__ import annotations

import calendar
import tarfile
import zipfile
from pathlib import Path

from attrs import frozen


@frozen
class Member:
    """A file in an archive, with what the archive records of it."""

    name: str
    content: bytes
    mode: int
    time: int  # seconds since 1970, UTC


def members(archive: Path) -> list[Member]:
    """Return the files of a wheel (.whl) or a source distribution (.tar.gz), in their order."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return [
                Member(each.filename, wheel.read(each), each.external_attr >> 16, calendar.timegm(each.date_time))
                for each in wheel.infolist()
            ]
    with tarfile.open(archive, "r:gz") as sdist:
        return [
            Member(each.name, file.read() if (file := sdist.extractfile(each)) else b"", each.mode, int(each.mtime))
            for each in sdist.getmembers()
        ]


def first_difference(one: Path, other: Path) -> str | None:
    """Return where two archives differ first, in words, or None where they are the same bytes."""
    if one.read_bytes() == other.read_bytes():
        return None
    ours, others = members(one), members(other)
    names, other_names = [each.name for each in ours], [each.name for each in others]
    for name in sorted(set(names) ^ set(other_names)):
        return f"{name} is only in {one if name in names else other}"
    for member, twin in zip(ours, others, strict=True):
        if member != twin:
            return _between(member, twin)
    return "their files are the same, the headers of the archives are not"


def _between(one: Member, other: Member) -> str:
    if one.name != other.name:
        return f"{one.name} stands where the other has {other.name}"
    if one.mode != other.mode:
        return f"{one.name} has mode {one.mode:o}, and {other.mode:o} in the other"
    if one.time != other.time:
        return f"{one.name} is of {one.time}, and of {other.time} in the other (seconds since 1970)"
    lines, other_lines = one.content.splitlines(), other.content.splitlines()
    pairs = zip(lines, other_lines, strict=False)
    same = next((number for number, (a, b) in enumerate(pairs) if a != b), min(len(lines), len(other_lines)))
    return f"{one.name} differs in line {same + 1}"
