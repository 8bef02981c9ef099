"""File names made from names of people, which every system can store."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from ..._support.text import escape_controls

ALLOWED_MARKS = "-_.@+ "
MAX_BYTES = 120  # of UTF-8; file systems take 255 for a name
WINDOWS_DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{name}{digit}" for name in ("com", "lpt") for digit in "0123456789¹²³"),
}
"""Names that Windows reserves, also before an ending.

Source: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
"""


def name_files(people: Iterable[str], *, reserved: Iterable[str] = ()) -> dict[str, str]:
    """Return a file name without ending for each name; names that some file systems take for the same get numbers.

    Args:
        people: the names, each once.
        reserved: file names that are not free.
    """
    used = {_fold(each) for each in reserved}
    found: dict[str, str] = {}
    for person in people:
        base = name = file_name(person)
        number = 1
        while _fold(name) in used:
            number += 1
            name = f"{base}-{number}"
        used.add(_fold(name))
        found[person] = name
    return found


def file_name(text: str) -> str:
    """Return a file name without ending: letters, digits and a few marks, at most `MAX_BYTES` long."""
    shown = unicodedata.normalize("NFC", escape_controls(text))
    kept = "".join(
        char if char.isalnum() or unicodedata.combining(char) or char in ALLOWED_MARKS else "-" for char in shown
    )
    short = kept.encode()[:MAX_BYTES].decode(errors="ignore")
    name = re.sub(r"-{2,}", "-", short).strip(". -") or "reviewer"
    return f"_{name}" if name.split(".")[0].strip().casefold() in WINDOWS_DEVICES else name


def _fold(name: str) -> str:
    """Return what is the same for names that a file system without upper and lower case takes for the same."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
