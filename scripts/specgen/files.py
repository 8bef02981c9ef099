"""Files read with a clear error, and written whole or not at all."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from .problems import SpecError

LARGEST_INPUT = 50 * 1024 * 1024  # bytes


def read_text(path: Path, where: str) -> str:
    """Return a file's text.

    Raises:
        SpecError: it cannot be read, is not plain UTF-8, or is over 50 MB.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_INPUT + 1)
        if len(content) > LARGEST_INPUT:
            raise SpecError(where, "", f"over {LARGEST_INPUT // 1024 // 1024} MB: export a folder of it instead")
        if content.startswith(codecs.BOM_UTF8):
            raise SpecError(where, "", "starts with a byte order mark: save it as UTF-8 without one")
        return content.decode("utf-8")
    except OSError as error:
        raise SpecError(where, "", f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SpecError(where, "", f"no UTF-8 at byte {error.start}") from None


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file's content: whoever reads it sees the old or the new one, never a part."""
    temporary = unfinished(path)
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def unfinished(path: Path) -> Path:
    """Return where the next content of a file is written first: it is there meanwhile, and after a kill."""
    return path.with_name(f".{path.name}.new")
