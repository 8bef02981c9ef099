"""Files read with a clear error, and written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from .problems import SpecError

LARGEST_INPUT = 50 * 1024 * 1024  # bytes


def read_text(path: Path, where: str) -> str:
    """Return a file's text.

    Raises:
        SpecError: it cannot be read, is no UTF-8, or is over 50 MB.
    """
    try:
        if path.stat().st_size > LARGEST_INPUT:
            raise SpecError(where, "", f"over {LARGEST_INPUT // 1024 // 1024} MB: export a folder of it instead")
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise SpecError(where, "", f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SpecError(where, "", f"no UTF-8 at byte {error.start}") from None


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file's content: whoever reads it sees the old or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
