"""Zip files that have exactly one form for the same content, so that every changed byte shows.

Nothing is compressed, names are sorted, dates are fixed, and there are no comments and no extra fields. Reading walks
through the file from its start, and compares each byte with what writing would produce
(https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.7 to 4.3.16).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from attrs import define, field

from ...errors import ReviewError

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
LOCAL_HEADER = struct.Struct("<4s5H3L2H")
CENTRAL_HEADER = struct.Struct("<4s6H3L5H2L")
END_RECORD = struct.Struct("<4s4H2LH")
VERSION_NEEDED, MADE_BY = 10, 3 << 8 | 20  # 1.0; Unix, 2.0
UTF8_NAMES, STORED, TIME, DATE = 0x0800, 0, 0, 0x0021  # 1980-01-01 00:00
MODE = 0o100600 << 16
MAX_SIZE, MAX_FILES = 0xFFFF_FFFE, 0xFFFE


class Entry(NamedTuple):
    """A file of the archive: its name, the CRC-32 and size of its content, and where its header starts."""

    name: bytes
    crc: int
    size: int
    offset: int

    @property
    def local_header(self) -> bytes:
        """The header before the content."""
        fixed = (LOCAL, VERSION_NEEDED, UTF8_NAMES, STORED, TIME, DATE)
        return LOCAL_HEADER.pack(*fixed, self.crc, self.size, self.size, len(self.name), 0) + self.name

    @property
    def central_header(self) -> bytes:
        """The header in the directory at the end."""
        fixed = (CENTRAL, MADE_BY, VERSION_NEEDED, UTF8_NAMES, STORED, TIME, DATE)
        sizes = (self.crc, self.size, self.size, len(self.name), 0, 0, 0, 0)
        return CENTRAL_HEADER.pack(*fixed, *sizes, MODE, self.offset) + self.name


def format_archive(files: Mapping[str, bytes]) -> Iterator[bytes]:
    """Yield the pieces of a zip file.

    Args:
        files: the content of the files by name.

    Raises:
        ReviewError: there are too many files, or they are too large.
    """
    if len(files) > MAX_FILES or sum(len(data) + 200 + 2 * len(name) for name, data in files.items()) > MAX_SIZE:
        raise ReviewError("the evidence would have more than 4 GiB or 65,534 files: review fewer groups at once")
    entries, offset = [], 0
    for name in sorted(files):
        data = files[name]
        entry = Entry(name.encode(), zlib.crc32(data), len(data), offset)
        entries.append(entry)
        offset += len(entry.local_header) + len(data)
        yield entry.local_header
        yield data
    yield _format_end(entries, offset)


def _format_end(entries: list[Entry], offset: int) -> bytes:
    directory = b"".join(entry.central_header for entry in entries)
    count = len(entries)
    return directory + END_RECORD.pack(END, 0, 0, count, count, len(directory), offset, 0)


@define
class Archive:
    """The files of a zip file, and what is wrong with it.

    Attributes:
        files: the content of the files by name.
        problems: the parts that were changed, one line each.
    """

    files: dict[str, bytes] = field(factory=dict)
    problems: list[str] = field(factory=list)


def read_archive(data: bytes) -> Archive:
    """Read a zip file that `format_archive` wrote, and find the parts that were changed. Nothing is extracted."""
    archive, entries, offset, last = Archive(), list[Entry](), 0, "the start of the file"
    while data[offset : offset + len(LOCAL)] == LOCAL:
        entry = _read_entry(data, offset)
        if entry is None or entry.local_header != data[offset : offset + len(entry.local_header)]:
            archive.problems.append(f"the header after {last} was changed (from byte {offset})")
            return archive
        start = offset + len(entry.local_header)
        content = data[start : start + entry.size]
        name = entry.name.decode(errors="backslashreplace")
        if name.encode() != entry.name:
            archive.problems.append(f"{name}: the name of the file is not UTF-8")
            return archive
        if entries and entry.name <= entries[-1].name:
            archive.problems.append(f"{name}: it follows {last}, but files are sorted by name, and each occurs once")
            return archive
        if zlib.crc32(content) != entry.crc or len(content) < entry.size:
            archive.problems.append(f"{name}: its content was changed, or size or checksum in its header")
        archive.files[name] = content
        entries.append(entry)
        offset, last = start + entry.size, name
    _check_end(archive, data, offset, _format_end(entries, offset), last)
    return archive


def _read_entry(data: bytes, offset: int) -> Entry | None:
    start = offset + LOCAL_HEADER.size
    if len(data) < start:
        return None
    *_, crc, size, _, length, _ = LOCAL_HEADER.unpack_from(data, offset)
    return Entry(data[start : start + length], crc, size, offset)


def _check_end(archive: Archive, data: bytes, offset: int, expected: bytes, last: str) -> None:
    found = data[offset:]
    if found == expected:
        return
    if found.startswith(expected):
        archive.problems.append(f"{len(found) - len(expected)} bytes were added after the end of the zip file")
    elif offset >= len(data):
        archive.problems.append(f"the file ends after {last}: its directory is missing")
    elif found[: len(CENTRAL)] == CENTRAL:
        archive.problems.append(f"the directory at the end of the zip file was changed or cut (from byte {offset})")
    else:
        archive.problems.append(f"the header after {last} was changed (from byte {offset})")
