"""Read wheels and source distributions as lists of files, and find the first difference between two of them."""

from __future__ import annotations

import calendar
import tarfile
import zipfile
from pathlib import Path

from attrs import frozen


@frozen
class Member:
    """A file in an archive, with the archive's metadata about it."""

    name: str
    content: bytes
    mode: int
    time: int  # seconds since 1970, UTC


def read_members(archive: Path) -> list[Member]:
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
    """Describe the first difference between two archives, or return None if their bytes are the same."""
    if one.read_bytes() == other.read_bytes():
        return None
    members, others = read_members(one), read_members(other)
    names, other_names = [each.name for each in members], [each.name for each in others]
    for name in sorted(set(names) ^ set(other_names)):
        return f"{name} is only in {one if name in names else other}"
    for pair in zip(members, others, strict=True):
        if pair[0] != pair[1]:
            return _describe_difference(*pair)
    return "the files are the same, but the headers of the archives differ"


def _describe_difference(one: Member, other: Member) -> str:
    if one.name != other.name:
        return f"{one.name} has the position of {other.name} in the other"
    if one.mode != other.mode:
        return f"{one.name} has mode {one.mode:o}, and {other.mode:o} in the other"
    if one.time != other.time:
        return f"{one.name} has time {one.time}, and {other.time} in the other (seconds since 1970)"
    pairs = list(zip(one.content.splitlines(), other.content.splitlines(), strict=False))
    return f"{one.name} differs in line {next((n for n, (a, b) in enumerate(pairs) if a != b), len(pairs)) + 1}"
